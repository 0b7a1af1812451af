//! A browser's cookie: sent by other sites, planted, stolen, or no more.

use crate::{
    attacks::Watch,
    support::{ADMIN, Request, TestApp, access::Browser, send, spec::Spec},
};
use serde_json::json;
use std::time::Duration;
use synoptic::{
    config::PublicUrl,
    domain::{permissions::Role, refusals::Refusal},
};

pub const COUNT: usize = ALONE + PREFIXES;
const ALONE: usize = 38;
const PREFIXES: usize = 2;

const ME: &str = "/api/auth/me";
const COLLECTIONS: &str = "/api/collections";

fn with(app: &TestApp, cookie: impl AsRef<[u8]>) -> Request<'_> {
    app.anonymous("GET", ME).header("cookie", cookie.as_ref())
}

/// Something that changes something, with the cookie and without the CSRF token.
fn change<'a>(app: &'a TestApp, browser: &Browser) -> Request<'a> {
    let request = app.with_cookie(browser, "POST", COLLECTIONS);
    request.body_json(&json!({"name": "Mine"}))
}

#[tokio::test]
async fn a_cookie_alone_changes_nothing() {
    let app = TestApp::new().await;
    let mut watch = Watch::over(&app).await;
    let browser = app.browser(ADMIN.0).await;
    without_the_csrf_token(&app, &mut watch, &browser).await;
    what_is_no_cookie(&app, &mut watch, &browser).await;
    send(app.with_cookie(&browser, "GET", ME)).await.ok();
    let meant = change(&app, &browser).header("x-csrf-token", &browser.csrf);
    send(meant.header("sec-fetch-site", "same-origin")).await.created();
    what_is_no_cookie_any_more(&app, &mut watch).await;
    watch.finish(ALONE);
}

async fn without_the_csrf_token(app: &TestApp, watch: &mut Watch<'_>, browser: &Browser) {
    let other = app.browser(ADMIN.0).await;
    let csrf = &browser.csrf;
    watch
        .refused("no CSRF token", change(app, browser), Refusal::Csrf)
        .await;
    for (name, token) in [
        ("an empty CSRF token", String::new()),
        ("a CSRF token made up", "A".repeat(43)),
        ("the CSRF token of another session", other.csrf.clone()),
        ("the session itself as CSRF token", browser.session.clone()),
        ("half of the CSRF token", csrf[..20].to_owned()),
        ("the CSRF token and more", format!("{csrf}A")),
        ("the CSRF token in capitals", csrf.to_uppercase()),
        ("the CSRF token twice", format!("{csrf}, {csrf}")),
    ] {
        let request = change(app, browser).header("x-csrf-token", token);
        watch.refused(name, request, Refusal::Csrf).await;
    }
    for site in ["cross-site", "same-site", "", "Same-Origin", "same-origin, cross-site"] {
        let request = change(app, browser)
            .header("x-csrf-token", csrf)
            .header("sec-fetch-site", site);
        watch
            .refused(&format!("sent from {site:?}"), request, Refusal::Csrf)
            .await;
    }
    let both = format!("synoptic_session={}; synoptic_csrf={csrf}", browser.session);
    let by_cookie = app.anonymous("POST", COLLECTIONS).header("cookie", both);
    watch
        .refused(
            "the CSRF token as a cookie only",
            by_cookie.body_json(&json!({"name": "Mine"})),
            Refusal::Csrf,
        )
        .await;
    let in_query = app.with_cookie(browser, "POST", &format!("{COLLECTIONS}?csrf_token={csrf}"));
    watch
        .refused(
            "the CSRF token in the query",
            in_query.body_json(&json!({"name": "Mine"})),
            Refusal::Csrf,
        )
        .await;
    let in_body = app.with_cookie(browser, "POST", COLLECTIONS);
    let body = json!({"name": "Mine", "csrf_token": csrf});
    watch
        .refused("the CSRF token in the body", in_body.body_json(&body), Refusal::Csrf)
        .await;
    for (name, header) in [
        ("in another header", "x-xsrf-token"),
        ("in yet another header", "csrf-token"),
    ] {
        let request = change(app, browser).header(header, csrf);
        watch
            .refused(&format!("the CSRF token {name}"), request, Refusal::Csrf)
            .await;
    }
    let form = app
        .with_cookie(browser, "POST", COLLECTIONS)
        .header("origin", "https://evil.example");
    watch
        .refused(
            "a form of another site",
            form.form(&json!({"name": "Mine"})),
            Refusal::Csrf,
        )
        .await;
    let overridden = change(app, browser).header("x-http-method-override", "GET");
    watch
        .refused("a change that calls itself a question", overridden, Refusal::Csrf)
        .await;
    let out = app
        .with_cookie(browser, "POST", "/api/auth/logout")
        .header("sec-fetch-site", "cross-site");
    watch.refused("another site signs out", out, Refusal::Csrf).await;
}

