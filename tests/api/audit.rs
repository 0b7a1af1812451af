//! The audit trail of people, keys and sessions: every action leaves a row, and no row holds a secret.

use crate::support::{
    ADMIN, TestApp,
    access::{PASSWORD, Tokens},
    send,
};
use serde_json::{Value, json};
use std::time::Duration;
use synoptic::domain::{permissions::Role, principal::Actor};

const NEW_PASSWORD: &str = "violet ponies over the hedge";

/// What a row tells, apart from ids and times.
fn told(row: &Value) -> String {
    let text = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
    let names = ["actor_name", "action", "target_kind", "target_name", "detail", "result"];
    names.map(text).join(" | ")
}

/// Everything that can be done, in its order, and every secret that was said meanwhile.
async fn live_through(app: &TestApp) -> Vec<String> {
    let new = json!({"email": "ann@example.org", "name": "Ann", "role": "editor", "password": PASSWORD});
    let user = send(app.as_admin("POST", "/api/users").body_json(&new)).await;
    let address = user.created().header("location").unwrap().to_owned();
    app.log_in("ann@example.org", "a wrong guess of somebody")
        .await
        .problem(401, "unauthorized");
    app.log_in("somebodys-password-by-mistake", "x")
        .await
        .problem(401, "unauthorized");
    let tokens = app.tokens("ann@example.org").await;
    let ann = |method: &str, path: &str| app.with_token(&tokens.access, method, path);
    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    send(ann("POST", "/api/auth/password").body_json(&change)).await.gone();
    let (key, id) = app
        .key_of(&tokens.access, json!({"name": "desk", "scopes": ["documents:read"]}))
        .await;
    let key_address = format!("/api/keys/{id}");
    send(ann("PATCH", &key_address).body_json(&json!({"name": "help desk"})))
        .await
        .ok();
    let rotate = json!({"overlap_seconds": 60});
    let rotated = send(ann("POST", &format!("{key_address}/rotate")).body_json(&rotate)).await;
    let rotated = rotated.ok().body["secret"].as_str().unwrap().to_owned();
    send(ann("DELETE", &key_address)).await.gone();
    let next = Tokens::of(app.refresh(&tokens.refresh).await.ok());
    app.refresh(&tokens.refresh).await.problem(401, "unauthorized");
    let again = Tokens::of(app.log_in("ann@example.org", NEW_PASSWORD).await.ok());
    send(app.with_token(&again.access, "POST", "/api/auth/logout"))
        .await
        .gone();
    let third = Tokens::of(app.log_in("ann@example.org", NEW_PASSWORD).await.ok());
    send(app.with_token(&third.access, "POST", "/api/auth/logout-all"))
        .await
        .gone();
    let fourth = Tokens::of(app.log_in("ann@example.org", NEW_PASSWORD).await.ok());
    let sessions = send(app.with_token(&fourth.access, "GET", "/api/auth/sessions")).await;
    let session = sessions.items()[0]["id"].as_str().unwrap().to_owned();
    send(app.as_admin("DELETE", format!("/api/auth/sessions/{session}")))
        .await
        .gone();
    let less = json!({"role": "viewer", "state": "disabled", "collections": [], "email": "ann@example.com", "password": PASSWORD});
    send(app.as_admin("PATCH", &address).body_json(&less)).await.ok();
    send(app.as_admin("DELETE", &address)).await.gone();
    app.services
        .signing_keys
        .rotate(&Actor::operator(), false)
        .await
        .unwrap();
    let all = [tokens, next, again, third, fourth];
    let mut secrets: Vec<String> = all
        .into_iter()
        .flat_map(|tokens| [tokens.access, tokens.refresh])
        .collect();
    secrets.extend([key, rotated, app.key.clone(), app.token.clone()]);
    secrets.extend([PASSWORD, NEW_PASSWORD, ADMIN.1, "a wrong guess", "somebodys-password"].map(str::to_owned));
    secrets
}

