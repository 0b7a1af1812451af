//! What was stored before there were people, their sessions and the audit trail is there afterwards.

use crate::{File, POSTGRES, SQLITE, connect, postgres};
use sqlx::{
    Connection, PgConnection,
    migrate::{Migrate, Migrator},
};
use synoptic::{
    db::Tx,
    domain::{
        Timestamp,
        analyses::AnalysisFilter,
        documents::{DocumentFilter, DocumentSort, SearchQuery},
        identifiers::{AnalysisId, ApiKeyId, CollectionId, DocumentId, TaxonomyId},
        permissions::Scopes,
        principal::{Principal, PrincipalId, Reach},
        text_fields::NameOrId,
    },
    on, repositories,
};
use uuid::Uuid;

/// How many migrations there were before people, their sessions and the audit trail.
const BEFORE_PEOPLE: usize = 5;

async fn apply(connection: &mut impl Migrate, migrator: &Migrator, count: usize) {
    connection.ensure_migrations_table(&migrator.table_name).await.unwrap();
    for migration in migrator.iter().take(count) {
        connection.apply(&migrator.table_name, migration).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_stored_before_people_came_is_there_afterwards_on_sqlite() {
    let file = File::new();
    let pool = file.open().await;
    apply(&mut *pool.acquire().await.unwrap(), &SQLITE, BEFORE_PEOPLE).await;
    pool.close().await;
    keep_what_was_stored(&file.url()).await;
    let pool = file.open().await;
    let broken = sqlx::query("PRAGMA foreign_key_check").fetch_all(&pool).await.unwrap();
    assert!(broken.is_empty(), "{} rows refer to nothing", broken.len());
}

#[tokio::test]
async fn what_was_stored_before_people_came_is_there_afterwards_on_postgres() {
    let url = postgres::new_database().await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    apply(&mut connection, &POSTGRES, BEFORE_PEOPLE).await;
    connection.close().await.unwrap();
    keep_what_was_stored(&url).await;
}

/// The ids of rows of every table that there was before people.
struct Old {
    key: Uuid,
    revoked: Uuid,
    collection: Uuid,
    document: Uuid,
    taxonomy: Uuid,
    analysis: Uuid,
    inline: Uuid,
}

const OLD_KEY: &str = "INSERT INTO api_keys (id, name, prefix, hash, created_at, revoked_at)
    VALUES ($1, 'job', 'syn_', $2, $3, $4)";
const OLD_CLAIM: &str = "INSERT INTO idempotency_keys (api_key_id, key, fingerprint, status, headers, body, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const OLD_COLLECTION: &str = "INSERT INTO collections (id, slug, name, description, version, created_at, updated_at)
    VALUES ($1, 'notes', 'Notes', '', 1, $2, $2)";
const OLD_DOCUMENT: &str = "INSERT INTO documents (id, collection_id, external_id, text, attributes, content_hash,
    version, created_at, updated_at) VALUES ($1, $2, 'N-1', 'Water the plants — ÖFTER, und замо\u{301}к.', '{\"n\": 1}', 'hash', 3, $3, $3)";
const OLD_TAXONOMY: &str = "INSERT INTO taxonomies (id, slug, version, created_at) VALUES ($1, 'topic', 1, $2)";
const OLD_VERSION: &str = "INSERT INTO taxonomy_versions (taxonomy_id, version, name, description, labels, created_at)
    VALUES ($1, 1, 'Topic', '', '[]', $2)";
const OLD_ANALYSIS: &str = "INSERT INTO analyses (id, kind, document_id, document_version, input_hash, engine, model,
    taxonomy_id, taxonomy_version, options, output, duration_us, degraded, created_by, created_at)
    VALUES ($1, 'classification', $2, 3, 'hash', 'embedded', 'model', $3, 1,
    '{\"classification\": {\"threshold\": 0.5, \"inline_labels\": null}}',
    '{\"classification\": {\"label\": null, \"confidence\": 0.4, \"scores\": [], \"threshold\": 0.5, \"abstained\": null}}',
    7, $4, $5, $6)";

async fn store_old_rows(tx: &mut Tx) -> Old {
    let at = old_time();
    let old = Old {
        key: Uuid::now_v7(),
        revoked: Uuid::now_v7(),
        collection: Uuid::now_v7(),
        document: Uuid::now_v7(),
        taxonomy: Uuid::now_v7(),
        analysis: Uuid::now_v7(),
        inline: Uuid::now_v7(),
    };
    for (id, byte, revoked_at) in [(old.key, 1, None), (old.revoked, 2, Some(at))] {
        let hash = vec![byte; 32];
        let stored = on!(tx, |c| sqlx::query(OLD_KEY)
            .bind(id)
            .bind(&hash)
            .bind(at)
            .bind(revoked_at)
            .execute(c)
            .await
            .map(drop));
        stored.unwrap();
    }
    let answer = (Some(201_i64), Some("[]"), Some(b"{}".to_vec()));
    for (key, (status, headers, body)) in [("done", answer), ("open", (None, None, None))] {
        let stored = on!(tx, |c| sqlx::query(OLD_CLAIM)
            .bind(old.key)
            .bind(key)
            .bind(vec![3_u8; 32])
            .bind(status)
            .bind(headers)
            .bind(body.clone())
            .bind(at)
            .execute(c)
            .await
            .map(drop));
        stored.unwrap();
    }
    for (statement, id) in [
        (OLD_COLLECTION, old.collection),
        (OLD_TAXONOMY, old.taxonomy),
        (OLD_VERSION, old.taxonomy),
    ] {
        let stored = on!(tx, |c| sqlx::query(statement)
            .bind(id)
            .bind(at)
            .execute(c)
            .await
            .map(drop));
        stored.unwrap();
    }
    let stored = on!(tx, |c| sqlx::query(OLD_DOCUMENT)
        .bind(old.document)
        .bind(old.collection)
        .bind(at)
        .execute(c)
        .await
        .map(drop));
    stored.unwrap();
    for (id, document, created_by) in [
        (old.analysis, Some(old.document), Some(old.key)),
        (old.inline, None, None),
    ] {
        let stored = on!(tx, |c| sqlx::query(OLD_ANALYSIS)
            .bind(id)
            .bind(document)
            .bind(old.taxonomy)
            .bind(false)
            .bind(created_by)
            .bind(at)
            .execute(c)
            .await
            .map(drop));
        stored.unwrap();
    }
    old
}

