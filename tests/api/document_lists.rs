//! `GET /api/collections/{collection}/documents`: pages, orders and filters.

use crate::support::{TestApp, time};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const NOTES: &str = "/api/collections/notes/documents";

/// `notes` with `count` documents `N-0`, `N-1` …, a second apart.
async fn with_documents(count: usize) -> TestApp {
    let app = TestApp::with_notes().await;
    for number in 0..count {
        app.note(json!({"external_id": format!("N-{number}"), "text": format!("Note number {number}.")}))
            .await;
        app.tick();
    }
    app
}

/// Where the `Link` header leads.
fn next_address(link: &str) -> String {
    let address = link
        .strip_prefix('<')
        .and_then(|link| link.strip_suffix(">; rel=\"next\""));
    address.unwrap_or_else(|| panic!("not a link: {link}")).to_owned()
}

#[tokio::test]
async fn pages_have_every_document_once_in_every_order() {
    let app = with_documents(11).await;
    app.patch(format!("{NOTES}/N-4"), json!({"title": "Changed last"}))
        .await
        .ok();
    for (sort, first) in [
        ("created_at", "N-0"),
        ("-created_at", "N-10"),
        ("updated_at", "N-0"),
        ("-updated_at", "N-4"),
    ] {
        let (mut seen, mut address) = (Vec::new(), format!("{NOTES}?sort={sort}&limit=4"));
        loop {
            let page = app.get(&address).await;
            seen.extend(page.each("external_id"));
            let Some(link) = page.header("link") else {
                assert_eq!(page.body.get("next_cursor"), None);
                break;
            };
            assert!(link.contains(page.body["next_cursor"].as_str().unwrap()), "{link}");
            address = next_address(link);
            assert!(address.contains("limit=4") && address.contains("sort="), "{address}");
        }
        assert_eq!(seen.len(), 11, "{sort}: {seen:?}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 11, "{sort}: {seen:?}");
        assert_eq!(seen[0], first, "{sort}");
    }
}

#[tokio::test]
async fn documents_of_one_moment_are_paged_without_gaps() {
    let app = TestApp::with_notes().await;
    let documents: Vec<Value> = (0..25)
        .map(|number| json!({"external_id": format!("N-{number}"), "text": "x"}))
        .collect();
    app.post("/api/collections/notes/batch", json!({"documents": documents}))
        .await
        .ok();
    for sort in ["created_at", "-created_at", "updated_at", "-updated_at"] {
        let (mut seen, mut address) = (BTreeSet::new(), format!("{NOTES}?sort={sort}&limit=10"));
        loop {
            let page = app.get(&address).await;
            for id in page.each("external_id") {
                assert!(seen.insert(id.clone()), "{sort}: {id} twice");
            }
            let Some(link) = page.header("link") else { break };
            address = next_address(link);
        }
        assert_eq!(seen.len(), 25, "{sort}");
    }
}

#[tokio::test]
async fn what_is_stored_meanwhile_neither_repeats_nor_hides_a_document() {
    let app = with_documents(9).await;
    let before: BTreeSet<String> = (0..9).map(|number| format!("N-{number}")).collect();
    let (mut seen, mut address, mut late) = (Vec::new(), format!("{NOTES}?limit=2"), 100);
    loop {
        let page = app.get(&address).await;
        seen.extend(page.each("external_id"));
        app.note(json!({"external_id": format!("N-{late}"), "text": "Stored between two pages."}))
            .await;
        app.tick();
        late += 1;
        let Some(link) = page.header("link") else { break };
        address = next_address(link);
    }
    assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), before);
    assert_eq!(seen.len(), before.len(), "{seen:?}");
}

#[tokio::test]
async fn a_deleted_document_leaves_the_cursor_sound() {
    let app = with_documents(4).await;
    let first = app.get(format!("{NOTES}?sort=created_at&limit=2")).await;
    app.delete(format!("{NOTES}/N-1")).await.gone();
    let second = app.get(next_address(first.header("link").unwrap())).await;
    assert_eq!(second.each("external_id"), ["N-2", "N-3"]);
}

