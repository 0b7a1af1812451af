//! Analyses of documents out of reach do not exist, nor those that others have made of texts that are stored nowhere.

use crate::support::world::{NOTE, World, absent, actor, first, forbidden, named, summary, text};
use std::sync::Arc;
use synoptic::{
    domain::{
        analyses::{AnalysisFilter, AnalysisKind},
        identifiers::{AnalysisId, DocumentId, UserId},
        permissions::{Scope, Scopes},
        principal::{Actor, Principal, PrincipalId, Reach},
    },
    services::analysis_tasks::Input,
};

#[tokio::test]
async fn analyses_of_documents_out_of_reach_do_not_exist() {
    let world = World::new().await;
    let (analyses, me) = (&world.app.services.analyses, &world.mine);
    let of_note = world.ask(&world.operator, Input::Document(world.note.id)).await;
    let of_memo = world.ask(&world.operator, Input::Document(world.memo.id)).await;
    assert_eq!(analyses.get(me, of_note.id).await.unwrap(), of_note);
    absent(analyses.get(me, of_memo.id).await, "analysis", of_memo.id);
    absent(analyses.delete(me, of_memo.id).await, "analysis", of_memo.id);
    absent(
        analyses.store_copy(me, &of_memo, AnalysisId::generate()).await,
        "analysis",
        of_memo.id,
    );
    let kind = AnalysisKind::Summary;
    assert_eq!(
        analyses.newest(me, &world.note, kind).await.unwrap(),
        Some(of_note.clone())
    );
    assert_eq!(analyses.newest(me, &world.memo, kind).await.unwrap(), None);
    assert_eq!(
        analyses.newest(&world.operator, &world.memo, kind).await.unwrap(),
        Some(of_memo.clone())
    );

    let of_collection = async |name: &str| {
        let filter = AnalysisFilter::default();
        analyses.list(me, filter, Some(&named(name)), None, first(10)).await
    };
    absent(of_collection("secret").await, "collection", "secret");
    assert_eq!(
        of_collection("notes").await.unwrap().rows,
        std::slice::from_ref(&of_note)
    );
    for (document, expected) in [
        (world.memo.id, vec![]),
        (DocumentId::generate(), vec![]),
        (world.note.id, vec![of_note.clone()]),
    ] {
        let filter = AnalysisFilter {
            document_id: Some(document),
            ..AnalysisFilter::default()
        };
        assert_eq!(
            analyses.list(me, filter, None, None, first(10)).await.unwrap().rows,
            expected
        );
    }
    analyses.delete(me, of_note.id).await.unwrap();
    absent(analyses.get(&world.operator, of_note.id).await, "analysis", of_note.id);
}

#[tokio::test]
async fn a_document_out_of_reach_is_not_analysed() {
    let world = World::new().await;
    let (analyses, me) = (&world.app.services.analyses, &world.mine);
    let gone = DocumentId::generate();
    absent(
        analyses.run(me, Input::Document(world.memo.id), &summary()).await,
        "document",
        world.memo.id,
    );
    let inputs = [
        Input::Document(world.note.id),
        Input::Document(world.memo.id),
        Input::Document(gone),
        text(NOTE),
    ];
    let answers = analyses.run_batch(me, inputs.map(Ok).into(), &summary()).await.unwrap();
    let [note, memo, gone_too, inline] = <[_; 4]>::try_from(answers).unwrap();
    assert_eq!(note.unwrap().analysis.document_id, Some(world.note.id));
    absent(memo, "document", world.memo.id);
    absent(gone_too, "document", gone);
    assert_eq!(inline.unwrap().analysis.created_by, me.principal.key_id());

    let both = [world.note.clone(), world.memo.clone()];
    world.ask(&world.operator, Input::Document(world.memo.id)).await;
    let missing = analyses.run_missing(me, &both, &summary()).await.unwrap();
    assert_eq!(missing.made, 0, "the note has its summary already");
    let failed: Vec<_> = missing.failed.iter().map(|(id, _)| *id).collect();
    assert_eq!(failed, [world.memo.id]);
    let of_memo = AnalysisFilter {
        document_id: Some(world.memo.id),
        ..AnalysisFilter::default()
    };
    let kept = analyses
        .list(&world.operator, of_memo, None, None, first(10))
        .await
        .unwrap();
    assert_eq!(kept.rows.len(), 1, "only the operator's");
}

