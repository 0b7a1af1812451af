//! `repositories::documents`.

use crate::{
    databases::on_both,
    fixtures::{at, collection, document, store, write},
};
use serde_json::json;
use sqlx::types::Json;
use synoptic::{
    domain::{
        Error,
        documents::{Document, DocumentHead},
        identifiers::{CollectionId, DocumentId},
    },
    repositories::documents,
};

#[tokio::test]
async fn a_row_comes_back_as_it_went() {
    on_both(async |db| {
        let notes = collection("notes");
        let full = document(&notes, Some("N-1 ß"), 1, "Tabs\t, lines\n, \u{1F389} and \u{202e}more.");
        let bare = DocumentHead {
            external_id: None,
            language: None,
            attributes: Json(serde_json::Map::new()),
            ..document(&notes, None, 2, "").head
        };
        let bare = Document {
            head: bare,
            text: "Bare.".to_owned(),
        };
        store(db, &notes, &[&full, &bare]).await;
        let mut tx = db.read().await.unwrap();
        for note in [&full, &bare] {
            assert_eq!(
                documents::find(&mut tx, notes.id, note.id).await.unwrap().as_ref(),
                Some(note)
            );
            assert_eq!(
                documents::find_anywhere(&mut tx, note.id).await.unwrap().as_ref(),
                Some(note)
            );
            assert!(documents::exists(&mut tx, note.id).await.unwrap());
        }
        assert_eq!(
            documents::find(&mut tx, CollectionId::generate(), full.id)
                .await
                .unwrap(),
            None
        );
        assert_eq!(
            documents::find_by_external_id(&mut tx, notes.id, "N-1 ß")
                .await
                .unwrap(),
            Some(full)
        );
        assert_eq!(
            documents::find_by_external_id(&mut tx, notes.id, "n-1 ß")
                .await
                .unwrap(),
            None
        );
    })
    .await;
}

#[tokio::test]
async fn a_taken_external_id_is_told_and_none_is_never_taken() {
    on_both(async |db| {
        let (notes, others) = (collection("notes"), collection("others"));
        let first = document(&notes, Some("N-1"), 0, "First.");
        store(
            db,
            &notes,
            &[&first, &document(&notes, None, 0, "x"), &document(&notes, None, 0, "x")],
        )
        .await;
        store(db, &others, &[&document(&others, Some("N-1"), 0, "Elsewhere.")]).await;
        let second = document(&notes, Some("N-1"), 0, "Second.");
        let mut tx = write(db).await;
        assert!(!documents::insert(&mut tx, &second).await.unwrap());
        assert!(documents::external_id_taken_by_another(&mut tx, &second).await.unwrap());
        assert!(!documents::external_id_taken_by_another(&mut tx, &first).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn only_the_next_version_is_stored() {
    on_both(async |db| {
        let notes = collection("notes");
        let note = document(&notes, Some("N-1"), 0, "Old.");
        store(db, &notes, &[&note]).await;
        let attributes = Json(json!({"new": [1, 2.5]}).as_object().unwrap().clone());
        let head = DocumentHead {
            external_id: None,
            title: Some("T".into()),
            attributes,
            version: 2,
            updated_at: at(5),
            ..note.head.clone()
        };
        let next = Document {
            head,
            text: "New.".to_owned(),
        };
        let mut tx = write(db).await;
        assert!(documents::update(&mut tx, &next).await.unwrap());
        assert!(!documents::update(&mut tx, &next).await.unwrap());
        assert_eq!(documents::find_anywhere(&mut tx, note.id).await.unwrap(), Some(next));
        documents::delete(&mut tx, note.id).await.unwrap();
        assert!(!documents::exists(&mut tx, note.id).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_walk_passes_every_document_in_the_order_of_creation() {
    on_both(async |db| {
        let notes = collection("notes");
        let all: Vec<Document> = [3, 1, 1, 1, 2]
            .map(|seconds| document(&notes, None, seconds, "x"))
            .into();
        store(db, &notes, &all.iter().collect::<Vec<_>>()).await;
        let mut tx = db.read().await.unwrap();
        let (mut seen, mut last) = (Vec::new(), None);
        loop {
            let page = documents::walk(&mut tx, notes.id, last.as_ref(), 2).await.unwrap();
            let Some(end) = page.last() else { break };
            last = Some(end.clone());
            seen.extend(page);
        }
        let mut expected = all;
        expected.sort_by_key(|document| (document.created_at, document.id));
        assert_eq!(seen, expected);
    })
    .await;
}

#[tokio::test]
async fn a_document_of_no_collection_is_a_conflict_and_not_a_fault() {
    on_both(async |db| {
        let orphan = document(&collection("never-stored"), None, 0, "x");
        let mut tx = write(db).await;
        let error = documents::insert(&mut tx, &orphan).await.unwrap_err();
        assert!(matches!(error, Error::Conflict(_)), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn five_megabytes_are_stored_and_indexed() {
    on_both(async |db| {
        let notes = collection("notes");
        let words: Vec<String> = (0..700_000_u32).map(|number| format!("w{number:x}")).collect();
        let text = words.join(" ");
        let big = document(&notes, None, 0, &text);
        store(db, &notes, &[&big]).await;
        let mut tx = db.read().await.unwrap();
        assert_eq!(
            documents::find_anywhere(&mut tx, big.id)
                .await
                .unwrap()
                .unwrap()
                .text
                .len(),
            text.len()
        );
    })
    .await;
}

#[tokio::test]
async fn a_document_names_its_collection() {
    on_both(async |db| {
        let notes = collection("notes");
        let note = document(&notes, None, 0, "x");
        store(db, &notes, &[&note]).await;
        let mut tx = write(db).await;
        assert_eq!(
            documents::collection_of(&mut tx, note.id).await.unwrap(),
            Some(notes.id)
        );
        let unknown = DocumentId::generate();
        assert_eq!(documents::collection_of(&mut tx, unknown).await.unwrap(), None);
    })
    .await;
}
