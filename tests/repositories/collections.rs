//! `repositories::collections`.

use crate::{
    databases::on_both,
    fixtures::{at, collection, document, slug, store, write},
};
use synoptic::{
    domain::{collections::Collection, identifiers::CollectionId, principal::Reach, text_fields::NameOrId},
    repositories::collections,
};

#[tokio::test]
async fn a_row_comes_back_as_it_went() {
    on_both(async |db| {
        let notes = collection("notes");
        let mut tx = write(db).await;
        assert!(collections::insert(&mut tx, &notes).await.unwrap());
        assert_eq!(
            collections::find(&mut tx, &NameOrId::Id(notes.id)).await.unwrap(),
            Some(notes.clone())
        );
        assert_eq!(
            collections::find(&mut tx, &NameOrId::Name("notes".into()))
                .await
                .unwrap(),
            Some(notes.clone())
        );
        assert_eq!(
            collections::find(&mut tx, &NameOrId::Name("none".into()))
                .await
                .unwrap(),
            None
        );
        tx.commit().await.unwrap();
        let mut tx = db.read().await.unwrap();
        assert_eq!(
            collections::find(&mut tx, &NameOrId::Id(notes.id)).await.unwrap(),
            Some(notes)
        );
    })
    .await;
}

#[tokio::test]
async fn many_are_found_at_once_by_slug_and_by_id() {
    on_both(async |db| {
        let all = ["one", "two", "three", "four"].map(collection);
        for one in &all {
            store(db, one, &[]).await;
        }
        let mut tx = db.read().await.unwrap();
        let slugs = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let none = CollectionId::generate();
        for (names, ids, expected) in [
            (slugs(&[]), vec![], vec![]),
            (slugs(&["none"]), vec![none], vec![]),
            (slugs(&["two", "none", "two"]), vec![], vec![1]),
            (slugs(&[]), vec![all[2].id, none], vec![2]),
            (slugs(&["one", "three"]), vec![all[2].id, all[3].id], vec![0, 2, 3]),
        ] {
            let mut found = collections::find_all(&mut tx, &names, &ids).await.unwrap();
            found.sort_by_key(|one| all.iter().position(|other| other.id == one.id));
            let expected: Vec<Collection> = expected.into_iter().map(|index: usize| all[index].clone()).collect();
            assert_eq!(found, expected, "{names:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_taken_slug_is_told_and_the_transaction_goes_on() {
    on_both(async |db| {
        let (first, second, other) = (collection("notes"), collection("notes"), collection("other"));
        let mut tx = write(db).await;
        assert!(collections::insert(&mut tx, &first).await.unwrap());
        assert!(!collections::insert(&mut tx, &second).await.unwrap());
        assert!(collections::insert(&mut tx, &other).await.unwrap());
        assert!(!collections::slug_taken_by_another(&mut tx, &first).await.unwrap());
        assert!(collections::slug_taken_by_another(&mut tx, &second).await.unwrap());
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_list_goes_on_after_an_id() {
    on_both(async |db| {
        let all: Vec<Collection> = ["a", "b", "c"].map(collection).into();
        let mut tx = write(db).await;
        for one in &all {
            assert!(collections::insert(&mut tx, one).await.unwrap());
        }
        assert_eq!(
            collections::list(&mut tx, &Reach::Everything, None, 2).await.unwrap(),
            all[..2]
        );
        assert_eq!(
            collections::list(&mut tx, &Reach::Everything, Some(all[1].id), 2)
                .await
                .unwrap(),
            all[2..]
        );
    })
    .await;
}

#[tokio::test]
async fn only_the_next_version_is_stored() {
    on_both(async |db| {
        let notes = collection("notes");
        store(db, &notes, &[]).await;
        let next = Collection {
            slug: slug("memos"),
            name: "Memos".into(),
            version: 2,
            updated_at: at(9),
            ..notes.clone()
        };
        let mut tx = write(db).await;
        assert!(collections::update(&mut tx, &next).await.unwrap());
        assert!(!collections::update(&mut tx, &next).await.unwrap());
        assert_eq!(
            collections::find(&mut tx, &NameOrId::Id(notes.id)).await.unwrap(),
            Some(next)
        );
    })
    .await;
}

#[tokio::test]
async fn documents_go_with_their_collection() {
    on_both(async |db| {
        let notes = collection("notes");
        let note = document(&notes, Some("N-1"), 0, "Water the plants.");
        store(db, &notes, &[&note]).await;
        let mut tx = write(db).await;
        assert_eq!(collections::count_documents(&mut tx, notes.id).await.unwrap(), 1);
        collections::delete(&mut tx, notes.id).await.unwrap();
        assert!(
            !synoptic::repositories::documents::exists(&mut tx, note.id)
                .await
                .unwrap()
        );
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_nothing() {
    on_both(async |db| {
        let mut tx = write(db).await;
        assert!(collections::insert(&mut tx, &collection("notes")).await.unwrap());
        drop(tx);
        assert!(
            collections::list(&mut write(db).await, &Reach::Everything, None, 10)
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn a_list_is_kept_to_the_reach() {
    on_both(async |db| {
        let all: Vec<Collection> = ["a", "b", "c", "d", "e"].map(collection).into();
        let mut tx = write(db).await;
        for one in &all {
            assert!(collections::insert(&mut tx, one).await.unwrap());
        }
        let reach = Reach::only([all[4].id, all[1].id, all[2].id]);
        assert_eq!(collections::list(&mut tx, &reach, None, 2).await.unwrap(), all[1..3]);
        let rest = collections::list(&mut tx, &reach, Some(all[2].id), 2).await.unwrap();
        assert_eq!(rest, all[4..]);
        let past = collections::list(&mut tx, &reach, Some(all[3].id), 2).await.unwrap();
        assert_eq!(past, all[4..], "a position may be out of reach");
        let nowhere = collections::list(&mut tx, &Reach::only([]), None, 2).await.unwrap();
        assert_eq!(nowhere, []);
        let many = Reach::only((0..5_000).map(|_| CollectionId::generate()).chain([all[0].id]));
        assert_eq!(collections::list(&mut tx, &many, None, 2).await.unwrap(), all[..1]);
    })
    .await;
}
