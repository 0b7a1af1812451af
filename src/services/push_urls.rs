//! Push URLs: create, list, revoke, and take what other systems leave there.

use super::{
    audit,
    collections::find,
    document_drafts::Prepared,
    documents::{Documents, OnConflict, Outcome},
};
use crate::{
    db::Db,
    domain::{
        Clock, Error, Result,
        audit::{Action, Event},
        documents::{Document, DocumentFields},
        identifiers::{CollectionId, PushUrlId},
        imports::{ImportSettings, RecordFormat, RecordNames, Refusal},
        paging::{Page, PageRequest},
        permissions::Scopes,
        principal::{Actor, Principal, PrincipalId, Reach},
        push_urls::{MOST_PUSH_URLS, PushToken, PushUrl, PushUrlFields},
        text_fields::NameOrId,
    },
    interchange::{Row, Splitter, rows_of},
    repositories::push_urls,
    services::imports::unreadable,
};
use serde_json::Value;
use sqlx::types::Json;
use std::sync::Arc;

#[derive(Clone)]
pub struct PushUrls {
    db: Db,
    clock: Clock,
    documents: Arc<Documents>,
}

/// What was left at a push URL.
#[derive(Debug, Clone)]
pub enum Pushed {
    /// One document, or what another system sends of one.
    Json(Value),
    Records(RecordFormat, Vec<u8>),
}

/// What became of it.
#[derive(Debug, Clone, Default)]
pub struct PushOutcome {
    pub stored: Vec<(Document, Outcome)>,
    pub refused: Vec<Refusal>,
}

impl PushUrls {
    #[must_use]
    pub(super) fn new(db: Db, clock: Clock, documents: Arc<Documents>) -> Self {
        Self { db, clock, documents }
    }

    /// Makes a push URL. The token is not shown again.
    ///
    /// # Errors
    /// `Error::NotFound` for the collection, or `Error::Conflict` when it has as many as it may have.
    pub async fn create(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        fields: PushUrlFields,
    ) -> Result<(PushUrl, PushToken)> {
        self.create_with(actor, collection, fields, PushUrlId::generate(), PushToken::generate())
            .await
    }

    /// The same with a given id and token, for sample data.
    ///
    /// # Errors
    /// As for [`PushUrls::create`].
    pub async fn create_with(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        PushUrlFields { name, fields }: PushUrlFields,
        id: PushUrlId,
        token: PushToken,
    ) -> Result<(PushUrl, PushToken)> {
        let mut tx = self.db.write().await?;
        let collection = find(&mut tx, actor, collection).await?;
        if push_urls::count(&mut tx, collection.id).await? >= MOST_PUSH_URLS {
            let why = format!("the collection has {MOST_PUSH_URLS} push URLs: revoke some");
            return Err(Error::Conflict(why));
        }
        let url = PushUrl {
            id,
            collection_id: collection.id,
            name,
            fields: Json(fields),
            created_by: actor.principal.key_id(),
            created_by_user: actor.principal.user_id,
            created_at: self.clock.now(),
        };
        push_urls::insert(&mut tx, &url, &token.hash()).await?;
        let event = Event::done(Action::PushUrlCreated, "push_url", id, url.name.clone());
        audit::record(&mut tx, &self.clock, actor, event).await?;
        tx.commit().await?;
        Ok((url, token))
    }

    /// Newest first.
    ///
    /// # Errors
    /// `Error::NotFound` for the collection.
    pub async fn list(
        &self,
        actor: &Actor,
        collection: &NameOrId<CollectionId>,
        page: PageRequest<PushUrlId>,
    ) -> Result<Page<PushUrl, PushUrlId>> {
        let mut tx = self.db.read().await?;
        let collection = find(&mut tx, actor, collection).await?;
        let rows = push_urls::list(&mut tx, collection.id, page.after, i64::from(page.limit) + 1).await?;
        Ok(Page::from_overfetched(rows, page.limit, |row| row.id))
    }

    /// Nothing can be left there any more.
    ///
    /// # Errors
    /// `Error::NotFound`.
    pub async fn revoke(&self, actor: &Actor, collection: &NameOrId<CollectionId>, id: PushUrlId) -> Result<()> {
        let mut tx = self.db.write().await?;
        let collection = find(&mut tx, actor, collection).await?;
        let found = push_urls::find(&mut tx, collection.id, id).await?;
        let url = found.ok_or_else(|| Error::not_found("push URL", id))?;
        push_urls::delete(&mut tx, collection.id, id).await?;
        let event = Event::done(Action::PushUrlRevoked, "push_url", id, url.name);
        audit::record(&mut tx, &self.clock, actor, event).await?;
        tx.commit().await
    }

