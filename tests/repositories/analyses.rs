//! `repositories::analyses`.

use crate::{
    databases::on_both,
    fixtures::{at, classification, collection, document, people, principal, store, summary, taxonomy, write},
};
use std::collections::BTreeMap;
use synoptic::{
    domain::{
        analyses::{Analysis, AnalysisFilter, AnalysisKind},
        identifiers::UserId,
        principal::{Actor, PrincipalId, Reach},
    },
    on,
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
async fn of_answers_to_one_question_the_one_that_replaces_is_kept() {
    on_both(async |db| {
        let mut tx = write(db).await;
        let keyed = |key: u8, hour| Analysis {
            cache_key: Some(vec![key; 32]),
            ..summary(None, hour)
        };
        let (old, new, other) = (keyed(1, 1), keyed(1, 2), keyed(2, 1));
        for answer in [&old, &new, &other] {
            analyses::insert(&mut tx, answer).await.unwrap();
        }
        analyses::replace_kept(&mut tx, &BTreeMap::new()).await.unwrap();
        analyses::replace_kept(&mut tx, &BTreeMap::from([(&[1; 32][..], new.id)]))
            .await
            .unwrap();
        let mut kept = async |key: u8| {
            let found = analyses::find_kept(&mut tx, &[key; 32], at(0)).await.unwrap();
            found.map(|found| found.id)
        };
        assert_eq!((kept(1).await, kept(2).await), (Some(new.id), Some(other.id)));
        assert!(analyses::is_kept(&mut tx, new.id, &[1; 32]).await.unwrap());
        assert!(
            !analyses::is_kept(&mut tx, old.id, &[1; 32]).await.unwrap(),
            "it was replaced"
        );
        assert!(analyses::delete(&mut tx, new.id).await.unwrap());
        assert!(!analyses::is_kept(&mut tx, new.id, &[1; 32]).await.unwrap());
        assert!(
            analyses::find(&mut tx, old.id).await.unwrap().is_some(),
            "it stays on record"
        );
        assert_eq!(analyses::find_kept(&mut tx, &[1; 32], at(0)).await.unwrap(), None);
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
        // Of another text of the same document.
        let of_another = Analysis {
            input_hash: "2".repeat(64),
            ..summary(Some(&note), 12)
        };
        analyses::insert(&mut tx, &of_another).await.unwrap();
        let mut newest = async |kind, taxonomy, text: &str| {
            let found = analyses::find_newest(&mut tx, note.id, kind, taxonomy, &text.repeat(64)).await;
            found.unwrap()
        };
        assert_eq!(newest(AnalysisKind::Summary, None, "1").await, Some(new));
        assert_eq!(newest(AnalysisKind::Summary, None, "2").await, Some(of_another));
        assert_eq!(newest(AnalysisKind::Summary, None, "3").await, None);
        let of_topic = newest(AnalysisKind::Classification, Some(topic.id), "1").await;
        assert_eq!(of_topic, Some(by_topic));
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
                analyses::list(&mut tx, &Actor::operator().principal, &filter, None, 10)
                    .await
                    .unwrap(),
                expected,
                "{filter:?}"
            );
        }
        let first = analyses::list(&mut tx, &Actor::operator().principal, &all, None, 2)
            .await
            .unwrap();
        let rest = analyses::list(
            &mut tx,
            &Actor::operator().principal,
            &all,
            Some((first[1].created_at, first[1].id)),
            10,
        )
        .await
        .unwrap();
        assert_eq!(rest, [answers[1].clone(), answers[0].clone()]);
    })
    .await;
}