fn old_time() -> Timestamp {
    Timestamp::parse("2026-03-01T08:00:00.123456Z").unwrap()
}

/// What an API key may do after the migration: its scopes, whether all collections, when it ends, whose it is, its version.
type KeyAccess = (String, bool, Option<Timestamp>, Option<Uuid>, i64);
const KEY_ACCESS: &str = "SELECT scopes, all_collections, expires_at, owner_id, version FROM api_keys WHERE id = $1";

const COLLECTION_OF_ANALYSIS: &str = "SELECT collection_id FROM analyses WHERE id = $1";

/// The words of the document are told apart as those of what is stored now.
async fn find_by_words(tx: &mut Tx, collection: CollectionId) {
    for (word, count) in [("plants öfter", 1), ("ofter", 1), ("замок", 1), ("plant", 0)] {
        let filter = DocumentFilter {
            search: Some(SearchQuery::parse(word).unwrap()),
            ..DocumentFilter::default()
        };
        let sort = DocumentSort::Relevance;
        let found = repositories::document_lists::list(tx, collection, &filter, sort, None, 10).await;
        assert_eq!(found.unwrap().len(), count, "{word}");
    }
}

/// Stores rows in the database, which has the migrations before people, and reads them again after all of them.
async fn keep_what_was_stored(url: &str) {
    let db = connect(url).await;
    let mut tx = db.write().await.unwrap();
    let old = store_old_rows(&mut tx).await;
    tx.commit().await.unwrap();
    db.migrate().await.unwrap();

    let mut tx = db.read().await.unwrap();
    for id in [old.key, old.revoked] {
        let access: KeyAccess = on!(&mut tx, |c| sqlx::query_as(KEY_ACCESS).bind(id).fetch_one(c).await).unwrap();
        let everything_then = "collections:read collections:write documents:read documents:write taxonomies:read \
                               taxonomies:write analyses:read analyses:run analyses:write";
        assert_eq!(Scopes::from(access.0.as_str()), Scopes::from(everything_then));
        assert_eq!((access.1, access.2, access.3, access.4), (true, None, None, 1));
    }
    let revoked: Vec<Uuid> = on!(&mut tx, |c| sqlx::query_scalar(
        "SELECT id FROM api_keys WHERE revoked_at IS NOT NULL"
    )
    .fetch_all(c)
    .await)
    .unwrap();
    assert_eq!(revoked, [old.revoked]);
    for (key, answer) in [("done", Some((201, b"{}".to_vec()))), ("open", None)] {
        let claim = repositories::idempotency::find(&mut tx, old.key, key)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((claim.fingerprint, claim.status.zip(claim.body)), (vec![3; 32], answer));
    }
    let name = NameOrId::Name("notes".to_owned());
    let collection = repositories::collections::find(&mut tx, &name).await.unwrap().unwrap();
    assert_eq!(
        (collection.id, collection.created_at),
        (CollectionId(old.collection), old_time())
    );
    let id = DocumentId(old.document);
    let document = repositories::documents::find(&mut tx, collection.id, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (document.text.as_str(), document.version),
        ("Water the plants — ÖFTER, und замо\u{301}к.", 3)
    );
    find_by_words(&mut tx, collection.id).await;
    let name = NameOrId::Name("topic".to_owned());
    let taxonomy = repositories::taxonomies::find(&mut tx, &name).await.unwrap().unwrap();
    assert_eq!((taxonomy.id, taxonomy.version), (TaxonomyId(old.taxonomy), 1));
    let key = ApiKeyId(old.key);
    for (id, document, created_by) in [(old.analysis, Some(id), Some(key)), (old.inline, None, None)] {
        let analysis = repositories::analyses::find(&mut tx, AnalysisId(id))
            .await
            .unwrap()
            .unwrap();
        assert_eq!((analysis.document_id, analysis.created_by), (document, created_by));
        assert_eq!((analysis.created_by_user, analysis.created_at), (None, old_time()));
        let in_collection: Option<Uuid> = on!(&mut tx, |c| sqlx::query_scalar(COLLECTION_OF_ANALYSIS)
            .bind(id)
            .fetch_one(c)
            .await)
        .unwrap();
        assert_eq!(in_collection, document.map(|_| old.collection));
    }
    let principal = Principal {
        id: PrincipalId::Key(key),
        name: "job".to_owned(),
        user_id: None,
        role: None,
        session_id: None,
        scopes: Scopes::DATA,
        reach: Reach::only([collection.id]),
    };
    let listed = repositories::analyses::list(&mut tx, &principal, &AnalysisFilter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(listed.iter().map(|row| row.id.0).collect::<Vec<_>>(), [old.analysis]);
    drop(tx);

    // What hangs on them goes with them, and only that.
    let mut tx = db.write().await.unwrap();
    repositories::collections::delete(&mut tx, collection.id).await.unwrap();
    assert!(
        repositories::analyses::find(&mut tx, AnalysisId(old.analysis))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        repositories::analyses::find(&mut tx, AnalysisId(old.inline))
            .await
            .unwrap()
            .is_some()
    );
    drop(tx);
    db.close().await;
}
