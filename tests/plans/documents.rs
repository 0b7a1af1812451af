//! Lists of documents, searches, and what jobs choose from.

use crate::{
    filling::{DOCUMENTS, IN_FIRST, at, document, id},
    judging::{May, Plans},
    look,
};
use synoptic::{
    db::Db,
    domain::{
        documents::{DocumentFilter, DocumentPosition, DocumentSort, SearchQuery},
        identifiers::{CollectionId, TaxonomyId},
    },
    repositories::{
        document_lists,
        document_selection::{self, Selection},
        documents,
    },
};

const RANKS: May = May::Matches("the best are known when all matches are ranked");
const FEW: May =
    May::Rare("few documents have what is looked for, and the list is read in its order until the page is full");
const CHEAPER: May = May::Rare(
    "of reading the list in its order and of beginning with the label, PostgreSQL takes what is cheaper by its statistics",
);
const ALL: May = May::All("a job is about all of them");

const SORTS: [(&str, DocumentSort); 4] = [
    ("created", DocumentSort::CreatedAscending),
    ("created, newest first", DocumentSort::CreatedDescending),
    ("updated", DocumentSort::UpdatedAscending),
    ("updated, newest first", DocumentSort::UpdatedDescending),
];

/// Without `..`, so that a filter that is added is looked at too.
fn nothing() -> DocumentFilter {
    DocumentFilter {
        created_after: None,
        created_before: None,
        updated_after: None,
        updated_before: None,
        language: None,
        label: None,
        taxonomy_id: None,
        attributes: Vec::new(),
        search: None,
    }
}

fn filters() -> Vec<(&'static str, May, DocumentFilter)> {
    let attribute = |name: &str, value: &str| (vec![name.to_owned()], value.to_owned());
    let search = |text: &str| Some(SearchQuery::parse(text).unwrap());
    let taxonomy_id = Some(TaxonomyId(id('x', 1)));
    let between = |from, to| DocumentFilter {
        created_after: Some(at(from)),
        created_before: Some(at(to)),
        ..nothing()
    };
    let changed = |from, to| DocumentFilter {
        updated_after: Some(at(from)),
        updated_before: Some(at(to)),
        ..nothing()
    };
    let label = |label: &str, taxonomy_id| DocumentFilter {
        label: Some(label.to_owned()),
        taxonomy_id,
        ..nothing()
    };
    let language = |language: &str| DocumentFilter {
        language: Some(language.to_owned()),
        ..nothing()
    };
    let with = |name, value| DocumentFilter {
        attributes: vec![attribute(name, value)],
        ..nothing()
    };
    vec![
        ("no filter", May::Page, nothing()),
        ("created", May::Page, between(9_000, 12_000)),
        ("changed", May::Page, changed(9_000, 12_000)),
        ("language", May::Page, language("de")),
        ("rare language", May::Page, language("fi")),
        ("label", May::Page, label("billing", None)),
        ("label of a taxonomy", May::Page, label("billing", taxonomy_id)),
        ("rare label", FEW, label("rare", taxonomy_id)),
        ("attribute", May::Page, with("plan", "pro")),
        ("rare attribute", FEW, with("number", "4242")),
        (
            "word",
            May::Matches("of a hundredth of the documents"),
            DocumentFilter {
                search: search("word8"),
                ..nothing()
            },
        ),
        (
            "rare word",
            May::Page,
            DocumentFilter {
                search: search("number4242"),
                ..nothing()
            },
        ),
        (
            "word and filters",
            May::Page,
            DocumentFilter {
                search: search("rarities"),
                ..language("fi")
            },
        ),
    ]
}

pub async fn look(plans: &mut Plans, db: &Db) {
    lists(plans, db).await;
    choices(plans, db).await;
    rows(plans, db).await;
}

