//! Bodies of the audit trail.

use crate::domain::audit as domain;
use poem_openapi::{Enum, Object};
use time::OffsetDateTime;
use uuid::Uuid;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case", rename = "AuditAction")]
pub enum Action {
    SignIn,
    SignOut,
    /// A refresh token came a second time, so that its session was ended.
    RefreshTokenReused,
    SessionRevoked,
    PasswordChanged,
    UserCreated,
    UserChanged,
    UserDeleted,
    KeyCreated,
    KeyChanged,
    KeyRotated,
    KeyRevoked,
    SigningKeyRotated,
    TaxonomyCreated,
    TaxonomyChanged,
    TaxonomyDeleted,
    PromptCreated,
    PromptChanged,
    PromptDeleted,
    CollectionDeleted,
    DocumentDeleted,
    /// By a job.
    DocumentsDeleted,
    /// By a collection's retention.
    DocumentsExpired,
    DocumentsExported,
    ErasureRequested,
    ErasureChecked,
    AnalysisDeleted,
    PushUrlCreated,
    PushUrlRevoked,
    BudgetCreated,
    BudgetChanged,
    BudgetDeleted,
    WebhookCreated,
    WebhookChanged,
    /// By a person, or by the server after its receiver was gone or failed for days.
    WebhookDisabled,
    WebhookSecretRotated,
    WebhookDeleted,
}

macro_rules! both_ways {
    ($dto:ident, $domain:path, $($variant:ident),+) => {
        impl From<$dto> for $domain {
            fn from(value: $dto) -> Self {
                match value { $($dto::$variant => Self::$variant),+ }
            }
        }

        impl From<$domain> for $dto {
            fn from(value: $domain) -> Self {
                match value { $(<$domain>::$variant => Self::$variant),+ }
            }
        }
    };
}

both_ways!(
    Action,
    domain::Action,
    SignIn,
    SignOut,
    RefreshTokenReused,
    SessionRevoked,
    PasswordChanged,
    UserCreated,
    UserChanged,
    UserDeleted,
    KeyCreated,
    KeyChanged,
    KeyRotated,
    KeyRevoked,
    SigningKeyRotated,
    TaxonomyCreated,
    TaxonomyChanged,
    TaxonomyDeleted,
    PromptCreated,
    PromptChanged,
    PromptDeleted,
    CollectionDeleted,
    DocumentDeleted,
    DocumentsDeleted,
    DocumentsExpired,
    DocumentsExported,
    ErasureRequested,
    ErasureChecked,
    AnalysisDeleted,
    PushUrlCreated,
    PushUrlRevoked,
    BudgetCreated,
    BudgetChanged,
    BudgetDeleted,
    WebhookCreated,
    WebhookChanged,
    WebhookDisabled,
    WebhookSecretRotated,
    WebhookDeleted
);

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ActorKind {
    User,
    ApiKey,
    /// Whoever runs the program, at its command line.
    Operator,
    /// Nobody who was recognised.
    Anonymous,
}

both_ways!(ActorKind, domain::ActorKind, User, ApiKey, Operator, Anonymous);

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum AuditResult {
    Done,
    Refused,
}

both_ways!(AuditResult, domain::AuditResult, Done, Refused);

/// A row of the audit trail.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AuditEntry {
    pub id: Uuid,
    pub at: OffsetDateTime,
    pub actor_kind: ActorKind,
    /// The id of the user or the API key.
    pub actor_id: Option<Uuid>,
    /// A user's e-mail address or a key's name, as it was then.
    pub actor_name: String,
    pub action: Action,
    /// `user`, `session`, `api_key`, `collection`, `document`, `taxonomy`, `prompt`, `analysis`, `budget`, `job`, `webhook`, `push_url`,
    /// `erasure` or `signing_key`.
    pub target_kind: Option<String>,
    pub target_id: Option<String>,
    /// An e-mail address, a name or a slug, as it was then.
    pub target_name: Option<String>,
    /// What changed, in words.
    pub detail: Option<String>,
    pub result: AuditResult,
    /// The client's address.
    pub address: Option<String>,
    /// The request, as its logs name it.
    pub trace_id: Option<String>,
}

impl From<domain::AuditEntry> for AuditEntry {
    fn from(entry: domain::AuditEntry) -> Self {
        Self {
            id: entry.id.0,
            at: entry.at.as_offset_date_time(),
            actor_kind: entry.actor_kind.into(),
            actor_id: entry.actor_id,
            actor_name: entry.actor_name,
            action: entry.action.into(),
            target_kind: entry.target_kind,
            target_id: entry.target_id,
            target_name: entry.target_name,
            detail: entry.detail,
            result: entry.result.into(),
            address: entry.address,
            trace_id: entry.trace_id,
        }
    }
}

/// A page of the audit trail, newest first.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct AuditPage {
    pub items: Vec<AuditEntry>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}
