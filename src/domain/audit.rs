//! The audit trail: who did what to which, when, from where, and what came of it. No secret and no document text is in it.

use super::{
    Timestamp,
    identifiers::AuditId,
    principal::{Actor, PrincipalId},
};
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// What was done. The names are those of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Action {
    SignIn,
    SignOut,
    /// A refresh token was used twice, so that its session was ended.
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
    WebhookDisabled,
    WebhookSecretRotated,
    WebhookDeleted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ActorKind {
    User,
    ApiKey,
    /// Whoever runs the program.
    Operator,
    /// Nobody who was recognised.
    Anonymous,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum AuditResult {
    Done,
    Refused,
}

/// A row of the trail.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditEntry {
    pub id: AuditId,
    pub at: Timestamp,
    pub actor_kind: ActorKind,
    pub actor_id: Option<Uuid>,
    /// A user's e-mail address or a key's name, as it was then.
    pub actor_name: String,
    pub action: Action,
    /// `user`, `api_key`, `collection`, …
    pub target_kind: Option<String>,
    pub target_id: Option<String>,
    /// An e-mail address, a name or a slug, as it was then.
    pub target_name: Option<String>,
    /// What changed, in words, without secrets and texts.
    pub detail: Option<String>,
    pub result: AuditResult,
    pub address: Option<String>,
    pub trace_id: Option<String>,
}

/// What happened, for the trail.
#[derive(Debug, Clone)]
pub struct Event {
    pub action: Action,
    pub target: Option<Target>,
    pub detail: Option<String>,
    pub result: AuditResult,
}

/// What something was done to.
#[derive(Debug, Clone)]
pub struct Target {
    pub kind: &'static str,
    pub id: String,
    pub name: Option<String>,
}

impl Event {
    /// Something that was done to a thing of this kind.
    #[must_use]
    pub fn done(action: Action, kind: &'static str, id: impl fmt::Display, name: impl Into<Option<String>>) -> Self {
        let target = Target {
            kind,
            id: id.to_string(),
            name: name.into(),
        };
        Self {
            action,
            target: Some(target),
            detail: None,
            result: AuditResult::Done,
        }
    }

    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    #[must_use]
    pub fn refused(self) -> Self {
        Self {
            result: AuditResult::Refused,
            ..self
        }
    }

    /// As a row. Without an actor it was somebody who was not recognised, at `address`.
    #[must_use]
    pub fn by(
        self,
        actor: Option<&Actor>,
        address: Option<String>,
        at: Timestamp,
        trace_id: Option<String>,
    ) -> AuditEntry {
        let (actor_kind, actor_id, actor_name) = match actor.map(|actor| (&actor.principal, actor.principal.id)) {
            Some((principal, id @ PrincipalId::User(_))) => (ActorKind::User, id.uuid(), principal.name.clone()),
            Some((principal, id @ PrincipalId::Key(_))) => (ActorKind::ApiKey, id.uuid(), principal.name.clone()),
            Some((principal, PrincipalId::Operator)) => (ActorKind::Operator, None, principal.name.clone()),
            None => (ActorKind::Anonymous, None, "anonymous".to_owned()),
        };
        let (target_kind, target_id, target_name) = self.target.map_or((None, None, None), |target| {
            (Some(target.kind.to_owned()), Some(target.id), target.name)
        });
        AuditEntry {
            id: AuditId::generate(),
            at,
            actor_kind,
            actor_id,
            actor_name,
            action: self.action,
            target_kind,
            target_id,
            target_name,
            detail: self.detail,
            result: self.result,
            address,
            trace_id,
        }
    }
}

/// Which rows a list shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AuditFilter {
    pub action: Option<Action>,
    /// The id of a user or an API key.
    pub actor_id: Option<Uuid>,
    pub target_id: Option<String>,
    pub result: Option<AuditResult>,
    pub after: Option<Timestamp>,
    pub before: Option<Timestamp>,
}
