//! One question of one caller, and the name under which its answer is kept.

use super::{
    analysis_tasks::{Order, Task},
    sources::Source,
};
use crate::{
    cache::Key,
    domain::{
        Error, Result,
        caching::CachePolicy,
        identifiers::CollectionId,
        principal::{Actor, PrincipalId, Reach},
        work::Claim,
    },
    engines::router::Plan,
    text::{hash_bytes, hash_text},
};
use tokio::time::Instant;

/// Goes into every key: answers of another way of asking are not given again.
const WAY_OF_ASKING: u32 = 1;

/// One question of one caller.
#[derive(Clone)]
pub(super) struct Wanted {
    pub actor: Actor,
    pub source: Source,
    pub task: Task,
    pub plan: Plan,
    pub policy: CachePolicy,
    /// By when a whole answer is of use; `None` for whenever it comes.
    pub deadline: Option<Instant>,
    /// The piece of work in the background that the answer ends.
    pub ends: Option<Claim>,
}

impl Wanted {
    pub fn new(actor: &Actor, source: Source, order: &Order, plan: &Plan) -> Self {
        Self {
            actor: actor.clone(),
            source,
            task: order.task.clone(),
            plan: plan.clone(),
            policy: order.cache,
            deadline: None,
            ends: None,
        }
    }

    pub(super) fn collection(&self) -> Option<CollectionId> {
        self.source.document.as_ref().map(|document| document.collection)
    }

    /// SHA-256 over everything that the answer depends on, and over who may see it: answers about a document belong to the document;
    /// those about other texts are shared by all who see everything, and are otherwise one's own.
    pub(super) fn key(&self) -> Result<Key> {
        let principal = &self.actor.principal;
        let owner = match (&self.source.document, &principal.reach) {
            (Some(document), _) => format!("document {}", document.id),
            (None, Reach::Everything) => "everything".to_owned(),
            (None, Reach::Only(_)) => match principal.id {
                PrincipalId::User(id) => format!("user {id}"),
                PrincipalId::Key(id) => format!("key {id}"),
                PrincipalId::Operator => "operator".to_owned(),
            },
        };
        let parts = (
            WAY_OF_ASKING,
            self.task.kind(),
            self.task.options(),
            self.task.taxonomy(),
            self.task.prompt(),
            hash_text(&self.source.text),
            self.plan.identity(),
            owner,
        );
        Ok(hash_bytes(&serde_json::to_vec(&parts).map_err(Error::internal)?))
    }
}
