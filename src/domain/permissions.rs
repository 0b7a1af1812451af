//! Who may do what: roles, scopes, and the one table that says what each operation of the API needs. `docs/permissions.md` is
//! made from it, the server decides by it, and an operation that is not in it is refused to everybody.

pub use super::scopes::{Scope, Scopes};

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What a person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and changes what is stored, and asks the engines.
    Editor,
    /// Everything, with users, everybody's API keys and the audit trail.
    Admin,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Admin];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }

    /// What a person of this role may do.
    #[must_use]
    pub fn scopes(self) -> Scopes {
        match self {
            Self::Viewer => VIEWING,
            Self::Editor => VIEWING.union(EDITING),
            Self::Admin => Scopes::ALL,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let role = Self::ALL.into_iter().find(|role| role.name() == text);
        role.ok_or_else(|| "must be `admin`, `editor` or `viewer`".to_owned())
    }
}

const VIEWING: Scopes = Scopes::of(&[
    Scope::CollectionsRead,
    Scope::DocumentsRead,
    Scope::TaxonomiesRead,
    Scope::AnalysesRead,
    Scope::PromptsRead,
    Scope::UsageRead,
    Scope::BudgetsRead,
    Scope::KeysRead,
    Scope::KeysWrite,
    Scope::JobsRead,
    Scope::WebhooksRead,
]);
const EDITING: Scopes = Scopes::of(&[
    Scope::CollectionsWrite,
    Scope::DocumentsWrite,
    Scope::TaxonomiesWrite,
    Scope::AnalysesRun,
    Scope::AnalysesWrite,
    Scope::PromptsWrite,
    Scope::JobsWrite,
    Scope::WebhooksWrite,
]);

/// What an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: it is for those who are not signed in yet, and for those who keep the server running.
    Public,
    /// Anybody recognised.
    SignedIn,
    /// A person who is signed in; an API key will not do.
    Person,
    /// The scope; of collections and what lies in them, only those within reach are there.
    Scope(Scope),
    /// The scope and no restriction to collections, because what it changes or shows concerns all of them.
    ScopeEverywhere(Scope),
}

impl Access {
    #[must_use]
    pub fn scope(self) -> Option<Scope> {
        match self {
            Self::Public | Self::SignedIn | Self::Person => None,
            Self::Scope(scope) | Self::ScopeEverywhere(scope) => Some(scope),
        }
    }
}

