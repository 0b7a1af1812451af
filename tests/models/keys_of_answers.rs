//! What an answer depends on: whatever of a request changes the answer has it asked for anew, and nothing else does.

use crate::world::{TEXT, World, asked, cache_status, commission, provider};
use serde_json::{Value, json};

/// Each of these asks for something else than all others; sent again, each is answered from memory.
async fn each_is_asked_once(world: &World, path: &str, requests: &[Value]) {
    for again in [false, true] {
        for request in requests {
            let before = world.calls();
            let answer = world.post(path, request.clone()).await;
            let status = cache_status(&answer);
            let hit = status == "synoptic; hit; detail=memory";
            let stored = status == "synoptic; fwd=miss; stored";
            assert!(if again { hit } else { stored }, "{status}: {request}");
            assert_eq!(world.calls() > before, !again, "{request}");
        }
    }
}

/// These are answered with what is kept.
async fn all_are_known(world: &World, path: &str, requests: &[Value]) {
    let before = world.calls();
    for request in requests {
        let answer = world.post(path, request.clone()).await;
        assert_eq!(cache_status(&answer), "synoptic; hit; detail=memory", "{request}");
    }
    assert_eq!(world.calls(), before);
}

#[tokio::test]
async fn of_a_summary_every_option_counts() {
    let world = World::with(&["plain", "other"], |_| {}).await;
    let document = world.document("notes", TEXT).await;
    let variations = [
        json!({}),
        json!({"text": format!("{TEXT} ")}),
        json!({"text": TEXT.replace("Monday", "Sunday")}),
        json!({"text": null, "document_id": document}),
        json!({"sentences": 2}),
        json!({"max_chars": 100}),
        json!({"max_chars": 101}),
        json!({"order": "rank"}),
        json!({"preset": "news"}),
        json!({"focus": "the customer"}),
        json!({"focus": "the carrier"}),
        json!({"method": "abstractive"}),
        json!({"method": "extractive"}),
        json!({"style": "bullets"}),
        json!({"style": "headline"}),
        json!({"style": "tldr"}),
        json!({"language": "de"}),
        json!({"language": "pl"}),
        json!({"engine": "upstream/other"}),
    ];
    let requests = variations.map(asked);
    each_is_asked_once(&world, "/api/summarize", &requests).await;
    let the_same = [
        json!({"sentences": 3}),
        json!({"order": "offset", "preset": "general", "style": "paragraph"}),
        json!({"focus": " "}),
        json!({"cache": "on", "max_age": 3600}),
        json!({"engine": "upstream"}),
        json!({"engine": "upstream/plain"}),
        json!({"engine": "auto"}),
    ];
    all_are_known(&world, "/api/summarize", &the_same.map(asked)).await;
}

fn labels(description: &str) -> Value {
    json!([{"id": "late", "name": "Late", "description": description}, {"id": "lost", "name": "Lost"}])
}

#[tokio::test]
async fn of_a_classification_every_option_counts() {
    let world = World::with(&["plain", "other"], |_| {}).await;
    let document = world.document("notes", TEXT).await;
    let taxonomy = json!({"name": "Trouble", "slug": "trouble", "labels": labels("It comes late.")});
    world.post("/api/taxonomies", taxonomy.clone()).await.created();
    let twin = json!({"name": "Twin", "slug": "twin", "labels": labels("It comes late.")});
    world.post("/api/taxonomies", twin).await.created();
    world
        .patch(
            "/api/taxonomies/trouble",
            json!({"labels": labels("It comes very late.")}),
        )
        .await
        .ok();
    let of = |fields: Value| {
        let mut request = asked(fields);
        if request.get("labels").is_none() && request.get("taxonomy").is_none() {
            request["taxonomy"] = json!("trouble");
        }
        request
    };
    let requests = [
        of(json!({})),
        of(json!({"text": TEXT.replace("Monday", "Sunday")})),
        of(json!({"text": null, "document_id": document})),
        of(json!({"taxonomy_version": 1})),
        of(json!({"taxonomy": "twin"})),
        of(json!({"labels": labels("It comes late.")})),
        of(json!({"labels": labels("It comes after its time.")})),
        of(json!({"threshold": 0.0})),
        of(json!({"threshold": 0.01})),
        of(json!({"multi_label": true})),
        of(json!({"rationale": true})),
        of(json!({"engine": "upstream/other"})),
    ];
    each_is_asked_once(&world, "/api/classify", &requests).await;
    let the_same = [
        of(json!({"taxonomy_version": 2})),
        of(json!({"multi_label": false, "rationale": false})),
        of(json!({"engine": "upstream"})),
    ];
    all_are_known(&world, "/api/classify", &the_same).await;
}

