//! A cascade: the embedded engine keeps what it is sure of, and a model is asked about the rest.

use crate::{
    upstream::Reply,
    world::{World, cache_status},
};
use serde_json::{Value, json};
use synoptic::config::Config;

const SURE: &str = "The invoice charges my credit card twice. Please refund the payment and correct the bill.";
const UNSURE: &str = "Hello, could somebody have a look at this when there is time? Thanks a lot.";

fn request(text: &str, fields: &Value) -> Value {
    let labels = json!([
        {"id": "billing", "name": "Billing", "description": "Invoices, payments, refunds, charges on a credit card."},
        {"id": "weather", "name": "Weather", "description": "Rain, snow, storms and the temperature."}
    ]);
    let mut request = json!({"text": text, "labels": labels});
    request
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    request
}

async fn world(confidence: f64) -> World {
    let world = World::with(&["plain"], |config: &mut Config| {
        let route = json!({"engines": ["upstream"], "cascade_confidence": confidence});
        config.routes.classification = Some(serde_json::from_value(route).unwrap());
    })
    .await;
    world
        .upstream
        .answer_with(|_| Reply::text(json!({"label": "weather"}).to_string()));
    world
}

#[tokio::test]
async fn what_is_sure_costs_nothing_and_the_rest_is_asked() {
    // The embedded engine tells how sure it is of either.
    let plain = World::new("plain").await;
    let mut confidence = Vec::new();
    for text in [SURE, UNSURE] {
        let answer = plain
            .post(
                "/api/classify",
                request(text, &json!({"engine": "embedded", "threshold": 0.0})),
            )
            .await;
        confidence.push(answer.ok().body["confidence"].as_f64().unwrap());
    }
    assert!(confidence[0] > confidence[1] + 0.05, "{confidence:?}");
    let world = world(f64::midpoint(confidence[0], confidence[1])).await;
    let kept = json!({"threshold": 0.0});
    for _ in 0..2 {
        let sure = world.post("/api/classify", request(SURE, &kept)).await;
        assert_eq!(cache_status(&sure), "synoptic; fwd=bypass; detail=embedded");
        let body = &sure.body;
        assert_eq!(
            (&body["engine"], &body["degraded"]),
            (&json!("embedded"), &json!(false))
        );
        assert_eq!(
            (&body["classification"]["label"], body.get("usage")),
            (&json!("billing"), None)
        );
    }
    assert_eq!((world.calls(), world.services.cache.size().await.0), (0, 0));
    let unsure = world.post("/api/classify", request(UNSURE, &kept)).await;
    assert_eq!(cache_status(&unsure), "synoptic; fwd=miss; stored");
    assert_eq!(
        (&unsure.body["engine"], &unsure.body["classification"]["label"]),
        (&json!("upstream"), &json!("weather"))
    );
    assert_eq!(world.calls(), 1);
    for (name, wanted) in [
        ("synoptic_cascade_answers_total{answered_by=\"embedded\"}", 2.0),
        ("synoptic_cascade_answers_total{answered_by=\"model\"}", 1.0),
    ] {
        let found = world.metric(name).await;
        assert!((found - wanted).abs() < 0.1, "{name}: {found}");
    }
    assert!(world.metric("synoptic_cascade_saved_microdollars_total").await > 0.0);
    // Who names an engine is not asked to go the long way.
    let named = world
        .post("/api/classify", request(SURE, &json!({"engine": "upstream"})))
        .await;
    assert_eq!(named.ok().body["engine"], "upstream");
}

#[tokio::test]
async fn what_the_embedded_engine_cannot_do_goes_to_the_model() {
    let world = world(0.0).await;
    let answer = world
        .post("/api/classify", request(SURE, &json!({"threshold": 0.0})))
        .await;
    assert_eq!(answer.ok().body["engine"], "embedded");
    world
        .upstream
        .answer_with(|_| Reply::text(json!({"rationale": "Rain.", "label": "weather"}).to_string()));
    let answer = world
        .post("/api/classify", request(SURE, &json!({"rationale": true})))
        .await;
    assert_eq!(answer.ok().body["engine"], "upstream");
}