    /// The push URL with this token, if there is one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn recognise(&self, token: &str) -> Result<Option<PushUrl>> {
        let Some(token) = PushToken::parse(token) else {
            return Ok(None);
        };
        push_urls::find_by_token(&mut self.db.glance().await?, &token.hash()).await
    }

    /// Stores what was left: of one document all or nothing, of records those that can be stored.
    ///
    /// # Errors
    /// `Error::Invalid` when a document cannot be accepted, or nothing can be read.
    pub async fn take(&self, url: &PushUrl, pushed: Pushed) -> Result<PushOutcome> {
        let mut outcome = PushOutcome::default();
        let records = match pushed {
            Pushed::Json(sent) => vec![one(url, &sent)?],
            Pushed::Records(format, content) => {
                let read = move || read(format, &content);
                let (records, refused) = tokio::task::spawn_blocking(read).await.map_err(Error::internal)??;
                outcome.refused = refused;
                records
            }
        };
        let actor = storing_into(url);
        let collection = NameOrId::Id(url.collection_id);
        for some in in_batches(records) {
            let stored = self
                .documents
                .create_batch(&actor, &collection, some, OnConflict::Update)
                .await?;
            outcome.stored.extend(stored);
        }
        Ok(outcome)
    }
}

/// A document out of what another system sent.
fn one(url: &PushUrl, sent: &Value) -> Result<DocumentFields> {
    if url.fields.is_given() {
        return Prepared::new(url.fields.pick(sent)?).map(|prepared| prepared.fields);
    }
    let line = sent.to_string();
    let (mut records, refused) = read(RecordFormat::Ndjson, line.as_bytes())?;
    match (records.pop(), refused.into_iter().next()) {
        (Some(document), _) => Ok(document),
        (None, Some(refusal)) => Err(Error::invalid("", refusal.reason)),
        (None, None) => Err(Error::invalid("", "must be a document")),
    }
}

/// Batches in which each document comes once: of one that was sent twice, the later is stored after the earlier.
fn in_batches(records: Vec<DocumentFields>) -> Vec<Vec<DocumentFields>> {
    let mut batches: Vec<Vec<DocumentFields>> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for record in records {
        let full = batches
            .last()
            .is_none_or(|batch| batch.len() >= crate::domain::documents::LARGEST_BATCH);
        let again = record.external_id.as_ref().is_some_and(|id| seen.contains(id));
        if full || again {
            batches.push(Vec::new());
            seen.clear();
        }
        seen.extend(record.external_id.clone());
        if let Some(batch) = batches.last_mut() {
            batch.push(record);
        }
    }
    batches
}

/// Whoever knows the token: they may store documents there, and nothing else.
fn storing_into(url: &PushUrl) -> Actor {
    let principal = Principal {
        id: PrincipalId::Operator,
        name: format!("push URL {}", url.name),
        user_id: None,
        role: None,
        session_id: None,
        scopes: Scopes::of(&[crate::domain::permissions::Scope::DocumentsWrite]),
        reach: Reach::only([url.collection_id]),
    };
    Actor::new(Arc::new(principal), None)
}

fn read(format: RecordFormat, content: &[u8]) -> Result<(Vec<DocumentFields>, Vec<Refusal>)> {
    let settings = ImportSettings {
        format,
        replace: true,
        delimiter: None,
        names: RecordNames::default(),
    };
    let mut splitter = Splitter::new(&settings);
    splitter.push(content);
    splitter.end();
    let (mut records, mut refused) = (Vec::new(), Vec::new());
    while let Some(piece) = splitter.next_piece().map_err(unreadable)? {
        let rows = rows_of(&settings, splitter.header(), piece.lines_before, &piece.content).map_err(unreadable)?;
        for row in rows {
            match row {
                Row::Record(record) => records.push(record.fields),
                Row::Rejected(rejected) => refused.push(Refusal {
                    line: i64::try_from(rejected.line).unwrap_or(i64::MAX),
                    reason: rejected.reason,
                }),
            }
        }
    }
    Ok((records, refused))
}
