//! `/api/usage`: sums of the ledger, as JSON and as CSV, each reader's own.

use crate::support::{TestApp, send};
use serde_json::{Value, json};
use std::{collections::HashSet, sync::Arc};
use synoptic::{
    domain::{
        identifiers::{ApiKeyId, CollectionId},
        money::MicroDollars,
        permissions::{Role, Scopes},
        principal::{Actor, Principal, PrincipalId, Reach},
        usage::Tokens,
    },
    engines::{Hold, SettledCall, chat::Used},
};

/// An actor as the server sees the holder of this key.
fn key_actor(id: ApiKeyId, user: Option<synoptic::domain::identifiers::UserId>) -> Actor {
    let principal = Principal {
        id: PrincipalId::Key(id),
        name: "program".to_owned(),
        user_id: user,
        role: None,
        session_id: None,
        scopes: Scopes::DATA,
        reach: Reach::Everything,
    };
    Actor::new(Arc::new(principal), None)
}

async fn spend(app: &TestApp, actor: &Actor, collection: Option<CollectionId>, model: &str, cost: i64) {
    let meter = app.services.spending.meter(actor, collection);
    let tokens = Tokens {
        input: 10 * cost,
        cached_input: cost,
        output: 2 * cost,
    };
    let call = SettledCall {
        engine: "provider".into(),
        model: model.into(),
        used: Used {
            tokens,
            estimated: cost > 50,
        },
        cost: MicroDollars(cost),
    };
    meter.settle(Hold(None), call).await;
    app.services.spending.written().await.unwrap();
}

fn costs(answer: &Value) -> Vec<i64> {
    let items = answer["items"].as_array().unwrap().iter();
    items.map(|item| item["cost_microdollars"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_report_is_grouped_named_and_added_up() {
    let app = TestApp::with_notes().await;
    let (editor, tokens) = app.signed_in("ed@example.org", Role::Editor).await;
    let (_, own) = app.key_of(&tokens.access, json!({"name": "=own"})).await;
    let (other, other_secret) = app.key_with(Scopes::DATA, Reach::Everything).await;
    let notes = app.get("/api/collections/notes").await.ok().body["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let (own, other) = (
        key_actor(own.parse().unwrap(), Some(editor.row.id)),
        key_actor(other.row.id, None),
    );
    spend(&app, &own, Some(notes), "small", 1).await;
    spend(&app, &own, None, "large", 10).await;
    app.let_pass(std::time::Duration::from_hours(24));
    spend(&app, &other, None, "large", 100).await;
    app.services
        .spending
        .record_saved(&other, None, "provider", "large", MicroDollars(7));
    app.services.spending.written().await.unwrap();

    let by_day = app.get("/api/usage").await;
    assert_eq!(costs(&by_day.ok().body), [11, 100]);
    assert_eq!(by_day.each("day"), ["2026-03-01", "2026-03-02"]);
    let total = &by_day.body["total"];
    assert_eq!(
        (
            &total["calls"],
            &total["cost_microdollars"],
            &total["estimated_calls"],
            &total["saved_microdollars"]
        ),
        (&json!(3), &json!(111), &json!(1), &json!(7))
    );
    let by_owner = app.get("/api/usage?group_by=key,user,collection").await;
    let items = by_owner.ok().items();
    assert_eq!(items.len(), 3);
    let first = items.iter().find(|item| item["cost_microdollars"] == 1).unwrap();
    assert_eq!(
        (
            &first["key"]["name"],
            &first["user"]["name"],
            &first["collection"]["name"]
        ),
        (&json!("=own"), &json!("ed@example.org"), &json!("notes"))
    );
    assert!(first.get("day").is_none() && first.get("model").is_none());
    assert_eq!(costs(&app.get("/api/usage?group_by=").await.ok().body), [111]);
    assert_eq!(
        costs(&app.get("/api/usage?from=2026-03-02&to=2026-03-02").await.ok().body),
        [100]
    );
    // The books outlive what they are about.
    app.delete("/api/collections/notes?with_documents=true").await.gone();
    let later = app.get("/api/usage?group_by=collection").await;
    let of_notes = later
        .ok()
        .items()
        .iter()
        .find(|item| item.get("collection").is_some())
        .cloned();
    assert!(of_notes.unwrap()["collection"].get("name").is_none());

    // The day has ended the first token.
    let tokens = app.tokens("ed@example.org").await;
    for (token, expected) in [(&tokens.access, vec![11]), (&other_secret, vec![100])] {
        let seen = send(app.with_token(token, "GET", "/api/usage?group_by=engine")).await;
        assert_eq!(costs(&seen.ok().body), expected);
    }
    for (path, accept) in [
        ("/api/usage?group_by=key,model&format=csv", "*/*"),
        ("/api/usage?group_by=key,model", "text/csv"),
    ] {
        let csv = send(app.request("GET", path).header("accept", accept)).await;
        assert_eq!(csv.ok().header("content-type"), Some("text/csv; charset=utf-8"));
        assert!(
            csv.text.contains(",'=own,") && !csv.text.contains(",=own"),
            "{}",
            csv.text
        );
        assert!(
            csv.text.ends_with("total,,,,3,1110,111,222,111,1,1,7\n"),
            "{}",
            csv.text
        );
    }
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused() {
    let app = TestApp::new().await;
    for (query, parameter) in [
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
        ("from=2026-03-02&to=2026-03-01", "from"),
        ("from=2020-01-01", "from"),
        ("group_by=month", "group_by"),
        ("format=xml", "format"),
        ("by=day", "by"),
    ] {
        let refused = app.get(format!("/api/usage?{query}")).await;
        if parameter == "format" {
            assert!((400..=422).contains(&refused.status), "{}", refused.text);
        } else {
            refused.invalid_parameter(parameter);
        }
    }
}

#[tokio::test]
async fn what_is_left_is_of_the_budgets_that_apply() {
    let app = TestApp::new().await;
    let (key, _) = app.key_with(Scopes::DATA, Reach::Everything).await;
    let body = json!({"name": "Key", "subject": "key", "subject_id": key.row.id.to_string(), "unit": "tokens", "amount": 9, "window": "day"});
    app.post("/api/budgets", body).await.created();
    let spending = &app.services.spending;
    assert!(
        spending
            .left(&Actor::operator(), &HashSet::from([None]))
            .await
            .unwrap()
            .is_empty()
    );
    let left = spending
        .left(&key_actor(key.row.id, None), &HashSet::from([None]))
        .await
        .unwrap();
    assert_eq!((left.len(), left[0].left, left[0].unit), (1, 9, "tokens"));
}
