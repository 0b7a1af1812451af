//! Pages of `repositories::analyses::list`, which are put together from parts, against looking at every row.

use crate::{
    databases::on_both,
    fixtures::{at, classification, collection, document, people, principal, store, summary, taxonomy, write},
};
use std::collections::BTreeMap;
use synoptic::{
    db::Tx,
    domain::{
        analyses::{Analysis, AnalysisFilter, AnalysisKind},
        identifiers::{CollectionId, DocumentId},
        principal::{Principal, PrincipalId, Reach},
    },
    repositories::{analyses, documents, taxonomies},
};

/// More collections than one statement reads.
const COLLECTIONS: usize = 230;

/// Whether a list shows the analysis, said the slow way.
fn is_shown(
    analysis: &Analysis,
    collections: &BTreeMap<DocumentId, CollectionId>,
    principal: &Principal,
    filter: &AnalysisFilter,
) -> bool {
    let collection = analysis.document_id.map(|id| collections[&id]);
    let within_reach = match collection {
        _ if principal.reach == Reach::Everything => true,
        Some(collection) => principal.reach.contains(collection),
        None => analysis.made_by(principal),
    };
    within_reach
        && filter.collection_id.is_none_or(|id| collection == Some(id))
        && filter.document_id.is_none_or(|id| analysis.document_id == Some(id))
        && filter.taxonomy_id.is_none_or(|id| analysis.taxonomy_id == Some(id))
        && filter.kind.is_none_or(|kind| analysis.kind == kind)
        && filter.engine.as_ref().is_none_or(|engine| analysis.engine == *engine)
        && filter.created_after.is_none_or(|time| analysis.created_at > time)
        && filter.created_before.is_none_or(|time| analysis.created_at < time)
        && (filter.label.as_ref()).is_none_or(|label| analysis.label.as_ref().is_some_and(|is| is.0 == *label))
}

async fn all_pages(tx: &mut Tx, principal: &Principal, filter: &AnalysisFilter, limit: i64) -> Vec<Analysis> {
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = analyses::list(tx, principal, filter, after, limit).await.unwrap();
        assert!(page.len() <= usize::try_from(limit).unwrap());
        let Some(last) = page.last() else { return seen };
        after = Some((last.created_at, last.id));
        seen.extend(page);
    }
}

#[tokio::test]
async fn pages_show_every_row_once_and_in_order_to_whoever_may_see_it() {
    on_both(async |db| {
        let topic = taxonomy("topic");
        let mut notes = Vec::new();
        for place in 0..COLLECTIONS {
            let collection = collection(&format!("c{place}"));
            let note = document(&collection, None, 0, "x");
            store(db, &collection, &[&note]).await;
            notes.push(note);
        }
        let mut tx = write(db).await;
        assert!(taxonomies::insert(&mut tx, &topic).await.unwrap());
        let (key, user) = people(&mut tx).await;
        let (other_key, other_user) = people(&mut tx).await;
        let makers = [
            (None, None),
            (Some(key), Some(user)),
            (None, Some(user)),
            (Some(other_key), Some(other_user)),
        ];
        let mut rows = Vec::new();
        for place in 0..600_u32 {
            // Many at the same moment, in collections near and far, and some of no document.
            let seconds = place * 7 % 40;
            let note = (place % 5 != 0).then(|| &notes[(place * place) as usize % COLLECTIONS]);
            let label = ["billing", "other"][place as usize % 2];
            let row = match place % 3 {
                0 => summary(note, seconds),
                1 => classification(note, &topic, Some(label), seconds),
                _ => classification(note, &topic, None, seconds),
            };
            let (created_by, created_by_user) = makers[place as usize / 3 % 4];
            let row = Analysis {
                created_by,
                created_by_user,
                ..row
            };
            analyses::insert(&mut tx, &row).await.unwrap();
            rows.push(row);
        }
        rows.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
        let collections = notes.iter().map(|note| (note.id, note.collection_id)).collect();
        let reach = |count: usize| Reach::only(notes[..count].iter().map(|note| note.collection_id));
        let all = AnalysisFilter::default();
        let filters = [
            all.clone(),
            AnalysisFilter {
                collection_id: Some(notes[1].collection_id),
                ..all.clone()
            },
            AnalysisFilter {
                document_id: Some(notes[4].id),
                ..all.clone()
            },
            AnalysisFilter {
                document_id: Some(notes[4].id),
                collection_id: Some(notes[1].collection_id),
                ..all.clone()
            },
            AnalysisFilter {
                taxonomy_id: Some(topic.id),
                label: Some("billing".into()),
                ..all.clone()
            },
            AnalysisFilter {
                label: Some("other".into()),
                engine: Some("embedded".into()),
                ..all.clone()
            },
            AnalysisFilter {
                kind: Some(AnalysisKind::Summary),
                created_after: Some(at(5)),
                created_before: Some(at(30)),
                ..all.clone()
            },
        ];
        for reach in [Reach::Everything, reach(0), reach(1), reach(60), reach(COLLECTIONS)] {
            for id in [PrincipalId::Operator, PrincipalId::Key(key), PrincipalId::User(user)] {
                let principal = principal(id, reach.clone());
                for filter in &filters {
                    let shown = |row: &&Analysis| is_shown(row, &collections, &principal, filter);
                    let expected: Vec<_> = rows.iter().filter(shown).map(|row| row.id).collect();
                    let seen = all_pages(&mut tx, &principal, filter, 90).await;
                    let seen: Vec<_> = seen.iter().map(|row| row.id).collect();
                    assert_eq!(seen, expected, "{id:?} {filter:?}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_smallest_pages_miss_nothing_at_one_moment() {
    on_both(async |db| {
        let (one, two) = (collection("one"), collection("two"));
        let (first, second) = (document(&one, None, 0, "x"), document(&two, None, 0, "x"));
        store(db, &one, &[&first]).await;
        store(db, &two, &[&second]).await;
        let mut tx = write(db).await;
        let (key, _) = people(&mut tx).await;
        let mut rows = Vec::new();
        for note in [Some(&first), Some(&second), None, Some(&first), None, Some(&second)] {
            let row = Analysis {
                created_by: Some(key),
                ..summary(note, 0)
            };
            analyses::insert(&mut tx, &row).await.unwrap();
            rows.push(row);
        }
        rows.reverse();
        let principal = principal(PrincipalId::Key(key), Reach::only([one.id, two.id]));
        assert_eq!(
            all_pages(&mut tx, &principal, &AnalysisFilter::default(), 1).await,
            rows
        );
        documents::delete(&mut tx, first.id).await.unwrap();
        rows.retain(|row| row.document_id != Some(first.id));
        assert_eq!(
            all_pages(&mut tx, &principal, &AnalysisFilter::default(), 1).await,
            rows
        );
    })
    .await;
}