#[tokio::test]
async fn a_page_has_one_to_two_hundred_items() {
    let app = with_documents(1).await;
    for limit in ["1", "200"] {
        app.get(format!("{NOTES}?limit={limit}")).await.ok();
    }
    for limit in ["0", "201", "-1", "4294967296", "ten", "", "1.5"] {
        app.get(format!("{NOTES}?limit={limit}"))
            .await
            .invalid_parameter("limit");
    }
}

#[tokio::test]
async fn a_cursor_serves_only_the_list_it_came_from() {
    let app = with_documents(3).await;
    let page = app.get(format!("{NOTES}?limit=1")).await;
    let cursor = page.ok().body["next_cursor"].as_str().unwrap();
    app.get(format!("{NOTES}?limit=2&cursor={cursor}")).await.ok();
    let others = [
        format!("{NOTES}?language=en&cursor={cursor}"),
        format!("{NOTES}?sort=created_at&cursor={cursor}"),
        format!("{NOTES}?q=note&cursor={cursor}"),
        format!("{NOTES}?cursor={cursor}x"),
        format!("{NOTES}?cursor=nonsense"),
        format!("/api/collections?cursor={cursor}"),
        format!("/api/analyses?cursor={cursor}"),
        format!("/api/taxonomies?cursor={cursor}"),
    ];
    for address in others {
        app.get(address).await.invalid_parameter("cursor");
    }
    app.post("/api/collections", json!({"name": "Others"})).await.created();
    app.get(format!("/api/collections/others/documents?cursor={cursor}"))
        .await
        .invalid_parameter("cursor");
}

#[tokio::test]
async fn an_unknown_or_repeated_parameter_is_refused() {
    let app = TestApp::with_notes().await;
    let problem = app
        .get(format!("{NOTES}?langauge=en"))
        .await
        .invalid_parameter("langauge")
        .clone();
    assert!(
        problem["detail"].as_str().unwrap().contains("language"),
        "it lists those there are: {problem}"
    );
    app.get(format!("{NOTES}?limit=5&limit=6"))
        .await
        .invalid_parameter("limit");
    app.get(format!("{NOTES}?sort=name")).await.invalid_parameter("sort");
    app.get(format!("{NOTES}?sort=relevance"))
        .await
        .invalid_parameter("sort");
    app.get(format!("{NOTES}?created_after=yesterday"))
        .await
        .invalid_parameter("created_after");
    for address in ["/api/collections?x=1", "/api/analyses?x=1", "/api/taxonomies?x=1"] {
        app.get(address).await.invalid_parameter("x");
    }
    for address in [
        "/api/collections/notes?x=1",
        "/api/taxonomies/none?x=1",
        "/api/analyses?limit=0",
    ] {
        app.delete(address).await;
    }
    app.delete("/api/collections/notes?whith_documents=true")
        .await
        .invalid_parameter("whith_documents");
}

#[tokio::test]
async fn a_list_shows_the_beginning_of_each_text() {
    let app = TestApp::with_notes().await;
    let text = "ä".repeat(300);
    app.note(json!({"text": text})).await;
    let list = app.get(NOTES).await;
    let item = &list.items()[0];
    assert_eq!(
        (&item["excerpt"], &item["characters"]),
        (&json!("ä".repeat(280)), &json!(300))
    );
    assert_eq!((item.get("text"), item.get("search")), (None, None));
}

#[tokio::test]
async fn filters_on_time_are_exclusive_and_add_up() {
    let app = with_documents(5).await;
    let listed = async |query: &str| {
        app.get(format!("{NOTES}?sort=created_at&{query}"))
            .await
            .each("external_id")
    };
    assert_eq!(listed("created_after=2026-03-01T08:00:02Z").await, ["N-3", "N-4"]);
    assert_eq!(listed("created_before=2026-03-01T08:00:02Z").await, ["N-0", "N-1"]);
    let between = "created_after=2026-03-01T09:00:00%2B01:00&created_before=2026-03-01T08:00:02.5Z";
    assert_eq!(listed(between).await, ["N-1", "N-2"]);
    app.clock.set(time("2026-03-02T00:00:00Z"));
    app.patch(format!("{NOTES}/N-0"), json!({"title": "Changed"}))
        .await
        .ok();
    assert_eq!(listed("updated_after=2026-03-01T12:00:00Z").await, ["N-0"]);
    assert_eq!(
        listed("updated_before=2026-03-01T12:00:00Z&created_before=2026-03-01T08:00:02Z").await,
        ["N-1"]
    );
}