async fn what_is_no_cookie(app: &TestApp, watch: &mut Watch<'_>, browser: &Browser) {
    let session = &browser.session;
    let tokens = app.tokens(ADMIN.0).await;
    let pair = format!("synoptic_session={session}");
    let planted = "A".repeat(43);
    for (name, cookie) in [
        (
            "a session that was planted before",
            format!("synoptic_session={planted}; {pair}"),
        ),
        (
            "a session that was planted behind",
            format!("{pair}; synoptic_session={planted}"),
        ),
        ("the session twice", format!("{pair}; {pair}")),
        ("one character short", pair[..pair.len() - 1].to_owned()),
        ("one character more", format!("{pair}A")),
        ("an access token", format!("synoptic_session={}", tokens.access)),
        ("an empty session", "synoptic_session=".to_owned()),
        ("in quotation marks", format!("synoptic_session=\"{session}\"")),
    ] {
        watch.refused(name, with(app, cookie), Refusal::Malformed).await;
    }
    let lines = with(app, &pair).header("cookie", &pair);
    watch
        .refused("the session in two lines", lines, Refusal::Malformed)
        .await;
    for (name, token) in [
        ("a session made up", planted),
        ("a refresh token", tokens.refresh.clone()),
        ("a CSRF token as session", browser.csrf.clone()),
    ] {
        watch
            .refused(
                name,
                with(app, format!("synoptic_session={token}")),
                Refusal::SessionEnded,
            )
            .await;
    }
    let other_name = with(app, format!("Synoptic_Session={session}"));
    watch.refused("under another name", other_name, Refusal::None).await;
    let bad_header = with(app, &pair).header("authorization", "Bearer x");
    watch
        .refused("beside a header that is no credential", bad_header, Refusal::Malformed)
        .await;
}

async fn what_is_no_cookie_any_more(app: &TestApp, watch: &mut Watch<'_>) {
    let get = |browser: &Browser| app.with_cookie(browser, "GET", ME);
    app.signed_in("ann@example.org", Role::Editor).await;
    let browser = app.browser("ann@example.org").await;
    send(get(&browser)).await.ok();
    let out = app
        .with_cookie(&browser, "POST", "/api/auth/logout")
        .header("x-csrf-token", &browser.csrf);
    send(out).await.gone();
    watch
        .refused("after signing out", get(&browser), Refusal::SessionEnded)
        .await;
    let browser = app.browser("ann@example.org").await;
    send(get(&browser)).await.ok();
    app.let_pass(Duration::from_hours(24));
    watch.refused("after a day", get(&browser), Refusal::SessionEnded).await;
}

/// Over https the cookies have names that no other host of the domain can set.
#[tokio::test]
async fn over_https_a_cookie_of_another_host_is_none() {
    let app = TestApp::with(|config| {
        config.server.public_url = Some(PublicUrl::parse("https://synoptic.example").unwrap());
    })
    .await;
    let browser = app.browser(ADMIN.0).await;
    let own = format!("__Host-synoptic_session={}", browser.session);
    send(with(&app, &own)).await.ok();
    let mut watch = Watch::over(&app).await;
    let plain = with(&app, format!("synoptic_session={}", browser.session));
    watch.refused("without the prefix", plain, Refusal::None).await;
    let insecure = with(&app, format!("__Secure-synoptic_session={}", browser.session));
    watch.refused("with another prefix", insecure, Refusal::None).await;
    let planted = format!("synoptic_session={}; {own}", "A".repeat(43));
    send(with(&app, planted)).await.ok();
    watch.finish(PREFIXES);
}

#[tokio::test]
async fn every_operation_that_changes_something_wants_the_csrf_token() {
    let app = TestApp::demo().await;
    let browser = app.browser(ADMIN.0).await;
    let mut refused = 0;
    for operation in Spec::load().await.operations() {
        if operation.is_public() {
            continue;
        }
        let before = app.refusals().await.get("csrf").copied().unwrap_or_default();
        let request = app.with_cookie(&browser, &operation.method, &operation.example_address());
        let answer = match operation.example_body() {
            Some(body) => send(request.body_json(&body)).await,
            None => send(request).await,
        };
        let counted = app.refusals().await.get("csrf").copied().unwrap_or_default() - before;
        if operation.method == "GET" {
            assert_eq!(
                (answer.status, counted),
                (200, 0),
                "{}: {}",
                operation.id(),
                answer.text
            );
        } else {
            assert_eq!(
                (answer.status, counted),
                (401, 1),
                "{}: {}",
                operation.id(),
                answer.text
            );
            refused += 1;
        }
    }
    assert!(refused > 25, "{refused}");
}
