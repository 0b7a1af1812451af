//! Identifiers: UUID version 7 (RFC 9562), so that later ids sort after earlier ones, with a type of their own per resource.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id that sorts after those made before it in this process.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    };
}

identifier!(
    /// Names a collection.
    CollectionId
);
identifier!(
    /// Names a document.
    DocumentId
);
identifier!(
    /// Names a taxonomy through all its versions.
    TaxonomyId
);
identifier!(
    /// Names an analysis.
    AnalysisId
);
identifier!(
    /// Names an API key; not the key itself.
    ApiKeyId
);
identifier!(
    /// Names a user.
    UserId
);
identifier!(
    /// Names a session: one sign-in on one device.
    SessionId
);
identifier!(
    /// Names a row of the audit trail.
    AuditId
);
identifier!(
    /// Names a prompt through all its versions.
    PromptId
);
identifier!(
    /// Names a budget.
    BudgetId
);
identifier!(
    /// Names a job.
    JobId
);
identifier!(
    /// Names a piece of work in the background.
    WorkId
);
identifier!(
    /// Names a lane: what waits for one collection in one queue.
    LaneId
);
identifier!(
    /// Names a server that does work in the background, from its start to its end.
    WorkerId
);
identifier!(
    /// Names a webhook.
    WebhookId
);
identifier!(
    /// Names a delivery to a webhook; the receiver sees it as `webhook-id`.
    DeliveryId
);
identifier!(
    /// Names a push URL; not its token.
    PushUrlId
);
identifier!(
    /// Names the receipt of an erasure.
    ErasureId
);
