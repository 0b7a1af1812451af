//! Those who are let in make themselves, or others, more than they are.

use crate::{
    attacks::Watch,
    support::{ADMIN, TestApp, access::PASSWORD, send},
};
use serde_json::json;
use synoptic::domain::{
    permissions::{Role, Scope, Scopes},
    principal::Reach,
};

pub const COUNT: usize = BELOW + KEYS + LAST;
const BELOW: usize = 30;
const KEYS: usize = 13;
const LAST: usize = 9;

#[tokio::test]
async fn those_below_an_admin_do_nothing_of_an_admins() {
    let app = TestApp::new().await;
    let victim = app.user("victim@example.org", Role::Viewer, Reach::Everything).await;
    let admin = app.get("/api/users?role=admin").await.items()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut watch = Watch::over(&app).await;
    for role in [Role::Viewer, Role::Editor] {
        let (me, tokens) = app.signed_in(&format!("{role}@example.org"), role).await;
        let (own, theirs) = (me.row.id.0.to_string(), victim.row.id.0.to_string());
        let put = json!({"email": "me@example.org", "name": "Me", "role": "admin", "state": "active"});
        let new = json!({"email": "new@example.org", "role": "viewer"});
        for (name, method, path, body) in [
            ("lists users", "GET", "/api/users".to_owned(), None),
            ("counts users", "HEAD", "/api/users".to_owned(), None),
            ("looks at another", "GET", format!("/api/users/{theirs}"), None),
            ("looks at an admin", "GET", format!("/api/users/{admin}"), None),
            (
                "looks at themselves as a user",
                "GET",
                format!("/api/users/{own}"),
                None,
            ),
            ("makes a user", "POST", "/api/users".to_owned(), Some(new)),
            (
                "becomes an admin",
                "PATCH",
                format!("/api/users/{own}"),
                Some(json!({"role": "admin"})),
            ),
            ("becomes an admin by PUT", "PUT", format!("/api/users/{own}"), Some(put)),
            (
                "reaches everything",
                "PATCH",
                format!("/api/users/{own}"),
                Some(json!({"collections": null})),
            ),
            (
                "gives an admin a password",
                "PATCH",
                format!("/api/users/{admin}"),
                Some(json!({"password": "a password of my own choosing"})),
            ),
            (
                "takes over an address",
                "PATCH",
                format!("/api/users/{theirs}"),
                Some(json!({"email": "me2@example.org"})),
            ),
            ("deletes another", "DELETE", format!("/api/users/{theirs}"), None),
            ("deletes an admin", "DELETE", format!("/api/users/{admin}"), None),
            ("reads the audit trail", "GET", "/api/audit".to_owned(), None),
            (
                "searches the audit trail",
                "GET",
                format!("/api/audit?actor_id={admin}"),
                None,
            ),
        ] {
            let request = app.with_token(&tokens.access, method, path);
            let request = match body {
                Some(body) => request.body_json(&body),
                None => request,
            };
            let name = format!("a {role} {name}");
            if method == "HEAD" {
                watch.forbidden_without_words(&name, request).await;
            } else {
                watch.forbidden(&name, request).await;
            }
        }
    }
    watch.finish(BELOW);
}

/// A program that manages users and is no admin makes nobody mightier than itself.
#[tokio::test]
async fn a_key_that_manages_users_makes_no_admin() {
    let app = TestApp::new().await;
    let admin = app.get("/api/users?role=admin").await.items()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let viewer = app
        .user("viewer@example.org", Role::Viewer, Reach::Everything)
        .await
        .row
        .id
        .0;
    let editor = app
        .user("editor@example.org", Role::Editor, Reach::Everything)
        .await
        .row
        .id
        .0;
    let managing = Scopes::of(&[Scope::UsersRead, Scope::UsersWrite]);
    let (_, key) = app
        .key_with(managing.union(Role::Viewer.scopes()), Reach::Everything)
        .await;
    let mut watch = Watch::over(&app).await;
    let ask = |method: &str, path: String| app.with_token(&key, method, path);
    for role in ["admin", "editor"] {
        let body = json!({"email": "new@example.org", "role": role, "password": "a password of my own choosing"});
        watch
            .forbidden(
                &format!("makes an {role}"),
                ask("POST", "/api/users".to_owned()).body_json(&body),
            )
            .await;
        let request = ask("PATCH", format!("/api/users/{viewer}")).body_json(&json!({"role": role}));
        watch
            .forbidden(&format!("turns a viewer into an {role}"), request)
            .await;
    }
    let put = json!({"email": "viewer@example.org", "name": "V", "role": "admin", "state": "active"});
    watch
        .forbidden(
            "turns a viewer into an admin by PUT",
            ask("PUT", format!("/api/users/{viewer}")).body_json(&put),
        )
        .await;
    for (name, id) in [("an admin", admin), ("an editor", editor.to_string())] {
        let address = format!("/api/users/{id}");
        let password = json!({"password": "a password of my own choosing"});
        watch
            .forbidden(
                &format!("gives {name} a password"),
                ask("PATCH", address.clone()).body_json(&password),
            )
            .await;
        let less = ask("PATCH", address.clone()).body_json(&json!({"role": "viewer"}));
        watch.forbidden(&format!("makes {name} a viewer"), less).await;
        watch
            .forbidden(&format!("deletes {name}"), ask("DELETE", address))
            .await;
    }
    let only = Scopes::of(&[Scope::UsersWrite]);
    let (_, key) = app.key_with(only, Reach::Everything).await;
    let body = json!({"email": "new@example.org", "role": "viewer", "password": "a password of my own choosing"});
    let request = app.with_token(&key, "POST", "/api/users").body_json(&body);
    watch
        .forbidden("makes a viewer, who may read, and may not read", request)
        .await;
    let request = app
        .with_token(&key, "PATCH", format!("/api/users/{viewer}"))
        .body_json(&json!({"state": "disabled"}));
    watch.forbidden("disables a viewer, who may more", request).await;
    watch.finish(KEYS);
}

