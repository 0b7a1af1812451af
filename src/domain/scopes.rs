//! What may be allowed one by one: scopes, and sets of them.

use super::errors::{Checks, Error, Result};
use std::fmt;

/// The most names in a list; more than there are.
const MOST_NAMES: usize = 64;

/// One thing that may be allowed: a resource and a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Scope {
    CollectionsRead,
    CollectionsWrite,
    DocumentsRead,
    DocumentsWrite,
    TaxonomiesRead,
    TaxonomiesWrite,
    AnalysesRead,
    AnalysesRun,
    AnalysesWrite,
    PromptsRead,
    PromptsWrite,
    UsageRead,
    BudgetsRead,
    BudgetsWrite,
    KeysRead,
    KeysWrite,
    UsersRead,
    UsersWrite,
    AuditRead,
    JobsRead,
    JobsWrite,
    WebhooksRead,
    WebhooksWrite,
    ErasuresRead,
    ErasuresWrite,
}

impl Scope {
    pub const ALL: [Self; 25] = [
        Self::CollectionsRead,
        Self::CollectionsWrite,
        Self::DocumentsRead,
        Self::DocumentsWrite,
        Self::TaxonomiesRead,
        Self::TaxonomiesWrite,
        Self::AnalysesRead,
        Self::AnalysesRun,
        Self::AnalysesWrite,
        Self::PromptsRead,
        Self::PromptsWrite,
        Self::UsageRead,
        Self::BudgetsRead,
        Self::BudgetsWrite,
        Self::KeysRead,
        Self::KeysWrite,
        Self::UsersRead,
        Self::UsersWrite,
        Self::AuditRead,
        Self::JobsRead,
        Self::JobsWrite,
        Self::WebhooksRead,
        Self::WebhooksWrite,
        Self::ErasuresRead,
        Self::ErasuresWrite,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CollectionsRead => "collections:read",
            Self::CollectionsWrite => "collections:write",
            Self::DocumentsRead => "documents:read",
            Self::DocumentsWrite => "documents:write",
            Self::TaxonomiesRead => "taxonomies:read",
            Self::TaxonomiesWrite => "taxonomies:write",
            Self::AnalysesRead => "analyses:read",
            Self::AnalysesRun => "analyses:run",
            Self::AnalysesWrite => "analyses:write",
            Self::PromptsRead => "prompts:read",
            Self::PromptsWrite => "prompts:write",
            Self::UsageRead => "usage:read",
            Self::BudgetsRead => "budgets:read",
            Self::BudgetsWrite => "budgets:write",
            Self::KeysRead => "keys:read",
            Self::KeysWrite => "keys:write",
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::AuditRead => "audit:read",
            Self::JobsRead => "jobs:read",
            Self::JobsWrite => "jobs:write",
            Self::WebhooksRead => "webhooks:read",
            Self::WebhooksWrite => "webhooks:write",
            Self::ErasuresRead => "erasures:read",
            Self::ErasuresWrite => "erasures:write",
        }
    }

    /// What it allows, in words.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::CollectionsRead => "List and read collections.",
            Self::CollectionsWrite => "Create, change and delete collections.",
            Self::DocumentsRead => "List, search and read documents.",
            Self::DocumentsWrite => "Store, change and delete documents.",
            Self::TaxonomiesRead => "List and read taxonomies and their versions.",
            Self::TaxonomiesWrite => "Create, change and delete taxonomies.",
            Self::AnalysesRead => "List and read recorded answers.",
            Self::AnalysesRun => "Ask for summaries, classifications and generated texts, which are recorded.",
            Self::AnalysesWrite => "Delete recorded answers.",
            Self::PromptsRead => "List and read prompts and their versions.",
            Self::PromptsWrite => "Create, change and delete prompts.",
            Self::UsageRead => {
                "Read what one has used and what it cost; what everybody has, together with `users:read`."
            }
            Self::BudgetsRead => {
                "List and read the budgets that apply to oneself; all of them, together with `users:read`."
            }
            Self::BudgetsWrite => "Create, change and delete budgets.",
            Self::KeysRead => "List and read one's own API keys; everybody's, together with `users:write`.",
            Self::KeysWrite => {
                "Make, change, rotate and revoke one's own API keys; everybody's, together with `users:write`."
            }
            Self::UsersRead => "List and read users.",
            Self::UsersWrite => "Create, change and delete users: as powerful as an admin.",
            Self::AuditRead => "Read the audit trail.",
            Self::JobsRead => "List and read jobs, their results, and what failed in the background.",
            Self::JobsWrite => "Begin, cancel and repeat jobs; what a job does needs the scope for that, too.",
            Self::WebhooksRead => "List and read webhooks and what was sent to them.",
            Self::WebhooksWrite => "Create, change, test and delete webhooks, and send to them again.",
            Self::ErasuresRead => "List and read the receipts of erasures.",
            Self::ErasuresWrite => "Erase everything that belongs to somebody, and check that it is gone.",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Scopes(u32);

