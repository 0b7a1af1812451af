//! Two collections and those who reach only one of them.

use super::TestApp;
use std::sync::Arc;
use synoptic::{
    domain::{
        Error,
        analyses::{Analysis, AnalysisFilter, SharedAnalysis},
        answers::SummaryOptions,
        api_keys::ApiKeyFields,
        collections::{Collection, CollectionFields},
        documents::{Attributes, Document, DocumentFields},
        identifiers::AnalysisId,
        paging::PageRequest,
        permissions::{Role, Scopes},
        principal::{Actor, Principal, PrincipalId, Reach},
        text_fields::NameOrId,
    },
    services::{
        analysis_tasks::{Input, Order, Task},
        documents::OnConflict,
    },
};

pub const NOTE: &str = "A heron stands by the river. It waits for fish all morning.";
pub const SECRET: &str = "The heron is a code name. The merger will be told on Monday.";

/// Two collections with a document each, and who asks.
pub struct World {
    pub app: TestApp,
    pub operator: Actor,
    pub notes: Collection,
    pub note: Document,
    pub secret: Collection,
    pub memo: Document,
    /// Two API keys and a person who reach only the notes.
    pub mine: Actor,
    pub theirs: Actor,
    pub person: Actor,
}

impl World {
    pub async fn new() -> Self {
        let (app, operator) = (TestApp::new().await, Actor::operator());
        let secret = create(&app, "secret").await;
        let notes = create(&app, "notes").await;
        let store = async |collection: &Collection, text| {
            let stored = app
                .services
                .documents
                .create(
                    &operator,
                    &NameOrId::Id(collection.id),
                    fields("D-1", text),
                    OnConflict::Refuse,
                )
                .await;
            stored.unwrap().0
        };
        let (memo, note) = (store(&secret, SECRET).await, store(&notes, NOTE).await);
        let reach = Reach::only([notes.id]);
        let mut keys = Vec::new();
        for name in ["mine", "theirs"] {
            let made = app
                .services
                .api_keys
                .create(&operator, ApiKeyFields::named(name).unwrap())
                .await;
            keys.push(made.unwrap().0.row.id);
        }
        let person = app
            .user("someone@example.com", Role::Editor, reach.clone())
            .await
            .row
            .id;
        Self {
            mine: actor(PrincipalId::Key(keys[0]), reach.clone()),
            theirs: actor(PrincipalId::Key(keys[1]), reach.clone()),
            person: actor(PrincipalId::User(person), reach),
            app,
            operator,
            notes,
            note,
            secret,
            memo,
        }
    }

    pub async fn ask(&self, actor: &Actor, input: Input) -> Analysis {
        self.app.tick();
        let given = self.app.services.analyses.run(actor, input, &summary()).await.unwrap();
        SharedAnalysis::into_analysis(given.analysis)
    }

    /// Everything that a list shows, page by page.
    pub async fn list(&self, actor: &Actor, limit: u32) -> Vec<AnalysisId> {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = PageRequest { limit, after };
            let analyses = &self.app.services.analyses;
            let page = analyses
                .list(actor, AnalysisFilter::default(), None, None, page)
                .await
                .unwrap();
            assert!(
                page.rows.len() == limit as usize || page.next.is_none(),
                "a gap in a page"
            );
            seen.extend(page.rows.iter().map(|row| row.id));
            after = page.next;
            if after.is_none() {
                return seen;
            }
        }
    }
}

pub async fn create(app: &TestApp, slug: &str) -> Collection {
    let fields = CollectionFields::new(Some(slug), slug, "").unwrap();
    app.services
        .collections
        .create(&Actor::operator(), fields)
        .await
        .unwrap()
}

pub fn actor(id: PrincipalId, reach: Reach) -> Actor {
    let user_id = match id {
        PrincipalId::User(id) => Some(id),
        _ => None,
    };
    let principal = Principal {
        id,
        name: "somebody".to_owned(),
        user_id,
        role: None,
        session_id: None,
        scopes: Scopes::DATA,
        reach,
    };
    Actor::new(Arc::new(principal), None)
}

pub fn fields(external_id: &str, text: &str) -> DocumentFields {
    DocumentFields {
        external_id: Some(external_id.to_owned()),
        title: None,
        text: text.to_owned(),
        attributes: Attributes::new(),
        language: None,
    }
}

pub fn summary() -> Order {
    Order::embedded(Task::Summary(SummaryOptions::default()))
}

pub fn named<Id>(name: &str) -> NameOrId<Id> {
    NameOrId::Name(name.to_owned())
}

pub fn first<Position>(limit: u32) -> PageRequest<Position> {
    PageRequest { limit, after: None }
}

pub fn text(text: &str) -> Input {
    Input::Text(text.to_owned())
}

/// It is said of a thing out of reach what is said of one that is not there.
#[track_caller]
pub fn absent<T: std::fmt::Debug>(answer: Result<T, Error>, what: &'static str, name: impl std::fmt::Display) {
    let error = answer.expect_err("nothing is to be had");
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    assert_eq!(error.to_string(), Error::not_found(what, name).to_string());
}

#[track_caller]
pub fn forbidden<T: std::fmt::Debug>(answer: Result<T, Error>, words: &str) {
    let error = answer.expect_err("nobody may");
    assert!(
        matches!(&error, Error::Forbidden(why) if why.contains(words)),
        "{error:?}"
    );
}
