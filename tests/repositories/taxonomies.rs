//! `repositories::taxonomies`.

use crate::{
    databases::on_both,
    fixtures::{at, classification, slug, taxonomy, write},
};
use synoptic::{
    domain::{taxonomies::Taxonomy, text_fields::NameOrId},
    repositories::{analyses, taxonomies},
};

#[tokio::test]
async fn a_row_comes_back_as_it_went() {
    on_both(async |db| {
        let (topic, plain) = (
            taxonomy("topic"),
            Taxonomy {
                threshold: None,
                ..taxonomy("plain")
            },
        );
        let mut tx = write(db).await;
        for one in [&topic, &plain] {
            assert!(taxonomies::insert(&mut tx, one).await.unwrap());
            assert_eq!(
                taxonomies::find(&mut tx, &NameOrId::Id(one.id)).await.unwrap().as_ref(),
                Some(one)
            );
        }
        assert_eq!(
            taxonomies::find(&mut tx, &NameOrId::Name("topic".into()))
                .await
                .unwrap(),
            Some(topic.clone())
        );
        for name in [NameOrId::Id(topic.id), NameOrId::Name("topic".into())] {
            let head = taxonomies::find_head(&mut tx, &name).await.unwrap().unwrap();
            assert_eq!((head.id, head.version), (topic.id, 1));
        }
        assert!(!taxonomies::insert(&mut tx, &taxonomy("topic")).await.unwrap());
        assert!(
            taxonomies::slug_taken_by_another(&mut tx, &taxonomy("topic"))
                .await
                .unwrap()
        );
        assert!(!taxonomies::slug_taken_by_another(&mut tx, &topic).await.unwrap());
        assert_eq!(
            taxonomies::list(&mut tx, None, 1).await.unwrap(),
            std::slice::from_ref(&topic)
        );
        assert_eq!(taxonomies::list(&mut tx, Some(topic.id), 5).await.unwrap(), [plain]);
    })
    .await;
}

#[tokio::test]
async fn versions_stay_and_only_the_next_one_is_stored() {
    on_both(async |db| {
        let first = taxonomy("topic");
        let second = Taxonomy {
            version: 2,
            slug: slug("subject"),
            threshold: None,
            updated_at: at(7),
            ..first.clone()
        };
        let mut tx = write(db).await;
        assert!(taxonomies::insert(&mut tx, &first).await.unwrap());
        assert!(taxonomies::update(&mut tx, &second).await.unwrap());
        assert!(!taxonomies::update(&mut tx, &second).await.unwrap());
        assert_eq!(
            taxonomies::find(&mut tx, &NameOrId::Id(first.id)).await.unwrap(),
            Some(second.clone())
        );
        let old = taxonomies::find_version(&mut tx, first.id, 1).await.unwrap().unwrap();
        assert_eq!(
            old,
            Taxonomy {
                slug: slug("subject"),
                ..first.clone()
            },
            "the slug belongs to all versions"
        );
        assert_eq!(taxonomies::find_version(&mut tx, first.id, 3).await.unwrap(), None);
        let versions = taxonomies::list_versions(&mut tx, first.id, i64::MAX, 10)
            .await
            .unwrap();
        assert_eq!(versions, [second, old.clone()]);
        assert_eq!(
            taxonomies::list_versions(&mut tx, first.id, 2, 10).await.unwrap(),
            [old]
        );
    })
    .await;
}

#[tokio::test]
async fn analyses_go_with_their_taxonomy() {
    on_both(async |db| {
        let topic = taxonomy("topic");
        let answer = classification(None, &topic, Some("billing"), 0);
        let mut tx = write(db).await;
        assert!(taxonomies::insert(&mut tx, &topic).await.unwrap());
        analyses::insert(&mut tx, &answer).await.unwrap();
        assert_eq!(taxonomies::count_analyses(&mut tx, topic.id).await.unwrap(), 1);
        taxonomies::delete(&mut tx, topic.id).await.unwrap();
        assert_eq!(analyses::find(&mut tx, answer.id).await.unwrap(), None);
        assert_eq!(taxonomies::find_version(&mut tx, topic.id, 1).await.unwrap(), None);
    })
    .await;
}