#[tokio::test]
async fn attributes_filter_by_path_and_by_every_kind_of_value() {
    let app = TestApp::with_notes().await;
    let attributes = [
        json!({"plan": "pro", "seats": 14, "vip": true, "customer": {"country": "DE", "address": {"zip": "04109"}}}),
        json!({"plan": "free", "seats": 1, "vip": false, "customer": {"country": "FR"}, "rate": 1.5}),
        json!({"plan": "1", "seats": "14", "vip": "true", "a b": "x", "ümlaut": "ß", "big": 9_007_199_254_740_993_i64}),
        json!({}),
    ];
    for (number, attributes) in attributes.iter().enumerate() {
        app.note(json!({"external_id": number.to_string(), "text": "x", "attributes": attributes}))
            .await;
        app.tick();
    }
    let cases = [
        ("attributes.plan=pro", vec!["0"]),
        ("attributes.customer.country=DE", vec!["0"]),
        ("attributes.customer.address.zip=04109", vec!["0"]),
        ("attributes.seats=14", vec!["0", "2"]),
        ("attributes.vip=true", vec!["0", "2"]),
        ("attributes.vip=false", vec!["1"]),
        ("attributes.vip=1", vec![]),
        ("attributes.rate=1.5", vec!["1"]),
        ("attributes.big=9007199254740993", vec!["2"]),
        ("attributes.a%20b=x", vec!["2"]),
        ("attributes.%C3%BCmlaut=%C3%9F", vec!["2"]),
        ("attributes.plan=pro&attributes.seats=14", vec!["0"]),
        ("attributes.plan=pro&attributes.seats=1", vec![]),
        ("attributes.none=x", vec![]),
        ("attributes.plan=%27%20OR%201=1--", vec![]),
        ("attributes.plan%27=x", vec![]),
    ];
    for (filter, expected) in cases {
        let list = app.get(format!("{NOTES}?sort=created_at&{filter}")).await;
        assert_eq!(list.each("external_id"), expected, "{filter}");
    }
    for bad in ["attributes.=x", "attributes.a..b=x", "attributes.a%22b=x"] {
        assert_eq!(
            app.get(format!("{NOTES}?{bad}")).await.problem(422, "invalid")["status"],
            422
        );
    }
}

#[tokio::test]
async fn labels_filter_by_the_newest_classification_of_each_taxonomy() {
    let app = TestApp::demo().await;
    let all = app
        .get("/api/collections/tickets/documents?label=billing&taxonomy=ticket-topic&limit=200")
        .await;
    assert!(all.items().len() >= 3, "{}", all.text);
    let taxonomy =
        json!({"name": "Money", "labels": [{"id": "billing", "name": "Billing"}, {"id": "rest", "name": "The rest"}]});
    app.post("/api/taxonomies", taxonomy).await.created();
    let none = app
        .get("/api/collections/tickets/documents?label=billing&taxonomy=money")
        .await;
    assert!(none.items().is_empty(), "another taxonomy's labels do not count");
    let ticket = all.items()[0]["id"].clone();
    app.tick();
    let asked = json!({"document_id": ticket, "taxonomy": "ticket-topic", "threshold": 1.0});
    let abstained = app.post("/api/classify", asked).await;
    assert_eq!(abstained.ok().body["classification"].get("label"), None);
    let fewer = app
        .get("/api/collections/tickets/documents?label=billing&taxonomy=ticket-topic&limit=200")
        .await;
    assert_eq!(
        fewer.items().len(),
        all.items().len() - 1,
        "what a newer answer replaced does not count"
    );
    app.get("/api/collections/tickets/documents?label=billing&taxonomy=none")
        .await
        .problem(404, "not-found");
}

#[tokio::test]
async fn language_filters() {
    let app = TestApp::with_notes().await;
    app.note(json!({"external_id": "de", "text": "x", "language": "de"}))
        .await;
    app.note(json!({"external_id": "en", "text": "x", "language": "en"}))
        .await;
    assert_eq!(
        app.get(format!("{NOTES}?language=de")).await.each("external_id"),
        ["de"]
    );
    assert!(app.get(format!("{NOTES}?language=xx")).await.items().is_empty());
}
