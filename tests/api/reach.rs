//! What lies in collections out of reach does not exist: collections, documents and taxonomies, as the services show them to
//! those who reach only some.

use crate::support::world::{World, absent, actor, create, fields, first, forbidden, named};
use std::slice::from_ref;
use synoptic::{
    domain::{
        analyses::{AnalysisFilter, SharedAnalysis},
        collections::CollectionFields,
        documents::{DocumentFilter, DocumentSort, SearchQuery},
        etags::Expected,
        identifiers::DocumentId,
        paging::PageRequest,
        principal::Reach,
        taxonomies::{LabelDraft, TaxonomyDraft},
        text_fields::NameOrId,
    },
    services::{
        analysis_tasks::{ClassificationWish, Input, LabelSource, Order, Task},
        collections::CollectionPatch,
        document_drafts::DocumentPatch,
        documents::OnConflict,
        taxonomies::TaxonomyPatch,
    },
};

#[tokio::test]
async fn a_collection_out_of_reach_does_not_exist() {
    let world = World::new().await;
    let (collections, me) = (&world.app.services.collections, &world.mine);
    let name = NameOrId::Id(world.secret.id);
    for (name, shown) in [
        (&name, world.secret.id.to_string()),
        (&named("secret"), "secret".to_owned()),
    ] {
        absent(collections.get(me, name).await, "collection", &shown);
        let patch = CollectionPatch {
            name: Some("Mine".to_owned()),
            ..CollectionPatch::default()
        };
        absent(
            collections.update(me, name, &Expected::Any, patch).await,
            "collection",
            &shown,
        );
        absent(
            collections.delete(me, name, &Expected::Any, true).await,
            "collection",
            &shown,
        );
    }
    assert_eq!(collections.get(&world.operator, &name).await.unwrap(), world.secret);
    assert_eq!(
        collections.list(me, first(10)).await.unwrap().rows,
        from_ref(&world.notes)
    );
    let nobody = actor(me.principal.id, Reach::only([]));
    assert_eq!(collections.list(&nobody, first(10)).await.unwrap().rows, []);
}

#[tokio::test]
async fn collections_are_paged_without_those_out_of_reach() {
    let world = World::new().await;
    let mut reached = vec![world.notes.id];
    for number in 0..9 {
        let collection = create(&world.app, &format!("c{number}")).await;
        if number % 3 != 0 {
            reached.push(collection.id);
        }
    }
    let me = actor(world.mine.principal.id, Reach::only(reached.clone()));
    for limit in [1, 2, 3, 7, 10] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = world
                .app
                .services
                .collections
                .list(&me, PageRequest { limit, after })
                .await
                .unwrap();
            assert!(
                page.rows.len() == limit as usize || page.next.is_none(),
                "a gap in a page"
            );
            seen.extend(page.rows.iter().map(|row| row.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, reached);
    }
}

#[tokio::test]
async fn what_would_tell_of_other_collections_is_forbidden() {
    let world = World::new().await;
    let (collections, me) = (&world.app.services.collections, &world.mine);
    for slug in ["secret", "free"] {
        let created = collections
            .create(me, CollectionFields::new(Some(slug), slug, "").unwrap())
            .await;
        forbidden(created, "only those who reach every collection can create one");
        let patch = CollectionPatch {
            slug: Some(slug.to_owned()),
            ..CollectionPatch::default()
        };
        let changed = collections.update(me, &named("notes"), &Expected::Any, patch).await;
        forbidden(changed, "change the slug");
    }
    let patch = CollectionPatch {
        slug: Some("notes".to_owned()),
        name: Some("Birds".to_owned()),
        description: Some("Seen by the river.".to_owned()),
        automation: None,
        retention_days: None,
    };
    let changed = collections
        .update(me, &named("notes"), &Expected::Any, patch)
        .await
        .unwrap();
    assert_eq!((changed.name.as_str(), changed.version), ("Birds", 2));
    let refused = collections
        .delete(me, &named("notes"), &Expected::Any, false)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("holds 1 documents"), "{refused}");
    collections
        .delete(me, &named("notes"), &Expected::Any, true)
        .await
        .unwrap();
    absent(
        collections.get(&world.operator, &named("notes")).await,
        "collection",
        "notes",
    );
}

