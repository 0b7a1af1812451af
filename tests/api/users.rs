//! Users: made, found, changed by one at a time, deleted.

use crate::support::{
    ADMIN, TestApp,
    access::{PASSWORD, Tokens},
    send,
};
use serde_json::json;
use synoptic::domain::{permissions::Role, principal::Reach};

const NEW_PASSWORD: &str = "violet ponies over the hedge";

#[tokio::test]
async fn a_user_is_made_read_changed_and_deleted() {
    let app = TestApp::with_notes().await;
    let new =
        json!({"email": "Grace@Example.ORG", "role": "editor", "password": NEW_PASSWORD, "collections": ["notes"]});
    let made = send(app.as_admin("POST", "/api/users").body_json(&new)).await;
    let user = &made.created().body;
    let address = made.header("location").unwrap().to_owned();
    assert_eq!(address, format!("/api/users/{}", user["id"].as_str().unwrap()));
    let expected = json!({
        "id": user["id"], "email": "grace@example.org", "name": "grace@example.org", "role": "editor", "state": "active",
        "collections": ["notes"], "has_password": true, "version": 1,
        "created_at": "2026-03-01T08:00:00Z", "updated_at": "2026-03-01T08:00:00Z",
    });
    assert_eq!(*user, expected);
    let read = app.get(&address).await;
    assert_eq!((&read.ok().body, read.etag()), (&expected, made.etag()));
    app.post("/api/users", new).await.problem(409, "conflict");

    app.tick();
    Tokens::of(app.log_in("grace@example.org", NEW_PASSWORD).await.ok());
    let after = app.get(&address).await;
    assert_eq!(after.body["last_sign_in_at"], "2026-03-01T08:00:01Z");
    assert_eq!(after.body["version"], 1, "signing in is no change");

    let put = json!({"email": "hopper@example.org", "name": "Grace Hopper", "role": "viewer", "state": "active"});
    let replaced = app.put(&address, put).await;
    let body = &replaced.ok().body;
    assert_eq!(
        (&body["name"], &body["version"], &body["has_password"]),
        (&json!("Grace Hopper"), &json!(2), &json!(true))
    );
    assert!(body.get("collections").is_none(), "all of them: {body}");
    app.log_in("hopper@example.org", NEW_PASSWORD).await.ok();
    app.log_in("grace@example.org", NEW_PASSWORD)
        .await
        .problem(401, "unauthorized");
    app.delete(&address).await.gone();
    app.get(&address).await.problem(404, "not-found");
    app.delete(&address).await.problem(404, "not-found");
    app.log_in("hopper@example.org", NEW_PASSWORD)
        .await
        .problem(401, "unauthorized");
}

#[tokio::test]
async fn of_two_who_change_a_user_at_once_the_second_is_told() {
    let app = TestApp::new().await;
    let user = app.user("ann@example.org", Role::Viewer, Reach::Everything).await;
    let address = format!("/api/users/{}", user.row.id.0);
    let etag = app.get(&address).await.etag();
    let change = |etag: &str, name: &str| {
        let request = app.request("PATCH", &address).header("if-match", etag);
        send(request.body_json(&json!({"name": name})))
    };
    let changed = change(&etag, "First").await;
    assert_ne!(changed.ok().etag(), etag);
    change(&etag, "Second").await.problem(412, "precondition-failed");
    let put = json!({"email": "ann@example.org", "name": "Third", "role": "viewer", "state": "active"});
    let put = app.request("PUT", &address).header("if-match", &etag).body_json(&put);
    send(put).await.problem(412, "precondition-failed");
    let delete = |etag: &str| send(app.request("DELETE", &address).header("if-match", etag));
    delete(&etag).await.problem(412, "precondition-failed");
    assert_eq!(app.get(&address).await.body["name"], "First");
    let same = app.request("GET", &address).header("if-none-match", changed.etag());
    assert_eq!(send(same).await.status, 304);
    let unchanged = change(&changed.etag(), "First").await;
    assert_eq!(
        unchanged.ok().etag(),
        changed.etag(),
        "what changes nothing makes no version"
    );
    delete(&changed.etag()).await.gone();
}

