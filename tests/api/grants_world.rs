//! Takes the steps on the real server, and in the model.

use crate::{
    grants_model::{Analysis, Collection, Document, Model, Reach, Rights, Who},
    grants_property::Step,
    grants_view::ask,
    support::{Answer, TestApp},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use synoptic::domain::permissions::{Role, Scope, Scopes};

/// Beyond these, nothing more is made: what there is to look at after each step stays little.
pub const COLLECTIONS: usize = 3;
pub const DOCUMENTS: usize = 6;
pub const PRINCIPALS: usize = 6;
/// As long as a secret works that was replaced with an overlap.
pub const WAIT: Duration = Duration::from_mins(30);

pub struct World {
    pub app: TestApp,
    pub model: Model,
    /// How many names have been given.
    pub made: usize,
}

impl World {
    pub async fn new() -> Self {
        // Nobody is told to wait, however often they look.
        let app = TestApp::with(|config| config.limits.principal_per_second = 0).await;
        Self {
            app,
            model: Model::default(),
            made: 0,
        }
    }

    pub async fn take(&mut self, step: &Step) {
        match *step {
            Step::MakeCollection(number) => self.make_collection(number).await,
            Step::DeleteCollection(number) => {
                if let Some(index) = choose(number, &self.collections()) {
                    let slug = &self.model.collections[index].slug;
                    self.app
                        .delete(format!("/api/collections/{slug}?with_documents=true"))
                        .await
                        .gone();
                    self.model.delete_collection(index);
                }
            }
            Step::Store { who, collection } => self.store(who, collection).await,
            Step::DeleteDocument(number) => {
                if let Some(index) = choose(number, &self.documents()) {
                    let document = &mut self.model.documents[index];
                    let slug = &self.model.collections[document.collection].slug;
                    self.app
                        .delete(format!("/api/collections/{slug}/documents/{}", document.id))
                        .await
                        .gone();
                    document.is_there = false;
                }
            }
            Step::Summarize { who, document } => self.summarize(who, Some(document)).await,
            Step::SummarizeText { who } => self.summarize(who, None).await,
            Step::MakeUser { role, reach } => self.make_user(role, reach).await,
            Step::ChangeRole { user, role } => {
                let change = json!({"role": role.name()});
                // An admin reaches everything.
                let change = if role == Role::Admin {
                    json!({"role": "admin", "collections": null})
                } else {
                    change
                };
                if let Some(user) = self.change_user(user, change).await {
                    user.role = role;
                    user.reach = user.reach.take().filter(|_| role != Role::Admin);
                }
            }
            Step::ChangeReach { user, reach } => self.change_reach(user, reach).await,
            Step::Switch { user } => self.switch(user).await,
            Step::DeleteUser(number) => {
                if let Some(index) = choose(number, &self.users()) {
                    self.app
                        .delete(format!("/api/users/{}", self.model.users[index].id))
                        .await
                        .gone();
                    self.model.delete_user(index);
                }
            }
            Step::SignIn { user } => {
                if let Some(index) = choose(user, &self.users()) {
                    self.sign_in(index).await;
                }
            }
            Step::SignOut { session } => self.sign_out(session).await,
            Step::MakeKey { owner, scopes, reach } => self.make_key(owner, scopes, reach).await,
            Step::ChangeKeyReach { key, reach } => {
                let (names, reach) = self.named(reach);
                if let Some(key) = self.change_key(key, json!({"collections": names})).await {
                    key.reach = reach;
                }
            }
            Step::ChangeKeyScopes { key, scopes } => {
                let (names, scopes) = named_scopes(scopes, Scopes::ALL);
                if let Some(key) = self.change_key(key, json!({"scopes": names})).await {
                    key.scopes = scopes;
                }
            }
            Step::Rotate { key, with_overlap } => self.rotate(key, with_overlap).await,
            Step::Revoke(number) => {
                if let Some(index) = choose(number, &self.keys()) {
                    self.app
                        .delete(format!("/api/keys/{}", self.model.keys[index].id))
                        .await
                        .gone();
                    self.model.keys[index].is_revoked = true;
                }
            }
            Step::Wait => {
                self.app.let_pass(WAIT);
                for key in &mut self.model.keys {
                    key.previous = None;
                }
            }
        }
    }

    async fn make_collection(&mut self, number: u8) {
        // The names of those that were deleted come again.
        let slug = format!("c{}", usize::from(number) % COLLECTIONS);
        if self
            .model
            .collections
            .iter()
            .any(|other| other.is_there && other.slug == slug)
        {
            return;
        }
        let made = self
            .app
            .post("/api/collections", json!({"slug": slug, "name": slug}))
            .await;
        let id = id_of(made.created());
        self.model.collections.push(Collection {
            id,
            slug,
            is_there: true,
        });
    }

    async fn store(&mut self, who: u8, collection: u8) {
        let Some(collection) = choose(collection, &self.collections()) else {
            return;
        };
        if self.documents().len() >= DOCUMENTS {
            return;
        }
        self.made += 1;
        let address = format!("/api/collections/{}/documents", self.model.collections[collection].slug);
        let body =
            json!({"external_id": format!("D-{}", self.made), "text": format!("Heron number {} waits.", self.made)});
        let answer = match self.somebody(who) {
            None => self.app.post(address, body).await,
            Some((who, rights)) => {
                let answer = ask(&self.app, &self.model, who, "POST", &address, Some(body)).await;
                if !expect(
                    &answer,
                    &rights,
                    Scope::DocumentsWrite,
                    self.model.reaches(&rights, collection),
                ) {
                    return;
                }
                answer
            }
        };
        let id = id_of(answer.created());
        self.model.documents.push(Document {
            id,
            collection,
            is_there: true,
        });
    }

    async fn summarize(&mut self, who: u8, document: Option<u8>) {
        let Some((who, rights)) = self.somebody(who) else {
            return;
        };
        let document = match document.map(|number| choose(number, &self.documents())) {
            Some(None) => return,
            Some(some) => some,
            None => None,
        };
        let body = match document {
            Some(index) => json!({"document_id": self.model.documents[index].id}),
            None => json!({"text": "A heron stands by the river. It waits for fish all morning."}),
        };
        let answer = ask(&self.app, &self.model, who, "POST", "/api/summarize", Some(body)).await;
        let reached = document.is_none_or(|index| self.model.reaches(&rights, self.model.documents[index].collection));
        if document.is_some()
            && rights.scopes.contains(Scope::AnalysesRun)
            && !rights.scopes.contains(Scope::DocumentsRead)
        {
            answer.problem(403, "forbidden");
            return;
        }
        if !expect(&answer, &rights, Scope::AnalysesRun, reached) {
            return;
        }
        self.model.analyses.push(Analysis {
            id: id_of(answer.ok()),
            document,
            by_user: rights.user,
            by_key: rights.key,
        });
    }
}

impl World {
    pub fn collections(&self) -> Vec<usize> {
        there(&self.model.collections, |collection| collection.is_there)
    }

    pub fn documents(&self) -> Vec<usize> {
        there(&self.model.documents, |document| document.is_there)
    }

    pub fn users(&self) -> Vec<usize> {
        there(&self.model.users, |user| user.is_there)
    }

    pub fn keys(&self) -> Vec<usize> {
        there(&self.model.keys, |key| !key.is_revoked)
    }

    /// Somebody who is let in; `None` for the test's own key, which may do everything.
    pub fn somebody(&self, number: u8) -> Option<(Who, Rights)> {
        let everybody = self.model.everybody();
        let live: Vec<_> = everybody
            .filter_map(|who| Some((who, self.model.rights(who)?)))
            .collect();
        live.get(usize::from(number) % (live.len() + 1)).cloned()
    }

    /// The collections whose bits are set, by name and by place; `null` for all.
    pub fn named(&self, bits: Option<u8>) -> (Value, Reach) {
        let Some(bits) = bits else { return (Value::Null, None) };
        let collections = self.collections();
        let chosen = collections
            .iter()
            .enumerate()
            .filter(|(bit, _)| bits >> (bit % 8) & 1 == 1);
        let places: BTreeSet<usize> = chosen.map(|(_, place)| *place).collect();
        let slugs: Vec<&str> = places
            .iter()
            .map(|place| self.model.collections[*place].slug.as_str())
            .collect();
        (json!(slugs), Some(places))
    }
}

fn there<T>(all: &[T], is_there: impl Fn(&T) -> bool) -> Vec<usize> {
    (0..all.len()).filter(|index| is_there(&all[*index])).collect()
}

pub fn choose(number: u8, among: &[usize]) -> Option<usize> {
    let index = usize::from(number).checked_rem(among.len())?;
    Some(among[index])
}

/// The scopes whose bits are set, as far as they are among the most that there may be.
pub fn named_scopes(bits: u32, most: Scopes) -> (Vec<&'static str>, Scopes) {
    let chosen: Scopes = Scope::ALL
        .into_iter()
        .filter(|scope| bits >> (*scope as u32) & 1 == 1)
        .collect();
    let scopes = chosen.intersect(most);
    (scopes.iter().map(Scope::name).collect(), scopes)
}

#[track_caller]
pub fn id_of(answer: &Answer) -> String {
    answer.body["id"].as_str().unwrap().to_owned()
}

/// Whether it was done, which it must be if and only if the rights cover it.
#[track_caller]
fn expect(answer: &Answer, rights: &Rights, scope: Scope, reached: bool) -> bool {
    if !rights.scopes.contains(scope) {
        answer.problem(403, "forbidden");
        return false;
    }
    if !reached {
        answer.problem(404, "not-found");
        return false;
    }
    true
}