#[tokio::test]
async fn every_action_leaves_a_row_and_no_secret() {
    let app = TestApp::new().await;
    let before = app.get("/api/audit?limit=200").await.items().len();
    let secrets = live_through(&app).await;
    let trail = app.get("/api/audit?limit=200").await;
    let mut rows = trail.items().clone();
    rows.truncate(rows.len() - before);
    rows.reverse();
    let lines: Vec<String> = rows.iter().map(told).collect();
    let expected = [
        "admin@example.org | user_created | user | ann@example.org | role editor; all collections | done",
        "anonymous | sign_in | user | ann@example.org | wrong_password | refused",
        "anonymous | sign_in | user | - | wrong_password | refused",
        "ann@example.org | sign_in | user | ann@example.org | password | done",
        "ann@example.org | password_changed | user | ann@example.org | - | done",
        "ann@example.org | key_created | api_key | desk | documents:read; all collections | done",
        "ann@example.org | key_changed | api_key | help desk | documents:read; all collections | done",
        "ann@example.org | key_rotated | api_key | help desk | overlap 60 s | done",
        "ann@example.org | key_revoked | api_key | help desk | - | done",
        "anonymous | refresh_token_reused | session | - | - | refused",
        "ann@example.org | sign_in | user | ann@example.org | password | done",
        "ann@example.org | sign_out | session | - | - | done",
        "ann@example.org | sign_in | user | ann@example.org | password | done",
        "ann@example.org | sign_out | user | ann@example.org | 1 sessions | done",
        "ann@example.org | sign_in | user | ann@example.org | password | done",
        "admin@example.org | session_revoked | session | - | of the user … | done",
        "admin@example.org | user_changed | user | ann@example.com | e-mail ann@example.org → ann@example.com; role editor → viewer; state → disabled; password; all collections → no collections | done",
        "admin@example.org | user_deleted | user | ann@example.com | role viewer; 0 API keys revoked | done",
        "operator | signing_key_rotated | signing_key | - | with overlap | done",
    ];
    let ann = rows[0]["target_id"].as_str().unwrap();
    let lines: Vec<String> = lines.iter().map(|line| line.replace(ann, "…")).collect();
    assert_eq!(lines, expected);
    for row in &rows {
        assert!(
            row["actor_name"] == "operator" || row["trace_id"].as_str().is_some_and(|id| id.len() == 32),
            "{row}"
        );
    }
    // Not in the trail, and nowhere else in the database.
    let bytes = app.database_bytes().await;
    for secret in secrets {
        assert!(!trail.text.contains(&secret), "{secret} is in the trail");
        assert!(
            !bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
            "{secret} is stored"
        );
    }
}

#[tokio::test]
async fn a_row_is_never_changed_or_deleted() {
    let app = TestApp::new().await;
    let (user, _) = app.signed_in("ann@example.org", Role::Viewer).await;
    let id = user.row.id.0;
    let rows = async || app.get(format!("/api/audit?target_id={id}")).await.items().clone();
    let before = rows().await;
    assert_eq!(before.len(), 2);
    app.delete(format!("/api/users/{id}")).await.gone();
    let after = rows().await;
    assert_eq!((after.len(), &after[1..]), (3, &before[..]));
    for statement in ["UPDATE audit SET detail = NULL", "DELETE FROM audit"] {
        assert!(app.try_execute(statement).await.is_err(), "{statement}");
    }
    assert_eq!(rows().await, after);
}

#[tokio::test]
async fn the_trail_is_searched_by_who_what_and_when() {
    let app = TestApp::new().await;
    let (ann, tokens) = app.signed_in("ann@example.org", Role::Viewer).await;
    app.let_pass(Duration::from_mins(1));
    app.key_of(&tokens.access, json!({"name": "k"})).await;
    app.log_in("ann@example.org", "wrong")
        .await
        .problem(401, "unauthorized");
    let id = ann.row.id.0;
    let found = async |query: String| app.get(format!("/api/audit?{query}")).await.each("action");
    assert_eq!(found(format!("actor_id={id}")).await, ["key_created", "sign_in"]);
    assert_eq!(
        found(format!("target_id={id}")).await,
        ["sign_in", "sign_in", "user_created"]
    );
    assert_eq!(found(format!("target_id={id}&result=refused")).await, ["sign_in"]);
    assert_eq!(
        found("after=2026-03-01T08:00:30Z".to_owned()).await,
        ["sign_in", "key_created"]
    );
    assert_eq!(
        found(format!("action=sign_in&before=2026-03-01T08:00:30Z&actor_id={id}")).await,
        ["sign_in"]
    );
    assert_eq!(found("action=user_deleted".to_owned()).await, [""; 0]);
    app.get("/api/audit?action=nothing").await.invalid_parameter("action");
    let first = app.get("/api/audit?limit=1").await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = app.get(format!("/api/audit?limit=1&cursor={cursor}")).await;
    assert_eq!(
        [first.each("action"), second.each("action")].concat(),
        ["sign_in", "key_created"]
    );
}