#[tokio::test]
async fn users_are_found_by_what_they_are() {
    let app = TestApp::with_notes().await;
    let notes = app.get("/api/collections/notes").await.body["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    for (email, role, reach) in [
        ("ann@example.org", Role::Viewer, Reach::Everything),
        ("bea@example.com", Role::Editor, Reach::only([notes])),
        ("cem_a%b@example.com", Role::Editor, Reach::only([])),
        ("dan@example.com", Role::Viewer, Reach::only([notes])),
    ] {
        app.tick();
        app.user(email, role, reach).await;
    }
    let dan = app.get("/api/users?search=dan").await.items()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    app.patch(
        format!("/api/users/{dan}"),
        json!({"state": "disabled", "name": "Daniel"}),
    )
    .await
    .ok();
    let found = async |query: &str| app.get(format!("/api/users?{query}")).await.each("email");
    let (ann, bea, cem, dan) = (
        "ann@example.org",
        "bea@example.com",
        "cem_a%b@example.com",
        "dan@example.com",
    );
    assert_eq!(found("").await, [ADMIN.0, ann, bea, cem, dan]);
    assert_eq!(found("search=EXAMPLE.COM").await, [bea, cem, dan]);
    assert_eq!(found("search=DANI").await, [dan]);
    assert_eq!(found("search=a%25b").await, [cem], "a sign of a pattern is a sign");
    assert_eq!(found("search=_").await, [cem]);
    assert_eq!(found("role=editor").await, [bea, cem]);
    assert_eq!(found("state=disabled").await, [dan]);
    assert_eq!(found("collection=notes").await, [ADMIN.0, ann, bea, dan]);
    assert_eq!(
        found("collection=notes&role=viewer&state=active&search=org").await,
        [ann]
    );
    assert_eq!(found("search=nobody").await, [""; 0]);
    app.get("/api/users?collection=nothing").await.problem(404, "not-found");
    for wrong in [
        "role=root",
        "state=gone",
        "limit=0",
        "limit=201",
        "cursor=x",
        "order=email",
    ] {
        let name = wrong.split('=').next().unwrap();
        app.get(format!("/api/users?{wrong}")).await.invalid_parameter(name);
    }

    let (mut seen, mut address) = (Vec::new(), "/api/users?limit=2&state=active".to_owned());
    loop {
        let page = app.get(&address).await;
        seen.extend(page.each("email"));
        let Some(cursor) = page.body["next_cursor"].as_str() else {
            break;
        };
        assert!(page.header("link").unwrap().contains("rel=\"next\""));
        address = format!("/api/users?limit=2&state=active&cursor={cursor}");
    }
    assert_eq!(seen, [ADMIN.0, ann, bea, cem]);
}

#[tokio::test]
async fn a_change_of_rights_takes_effect_at_once() {
    let app = TestApp::with_notes().await;
    let (user, tokens) = app.signed_in("ann@example.org", Role::Viewer).await;
    let address = format!("/api/users/{}", user.row.id.0);
    let write = || {
        send(
            app.with_token(&tokens.access, "POST", "/api/collections/notes/documents")
                .body_json(&json!({"text": "A heron."})),
        )
    };
    let read = || send(app.with_token(&tokens.access, "GET", "/api/collections/notes"));
    write().await.problem(403, "forbidden");
    app.patch(&address, json!({"role": "editor"})).await.ok();
    write().await.created();
    app.patch(&address, json!({"collections": []})).await.ok();
    write().await.problem(404, "not-found");
    read().await.problem(404, "not-found");
    app.patch(&address, json!({"collections": ["notes"]})).await.ok();
    read().await.ok();
    app.patch(&address, json!({"collections": null})).await.ok();
    write().await.created();
    app.patch(&address, json!({"role": "viewer"})).await.ok();
    write().await.problem(403, "forbidden");
    read().await.ok();
    app.log_in("ann@example.org", PASSWORD).await.ok();
}
