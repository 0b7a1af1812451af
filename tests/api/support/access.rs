//! People, keys and sign-ins, and what the server counts and stores: for tests of who gets in.

use super::{ADMIN, Answer, Request, TestApp, send};
use poem::http::header::SET_COOKIE;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use synoptic::domain::{
    Timestamp,
    api_keys::{ApiKey, ApiKeyFields},
    permissions::{Role, Scopes},
    principal::{Actor, Reach},
    users::{User, UserFields, UserState},
};

/// The password of everybody whom a test makes.
pub const PASSWORD: &str = "nineteen quiet herons by the weir";

/// Credentials of a client that is signed in with tokens.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
}

/// What a browser keeps that is signed in.
#[derive(Debug, Clone)]
pub struct Browser {
    /// The value of the session's cookie.
    pub session: String,
    pub csrf: String,
    /// The value of the cookie of its device.
    pub device: String,
}

impl TestApp {
    pub fn let_pass(&self, time: Duration) {
        self.clock
            .set(Timestamp::new(self.clock.now().as_offset_date_time() + time));
    }

    /// Makes somebody who can sign in with [`PASSWORD`].
    pub async fn user(&self, email: &str, role: Role, reach: Reach) -> User {
        let fields = UserFields::new(email, None, role, UserState::Active, reach).unwrap();
        let users = &self.services.users;
        users.create(&Actor::operator(), fields, Some(PASSWORD)).await.unwrap()
    }

    /// Makes somebody who reaches everything, and signs them in.
    pub async fn signed_in(&self, email: &str, role: Role) -> (User, Tokens) {
        let user = self.user(email, role, Reach::Everything).await;
        (user, self.tokens(email).await)
    }

    pub async fn tokens(&self, email: &str) -> Tokens {
        let answer = self.log_in(email, password_of(email)).await;
        Tokens::of(answer.ok())
    }

    pub async fn log_in(&self, email: &str, password: &str) -> Answer {
        let body = json!({"email": email, "password": password});
        send(self.anonymous("POST", "/api/auth/login").body_json(&body)).await
    }

    pub async fn browser(&self, email: &str) -> Browser {
        let body = json!({"email": email, "password": password_of(email), "session": "cookie"});
        let answer = send(self.anonymous("POST", "/api/auth/login").body_json(&body)).await;
        Browser::of(answer.ok())
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        let body = json!({"refresh_token": token});
        send(self.anonymous("POST", "/api/auth/refresh").body_json(&body)).await
    }

    /// Makes a key that belongs to nobody; with its secret.
    pub async fn key_with(&self, scopes: Scopes, reach: Reach) -> (ApiKey, String) {
        let fields = ApiKeyFields {
            scopes,
            reach,
            ..ApiKeyFields::named("program").unwrap()
        };
        let keys = &self.services.api_keys;
        let (key, secret) = keys.create(&Actor::operator(), fields).await.unwrap();
        (key, secret.reveal().to_owned())
    }

    /// Makes a key as whoever has this token; with its secret and its id.
    pub async fn key_of(&self, token: &str, body: Value) -> (String, String) {
        let made = send(self.with_token(token, "POST", "/api/keys").body_json(&body)).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let made = &made.created().body;
        (text(&made["secret"]), text(&made["key"]["id"]))
    }

    /// A request of a browser, without the CSRF token.
    pub fn with_cookie(&self, browser: &Browser, method: &str, path: &str) -> Request<'_> {
        let cookie = format!("synoptic_session={}", browser.session);
        self.anonymous(method, path).header("cookie", cookie)
    }

    /// How often each reason has been counted for which a credential was refused.
    pub async fn refusals(&self) -> BTreeMap<String, u64> {
        let metrics = send(self.anonymous("GET", "/metrics")).await;
        let lines = metrics.ok().text.lines();
        let counts = lines.filter_map(|line| {
            let line = line.strip_prefix("synoptic_authentication_refusals_total{reason=\"")?;
            let (reason, count) = line.split_once("\"} ")?;
            Some((reason.to_owned(), count.parse().unwrap()))
        });
        counts.collect()
    }
}

impl Tokens {
    #[track_caller]
    pub fn of(answer: &Answer) -> Self {
        let text = |name: &str| answer.body[name].as_str().unwrap().to_owned();
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
        }
    }
}

impl Browser {
    #[track_caller]
    pub fn of(answer: &Answer) -> Self {
        let cookie = |name: &str| {
            let found = cookies(answer).into_iter().find_map(|cookie| {
                let (pair, _) = cookie.split_once(';')?;
                let (found, value) = pair.split_once('=')?;
                found.ends_with(name).then(|| value.to_owned())
            });
            found.unwrap_or_else(|| panic!("no cookie {name}: {answer:?}"))
        };
        Self {
            session: cookie("synoptic_session"),
            csrf: answer.body["csrf_token"].as_str().unwrap().to_owned(),
            device: cookie("synoptic_device"),
        }
    }
}

fn password_of(email: &str) -> &'static str {
    if email == ADMIN.0 { ADMIN.1 } else { PASSWORD }
}

/// The `Set-Cookie`s of an answer.
pub fn cookies(answer: &Answer) -> Vec<String> {
    let values = answer.headers.get_all(SET_COOKIE).iter();
    values.map(|value| value.to_str().unwrap().to_owned()).collect()
}
