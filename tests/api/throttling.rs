//! Whoever guesses passwords is slowed down, and whoever has one is not.

use crate::{
    attacks_on_sign_in::{ANN, LOGIN, people},
    support::{ADMIN, Answer, TestApp, access::PASSWORD, send},
};
use futures_util::future::join_all;
use poem::{
    Addr, Endpoint,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use serde_json::json;
use std::net::IpAddr;

/// A sign-in as it comes from a socket, with the headers that somebody adds.
async fn from(app: &TestApp, peer: &str, email: &str, password: &str, headers: &[(&'static str, &str)]) -> Answer {
    let request = poem::http::Request::post(LOGIN).header("content-type", "application/json");
    let mut head = request.body(()).unwrap().into_parts().0;
    for (name, value) in headers {
        head.headers.append(*name, value.parse().unwrap());
    }
    let peer = RemoteAddr(Addr::SocketAddr((peer.parse::<IpAddr>().unwrap(), 40_000).into()));
    let parts = (head, LocalAddr::default(), peer, Scheme::HTTP).into();
    let body = json!({"email": email, "password": password}).to_string();
    let request = poem::Request::from_parts(parts, body.into());
    Answer::read(app.server.get_response(request).await).await
}

#[track_caller]
fn assert_throttled(answer: &Answer) {
    let problem = answer.problem(429, "rate-limited");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(problem["retry_after"], wait);
}

#[tokio::test]
async fn whoever_guesses_is_slowed_down_and_the_owner_is_not() {
    let app = TestApp::new().await;
    people(&app).await;
    let device = app.browser(ANN).await.device;
    let other_device = app.browser(ADMIN.0).await.device;
    let guess = async |headers: &[(&'static str, &str)]| from(&app, "198.51.100.7", ANN, "a guess", headers).await;
    for _ in 0..5 {
        guess(&[]).await.problem(401, "unauthorized");
    }
    assert_throttled(&guess(&[]).await);
    // Nor is the right password looked at, so that it cannot be told from a wrong one.
    assert_throttled(&from(&app, "198.51.100.7", ANN, PASSWORD, &[]).await);
    // An address that is written into a header is nobody's, nor is the name of the same account in other letters.
    for header in [
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "x-client-ip",
        "cf-connecting-ip",
        "true-client-ip",
    ] {
        assert_throttled(&guess(&[(header, "203.0.113.9")]).await);
        assert_throttled(&guess(&[(header, "for=203.0.113.9")]).await);
    }
    for email in ["ANN@example.org", " ann@example.org", "ａnn@example.org"] {
        assert_throttled(&from(&app, "198.51.100.7", email, "a guess", &[]).await);
    }
    // Nor does a device help that is made up, or somebody else's.
    for cookie in ["A".repeat(43), app.token.clone(), other_device] {
        let cookie = format!("synoptic_device={cookie}");
        assert_throttled(&guess(&[("cookie", &cookie)]).await);
    }
    let cookie = format!("synoptic_device={device}");
    from(&app, "198.51.100.7", ANN, PASSWORD, &[("cookie", &cookie)])
        .await
        .ok();
    from(&app, "192.0.2.1", ANN, PASSWORD, &[]).await.ok();
    // A browser that was signed in once has tries of its own, and not for ever either.
    for _ in 0..5 {
        guess(&[("cookie", &cookie)]).await.problem(401, "unauthorized");
    }
    assert_throttled(&guess(&[("cookie", &cookie)]).await);
    // Elsewhere it then is like any other, and another one of the same person has its own.
    from(&app, "192.0.2.1", ANN, PASSWORD, &[("cookie", &cookie)])
        .await
        .ok();
    let cookie = format!("synoptic_device={}", app.browser(ANN).await.device);
    from(&app, "198.51.100.7", ANN, PASSWORD, &[("cookie", &cookie)])
        .await
        .ok();
}

#[tokio::test]
async fn whoever_has_a_session_only_guesses_its_password_slowly() {
    let app = TestApp::new().await;
    people(&app).await;
    let [stolen, own] = [app.tokens(ANN).await.access, app.tokens(ANN).await.access];
    let change = async |access: &str, current: &str, new: &str| {
        let request = app.with_token(access, "POST", "/api/auth/password");
        let body = json!({"current_password": current, "new_password": new});
        send(request.body_json(&body)).await
    };
    // The new password is not judged before the old one is right.
    for _ in 0..5 {
        let answer = change(&stolen, "a guess", "short").await;
        answer.invalid_at(&["/current_password"]);
    }
    assert_throttled(&change(&stolen, PASSWORD, "zebra lighthouse marmalade").await);
    // The owner is in another session.
    change(&own, PASSWORD, "short").await.invalid_at(&["/new_password"]);
    let changed = change(&own, PASSWORD, "zebra lighthouse marmalade").await;
    assert_eq!(changed.status, 204);
}

#[tokio::test]
async fn one_address_does_not_try_many_accounts() {
    let app = TestApp::new().await;
    people(&app).await;
    let mut tried = 0;
    loop {
        let email = format!("somebody-{tried}@example.org");
        let answer = from(&app, "2001:db8::1", &email, "a guess", &[]).await;
        if answer.status == 429 {
            break;
        }
        answer.problem(401, "unauthorized");
        tried += 1;
    }
    // Twenty, and as many more as the time of trying gave back.
    assert!((20..30).contains(&tried), "{tried}");
    // Nobody has one address of IPv6, but all of a network.
    for peer in ["2001:db8::1", "2001:db8::ffff:1"] {
        assert_throttled(&from(&app, peer, ANN, PASSWORD, &[]).await);
    }
    from(&app, "2001:db8:1::1", ANN, PASSWORD, &[]).await.ok();
}

#[tokio::test]
async fn a_crowd_of_strangers_keeps_out_no_known_browser() {
    let began = std::time::Instant::now();
    let app = TestApp::new().await;
    people(&app).await;
    let cookie = format!("synoptic_device={}", app.browser(ANN).await.device);
    let peers: Vec<String> = (0..250).map(|number| format!("203.0.113.{number}")).collect();
    let crowd = join_all(peers.iter().map(|peer| from(&app, peer, peer, "a guess", &[])));
    let headers = [("cookie", cookie.as_str())];
    let known = from(&app, "198.51.100.7", ANN, PASSWORD, &headers);
    let (answers, known) = tokio::join!(crowd, known);
    known.ok();
    // Whose password was not looked at has used a try of its address all the same.
    let turned_away = answers.iter().position(|answer| answer.status == 429);
    let peer = &peers[turned_away.expect("more than wait at most")];
    // Twenty at once, of which it has used one, and another every five seconds: a slow machine has had some of those.
    let mut tries = 0;
    while from(&app, peer, &format!("somebody-{tries}@example.org"), "a guess", &[])
        .await
        .status
        == 401
    {
        tries += 1;
        let most = 19 + began.elapsed().as_secs() / 5;
        assert!(tries <= most, "{tries} tries are let through, and not {most}");
    }
    assert!(tries >= 19, "{tries}");
}
