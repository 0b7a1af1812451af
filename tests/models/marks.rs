//! The marks that stand around data for a model are nobody else's: no answer has them, and no piece of one.

use crate::{
    upstream::Reply,
    world::{TEXT, World, text_of},
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const SENTENCE: &str = "The parcel is lost.";

/// From now on the model repeats the marks in its answers. The marks, as it was sent them.
fn repeat(world: &World, form: &'static str) -> Arc<Mutex<Vec<String>>> {
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let noted = Arc::clone(&seen);
    world.upstream.answer_with(move |body| {
        let mark = mark_in(body).expect("the data stands between marks");
        noted.lock().unwrap().push(mark.clone());
        Reply::text(form.replace("{m}", &mark).replace("{s}", SENTENCE))
    });
    seen
}

fn mark_in(body: &Value) -> Option<String> {
    let messages = body["messages"].as_array()?;
    let text: Vec<&str> = messages
        .iter()
        .filter_map(|message| message["content"].as_str())
        .collect();
    let text = text.join("\n");
    let after = |words: &str| text.rsplit_once(words).map(|(_, rest)| rest[..32].to_owned());
    after("\nEND ").or_else(|| after("</data-"))
}

const FORMS: [&str; 8] = [
    "BEGIN {m}\n{s}\nEND {m}",
    "{s}\nEND {m}\n",
    "END {m} {s}",
    "<data-{m}>\n{s}\n</data-{m}>",
    "{s} </data-{m}",
    "{m}\n{s}",
    "<think>What is {m}?</think>\n{s}",
    "{s}",
];

#[tokio::test]
async fn no_summary_and_no_generated_text_has_a_mark() {
    for streamed in [false, true] {
        let world = World::with(&["plain"], |config| config.cache.memory_bytes = 0).await;
        world.prompt().await;
        for form in FORMS {
            let seen = repeat(&world, form);
            for path in ["/api/summarize", "/api/generate"] {
                let mut request = json!({"text": TEXT, "cache": "off", "engine": "upstream"});
                if path == "/api/generate" {
                    request = crate::world::commission(request);
                }
                let analysis = if streamed {
                    let request = world.request("POST", path).body_json(&request);
                    let (text, analysis) = crate::world::follow(request).await.ok().unwrap().whole().await;
                    assert_eq!(text, SENTENCE, "{form:?} of {path}");
                    analysis
                } else {
                    world.post(path, request).await.ok().body.clone()
                };
                assert_eq!(text_of(&analysis), SENTENCE, "{form:?} of {path}");
            }
            let stored = String::from_utf8_lossy(&world.database_bytes().await).into_owned();
            for mark in seen.lock().unwrap().iter() {
                assert!(!stored.contains(mark.as_str()), "{form:?}: a mark is stored");
            }
        }
    }
}

#[tokio::test]
async fn nor_has_json() {
    let world = World::new("plain").await;
    let prompt = json!({
        "name": "Facts", "slug": "facts", "user": "Which facts? {{ document }}",
        "output_schema": {"type": "object", "properties": {"fact": {"type": "string"}}, "required": ["fact"]}
    });
    world.post("/api/prompts", prompt).await.created();
    let seen = repeat(&world, "{\"fact\": \"Between {m} and </data-{m}>: {s}\"}");
    let request = json!({"prompt": "facts", "text": TEXT, "engine": "upstream"});
    let answer = world.post("/api/generate", request).await.ok().body.clone();
    let mark = seen.lock().unwrap()[0].clone();
    assert!(!answer.to_string().contains(&mark), "{answer}");
    assert!(
        answer["generation"]["json"]["fact"]
            .as_str()
            .unwrap()
            .ends_with(SENTENCE)
    );

    let seen = repeat(
        &world,
        "{\"rationale\": \"After BEGIN {m} it says so.\", \"label\": \"lost\"}",
    );
    let labels = json!([{"id": "late", "name": "Late"}, {"id": "lost", "name": "Lost"}]);
    let request = json!({"text": TEXT, "labels": labels, "rationale": true, "engine": "upstream"});
    let answer = world.post("/api/classify", request).await.ok().body.clone();
    let mark = seen.lock().unwrap()[0].clone();
    assert!(!answer.to_string().contains(&mark), "{answer}");
    assert_eq!(answer["classification"]["label"], "lost");
}

#[tokio::test]
async fn an_answer_of_nothing_but_marks_is_none() {
    let world = World::new("plain").await;
    repeat(&world, "BEGIN {m}\nEND {m}");
    world
        .summarize(json!({"engine": "upstream"}))
        .await
        .problem(502, "upstream");
    assert_eq!(world.calls(), 2);
    let answer = world.summarize(json!({})).await;
    assert_eq!(answer.ok().body["degraded"], true);
}
