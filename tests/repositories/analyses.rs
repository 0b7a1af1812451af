//! `repositories::analyses`.

use crate::{
    databases::on_both,
    fixtures::{at, classification, collection, document, store, summary, taxonomy, write},
};
use synoptic::{
    domain::analyses::{AnalysisFilter, AnalysisKind},
    repositories::{analyses, documents, taxonomies},
};

#[tokio::test]
async fn a_row_comes_back_as_it_went() {
    on_both(async |db| {
        let (notes, topic) = (collection("notes"), taxonomy("topic"));
        let note = document(&notes, None, 0, "x");
        store(db, &notes, &[&note]).await;
        let mut tx = write(db).await;
        assert!(taxonomies::insert(&mut tx, &topic).await.unwrap());
        let answers = [
            summary(None, 0),
            summary(Some(&note), 1),
            classification(Some(&note), &topic, None, 2),
        ];
        for answer in &answers {
            analyses::insert(&mut tx, answer).await.unwrap();
            assert_eq!(analyses::find(&mut tx, answer.id).await.unwrap().as_ref(), Some(answer));
        }
        assert!(analyses::delete(&mut tx, answers[0].id).await.unwrap());
        assert!(!analyses::delete(&mut tx, answers[0].id).await.unwrap());
        documents::delete(&mut tx, note.id).await.unwrap();
        assert_eq!(analyses::find(&mut tx, answers[1].id).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn the_newest_of_a_kind_is_found() {
    on_both(async |db| {
        let (notes, topic, mood) = (collection("notes"), taxonomy("topic"), taxonomy("mood"));
        let note = document(&notes, None, 0, "x");
        store(db, &notes, &[&note]).await;
        let mut tx = write(db).await;
        for taxonomy in [&topic, &mood] {
            assert!(taxonomies::insert(&mut tx, taxonomy).await.unwrap());
        }
        let by_topic = classification(Some(&note), &topic, Some("billing"), 5);
        let by_mood = classification(Some(&note), &mood, None, 6);
        let (old, new) = (summary(Some(&note), 1), summary(Some(&note), 9));
        for answer in [&by_topic, &by_mood, &new, &old] {
            analyses::insert(&mut tx, answer).await.unwrap();
        }
        let newest = analyses::find_newest(&mut tx, note.id, AnalysisKind::Summary, None)
            .await
            .unwrap();
        assert_eq!(newest, Some(new));
        let newest = analyses::find_newest(&mut tx, note.id, AnalysisKind::Classification, Some(topic.id))
            .await
            .unwrap();
        assert_eq!(newest, Some(by_topic));
    })
    .await;
}

#[tokio::test]
async fn every_filter_and_the_position_narrow_the_list() {
    on_both(async |db| {
        let (notes, topic) = (collection("notes"), taxonomy("topic"));
        let note = document(&notes, None, 0, "x");
        store(db, &notes, &[&note]).await;
        let mut tx = write(db).await;
        assert!(taxonomies::insert(&mut tx, &topic).await.unwrap());
        let answers = [
            summary(None, 0),
            summary(Some(&note), 1),
            classification(Some(&note), &topic, Some("billing"), 1),
            classification(None, &topic, Some("other"), 2),
        ];
        for answer in &answers {
            analyses::insert(&mut tx, answer).await.unwrap();
        }
        let all = AnalysisFilter::default();
        let filters = [
            (all.clone(), vec![3, 2, 1, 0]),
            (
                AnalysisFilter {
                    collection_id: Some(notes.id),
                    ..all.clone()
                },
                vec![2, 1],
            ),
            (
                AnalysisFilter {
                    document_id: Some(note.id),
                    ..all.clone()
                },
                vec![2, 1],
            ),
            (
                AnalysisFilter {
                    taxonomy_id: Some(topic.id),
                    ..all.clone()
                },
                vec![3, 2],
            ),
            (
                AnalysisFilter {
                    kind: Some(AnalysisKind::Summary),
                    ..all.clone()
                },
                vec![1, 0],
            ),
            (
                AnalysisFilter {
                    label: Some("billing".into()),
                    ..all.clone()
                },
                vec![2],
            ),
            (
                AnalysisFilter {
                    engine: Some("other".into()),
                    ..all.clone()
                },
                vec![],
            ),
            (
                AnalysisFilter {
                    created_after: Some(at(0)),
                    created_before: Some(at(2)),
                    ..all.clone()
                },
                vec![2, 1],
            ),
        ];
        for (filter, expected) in filters {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|index: usize| answers[index].clone())
                .collect();
            assert_eq!(
                analyses::list(&mut tx, &filter, None, 10).await.unwrap(),
                expected,
                "{filter:?}"
            );
        }
        let first = analyses::list(&mut tx, &all, None, 2).await.unwrap();
        let rest = analyses::list(&mut tx, &all, Some((first[1].created_at, first[1].id)), 10)
            .await
            .unwrap();
        assert_eq!(rest, [answers[1].clone(), answers[0].clone()]);
    })
    .await;
}
