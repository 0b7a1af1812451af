//! Refresh tokens that are stolen, used twice, or no more.

use crate::{
    attacks::Watch,
    support::{ADMIN, Request, TestApp, access::Tokens, send},
};
use serde_json::json;
use std::time::Duration;
use synoptic::domain::{permissions::Role, refusals::Refusal};

pub const COUNT: usize = 24;

const ENDING: [&str; 3] = ["sessions", "refresh_tokens", "audit"];

fn refresh<'a>(app: &'a TestApp, token: &str) -> Request<'a> {
    let body = json!({"refresh_token": token});
    app.anonymous("POST", "/api/auth/refresh").body_json(&body)
}

#[tokio::test]
async fn a_refresh_token_is_good_for_once() {
    let app = TestApp::new().await;
    let (user, tokens) = app.signed_in("ann@example.org", Role::Viewer).await;
    let mut watch = Watch::over(&app).await;
    what_is_none(&app, &mut watch, &tokens).await;
    what_comes_twice(&app, &mut watch, tokens).await;

    let tokens = app.tokens("ann@example.org").await;
    let logout = app.with_token(&tokens.access, "POST", "/api/auth/logout");
    send(logout).await.gone();
    watch
        .refused(
            "after signing out",
            refresh(&app, &tokens.refresh),
            Refusal::SessionEnded,
        )
        .await;
    let tokens = app.tokens("ann@example.org").await;
    app.let_pass(Duration::from_hours(30 * 24));
    watch
        .refused("after its time", refresh(&app, &tokens.refresh), Refusal::SessionEnded)
        .await;
    let tokens = app.tokens("ann@example.org").await;
    let address = format!("/api/users/{}", user.row.id.0);
    app.patch(&address, json!({"state": "disabled"})).await.ok();
    watch
        .refused(
            "of a disabled user",
            refresh(&app, &tokens.refresh),
            Refusal::SessionEnded,
        )
        .await;
    app.patch(&address, json!({"state": "active"})).await.ok();
    watch
        .refused(
            "of a user who was disabled once",
            refresh(&app, &tokens.refresh),
            Refusal::SessionEnded,
        )
        .await;
    let tokens = app.tokens("ann@example.org").await;
    app.execute("UPDATE users SET state = 'disabled' WHERE email = 'ann@example.org'")
        .await;
    watch
        .refused(
            "of a user disabled elsewhere",
            refresh(&app, &tokens.refresh),
            Refusal::InactiveUser,
        )
        .await;
    app.delete(&address).await.gone();
    watch
        .refused(
            "of a user who was deleted",
            refresh(&app, &tokens.refresh),
            Refusal::UnknownRefreshToken,
        )
        .await;
    watch.finish(COUNT);
}

async fn what_is_none(app: &TestApp, watch: &mut Watch<'_>, tokens: &Tokens) {
    let token = &tokens.refresh;
    let browser = app.browser("ann@example.org").await;
    let swapped: String = token
        .chars()
        .map(|letter| {
            if letter.is_lowercase() {
                letter.to_ascii_uppercase()
            } else {
                letter.to_ascii_lowercase()
            }
        })
        .collect();
    for (name, token) in [
        ("never made", "A".repeat(43)),
        ("in another case", swapped),
        ("a browser's session", browser.session),
        ("a CSRF token", browser.csrf),
    ] {
        watch
            .refused(name, refresh(app, &token), Refusal::UnknownRefreshToken)
            .await;
    }
    for (name, token) in [
        ("nothing", String::new()),
        ("one character short", token[1..].to_owned()),
        ("one character more", format!("{token}A")),
        ("a space behind", format!("{token} ")),
        ("an access token", tokens.access.clone()),
        ("a device's token", browser.device),
        ("an API key", app.key.clone()),
        ("SQL", "' OR used_at IS NULL --".to_owned()),
        ("U+0000", "\0".repeat(43)),
        ("longer than any token", "A".repeat(15_000)),
    ] {
        watch.refused(name, refresh(app, &token), Refusal::Malformed).await;
    }
}

/// The thief and the owner have the same token. Whoever comes second, both are out.
async fn what_comes_twice(app: &TestApp, watch: &mut Watch<'_>, stolen: Tokens) {
    let me = |token: &str| app.with_token(token, "GET", "/api/auth/me");
    let newer = Tokens::of(app.refresh(&stolen.refresh).await.ok());
    let newest = Tokens::of(app.refresh(&newer.refresh).await.ok());
    send(me(&newest.access)).await.ok();
    let replayed = refresh(app, &stolen.refresh);
    watch
        .refused_ending("stolen and used before", replayed, Refusal::ReusedRefreshToken, &ENDING)
        .await;
    let newest_refresh = refresh(app, &newest.refresh);
    watch
        .refused("the newest of its family", newest_refresh, Refusal::SessionEnded)
        .await;
    watch
        .refused("the newest access token", me(&newest.access), Refusal::SessionEnded)
        .await;

    let tokens = app.tokens("ann@example.org").await;
    app.refresh(&tokens.refresh).await.ok();
    let form = json!({"grant_type": "refresh_token", "refresh_token": tokens.refresh});
    let by_form = app.anonymous("POST", "/api/auth/token").form(&form);
    watch
        .refused_ending("used before, as OAuth", by_form, Refusal::ReusedRefreshToken, &ENDING)
        .await;
}

#[tokio::test]
async fn of_two_at_once_one_wins_and_the_session_ends() {
    let app = TestApp::new().await;
    for _ in 0..5 {
        let tokens = app.tokens(ADMIN.0).await;
        let (one, two) = tokio::join!(app.refresh(&tokens.refresh), app.refresh(&tokens.refresh));
        let (won, lost) = if one.status == 200 { (one, two) } else { (two, one) };
        let won = Tokens::of(won.ok());
        lost.problem(401, "unauthorized");
        for token in [&tokens.access, &won.access] {
            let answer = send(app.with_token(token, "GET", "/api/auth/me")).await;
            answer.problem(401, "unauthorized");
        }
        app.refresh(&won.refresh).await.problem(401, "unauthorized");
    }
    let trail = app.get("/api/audit?action=refresh_token_reused").await;
    assert_eq!(trail.each("result"), ["refused"; 5]);
}