#[tokio::test]
async fn the_last_admin_stays() {
    let app = TestApp::new().await;
    let admin = app.get("/api/users?role=admin").await.items()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let address = format!("/api/users/{admin}");
    let put = json!({"email": ADMIN.0, "name": "Admin", "role": "editor", "state": "active"});
    let mut watch = Watch::over(&app).await;
    for (who, token) in [("the last admin", app.token.clone()), ("a program", app.key.clone())] {
        for (what, body) in [
            ("demotes", json!({"role": "editor"})),
            ("disables", json!({"state": "disabled"})),
        ] {
            let request = app.with_token(&token, "PATCH", &address).body_json(&body);
            watch
                .denied(&format!("{who} {what} the last admin"), request, 409, "conflict")
                .await;
        }
        let request = app.with_token(&token, "DELETE", &address);
        watch
            .denied(&format!("{who} deletes the last admin"), request, 409, "conflict")
            .await;
        let request = app.with_token(&token, "PUT", &address).body_json(&put);
        watch
            .denied(&format!("{who} replaces the last admin"), request, 409, "conflict")
            .await;
    }
    let restrict = app.as_admin("PATCH", &address).body_json(&json!({"collections": []}));
    watch
        .denied("the last admin loses every collection", restrict, 422, "invalid")
        .await;
    watch.finish(LAST);

    // One who is disabled is no other admin; one who is not, is.
    let (second, tokens) = app.signed_in("second@example.org", Role::Admin).await;
    let second = format!("/api/users/{}", second.row.id.0);
    app.patch(&second, json!({"state": "disabled"})).await.ok();
    app.delete(&address).await.problem(409, "conflict");
    app.patch(&second, json!({"state": "active"})).await.ok();
    app.delete(&address).await.gone();
    send(app.as_admin("GET", "/api/users"))
        .await
        .problem(401, "unauthorized");
    let gone = send(app.with_token(&tokens.access, "GET", "/api/users")).await;
    gone.problem(401, "unauthorized");
    let back = app.tokens("second@example.org").await;
    send(app.with_token(&back.access, "GET", "/api/users")).await.ok();
    app.delete(&second).await.problem(409, "conflict");
}

#[tokio::test]
async fn an_admin_who_cannot_sign_in_is_no_other_admin() {
    let app = TestApp::new().await;
    let admin = app.get("/api/users?role=admin").await.items()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let ghost = json!({"email": "ghost@example.org", "role": "admin"});
    let ghost = app.post("/api/users", ghost).await.created().body["id"].clone();
    let (admin, ghost) = (
        format!("/api/users/{admin}"),
        format!("/api/users/{}", ghost.as_str().unwrap()),
    );
    for body in [json!({"role": "editor"}), json!({"state": "disabled"})] {
        app.patch(&admin, body).await.problem(409, "conflict");
    }
    app.delete(&admin).await.problem(409, "conflict");
    app.patch(&ghost, json!({"password": PASSWORD})).await.ok();
    app.patch(&admin, json!({"role": "editor"})).await.ok();
}

#[tokio::test]
async fn of_two_admins_who_delete_each_other_one_stays() {
    let app = TestApp::new().await;
    let first = app.get("/api/users?role=admin").await.items()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (second, tokens) = app.signed_in("second@example.org", Role::Admin).await;
    let (one, two) = tokio::join!(
        send(app.as_admin("DELETE", format!("/api/users/{}", second.row.id.0))),
        send(app.with_token(&tokens.access, "DELETE", format!("/api/users/{first}"))),
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert!(statuses == [204, 401] || statuses == [204, 409], "{statuses:?}");
    assert_eq!(app.get("/api/users?role=admin&state=active").await.items().len(), 1);
}
