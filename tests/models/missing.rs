//! Analyses that documents lack are made once, also of a text that comes back.

use crate::world::{TEXT, World};
use serde_json::json;
use synoptic::{
    domain::{
        analyses::AnalysisKind, answers::SummaryOptions, caching::CachePolicy, documents::Document,
        engines::EngineChoice, principal::Actor, text_fields::NameOrId,
    },
    services::analysis_tasks::{ClassificationWish, LabelSource, Order, Task},
};

async fn documents(world: &World) -> Vec<Document> {
    let name = NameOrId::Name("notes".to_owned());
    let walk = world.services.documents.walk(&Actor::operator(), &name, None, 10).await;
    walk.unwrap()
}

/// Makes what is missing; how many were made.
async fn make(world: &World) -> usize {
    let order = Order {
        task: Task::Summary(SummaryOptions::default()),
        engine: EngineChoice::Auto,
        cache: CachePolicy::default(),
    };
    let analyses = &world.services.analyses;
    let missing = analyses
        .run_missing(&Actor::operator(), &documents(world).await, &order)
        .await;
    let missing = missing.unwrap();
    assert!(missing.failed.is_empty(), "{missing:?}");
    missing.made
}

/// The id of the summary of the text as it is.
async fn newest(world: &World) -> Option<String> {
    let document = documents(world).await.pop().unwrap();
    let found = world
        .services
        .analyses
        .newest(&Actor::operator(), &document, AnalysisKind::Summary)
        .await;
    found.unwrap().map(|found| found.id.to_string())
}

#[tokio::test]
async fn a_text_that_comes_back_has_its_analysis() {
    let world = World::new("plain").await;
    let document = world.document("notes", TEXT).await;
    let address = format!("/api/collections/notes/documents/{document}");
    assert_eq!(make(&world).await, 1);
    let first = newest(&world).await;
    assert!(first.is_some());
    world.tick();
    world
        .patch(&address, json!({"text": format!("{TEXT} It was found.")}))
        .await
        .ok();
    assert_eq!(newest(&world).await, None, "that was another text");
    assert_eq!(make(&world).await, 1);
    assert_ne!(newest(&world).await, first);
    world.tick();
    world.patch(&address, json!({"text": TEXT})).await.ok();
    assert_eq!((newest(&world).await, make(&world).await), (first, 0));
    assert_eq!(world.calls(), 2);
}

#[tokio::test]
async fn what_stands_in_for_a_model_is_still_missing() {
    let world = World::with(&["failing-1"], |config| {
        // The embedded engine is asked first, and is never sure enough.
        let route = json!({"engines": ["upstream"], "cascade_confidence": 1.0});
        config.routes.classification = Some(serde_json::from_value(route).unwrap());
    })
    .await;
    world.document("notes", TEXT).await;
    let taxonomy = json!({"name": "Trouble", "slug": "trouble", "labels": [{"name": "Late"}, {"name": "Lost"}]});
    world.post("/api/taxonomies", taxonomy).await.created();
    let analyses = &world.services.analyses;
    let source = LabelSource::Taxonomy {
        name: NameOrId::Name("trouble".to_owned()),
        version: None,
    };
    let task = analyses
        .classification(&Actor::operator(), source, ClassificationWish::default())
        .await
        .unwrap();
    let order = Order {
        task: Task::Classification(task),
        engine: EngineChoice::Auto,
        cache: CachePolicy::default(),
    };
    let mut made = Vec::new();
    for _ in 0..3 {
        let missing = analyses
            .run_missing(&Actor::operator(), &documents(&world).await, &order)
            .await
            .unwrap();
        made.push(missing.made);
        world.tick();
    }
    // The model fails at first, then answers, and its answer stays.
    assert_eq!((made, world.calls()), (vec![1, 1, 0], 2));
}