#[tokio::test]
async fn documents_out_of_reach_do_not_exist() {
    let world = World::new().await;
    let (documents, me) = (&world.app.services.documents, &world.mine);
    let by_id = NameOrId::Id(world.secret.id);
    for (name, shown) in [
        (&by_id, world.secret.id.to_string()),
        (&named("secret"), "secret".to_owned()),
    ] {
        let id = world.memo.id.to_string();
        for document in ["D-1", &id] {
            absent(documents.get(me, name, document).await, "collection", &shown);
            let put = documents
                .put(me, name, document, &Expected::Any, fields("D-1", "Mine."))
                .await;
            absent(put, "collection", &shown);
            let patch = DocumentPatch {
                text: Some("Mine.".to_owned()),
                ..DocumentPatch::default()
            };
            absent(
                documents.update(me, name, document, &Expected::Any, patch).await,
                "collection",
                &shown,
            );
            absent(
                documents.delete(me, name, document, &Expected::Any).await,
                "collection",
                &shown,
            );
        }
        let created = documents
            .create(me, name, fields("D-2", "Mine."), OnConflict::Update)
            .await;
        absent(created, "collection", &shown);
        let batch = vec![fields("D-1", "Mine."), fields("D-3", "Mine.")];
        absent(
            documents.create_batch(me, name, batch, OnConflict::Update).await,
            "collection",
            &shown,
        );
        let filter = DocumentFilter::default();
        let listed = documents
            .list(me, name, &filter, DocumentSort::CreatedAscending, first(10))
            .await;
        absent(listed, "collection", &shown);
        absent(documents.walk(me, name, None, 10).await, "collection", &shown);
    }
    let kept = documents.walk(&world.operator, &by_id, None, 10).await.unwrap();
    assert_eq!(kept, from_ref(&world.memo));
}

#[tokio::test]
async fn a_collection_within_reach_shows_nothing_of_the_others() {
    let world = World::new().await;
    let (documents, me, notes) = (&world.app.services.documents, &world.mine, named("notes"));
    let id = world.memo.id.to_string();
    absent(documents.get(me, &notes, &id).await, "document", &id);
    absent(documents.delete(me, &notes, &id, &Expected::Any).await, "document", &id);
    let put = documents
        .put(me, &notes, &id, &Expected::Any, fields("D-1", "Mine."))
        .await;
    absent(put, "document", &id);
    for (words, found) in [("heron", 1), ("merger", 0)] {
        let filter = DocumentFilter {
            search: Some(SearchQuery::parse(words).unwrap()),
            ..DocumentFilter::default()
        };
        let listed = documents
            .list(me, &notes, &filter, DocumentSort::Relevance, first(10))
            .await
            .unwrap();
        assert_eq!(listed.rows.len(), found, "{words}");
        assert!(listed.rows.iter().all(|row| row.head.collection_id == world.notes.id));
    }
    let (_, outcome) = documents
        .create(me, &notes, fields("D-2", "Mine."), OnConflict::Refuse)
        .await
        .unwrap();
    assert_eq!(format!("{outcome:?}"), "Created");
    assert!(
        documents
            .reaches_batch(me, &[DocumentId::generate(), world.note.id])
            .await
            .unwrap()
    );
    assert!(
        !documents
            .reaches_batch(me, &[DocumentId::generate(), world.memo.id])
            .await
            .unwrap()
    );
    assert!(!documents.reaches_batch(me, &[DocumentId::generate()]).await.unwrap());
    assert!(
        documents
            .reaches_batch(&world.operator, &[world.memo.id])
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn taxonomies_are_read_by_all_and_changed_by_those_who_reach_everything() {
    let world = World::new().await;
    let (taxonomies, analyses, me) = (
        &world.app.services.taxonomies,
        &world.app.services.analyses,
        &world.mine,
    );
    let label = |name: &str| LabelDraft {
        name: name.to_owned(),
        ..LabelDraft::default()
    };
    let draft = TaxonomyDraft {
        name: "Topic".to_owned(),
        description: String::new(),
        threshold: None,
        labels: vec![label("Birds"), label("Business")],
    };
    let topic = taxonomies
        .create(&world.operator, Some("topic"), draft.clone())
        .await
        .unwrap();
    let source = || LabelSource::Taxonomy {
        name: named("topic"),
        version: None,
    };
    let task = Order::embedded(Task::Classification(
        analyses
            .classification(me, source(), ClassificationWish::default())
            .await
            .unwrap(),
    ));
    analyses
        .run(&world.operator, Input::Document(world.memo.id), &task)
        .await
        .unwrap();
    let by_me = analyses.run(me, Input::Document(world.note.id), &task).await.unwrap();
    let listed = analyses
        .list(me, AnalysisFilter::default(), None, Some(&named("topic")), first(10))
        .await
        .unwrap();
    assert_eq!(listed.rows, [SharedAnalysis::into_analysis(by_me.analysis)]);

    assert_eq!(taxonomies.get(me, &named("topic")).await.unwrap(), topic);
    assert_eq!(taxonomies.get_version(me, &named("topic"), 1).await.unwrap(), topic);
    assert_eq!(taxonomies.list(me, first(10)).await.unwrap().rows, from_ref(&topic));
    assert_eq!(
        taxonomies
            .list_versions(me, &named("topic"), first(10))
            .await
            .unwrap()
            .rows,
        from_ref(&topic)
    );
    let words = "only those who reach every collection";
    forbidden(taxonomies.create(me, None, draft).await, words);
    let patch = TaxonomyPatch {
        name: Some("Mine".to_owned()),
        ..TaxonomyPatch::default()
    };
    forbidden(
        taxonomies.update(me, &named("topic"), &Expected::Any, patch).await,
        words,
    );
    for with_analyses in [false, true] {
        forbidden(
            taxonomies
                .delete(me, &named("topic"), &Expected::Any, with_analyses)
                .await,
            words,
        );
    }
    assert_eq!(taxonomies.get(&world.operator, &named("topic")).await.unwrap(), topic);
}
