//! Access tokens of sessions, people and keys that are no more.

use crate::{
    attacks::Watch,
    support::{
        ADMIN, Request, TestApp,
        access::{PASSWORD, Tokens},
        send,
    },
};
use serde_json::json;
use std::time::Duration;
use synoptic::domain::{permissions::Role, principal::Actor, refusals::Refusal};

pub const COUNT: usize = SESSIONS + PEOPLE;
const SESSIONS: usize = 8;
const PEOPLE: usize = 6;

fn get<'a>(app: &'a TestApp, token: &str) -> Request<'a> {
    app.with_token(token, "GET", "/api/auth/me")
}

#[tokio::test]
async fn a_token_ends_with_its_session() {
    let app = TestApp::new().await;
    let (user, first) = app.signed_in("ann@example.org", Role::Editor).await;
    let address = format!("/api/users/{}", user.row.id.0);
    let again = async || app.tokens("ann@example.org").await;
    // A token in use is known at hand, which has to be forgotten.
    let use_it = async |tokens: &Tokens| send(get(&app, &tokens.access)).await.ok().status;
    let post = |token: &str, path: &str| app.with_token(token, "POST", path);
    let mut watch = Watch::over(&app).await;

    use_it(&first).await;
    send(post(&first.access, "/api/auth/logout")).await.gone();
    watch
        .refused("after signing out", get(&app, &first.access), Refusal::SessionEnded)
        .await;
    let again_out = post(&first.access, "/api/auth/logout");
    watch
        .refused("signing out twice", again_out, Refusal::SessionEnded)
        .await;

    let (one, two) = (again().await, again().await);
    use_it(&one).await;
    use_it(&two).await;
    send(post(&two.access, "/api/auth/logout-all")).await.gone();
    watch
        .refused(
            "after signing out everywhere, elsewhere",
            get(&app, &one.access),
            Refusal::SessionEnded,
        )
        .await;
    watch
        .refused(
            "after signing out everywhere, here",
            get(&app, &two.access),
            Refusal::SessionEnded,
        )
        .await;

    let (one, two) = (again().await, again().await);
    use_it(&one).await;
    let change = json!({"current_password": PASSWORD, "new_password": "forty loud geese on the other bank"});
    send(post(&two.access, "/api/auth/password").body_json(&change))
        .await
        .gone();
    watch
        .refused(
            "after a change of the password",
            get(&app, &one.access),
            Refusal::SessionEnded,
        )
        .await;
    use_it(&two).await;
    app.patch(&address, json!({"password": PASSWORD})).await.ok();
    watch
        .refused(
            "after an admin set a password",
            get(&app, &two.access),
            Refusal::SessionEnded,
        )
        .await;

    let tokens = again().await;
    use_it(&tokens).await;
    let sessions = send(app.with_token(&tokens.access, "GET", "/api/auth/sessions")).await;
    let session = sessions.items()[0]["id"].as_str().unwrap().to_owned();
    send(app.as_admin("DELETE", format!("/api/auth/sessions/{session}")))
        .await
        .gone();
    watch
        .refused(
            "after an admin ended the session",
            get(&app, &tokens.access),
            Refusal::SessionEnded,
        )
        .await;

    let tokens = again().await;
    use_it(&tokens).await;
    app.refresh(&tokens.refresh).await.ok();
    use_it(&tokens).await;
    app.refresh(&tokens.refresh).await.problem(401, "unauthorized");
    watch
        .refused(
            "after a refresh token came twice",
            get(&app, &tokens.access),
            Refusal::SessionEnded,
        )
        .await;
    watch.finish(SESSIONS);
}

#[tokio::test]
async fn a_token_ends_with_its_user_and_its_key() {
    let app = TestApp::new().await;
    let (user, tokens) = app.signed_in("ann@example.org", Role::Editor).await;
    let address = format!("/api/users/{}", user.row.id.0);
    let use_it = async |token: &str| send(get(&app, token)).await.ok().status;
    let mut watch = Watch::over(&app).await;

    use_it(&tokens.access).await;
    app.patch(&address, json!({"role": "viewer"})).await.ok();
    let write = app
        .with_token(&tokens.access, "POST", "/api/collections")
        .body_json(&json!({"name": "Mine"}));
    watch.forbidden("after the role became less", write).await;

    app.patch(&address, json!({"state": "disabled"})).await.ok();
    watch
        .refused("of a disabled user", get(&app, &tokens.access), Refusal::SessionEnded)
        .await;
    app.patch(&address, json!({"state": "active"})).await.ok();
    watch
        .refused(
            "of a user who was disabled once",
            get(&app, &tokens.access),
            Refusal::SessionEnded,
        )
        .await;

    let tokens = app.tokens("ann@example.org").await;
    use_it(&tokens.access).await;
    app.delete(&address).await.gone();
    watch
        .refused(
            "of a user who was deleted",
            get(&app, &tokens.access),
            Refusal::SessionEnded,
        )
        .await;

    use_it(&app.token).await;
    app.services
        .signing_keys
        .rotate(&Actor::operator(), true)
        .await
        .unwrap();
    watch
        .refused(
            "of a signing key that became known",
            get(&app, &app.token),
            Refusal::TokenUnknownKey,
        )
        .await;

    let admin = app.tokens(ADMIN.0).await;
    use_it(&admin.access).await;
    app.let_pass(Duration::from_hours(24));
    watch
        .refused("after its time", get(&app, &admin.access), Refusal::TokenExpired)
        .await;
    watch.finish(PEOPLE);
}