#[tokio::test]
async fn of_a_generation_every_option_counts() {
    let world = World::with(&["plain", "other"], |_| {}).await;
    world.prompt().await;
    world.document("notes", TEXT).await;
    let documents = [
        json!({"text": TEXT, "title": "One"}),
        json!({"text": TEXT, "title": "Two"}),
        json!({"text": TEXT, "title": "Two", "attributes": {"of": "Leipzig"}}),
    ];
    let mut ids = Vec::new();
    for document in documents {
        let stored = world.post("/api/collections/notes/documents", document).await;
        ids.push(stored.created().body["id"].clone());
    }
    let changed = json!({"user": "Answer this: {{ document }}"});
    world.patch("/api/prompts/reply", changed).await.ok();
    let variations = [
        json!({}),
        json!({"text": TEXT.replace("Monday", "Sunday")}),
        json!({"text": null, "document_id": ids[0]}),
        json!({"text": null, "document_id": ids[1]}),
        json!({"text": null, "document_id": ids[2]}),
        json!({"prompt_version": 1}),
        json!({"variables": {"tone": "brief"}}),
        json!({"max_output_tokens": 50}),
        json!({"max_output_tokens": 51}),
        json!({"temperature": 0.5}),
        json!({"temperature": 0.6}),
        json!({"engine": "upstream/other"}),
    ];
    each_is_asked_once(&world, "/api/generate", &variations.map(commission)).await;
    let the_same = [json!({"prompt_version": 2}), json!({"engine": "upstream"})];
    all_are_known(&world, "/api/generate", &the_same.map(commission)).await;
}

#[tokio::test]
async fn a_document_that_changes_is_asked_about_anew_and_its_old_text_is_known() {
    let world = World::new("plain").await;
    let document = world.document("notes", TEXT).await;
    let path = format!("/api/collections/notes/documents/{document}");
    let about = asked(json!({"text": null, "document_id": document}));
    each_is_asked_once(&world, "/api/summarize", std::slice::from_ref(&about)).await;
    world
        .patch(&path, json!({"text": TEXT.replace("Monday", "Sunday")}))
        .await
        .ok();
    each_is_asked_once(&world, "/api/summarize", std::slice::from_ref(&about)).await;
    // The title is no part of what a summary is made of.
    world.patch(&path, json!({"text": TEXT, "title": "Parcel"})).await.ok();
    all_are_known(&world, "/api/summarize", &[about]).await;
}

#[tokio::test]
async fn the_settings_of_a_model_count() {
    let World { mut app, mut upstream } = World::new("plain").await;
    for (change, is_new) in [
        (json!({}), false),
        (json!({"retries": 3, "concurrency": 2}), false),
        (json!({"structured_output": "none"}), true),
        (
            json!({"models": [{"name": "plain", "context_tokens": 4096, "max_output_tokens": 100}]}),
            true,
        ),
    ] {
        let world = World { app, upstream };
        world.summarize(json!({})).await.ok();
        let before = world.calls();
        let settings = provider("upstream", &world.upstream.base_url(), &["plain"], change.clone());
        World { app, upstream } = world;
        app = app.restart_with(|config| config.providers = vec![settings]).await;
        let world = World { app, upstream };
        let answer = world.summarize(json!({})).await;
        assert_eq!(cache_status(&answer).contains("hit"), !is_new, "{change}");
        assert_eq!(world.calls() > before, is_new, "{change}");
        World { app, upstream } = world;
    }
}
