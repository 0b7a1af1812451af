//! Where requests go and what they carry.

use crate::support::settings_of;
use crate::support::{World, context, request};
use crate::upstream::Upstream;
use serde_json::json;
use std::sync::Arc;
use synoptic::config::Secret;
use synoptic::engines::{chat::ChatRequest, provider::Provider};

#[tokio::test]
async fn a_request_carries_the_key_and_the_configured_headers() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let upstream = Upstream::start().await;
    let mut settings = settings_of(
        &format!("{}/", upstream.base_url()),
        "ok",
        &json!({"headers": {"x-team": "blue"}}),
    );
    settings.api_key = Some(Secret::new("sk-secret"));
    let provider = Provider::new(&settings, Arc::new(|_| {})).unwrap();
    let model = &provider.models()[0];
    provider
        .chat(model, &request(), &context(), &synoptic::engines::NoMeter)
        .await
        .unwrap();
    let seen = upstream.last_request().unwrap();
    assert_eq!(seen.path, "/v1/chat/completions");
    assert_eq!(seen.headers["authorization"], "Bearer sk-secret");
    assert_eq!(seen.headers["x-team"], "blue");
    assert_eq!(
        seen.headers["content-length"].parse::<usize>().unwrap(),
        seen.body.to_string().len()
    );
    assert!(!seen.headers.contains_key("transfer-encoding"));
}

#[tokio::test]
async fn without_a_key_none_is_sent() {
    let world = World::new("ok").await;
    world.ask().await.unwrap();
    let seen = world.upstream.last_request().unwrap();
    assert!(!seen.headers.contains_key("authorization"), "{:?}", seen.headers.keys());
    assert!(!seen.headers.contains_key("api-key"));
}

#[tokio::test]
async fn azure_is_asked_at_the_deployment_with_its_own_header() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let upstream = Upstream::start().await;
    let base = format!("http://{}", upstream.address);
    let azure = json!({"kind": "azure", "api_version": "2024-10-21"});
    let mut settings = settings_of(&base, "gpt/4 o?", &azure);
    settings.api_key = Some(Secret::new("azure-secret"));
    let provider = Provider::new(&settings, Arc::new(|_| {})).unwrap();
    let model = provider.model("gpt/4 o?").unwrap();
    provider
        .chat(model, &request(), &context(), &synoptic::engines::NoMeter)
        .await
        .unwrap();
    let seen = upstream.last_request().unwrap();
    assert_eq!(
        seen.path,
        "/openai/deployments/gpt%2F4%20o%3F/chat/completions?api-version=2024-10-21"
    );
    assert_eq!(seen.headers["api-key"], "azure-secret");
    assert!(!seen.headers.contains_key("authorization"));
    assert_eq!(seen.body["max_completion_tokens"], 50);
    assert!(provider.model("another").is_none());
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_as_configured_says_so() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let fault = |settings| {
        let settings = settings_of("http://localhost/v1", "ok", &settings);
        Provider::new(&settings, Arc::new(|_| {})).err().unwrap()
    };
    let fault_of_name = fault(json!({"headers": {"no name": "x"}}));
    assert!(
        fault_of_name.contains("`no name` is no name of a header"),
        "{fault_of_name}"
    );
    let fault_of_value = fault(json!({"headers": {"x-key": "secret\nsecond line"}}));
    assert!(
        fault_of_value.contains("x-key") && !fault_of_value.contains("secret"),
        "{fault_of_value}"
    );
}

#[tokio::test]
async fn whatever_changes_who_answers_is_part_of_the_identity_and_no_secret_is() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let identity = |settings| {
        let mut settings = settings_of("http://localhost/v1", "ok", &settings);
        settings.api_key = Some(Secret::new("sk-secret"));
        let provider = Provider::new(&settings, Arc::new(|_| {})).unwrap();
        provider.models()[0].identity().to_owned()
    };
    let settings = [
        json!({}),
        json!({"kind": "azure", "api_version": "2024-10-21"}),
        json!({"kind": "azure", "api_version": "2025-01-01"}),
        json!({"headers": {"x-project": "blue"}}),
        json!({"headers": {"x-project": "green"}}),
        json!({"headers": {"x-team": "green"}}),
    ];
    let identities: Vec<String> = settings.iter().map(|settings| identity(settings.clone())).collect();
    let different: std::collections::HashSet<&String> = identities.iter().collect();
    assert_eq!(different.len(), settings.len(), "{identities:?}");
    for secret in ["sk-secret", "blue", "green"] {
        assert!(identities.iter().all(|identity| !identity.contains(secret)), "{secret}");
    }
    assert_eq!(identity(json!({})), identities[0]);
}

#[tokio::test]
async fn a_model_says_for_itself_whether_it_gives_probabilities() {
    for (provider, model, asked) in [
        (true, None, true),
        (true, Some(false), false),
        (false, None, false),
        (false, Some(true), true),
    ] {
        let mut settings = json!({"name": "ok", "context_tokens": 8192});
        if let Some(model) = model {
            settings["logprobs"] = model.into();
        }
        let world = World::with("ok", &json!({"logprobs": provider, "models": [settings]})).await;
        let request = ChatRequest {
            logprobs: true,
            ..request()
        };
        world.chat(&request, &context()).await.unwrap();
        let body = world.upstream.last_request().unwrap().body;
        assert_eq!(body.get("logprobs").is_some(), asked, "{provider} {model:?}");
    }
}