#[tokio::test]
async fn a_stored_document_is_analysed_only_for_those_who_may_read_it() {
    let world = World::new().await;
    let scopes = Scopes::of(&[Scope::AnalysesRun, Scope::DocumentsWrite]);
    let principal = Principal {
        scopes,
        ..Principal::clone(&world.mine.principal)
    };
    let me = Actor::new(Arc::new(principal), None);
    let analyses = &world.app.services.analyses;
    for document in [world.note.id, world.memo.id, DocumentId::generate()] {
        let asked = analyses.run(&me, Input::Document(document), &summary()).await;
        forbidden(asked, "`documents:read`");
    }
    analyses.run(&me, text(NOTE), &summary()).await.unwrap();
    let batch = vec![Ok(Input::Document(world.note.id)), Ok(text(NOTE))];
    let [stored, inline] = <[_; 2]>::try_from(analyses.run_batch(&me, batch, &summary()).await.unwrap()).unwrap();
    forbidden(stored, "`documents:read`");
    inline.unwrap();
}

#[tokio::test]
async fn an_analysis_of_a_text_is_known_to_whoever_asked_and_to_those_who_reach_everything() {
    let world = World::new().await;
    let analyses = &world.app.services.analyses;
    let PrincipalId::User(owner) = world.person.principal.id else {
        panic!("a person is a user")
    };
    // A key of the same person, which acts for them and sees what it made itself.
    let principal = Principal {
        user_id: Some(owner),
        ..Principal::clone(&world.theirs.principal)
    };
    let theirs = Actor::new(Arc::new(principal), None);
    let by_me = world.ask(&world.mine, text(NOTE)).await;
    let by_them = world.ask(&theirs, text(NOTE)).await;
    let by_person = world.ask(&world.person, text(NOTE)).await;
    let by_operator = world.ask(&world.operator, text(NOTE)).await;
    assert_eq!(
        (by_them.created_by, by_them.created_by_user),
        (theirs.principal.key_id(), Some(owner))
    );
    assert_eq!((by_person.created_by, by_person.created_by_user), (None, Some(owner)));
    let all = [&by_operator, &by_person, &by_them, &by_me];
    for (actor, known) in [
        (&world.mine, vec![&by_me]),
        (&theirs, vec![&by_them]),
        (&world.person, vec![&by_person, &by_them]),
        (&world.operator, all.to_vec()),
    ] {
        let ids: Vec<_> = known.iter().map(|analysis| analysis.id).collect();
        for limit in [1, 2, 10] {
            assert_eq!(world.list(actor, limit).await, ids);
        }
        for analysis in all {
            let found = analyses.get(actor, analysis.id).await;
            if ids.contains(&analysis.id) {
                assert_eq!(&found.unwrap(), analysis);
            } else {
                absent(found, "analysis", analysis.id);
                absent(analyses.delete(actor, analysis.id).await, "analysis", analysis.id);
            }
        }
    }
    analyses.delete(&world.person, by_them.id).await.unwrap();
    assert_eq!(world.list(&theirs, 10).await, []);
}

#[tokio::test]
async fn analyses_are_paged_without_gaps_and_leaks() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for round in 0..20 {
        // Several at the same moment, so that the position needs the id too.
        let ask = async |actor: &Actor, input| {
            world
                .app
                .services
                .analyses
                .run(actor, input, &summary())
                .await
                .unwrap()
                .analysis
                .id
        };
        ask(&world.operator, Input::Document(world.memo.id)).await;
        expected.push(ask(&world.operator, Input::Document(world.note.id)).await);
        ask(&world.theirs, text(NOTE)).await;
        if round % 3 == 0 {
            expected.push(ask(&world.mine, text(NOTE)).await);
        }
        if round % 4 == 0 {
            world.app.tick();
        }
    }
    expected.reverse();
    for limit in [1, 2, 3, 5, 8, 13, 26, 27, 28, 200] {
        assert_eq!(world.list(&world.mine, limit).await, expected, "{limit} on a page");
    }
    let nobody = actor(PrincipalId::User(UserId::generate()), Reach::only([]));
    assert_eq!(world.list(&nobody, 10).await, []);
}