impl Scopes {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self::of(&Scope::ALL);
    /// Everything with documents and answers, and nothing with people and keys: what a key has unless it is told otherwise. Webhooks are
    /// only read, as one that is made sends to an address outside.
    pub const DATA: Self = Self::of(&[
        Scope::CollectionsRead,
        Scope::CollectionsWrite,
        Scope::DocumentsRead,
        Scope::DocumentsWrite,
        Scope::TaxonomiesRead,
        Scope::TaxonomiesWrite,
        Scope::AnalysesRead,
        Scope::AnalysesRun,
        Scope::AnalysesWrite,
        Scope::PromptsRead,
        Scope::PromptsWrite,
        Scope::UsageRead,
        Scope::BudgetsRead,
        Scope::JobsRead,
        Scope::JobsWrite,
        Scope::WebhooksRead,
    ]);

    #[must_use]
    pub const fn of(scopes: &[Scope]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < scopes.len() {
            bits |= 1 << scopes[index] as u32;
            index += 1;
        }
        Self(bits)
    }

    #[must_use]
    pub fn contains(self, scope: Scope) -> bool {
        self.covers(Self::of(&[scope]))
    }

    /// Whether all of the other is in this.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this and not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// Reads a list of names.
    ///
    /// # Errors
    /// `Error::Invalid` with every name that is no scope, placed below `pointer`, or for more names than there can be.
    pub fn parse(pointer: &str, names: &[impl AsRef<str>]) -> Result<Self> {
        let most = MOST_NAMES;
        if names.len() > most {
            return Err(Error::invalid(pointer, format!("must have at most {most} names")));
        }
        let mut checks = Checks::default();
        let mut scopes = Self::NONE;
        for (index, name) in names.iter().enumerate() {
            let known = Scope::ALL.into_iter().find(|scope| scope.name() == name.as_ref());
            let known = known.ok_or_else(|| {
                let all = Scope::ALL.map(Scope::name).join("`, `");
                Error::invalid(format!("{pointer}/{index}"), format!("must be one of `{all}`"))
            });
            if let Some(scope) = checks.take("", known)? {
                scopes = scopes.union(Self::of(&[scope]));
            }
        }
        checks.finish()?;
        Ok(scopes)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes
            .into_iter()
            .fold(Self::NONE, |all, one| all.union(Self::of(&[one])))
    }
}

/// As in OAuth 2.0: names with a space between.
impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            write!(formatter, "{separator}{scope}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Scopes({self})")
    }
}

/// From the database. A name that this version does not know allows nothing.
impl From<&str> for Scopes {
    fn from(text: &str) -> Self {
        let known = |name: &str| Scope::ALL.into_iter().find(|scope| scope.name() == name);
        text.split(' ').filter_map(known).collect()
    }
}
