//! What is done to documents and to what belongs to them leaves a row in the audit trail, without any text.

use crate::support::world::{World, absent, first, named};
use synoptic::{
    domain::{
        audit::{Action, AuditEntry, AuditFilter},
        etags::Expected,
        taxonomies::{LabelDraft, TaxonomyDraft},
    },
    services::{analysis_tasks::Input, taxonomies::TaxonomyPatch},
};
use uuid::Uuid;

/// The trail from its beginning.
async fn trail(world: &World) -> Vec<AuditEntry> {
    let filter = AuditFilter::default();
    let page = world.app.services.audit.list(&filter, first(100)).await;
    let mut rows = page.unwrap().rows;
    // How the test's own admin and key came about is another story.
    rows.retain(|row| !matches!(row.action, Action::KeyCreated | Action::UserCreated | Action::SignIn));
    rows.reverse();
    rows
}

/// Who did what to which, with what is told of it.
type Told<'a> = (Option<Uuid>, Action, String, Option<&'a str>, Option<&'a str>);

fn told(rows: &[AuditEntry]) -> Vec<Told<'_>> {
    let mut told = Vec::new();
    for row in rows {
        let target = row.target_id.clone().unwrap_or_default();
        let (name, detail) = (row.target_name.as_deref(), row.detail.as_deref());
        told.push((row.actor_id, row.action, target, name, detail));
    }
    told
}

#[tokio::test]
async fn what_is_deleted_is_told_without_its_text() {
    let world = World::new().await;
    let (services, notes, secret) = (&world.app.services, named("notes"), named("secret"));
    let of_note = world.ask(&world.mine, Input::Document(world.note.id)).await;
    services.analyses.delete(&world.mine, of_note.id).await.unwrap();
    let (documents, collections) = (&services.documents, &services.collections);
    let any = Expected::Any;
    documents.delete(&world.mine, &notes, "D-1", &any).await.unwrap();
    collections.delete(&world.person, &notes, &any, false).await.unwrap();
    let full = collections.delete(&world.operator, &secret, &any, false).await;
    full.unwrap_err();
    collections.delete(&world.operator, &secret, &any, true).await.unwrap();
    let again = collections.delete(&world.operator, &secret, &any, true).await;
    absent(again, "collection", "secret");

    let rows = trail(&world).await;
    let (mine, person) = (world.mine.principal.id.uuid(), world.person.principal.id.uuid());
    let (analysis, note) = (of_note.id.to_string(), world.note.id.to_string());
    let (notes, secret) = (world.notes.id.to_string(), world.secret.id.to_string());
    let summary = format!("summary of the document {note}");
    let expected = [
        (mine, Action::AnalysisDeleted, analysis, None, Some(summary.as_str())),
        (mine, Action::DocumentDeleted, note, None, None),
        (
            person,
            Action::CollectionDeleted,
            notes,
            Some("notes"),
            Some("documents: 0"),
        ),
        (
            None,
            Action::CollectionDeleted,
            secret,
            Some("secret"),
            Some("documents: 1"),
        ),
    ];
    assert_eq!(told(&rows), expected);
    let everything = format!("{rows:?}");
    for word in ["heron", "merger"] {
        assert!(!everything.contains(word), "{everything}");
    }
}

#[tokio::test]
async fn every_version_of_a_taxonomy_is_told() {
    let world = World::new().await;
    let (taxonomies, topic) = (&world.app.services.taxonomies, named("topic"));
    let labels = ["Birds", "Business"].map(|name| LabelDraft {
        name: name.to_owned(),
        ..LabelDraft::default()
    });
    let draft = TaxonomyDraft {
        name: "Topic".to_owned(),
        description: String::new(),
        threshold: None,
        labels: labels.to_vec(),
    };
    let made = taxonomies.create(&world.operator, Some("topic"), draft.clone()).await;
    let id = made.unwrap().id.to_string();
    let taken = taxonomies.create(&world.operator, Some("topic"), draft).await;
    taken.unwrap_err();
    // The second time nothing is changed.
    for _ in 0..2 {
        let patch = TaxonomyPatch {
            name: Some("Topics".to_owned()),
            ..TaxonomyPatch::default()
        };
        let changed = taxonomies.update(&world.operator, &topic, &Expected::Any, patch).await;
        changed.unwrap();
    }
    let deleted = taxonomies.delete(&world.operator, &topic, &Expected::Any, false).await;
    deleted.unwrap();
    let rows = trail(&world).await;
    let row = |action, detail| (None, action, id.clone(), Some("topic"), Some(detail));
    let expected = [
        row(Action::TaxonomyCreated, "version: 1"),
        row(Action::TaxonomyChanged, "version: 2"),
        row(Action::TaxonomyDeleted, "version: 2"),
    ];
    assert_eq!(told(&rows), expected);
}