async fn lists(plans: &mut Plans, db: &Db) {
    let collection = CollectionId(id('c', 1));
    let mut tx = db.read().await.unwrap();
    for (filter_name, may, filter) in filters() {
        for (sort_name, sort) in SORTS {
            let middle = DocumentPosition {
                at: Some(at(IN_FIRST)),
                rank: None,
                id: document(IN_FIRST),
            };
            // What is filtered by one time and sorted by the other is read in the order of either.
            let crossed = (filter_name == "created") != sort_name.starts_with("created")
                && ["created", "changed"].contains(&filter_name);
            let is_by_language = filter_name.ends_with("language") && sort_name.starts_with("updated");
            let may = match may {
                May::Page if is_by_language => FEW,
                May::Page if crossed => May::Matches("what is filtered by one time is sorted by another"),
                may => may,
            };
            let may = if filter.label.is_some() {
                plans.on_postgres(CHEAPER, may)
            } else {
                may
            };
            for after in [None, Some(&middle)] {
                let name = format!(
                    "documents by {filter_name}, sorted by {sort_name}, after {:?}",
                    after.map(|after| after.at)
                );
                look!(
                    plans,
                    tx,
                    name,
                    may,
                    document_lists::list(&mut tx, collection, &filter, sort, after, 50)
                );
            }
        }
        if filter.search.is_some() {
            let page = look!(
                plans,
                tx,
                format!("best documents by {filter_name}"),
                RANKS,
                document_lists::list(&mut tx, collection, &filter, DocumentSort::Relevance, None, 50)
            );
            let last = page.last().unwrap();
            let after = DocumentPosition {
                at: None,
                rank: last.rank,
                id: last.head.id,
            };
            look!(
                plans,
                tx,
                format!("next best documents by {filter_name}"),
                RANKS,
                document_lists::list(&mut tx, collection, &filter, DocumentSort::Relevance, Some(&after), 50)
            );
        }
    }
}

async fn choices(plans: &mut Plans, db: &Db) {
    let mut tx = db.read().await.unwrap();
    for (name, may, filter) in filters() {
        let mut selection = Selection {
            collection: CollectionId(id('c', 1)),
            filter: &filter,
            classified_otherwise: None,
            until: at(DOCUMENTS),
        };
        look!(
            plans,
            tx,
            format!("count of documents by {name}"),
            ALL,
            document_selection::count(&mut tx, &selection)
        );
        look!(
            plans,
            tx,
            format!("sample of documents by {name}"),
            ALL,
            document_selection::sample(&mut tx, &selection, 10)
        );
        let may = if name == "changed" { ALL } else { may };
        let may = if filter.label.is_some() {
            plans.on_postgres(CHEAPER, may)
        } else {
            may
        };
        for after in [None, Some((at(IN_FIRST), document(IN_FIRST)))] {
            look!(
                plans,
                tx,
                format!("next documents by {name}"),
                may,
                document_selection::next(&mut tx, &selection, after, 50)
            );
        }
        if name == "no filter" {
            selection.classified_otherwise = Some((TaxonomyId(id('x', 1)), 2));
            look!(
                plans,
                tx,
                "next documents of an older version",
                document_selection::next(&mut tx, &selection, None, 50)
            );
        }
    }
}

async fn rows(plans: &mut Plans, db: &Db) {
    let collection = CollectionId(id('c', 1));
    let mut tx = db.write().await.unwrap();
    let some: Vec<_> = (1..50).map(document).collect();
    let names: Vec<String> = (1..50).map(|number| format!("E-{number}")).collect();
    let found = look!(
        plans,
        tx,
        "document",
        documents::find(&mut tx, collection, document(4242))
    )
    .unwrap();
    look!(
        plans,
        tx,
        "document anywhere",
        documents::find_anywhere(&mut tx, found.id)
    );
    look!(
        plans,
        tx,
        "collection of a document",
        documents::collection_of(&mut tx, found.id)
    );
    look!(
        plans,
        tx,
        "whether a document is there",
        documents::exists(&mut tx, found.id)
    );
    look!(
        plans,
        tx,
        "whether documents are there",
        documents::existing(&mut tx, &some)
    );
    look!(plans, tx, "document held", documents::hold(&mut tx, found.id));
    look!(plans, tx, "documents", documents::find_all(&mut tx, &some));
    look!(
        plans,
        tx,
        "document by external id",
        documents::find_by_external_id(&mut tx, collection, "E-4242")
    );
    look!(
        plans,
        tx,
        "whether one is there by external ids",
        documents::any_of_external_ids(&mut tx, collection, &names)
    );
    look!(
        plans,
        tx,
        "documents by external ids",
        documents::find_by_external_ids(&mut tx, collection, &names)
    );
    look!(
        plans,
        tx,
        "external id of another",
        documents::external_id_taken_by_another(&mut tx, &found)
    );
    look!(plans, tx, "walk", documents::walk(&mut tx, collection, None, 50));
    look!(
        plans,
        tx,
        "walk on",
        documents::walk(&mut tx, collection, Some(&found), 50)
    );
    let mut changed = found.clone();
    changed.head.version += 1;
    look!(plans, tx, "document changed", documents::update(&mut tx, &changed));
    look!(plans, tx, "document deleted", documents::delete(&mut tx, found.id));
}