/// Every operation of the API, by its id in the OpenAPI document.
pub const OPERATIONS: &[(&str, Access)] = &[
    ("livez", Access::Public),
    ("readyz", Access::Public),
    ("jwks", Access::Public),
    ("login", Access::Public),
    ("token", Access::Public),
    ("refresh", Access::Public),
    ("logout", Access::Person),
    ("logoutAll", Access::Person),
    ("getMe", Access::SignedIn),
    ("changePassword", Access::Person),
    ("listSessions", Access::Person),
    ("deleteSession", Access::Person),
    ("listUsers", Access::ScopeEverywhere(Scope::UsersRead)),
    ("createUser", Access::ScopeEverywhere(Scope::UsersWrite)),
    ("getUser", Access::ScopeEverywhere(Scope::UsersRead)),
    ("putUser", Access::ScopeEverywhere(Scope::UsersWrite)),
    ("updateUser", Access::ScopeEverywhere(Scope::UsersWrite)),
    ("deleteUser", Access::ScopeEverywhere(Scope::UsersWrite)),
    ("listKeys", Access::Scope(Scope::KeysRead)),
    ("createKey", Access::Scope(Scope::KeysWrite)),
    ("getKey", Access::Scope(Scope::KeysRead)),
    ("updateKey", Access::Scope(Scope::KeysWrite)),
    ("rotateKey", Access::Scope(Scope::KeysWrite)),
    ("revokeKey", Access::Scope(Scope::KeysWrite)),
    ("listAudit", Access::ScopeEverywhere(Scope::AuditRead)),
    ("listCollections", Access::Scope(Scope::CollectionsRead)),
    ("createCollection", Access::ScopeEverywhere(Scope::CollectionsWrite)),
    ("getCollection", Access::Scope(Scope::CollectionsRead)),
    ("updateCollection", Access::Scope(Scope::CollectionsWrite)),
    ("deleteCollection", Access::Scope(Scope::CollectionsWrite)),
    ("listDocuments", Access::Scope(Scope::DocumentsRead)),
    ("createDocument", Access::Scope(Scope::DocumentsWrite)),
    ("createDocuments", Access::Scope(Scope::DocumentsWrite)),
    ("getDocument", Access::Scope(Scope::DocumentsRead)),
    ("putDocument", Access::Scope(Scope::DocumentsWrite)),
    ("updateDocument", Access::Scope(Scope::DocumentsWrite)),
    ("deleteDocument", Access::Scope(Scope::DocumentsWrite)),
    ("createImport", Access::Scope(Scope::DocumentsWrite)),
    ("getImport", Access::Scope(Scope::DocumentsWrite)),
    ("resumeImport", Access::Scope(Scope::DocumentsWrite)),
    ("listImportRefusals", Access::Scope(Scope::DocumentsWrite)),
    ("createPushUrl", Access::Scope(Scope::DocumentsWrite)),
    ("listPushUrls", Access::Scope(Scope::DocumentsWrite)),
    ("revokePushUrl", Access::Scope(Scope::DocumentsWrite)),
    ("push", Access::Public),
    ("createExport", Access::Scope(Scope::DocumentsRead)),
    ("getExport", Access::Scope(Scope::DocumentsRead)),
    ("getExportContent", Access::Scope(Scope::DocumentsRead)),
    ("listTaxonomies", Access::Scope(Scope::TaxonomiesRead)),
    ("createTaxonomy", Access::ScopeEverywhere(Scope::TaxonomiesWrite)),
    ("getTaxonomy", Access::Scope(Scope::TaxonomiesRead)),
    ("putTaxonomy", Access::ScopeEverywhere(Scope::TaxonomiesWrite)),
    ("updateTaxonomy", Access::ScopeEverywhere(Scope::TaxonomiesWrite)),
    ("deleteTaxonomy", Access::ScopeEverywhere(Scope::TaxonomiesWrite)),
    ("listTaxonomyVersions", Access::Scope(Scope::TaxonomiesRead)),
    ("getTaxonomyVersion", Access::Scope(Scope::TaxonomiesRead)),
    ("listPrompts", Access::Scope(Scope::PromptsRead)),
    ("createPrompt", Access::ScopeEverywhere(Scope::PromptsWrite)),
    ("getPrompt", Access::Scope(Scope::PromptsRead)),
    ("putPrompt", Access::ScopeEverywhere(Scope::PromptsWrite)),
    ("updatePrompt", Access::ScopeEverywhere(Scope::PromptsWrite)),
    ("deletePrompt", Access::ScopeEverywhere(Scope::PromptsWrite)),
    ("listPromptVersions", Access::Scope(Scope::PromptsRead)),
    ("getPromptVersion", Access::Scope(Scope::PromptsRead)),
    ("previewPrompt", Access::Scope(Scope::PromptsRead)),
    ("summarize", Access::Scope(Scope::AnalysesRun)),
    ("summarizeBatch", Access::Scope(Scope::AnalysesRun)),
    ("classify", Access::Scope(Scope::AnalysesRun)),
    ("classifyBatch", Access::Scope(Scope::AnalysesRun)),
    ("generate", Access::Scope(Scope::AnalysesRun)),
    ("listAnalyses", Access::Scope(Scope::AnalysesRead)),
    ("getAnalysis", Access::Scope(Scope::AnalysesRead)),
    ("deleteAnalysis", Access::Scope(Scope::AnalysesWrite)),
    ("listJobs", Access::Scope(Scope::JobsRead)),
    ("createJob", Access::Scope(Scope::JobsWrite)),
    ("previewJob", Access::Scope(Scope::JobsRead)),
    ("getJob", Access::Scope(Scope::JobsRead)),
    ("watchJob", Access::Scope(Scope::JobsRead)),
    ("cancelJob", Access::Scope(Scope::JobsWrite)),
    ("retryJob", Access::Scope(Scope::JobsWrite)),
    ("listJobItems", Access::Scope(Scope::JobsRead)),
    ("getJobResults", Access::Scope(Scope::JobsRead)),
    ("listFailedWork", Access::Scope(Scope::JobsRead)),
    ("retryFailedWork", Access::Scope(Scope::JobsWrite)),
    ("listWorkers", Access::ScopeEverywhere(Scope::JobsRead)),
    ("listWebhooks", Access::Scope(Scope::WebhooksRead)),
    ("createWebhook", Access::Scope(Scope::WebhooksWrite)),
    ("getWebhook", Access::Scope(Scope::WebhooksRead)),
    ("updateWebhook", Access::Scope(Scope::WebhooksWrite)),
    ("deleteWebhook", Access::Scope(Scope::WebhooksWrite)),
    ("rotateWebhookSecret", Access::Scope(Scope::WebhooksWrite)),
    ("testWebhook", Access::Scope(Scope::WebhooksWrite)),
    ("listDeliveries", Access::Scope(Scope::WebhooksRead)),
    ("getDelivery", Access::Scope(Scope::WebhooksRead)),
    ("replayDelivery", Access::Scope(Scope::WebhooksWrite)),
    ("replayFailedDeliveries", Access::Scope(Scope::WebhooksWrite)),
    ("listErasures", Access::Scope(Scope::ErasuresRead)),
    ("createErasure", Access::Scope(Scope::ErasuresWrite)),
    ("getErasure", Access::Scope(Scope::ErasuresRead)),
    ("checkErasure", Access::Scope(Scope::ErasuresWrite)),
    ("getUsage", Access::Scope(Scope::UsageRead)),
    ("listBudgets", Access::Scope(Scope::BudgetsRead)),
    ("createBudget", Access::ScopeEverywhere(Scope::BudgetsWrite)),
    ("getBudget", Access::Scope(Scope::BudgetsRead)),
    ("updateBudget", Access::ScopeEverywhere(Scope::BudgetsWrite)),
    ("deleteBudget", Access::ScopeEverywhere(Scope::BudgetsWrite)),
];

/// What an operation needs; `None` for one that nobody has put into the table, which nobody may use.
#[must_use]
pub fn access(operation: &str) -> Option<Access> {
    let found = OPERATIONS.iter().find(|(id, _)| *id == operation);
    found.map(|(_, access)| *access)
}
