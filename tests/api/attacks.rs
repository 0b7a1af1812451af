//! Attacks by name, in groups. After each one the watch looks at everything that could have gone wrong: the status, the words
//! of the answer, what is stored, and what was counted.

use crate::support::{Answer, Request, TestApp, database::Stored, send};
use std::collections::BTreeMap;
use synoptic::domain::refusals::Refusal;

use crate::{
    attacks_on_cookies, attacks_on_keys, attacks_on_old_tokens, attacks_on_refreshing, attacks_on_rights,
    attacks_on_routes, attacks_on_sign_in, attacks_on_tokens, attacks_on_users,
};

/// How many attacks each group makes.
const GROUPS: [(&str, usize); 9] = [
    ("keys", attacks_on_keys::COUNT),
    ("tokens", attacks_on_tokens::COUNT),
    ("old tokens", attacks_on_old_tokens::COUNT),
    ("refreshing", attacks_on_refreshing::COUNT),
    ("cookies", attacks_on_cookies::COUNT),
    ("signing in", attacks_on_sign_in::COUNT),
    ("rights", attacks_on_rights::COUNT),
    ("users", attacks_on_users::COUNT),
    ("routes", attacks_on_routes::COUNT),
];

#[test]
fn there_are_over_five_hundred_attacks() {
    let all: usize = GROUPS.iter().map(|(_, count)| count).sum();
    assert!(all >= 500, "{all}: {GROUPS:?}");
}

/// Watches a server while it is attacked.
pub struct Watch<'a> {
    app: &'a TestApp,
    /// What every refused credential is answered with.
    refusal: Answer,
    names: Vec<String>,
}

/// What an attack must leave as it was.
struct Before {
    stored: Stored,
    refusals: BTreeMap<String, u64>,
}

/// Where attempts to sign in leave a row.
const TRAIL: &str = "audit";

impl<'a> Watch<'a> {
    pub async fn over(app: &'a TestApp) -> Self {
        let refusal = send(app.anonymous("GET", "/api/auth/me")).await;
        refusal.problem(401, "unauthorized");
        assert_eq!(
            refusal.header("www-authenticate"),
            Some("Bearer realm=\"synoptic\""),
            "{refusal:?}"
        );
        Self {
            app,
            refusal,
            names: Vec::new(),
        }
    }

    /// A credential that is not accepted, for this reason, which only the metrics tell.
    pub async fn refused(&mut self, name: &str, request: Request<'_>, reason: Refusal) {
        self.refused_ending(name, request, reason, &[]).await;
    }

    /// One by which something ends: rows of these tables change.
    pub async fn refused_ending(&mut self, name: &str, request: Request<'_>, reason: Refusal, tables: &[&str]) {
        let before = self.before(name).await;
        let answer = send(request).await;
        self.assert_same_refusal(name, &answer);
        self.assert_after(name, before, Some(reason), tables).await;
    }

    /// A sign-in that fails, for this reason, with the words of every sign-in that fails.
    pub async fn not_signed_in(&mut self, name: &str, request: Request<'_>, reason: Refusal) -> Answer {
        let before = self.before(name).await;
        let answer = send(request).await;
        let problem = answer.problem(401, "unauthorized");
        assert_eq!(
            problem["detail"], "no user has this e-mail address and this password together",
            "{name}: {problem}"
        );
        assert_eq!(headers(&answer), headers(&self.refusal), "{name}");
        self.assert_after(name, before, Some(reason), &[TRAIL]).await;
        answer
    }

    /// Something that whoever is recognised may not do, or that nobody can.
    pub async fn denied(&mut self, name: &str, request: Request<'_>, status: u16, code: &str) -> Answer {
        let before = self.before(name).await;
        let answer = send(request).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
        answer.problem(status, code);
        self.assert_after(name, before, None, &[]).await;
        answer
    }

    pub async fn forbidden(&mut self, name: &str, request: Request<'_>) {
        self.denied(name, request, 403, "forbidden").await;
    }

    /// What has no body says it by its status alone.
    pub async fn forbidden_without_words(&mut self, name: &str, request: Request<'_>) {
        let before = self.before(name).await;
        assert_eq!(send(request).await.status, 403, "{name}");
        self.assert_after(name, before, None, &[]).await;
    }

    /// An address behind which there is nothing: whatever it is answered with, nothing is told and nothing done.
    pub async fn shut(&mut self, name: &str, request: Request<'_>) {
        let before = self.before(name).await;
        let answer = send(request).await;
        let is_shut = matches!(answer.status, 400 | 401 | 403 | 404 | 405 | 422);
        assert!(is_shut, "{name}: {} {}", answer.status, answer.text);
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{name}"
        );
        assert!(!answer.text.contains("@example.org"), "{name}: {}", answer.text);
        // A stranger's request is counted as one without a credential.
        let is_counted = self.app.refusals().await != before.refusals;
        let reason = is_counted.then_some(Refusal::None);
        self.assert_after(name, before, reason, &[]).await;
    }

    pub async fn not_there(&mut self, name: &str, request: Request<'_>) {
        self.denied(name, request, 404, "not-found").await;
    }

    /// Ends the watch: so many attacks there were, each with a name of its own.
    #[track_caller]
    pub fn finish(mut self, count: usize) {
        assert_eq!(self.names.len(), count, "{:#?}", self.names);
        self.names.sort();
        self.names.dedup();
        assert_eq!(self.names.len(), count, "two have one name: {:#?}", self.names);
    }

    async fn before(&mut self, name: &str) -> Before {
        self.names.push(name.to_owned());
        Before {
            stored: self.app.stored().await,
            refusals: self.app.refusals().await,
        }
    }

    async fn assert_after(&self, name: &str, before: Before, reason: Option<Refusal>, tables: &[&str]) {
        let mut refusals = before.refusals;
        if let Some(reason) = reason {
            *refusals.entry(reason.name().to_owned()).or_default() += 1;
        }
        assert_eq!(self.app.refusals().await, refusals, "{name}");
        for (table, rows) in self.app.stored().await {
            if !tables.contains(&table.as_str()) {
                assert_eq!(rows, before.stored[&table], "{name} changed {table}");
            }
        }
    }

    #[track_caller]
    fn assert_same_refusal(&self, name: &str, answer: &Answer) {
        assert_eq!(answer.status, 401, "{name}: {}", answer.text);
        assert_eq!(words(answer), words(&self.refusal), "{name}");
        assert_eq!(headers(answer), headers(&self.refusal), "{name}");
    }
}

/// The bytes of the answer, without what names its trace.
#[track_caller]
pub fn words(answer: &Answer) -> String {
    let trace_id = answer.header("x-trace-id").unwrap();
    assert_eq!(answer.text.matches(trace_id).count(), 1, "{}", answer.text);
    answer.text.replace(trace_id, "…")
}

/// The headers of the answer, without what names its trace and how many more there may be.
fn headers(answer: &Answer) -> Vec<String> {
    let varies = |name: &str| name == "x-trace-id" || name.starts_with("ratelimit");
    let others = answer.headers.iter().filter(|(name, _)| !varies(name.as_str()));
    let mut lines: Vec<String> = others.map(|(name, value)| format!("{name}: {value:?}")).collect();
    lines.sort();
    lines
}
