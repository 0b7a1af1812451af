//! Keys that would give or take more than they have, other people's keys and sessions, and collections out of reach.

use crate::{
    attacks::Watch,
    support::{
        TestApp,
        access::{PASSWORD, Tokens},
        send,
    },
};
use serde_json::{Value, json};
use synoptic::domain::{
    identifiers::CollectionId,
    permissions::{Role, Scope, Scopes},
    principal::Reach,
};

pub const COUNT: usize = GIVING + TAKING + REACHING;
const GIVING: usize = 35;
const TAKING: usize = 19;
const REACHING: usize = 28;

async fn collection(app: &TestApp, name: &str) -> (String, CollectionId) {
    let made = app.post("/api/collections", json!({"name": name})).await;
    let id = made.created().body["id"].as_str().unwrap().to_owned();
    let parsed = CollectionId(id.parse().unwrap());
    (id, parsed)
}

#[tokio::test]
async fn nobody_gives_a_key_more_than_they_have() {
    let app = TestApp::with_notes().await;
    let (secret, _) = collection(&app, "Secret").await;
    let notes = app.get("/api/collections/notes").await.body["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let mut watch = Watch::over(&app).await;
    let make = |token: &str, body: &Value| app.with_token(token, "POST", "/api/keys").body_json(body);
    for role in [Role::Viewer, Role::Editor] {
        let (_, tokens) = app.signed_in(&format!("{role}@example.org"), role).await;
        let beyond: Vec<Scope> = Scopes::ALL.without(role.scopes()).iter().collect();
        for scope in &beyond {
            let body = json!({"name": "mine", "scopes": [scope.name()]});
            let name = format!("a {role} makes a key with {scope}");
            watch.forbidden(&name, make(&tokens.access, &body)).await;
        }
        let (_, id) = app.key_of(&tokens.access, json!({"name": "mine"})).await;
        let all: Vec<&str> = Scope::ALL.map(Scope::name).into();
        let request = app.with_token(&tokens.access, "PATCH", format!("/api/keys/{id}"));
        let name = format!("a {role} widens a key of theirs");
        watch.forbidden(&name, request.body_json(&json!({"scopes": all}))).await;
    }

    let some = Scopes::of(&[Scope::KeysRead, Scope::KeysWrite, Scope::DocumentsRead]);
    let (row, key) = app.key_with(some, Reach::only([notes])).await;
    let own = format!("/api/keys/{}", row.row.id.0);
    let change = |body: Value| app.with_token(&key, "PATCH", &own).body_json(&body);
    for (name, body) in [
        (
            "a key makes a key with more scopes",
            json!({"name": "k", "scopes": ["documents:write"]}),
        ),
        (
            "a key makes a key that manages users",
            json!({"name": "k", "scopes": ["users:write"]}),
        ),
        (
            "a key makes a key for all collections",
            json!({"name": "k", "scopes": ["documents:read"]}),
        ),
        (
            "a key makes a key for all collections, said so",
            json!({"name": "k", "scopes": [], "collections": null}),
        ),
    ] {
        watch.forbidden(name, make(&key, &body)).await;
    }
    for (name, names) in [
        ("a key makes a key for another collection", json!(["secret"])),
        ("a key makes a key for another collection, by id", json!([secret])),
        ("a key makes a key for its own and another", json!(["notes", "secret"])),
    ] {
        let body = json!({"name": "k", "scopes": [], "collections": names});
        watch.denied(name, make(&key, &body), 422, "invalid").await;
    }
    watch
        .forbidden(
            "a key gives itself more scopes",
            change(json!({"scopes": ["documents:read", "users:write"]})),
        )
        .await;
    watch
        .forbidden(
            "a key gives itself all collections",
            change(json!({"collections": null})),
        )
        .await;
    let request = change(json!({"collections": ["secret"]}));
    watch
        .denied("a key gives itself another collection", request, 422, "invalid")
        .await;

    let soon = json!({"name": "soon", "scopes": ["keys:read", "keys:write"], "expires_at": "2026-03-01T09:00:00Z"});
    let (key, id) = app.key_of(&app.key, soon).await;
    let own = format!("/api/keys/{id}");
    let change = |body: Value| app.with_token(&key, "PATCH", &own).body_json(&body);
    watch
        .forbidden("a key makes itself last for ever", change(json!({"expires_at": null})))
        .await;
    let later = json!({"expires_at": "2026-03-01T09:00:01Z"});
    watch.forbidden("a key makes itself last longer", change(later)).await;
    let for_ever = make(&key, &json!({"name": "child", "scopes": []}));
    watch.forbidden("a key makes a key that outlives it", for_ever).await;
    watch.finish(GIVING);

    let no_longer = json!({"name": "child", "scopes": ["keys:read"], "expires_at": "2026-03-01T09:00:00Z"});
    send(make(&key, &no_longer)).await.created();
    send(change(json!({"expires_at": "2026-03-01T08:30:00Z"}))).await.ok();
}

#[tokio::test]
async fn nobody_takes_what_belongs_to_others() {
    let app = TestApp::new().await;
    let (_, victim) = app.signed_in("victim@example.org", Role::Editor).await;
    let (_, theirs) = app.key_of(&victim.access, json!({"name": "theirs"})).await;
    let sessions = send(app.with_token(&victim.access, "GET", "/api/auth/sessions")).await;
    let session = sessions.items()[0]["id"].as_str().unwrap().to_owned();
    let (_, thief) = app.signed_in("thief@example.org", Role::Editor).await;
    let (own_key, _) = app
        .key_of(
            &thief.access,
            json!({"name": "mine", "scopes": ["keys:read", "keys:write"]}),
        )
        .await;
    let keys = Scopes::of(&[Scope::KeysRead, Scope::KeysWrite]);
    let (_, nobodys) = app.key_with(keys, Reach::Everything).await;
    let mut watch = Watch::over(&app).await;
    for (who, token) in [
        ("a user", &thief.access),
        ("a user's key", &own_key),
        ("a key of nobody", &nobodys),
    ] {
        let address = format!("/api/keys/{theirs}");
        let ask = |method: &str, path: &str| app.with_token(token, method, path);
        watch
            .not_there(&format!("{who} looks at a key"), ask("GET", &address))
            .await;
        let change = ask("PATCH", &address).body_json(&json!({"name": "mine"}));
        watch.not_there(&format!("{who} changes a key"), change).await;
        let rotate = ask("POST", &format!("{address}/rotate")).body_json(&json!({"overlap_seconds": 0}));
        watch.not_there(&format!("{who} takes over a key"), rotate).await;
        watch
            .not_there(&format!("{who} revokes a key"), ask("DELETE", &address))
            .await;
        let listed = send(ask("GET", "/api/keys?revoked=true")).await;
        assert!(!listed.ok().text.contains(&theirs), "{who} sees a key: {}", listed.text);
        let session = format!("/api/auth/sessions/{session}");
        if who == "a user" {
            watch.not_there("a user ends a session", ask("DELETE", &session)).await;
        } else {
            watch
                .forbidden(&format!("{who} ends a session"), ask("DELETE", &session))
                .await;
        }
    }
    // What is for people, a key does not do, whatever it may.
    for (name, method, path, body) in [
        ("a key signs out", "POST", "/api/auth/logout", None),
        ("a key signs out everywhere", "POST", "/api/auth/logout-all", None),
        ("a key lists sessions", "GET", "/api/auth/sessions", None),
        (
            "a key changes the password",
            "POST",
            "/api/auth/password",
            Some(json!({"current_password": PASSWORD, "new_password": "a password of my own choosing"})),
        ),
    ] {
        let request = app.with_token(&own_key, method, path);
        let request = match body {
            Some(body) => request.body_json(&body),
            None => request,
        };
        watch.forbidden(name, request).await;
    }
    watch.finish(TAKING);
    let wrong = json!({"current_password": "not mine at all, sorry", "new_password": "a password of my own choosing"});
    let request = app.with_token(&thief.access, "POST", "/api/auth/password");
    send(request.body_json(&wrong)).await.invalid_at(&["/current_password"]);
    app.tokens("thief@example.org").await;
}

#[tokio::test]
async fn what_is_out_of_reach_stays_there() {
    let app = TestApp::with_notes().await;
    let (secret, _) = collection(&app, "Secret").await;
    let notes: CollectionId = app.get("/api/collections/notes").await.body["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let memo = app
        .post(
            "/api/collections/secret/documents",
            json!({"external_id": "M-1", "text": "A merger is near."}),
        )
        .await;
    let memo = memo.created().body["id"].as_str().unwrap().to_owned();
    let summary = app.post("/api/summarize", json!({"document_id": memo})).await;
    let summary = summary.ok().body["id"].as_str().unwrap().to_owned();
    let labels = json!({"name": "Topic", "labels": [{"name": "Birds"}, {"name": "Business"}]});
    app.post("/api/taxonomies", labels.clone()).await.created();
    app.user("ann@example.org", Role::Editor, Reach::only([notes])).await;
    let Tokens { access, .. } = app.tokens("ann@example.org").await;
    let mut watch = Watch::over(&app).await;
    let ask = |method: &str, path: &str| app.with_token(&access, method, path);
    for name in ["secret", &secret] {
        let address = format!("/api/collections/{name}");
        let text = json!({"text": "Mine."});
        for (what, request) in [
            ("looks at the collection", ask("GET", &address)),
            (
                "changes the collection",
                ask("PATCH", &address).body_json(&json!({"name": "Mine"})),
            ),
            (
                "deletes the collection",
                ask("DELETE", &format!("{address}?with_documents=true")),
            ),
            ("lists the documents", ask("GET", &format!("{address}/documents"))),
            (
                "searches the documents",
                ask("GET", &format!("{address}/documents?q=merger")),
            ),
            (
                "stores a document",
                ask("POST", &format!("{address}/documents")).body_json(&text),
            ),
            ("reads a document", ask("GET", &format!("{address}/documents/M-1"))),
            (
                "replaces a document",
                ask("PUT", &format!("{address}/documents/M-1")).body_json(&text),
            ),
            (
                "deletes a document",
                ask("DELETE", &format!("{address}/documents/{memo}")),
            ),
        ] {
            let by = if name == "secret" { "name" } else { "id" };
            watch.not_there(&format!("{what}, by {by}"), request).await;
        }
    }
    let elsewhere = ask("GET", &format!("/api/collections/notes/documents/{memo}"));
    watch
        .not_there("reads a document through another collection", elsewhere)
        .await;
    watch
        .not_there("reads an answer", ask("GET", &format!("/api/analyses/{summary}")))
        .await;
    watch
        .not_there("deletes an answer", ask("DELETE", &format!("/api/analyses/{summary}")))
        .await;
    let asks = ask("POST", "/api/summarize").body_json(&json!({"document_id": memo}));
    watch.not_there("asks for a summary", asks).await;
    let create = ask("POST", "/api/collections").body_json(&json!({"name": "Mine"}));
    watch.forbidden("makes a collection", create).await;
    let rename = ask("PATCH", "/api/collections/notes").body_json(&json!({"slug": "secret"}));
    watch.forbidden("takes the slug of another collection", rename).await;
    watch
        .forbidden("makes a taxonomy", ask("POST", "/api/taxonomies").body_json(&labels))
        .await;
    let change = ask("PATCH", "/api/taxonomies/topic").body_json(&json!({"name": "Mine"}));
    watch.forbidden("changes a taxonomy", change).await;
    watch
        .forbidden("deletes a taxonomy", ask("DELETE", "/api/taxonomies/topic"))
        .await;
    let key = ask("POST", "/api/keys").body_json(&json!({"name": "k", "collections": ["secret"]}));
    watch
        .denied("makes a key for what is out of reach", key, 422, "invalid")
        .await;
    watch.finish(REACHING);
}