#[tokio::test]
async fn who_asked_is_noted_unless_they_were_deleted() {
    on_both(async |db| {
        let mut tx = write(db).await;
        let (key, user) = people(&mut tx).await;
        let asked = Analysis {
            created_by: Some(key),
            created_by_user: Some(user),
            ..summary(None, 0)
        };
        let of_nobody = Analysis {
            created_by_user: Some(UserId::generate()),
            ..summary(None, 1)
        };
        for answer in [&asked, &of_nobody] {
            analyses::insert(&mut tx, answer).await.unwrap();
        }
        assert_eq!(analyses::find(&mut tx, asked.id).await.unwrap().as_ref(), Some(&asked));
        let found = analyses::find(&mut tx, of_nobody.id).await.unwrap().unwrap();
        assert_eq!(found.created_by_user, None);
        on!(&mut tx, |c| sqlx::query("DELETE FROM users WHERE id = $1")
            .bind(user)
            .execute(c)
            .await
            .map(drop))
        .unwrap();
        let found = analyses::find(&mut tx, asked.id).await.unwrap().unwrap();
        assert_eq!((found.created_by, found.created_by_user), (Some(key), None));
    })
    .await;
}

#[tokio::test]
async fn a_list_is_kept_to_the_reach() {
    on_both(async |db| {
        let (notes, memos, others) = (collection("notes"), collection("memos"), collection("others"));
        let note = document(&notes, None, 0, "x");
        let memo = document(&memos, None, 0, "x");
        let other = document(&others, None, 0, "x");
        for (collection, document) in [(&notes, &note), (&memos, &memo), (&others, &other)] {
            store(db, collection, &[document]).await;
        }
        let mut tx = write(db).await;
        let (key, user) = people(&mut tx).await;
        let (_, colleague) = people(&mut tx).await;
        let by = |created_by, created_by_user, answer| Analysis {
            created_by,
            created_by_user,
            ..answer
        };
        let answers = [
            summary(Some(&note), 0),
            by(Some(key), Some(user), summary(Some(&other), 1)),
            summary(Some(&memo), 2),
            by(Some(key), Some(user), summary(None, 3)),
            by(None, Some(user), summary(None, 4)),
            by(None, Some(colleague), summary(None, 5)),
            summary(None, 6),
            summary(Some(&note), 6),
        ];
        for answer in &answers {
            analyses::insert(&mut tx, answer).await.unwrap();
        }
        let (both, nowhere) = (Reach::only([notes.id, memos.id]), Reach::only([]));
        let cases = [
            (
                principal(PrincipalId::Operator, Reach::Everything),
                vec![7, 6, 5, 4, 3, 2, 1, 0],
            ),
            (principal(PrincipalId::Operator, both.clone()), vec![7, 2, 0]),
            (principal(PrincipalId::Key(key), both.clone()), vec![7, 3, 2, 0]),
            (principal(PrincipalId::User(user), both), vec![7, 4, 3, 2, 0]),
            (principal(PrincipalId::Key(key), nowhere.clone()), vec![3]),
            (principal(PrincipalId::User(colleague), nowhere.clone()), vec![5]),
            (principal(PrincipalId::Operator, nowhere), vec![]),
        ];
        for (principal, expected) in cases {
            let expected: Vec<_> = expected.into_iter().map(|place: usize| answers[place].id).collect();
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = analyses::list(&mut tx, &principal, &AnalysisFilter::default(), after, 2)
                    .await
                    .unwrap();
                seen.extend(page.iter().map(|answer| answer.id));
                let Some(last) = page.last() else { break };
                after = Some((last.created_at, last.id));
            }
            assert_eq!(seen, expected, "{principal:?}");
        }
        // A filter does not widen the reach.
        let key = principal(PrincipalId::Key(key), Reach::only([notes.id]));
        for (filter, expected) in [
            (
                AnalysisFilter {
                    collection_id: Some(others.id),
                    ..AnalysisFilter::default()
                },
                vec![],
            ),
            (
                AnalysisFilter {
                    document_id: Some(other.id),
                    ..AnalysisFilter::default()
                },
                vec![],
            ),
            (
                AnalysisFilter {
                    collection_id: Some(notes.id),
                    ..AnalysisFilter::default()
                },
                vec![7, 0],
            ),
            (
                AnalysisFilter {
                    document_id: Some(note.id),
                    ..AnalysisFilter::default()
                },
                vec![7, 0],
            ),
        ] {
            let listed = analyses::list(&mut tx, &key, &filter, None, 10).await.unwrap();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|place: usize| answers[place].clone())
                .collect();
            assert_eq!(listed, expected, "{filter:?}");
        }
    })
    .await;
}
