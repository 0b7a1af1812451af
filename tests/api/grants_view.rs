//! What somebody is shown, compared with what the model says that there is for them.

use crate::{
    grants_model::{Model, Rights, Who},
    support::{Answer, TestApp, send},
};
use serde_json::Value;
use std::collections::BTreeSet;
use synoptic::domain::permissions::Scope;

/// A request as somebody, with the token or secret that they have.
pub async fn ask(app: &TestApp, model: &Model, who: Who, method: &str, path: &str, body: Option<Value>) -> Answer {
    let token = match who {
        Who::Session(index) => &model.sessions[index].token,
        Who::Key(index) => &model.keys[index].secret,
    };
    let request = app.with_token(token, method, path);
    match body {
        Some(body) => send(request.body_json(&body)).await,
        None => send(request).await,
    }
}

/// What lists show to each, after every step.
pub async fn look_at_everybody(app: &TestApp, model: &Model) {
    for who in model.everybody() {
        let view = View { app, model, who };
        match model.rights(who) {
            None => drop(view.get("/api/auth/me").await.problem(401, "unauthorized").clone()),
            Some(rights) => view.lists(&rights).await,
        }
    }
}

/// Everything by its address, at the end: what there is, and what there was.
pub async fn look_closely_at_everybody(app: &TestApp, model: &Model) {
    for who in model.everybody() {
        if let Some(rights) = model.rights(who) {
            let view = View { app, model, who };
            view.each(&rights).await;
            view.keys(&rights).await;
        }
    }
}

struct View<'a> {
    app: &'a TestApp,
    model: &'a Model,
    who: Who,
}

impl View<'_> {
    async fn get(&self, path: &str) -> Answer {
        ask(self.app, self.model, self.who, "GET", path, None).await
    }

    /// The ids that a list shows; `None` when it is not for this scope.
    async fn ids(&self, path: &str, rights: &Rights, scope: Scope) -> Option<BTreeSet<String>> {
        let answer = self.get(path).await;
        if !rights.scopes.contains(scope) {
            answer.problem(403, "forbidden");
            return None;
        }
        let ids = answer.each("id");
        let set: BTreeSet<String> = ids.iter().cloned().collect();
        assert_eq!(set.len(), ids.len(), "{path} shows one twice");
        Some(set)
    }

    async fn lists(&self, rights: &Rights) {
        let (model, who) = (self.model, self.who);
        let me = self.get("/api/auth/me").await;
        let names: Vec<&str> = rights.scopes.iter().map(Scope::name).collect();
        assert_eq!(me.ok().body["scopes"], serde_json::json!(names), "{who:?}");
        let told = me.body["collections"].as_array();
        let told = told.map(|slugs| slugs.iter().map(|slug| slug.as_str().unwrap().to_owned()).collect());
        assert_eq!(told, model.slugs(&rights.reach), "{who:?}");
        if let Who::Key(index) = who
            && let Some(previous) = &model.keys[index].previous
        {
            let as_before = send(self.app.with_token(previous, "GET", "/api/auth/me")).await;
            assert_eq!(as_before.ok().body, me.body, "{who:?}");
        }

        let collections = self
            .ids("/api/collections?limit=200", rights, Scope::CollectionsRead)
            .await;
        if let Some(shown) = collections {
            let reached = model
                .collections
                .iter()
                .enumerate()
                .filter(|(index, _)| model.reaches(rights, *index));
            let expected: BTreeSet<String> = reached.map(|(_, collection)| collection.id.clone()).collect();
            assert_eq!(shown, expected, "{who:?}");
        }
        for (index, collection) in model
            .collections
            .iter()
            .enumerate()
            .filter(|(_, collection)| collection.is_there)
        {
            let address = format!("/api/collections/{}/documents?q=heron&limit=200", collection.slug);
            if rights.scopes.contains(Scope::DocumentsRead) && !model.reaches(rights, index) {
                self.get(&address).await.problem(404, "not-found");
            } else if let Some(shown) = self.ids(&address, rights, Scope::DocumentsRead).await {
                let stored = model
                    .documents
                    .iter()
                    .filter(|document| document.is_there && document.collection == index);
                let expected: BTreeSet<String> = stored.map(|document| document.id.clone()).collect();
                assert_eq!(shown, expected, "{who:?} in {}", collection.slug);
            }
        }
        if let Some(shown) = self.ids("/api/analyses?limit=200", rights, Scope::AnalysesRead).await {
            let seen = model
                .analyses
                .iter()
                .filter(|analysis| self.exists(analysis) && model.sees(rights, analysis));
            let expected: BTreeSet<String> = seen.map(|analysis| analysis.id.clone()).collect();
            assert_eq!(shown, expected, "{who:?}");
        }
    }

    async fn each(&self, rights: &Rights) {
        let model = self.model;
        for (index, collection) in model.collections.iter().enumerate() {
            let address = format!("/api/collections/{}", collection.id);
            let reached = model.reaches(rights, index);
            self.is_there(&address, rights, Scope::CollectionsRead, reached).await;
            self.is_there(&format!("{address}/documents"), rights, Scope::DocumentsRead, reached)
                .await;
            if rights.scopes.contains(Scope::AnalysesRead) {
                let of_collection = self.get(&format!("/api/analyses?collection={}", collection.id)).await;
                assert_eq!(
                    of_collection.status,
                    if reached { 200 } else { 404 },
                    "{}",
                    of_collection.text
                );
            }
        }
        for document in &model.documents {
            let collection = &model.collections[document.collection];
            let address = format!("/api/collections/{}/documents/{}", collection.id, document.id);
            let reached = document.is_there && model.reaches(rights, document.collection);
            self.is_there(&address, rights, Scope::DocumentsRead, reached).await;
            let may_ask = rights.scopes.contains(Scope::AnalysesRun) && rights.scopes.contains(Scope::DocumentsRead);
            if may_ask && !reached {
                let question =
                    serde_json::json!({"document_id": document.id, "labels": [{"name": "a"}, {"name": "b"}]});
                let asked = ask(self.app, model, self.who, "POST", "/api/classify", Some(question)).await;
                asked.problem(404, "not-found");
            }
        }
        for analysis in &model.analyses {
            let seen = self.exists(analysis) && model.sees(rights, analysis);
            self.is_there(
                &format!("/api/analyses/{}", analysis.id),
                rights,
                Scope::AnalysesRead,
                seen,
            )
            .await;
        }
    }

    /// An analysis goes with its document.
    fn exists(&self, analysis: &crate::grants_model::Analysis) -> bool {
        analysis
            .document
            .is_none_or(|document| self.model.documents[document].is_there)
    }

    async fn is_there(&self, address: &str, rights: &Rights, scope: Scope, expected: bool) {
        let answer = self.get(address).await;
        if !rights.scopes.contains(scope) {
            answer.problem(403, "forbidden");
        } else if expected {
            answer.ok();
        } else {
            answer.problem(404, "not-found");
        }
    }

    /// Of the keys, and of the collections that they name, one sees what there is for oneself.
    async fn keys(&self, rights: &Rights) {
        let model = self.model;
        let Some(shown) = self.ids("/api/keys?limit=200", rights, Scope::KeysRead).await else {
            return;
        };
        let known = |id: &&String| model.keys.iter().any(|key| key.id == **id);
        // Those who administer see the test's own key too.
        let others = shown.iter().filter(|id| !known(id)).count();
        assert_eq!(others, usize::from(rights.administers()), "{:?}", self.who);
        for (index, key) in model.keys.iter().enumerate() {
            let may_know = model.knows_key(rights, index);
            assert_eq!(
                shown.contains(&key.id),
                may_know && !key.is_revoked,
                "{:?} {}",
                self.who,
                key.id
            );
            self.is_there(&format!("/api/keys/{}", key.id), rights, Scope::KeysRead, may_know)
                .await;
        }
        for item in self.get("/api/keys?limit=200").await.items() {
            for slug in item["collections"].as_array().into_iter().flatten() {
                let within = model
                    .slugs(&rights.reach)
                    .is_none_or(|slugs| slugs.contains(slug.as_str().unwrap()));
                assert!(within, "{:?} is told of {slug}", self.who);
            }
        }
    }
}
