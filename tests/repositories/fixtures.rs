//! Rows for tests.

use serde_json::json;
use sqlx::types::Json;
use std::time::Duration;
use synoptic::{
    cache::AnswerCache,
    config::Auth,
    db::{Db, Tx},
    domain::{
        Clock, Timestamp,
        analyses::{Analysis, AnalysisKind, AnalysisOptions, AnalysisOutput, RecordedUsage},
        answers::{
            Classification, ConfidenceSource, LabelScore, SentenceOrder, SourceAnchor, Summary, SummaryLength,
            SummaryMethod, SummaryOptions, SummaryPreset, SummarySentence, SummaryStyle, WrittenSentence,
        },
        api_keys::{ApiKeyRow, SecretKey},
        collections::Collection,
        documents::{Document, DocumentHead},
        emails::Email,
        identifiers::{AnalysisId, ApiKeyId, CollectionId, DocumentId, PromptId, SessionId, TaxonomyId, UserId},
        labels::{Label, LabelId},
        money::MicroDollars,
        permissions::{Role, Scopes},
        principal::{Principal, PrincipalId, Reach},
        prompts::Prompt,
        sessions::{Session, SignInMethod},
        taxonomies::Taxonomy,
        text_fields::Slug,
        users::{UserRow, UserState},
    },
    engines::router::Router,
    on,
    outbound::Sender,
    repositories,
    services::{Foundation, Services},
    telemetry::metrics::Metrics,
};
use tokio_util::task::TaskTracker;

/// Seconds after a morning in March, with microseconds that must survive.
pub fn at(seconds: u32) -> Timestamp {
    Timestamp::parse(&format!(
        "2026-03-01T08:{:02}:{:02}.123456Z",
        seconds / 60,
        seconds % 60
    ))
    .unwrap()
}

pub fn slug(text: &str) -> Slug {
    Slug::parse("/slug", text).unwrap()
}

pub fn collection(name: &str) -> Collection {
    Collection {
        automation: Json(Vec::new()),
        retention_days: None,
        id: CollectionId::generate(),
        slug: slug(name),
        name: format!("The {name}"),
        description: "Ümläüte, 漢字 & 'quotes'".to_owned(),
        version: 1,
        created_at: at(0),
        updated_at: at(1),
    }
}

pub fn document(collection: &Collection, external_id: Option<&str>, seconds: u32, text: &str) -> Document {
    let attributes = json!({"plan": "pro", "n": 1, "deep": {"list": [1, null, true, 1.5, "ß"]}});
    let head = DocumentHead {
        id: DocumentId::generate(),
        collection_id: collection.id,
        external_id: external_id.map(str::to_owned),
        title: None,
        attributes: Json(attributes.as_object().unwrap().clone()),
        language: Some("en".to_owned()),
        content_hash: "0".repeat(64),
        version: 1,
        created_at: at(seconds),
        updated_at: at(seconds),
    };
    Document {
        head,
        text: text.to_owned(),
    }
}

pub fn taxonomy(name: &str) -> Taxonomy {
    let label = |id: &str| Label {
        id: LabelId(id.to_owned()),
        name: id.to_uppercase(),
        description: String::new(),
        examples: vec!["one".to_owned(), "zwölf".to_owned()],
    };
    Taxonomy {
        id: TaxonomyId::generate(),
        slug: slug(name),
        version: 1,
        name: name.to_owned(),
        description: "What it is about.".to_owned(),
        threshold: Some(0.25),
        labels: Json(vec![label("billing"), label("other")]),
        created_at: at(0),
        updated_at: at(0),
    }
}

pub fn prompt(name: &str) -> Prompt {
    let schema = json!({"type": "object", "properties": {"tön": {"enum": ["a", 1.5, null, 1e20]}}});
    Prompt {
        id: PromptId::generate(),
        slug: slug(name),
        version: 1,
        name: name.to_owned(),
        description: "Writes 漢字.".to_owned(),
        system_template: "Be {{ tön }}.".to_owned(),
        user_template: "{% if true %}'\"{{ document }}{% endif %}".to_owned(),
        variables: Json(schema.as_object().unwrap().clone()),
        output_schema: Some(Json(schema.as_object().unwrap().clone())),
        max_output_tokens: Some(400),
        temperature: Some(0.1 + 0.2),
        created_at: at(0),
        updated_at: at(0),
    }
}

pub fn summary(document: Option<&Document>, seconds: u32) -> Analysis {
    let sentence = SummarySentence {
        text: "It rained.".to_owned(),
        offset: 3,
        length: 10,
        rank_score: 0.1 + 0.2,
    };
    let options = SummaryOptions {
        length: SummaryLength::MaxChars(100),
        order: SentenceOrder::Rank,
        preset: SummaryPreset::News,
        focus: Some("rain".to_owned()),
        method: Some(SummaryMethod::Abstractive),
        style: SummaryStyle::Bullets,
        language: Some("de".to_owned()),
    };
    Analysis {
        id: AnalysisId::generate(),
        kind: AnalysisKind::Summary,
        document_id: document.map(|document| document.id),
        document_version: document.map(|document| document.version),
        input_hash: "1".repeat(64),
        engine: "embedded".to_owned(),
        model: "model".to_owned(),
        taxonomy_id: None,
        taxonomy_version: None,
        label: None,
        confidence: None,
        options: Json(AnalysisOptions::Summary(options)),
        output: Json(AnalysisOutput::Summary(Summary {
            text: "It rained.".to_owned(),
            sentences: vec![sentence],
            written: vec![WrittenSentence {
                text: "Rain fell.".to_owned(),
                support: 0.1 + 0.7,
                supported: true,
                sources: vec![SourceAnchor {
                    offset: 3,
                    length: 10,
                    score: 0.3,
                }],
            }],
        })),
        duration_us: 1_234,
        degraded: false,
        degraded_reason: Some("the provider `x` failed".to_owned()),
        prompt_id: None,
        prompt_version: None,
        usage: RecordedUsage {
            input_tokens: 1_000,
            cached_input_tokens: 400,
            output_tokens: 50,
            cost_microdollars: MicroDollars(1_234),
            calls: 2,
            usage_estimated: true,
        },
        cache_key: Some(vec![7; 32]),
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
        created_by: None,
        created_by_user: None,
        created_at: at(seconds),
    }
}

pub fn classification(document: Option<&Document>, taxonomy: &Taxonomy, label: Option<&str>, seconds: u32) -> Analysis {
    let label = label.map(|label| LabelId(label.to_owned()));
    let answer = Classification {
        label: label.clone(),
        labels: Vec::new(),
        confidence: Some(0.75),
        confidence_source: ConfidenceSource::Embedded,
        rationale: None,
        scores: vec![LabelScore {
            label: LabelId("billing".to_owned()),
            score: 0.75,
        }],
        threshold: 0.25,
        abstained: None,
    };
    Analysis {
        kind: AnalysisKind::Classification,
        taxonomy_id: Some(taxonomy.id),
        taxonomy_version: Some(taxonomy.version),
        label,
        confidence: Some(0.75),
        options: Json(AnalysisOptions::Classification {
            threshold: 0.25,
            inline_labels: None,
            multi_label: false,
            rationale: true,
        }),
        output: Json(AnalysisOutput::Classification(answer)),
        degraded: true,
        ..summary(document, seconds)
    }
}

/// Stores a collection with these documents.
pub async fn store(db: &Db, collection: &Collection, documents: &[&Document]) {
    let mut tx = db.write().await.unwrap();
    assert!(repositories::collections::insert(&mut tx, collection).await.unwrap());
    for document in documents {
        assert!(repositories::documents::insert(&mut tx, document).await.unwrap());
    }
    tx.commit().await.unwrap();
}

pub async fn write(db: &Db) -> Tx {
    db.write().await.unwrap()
}

/// A key and the hash of its secret.
pub fn api_key(name: &str, owner: Option<UserId>) -> (ApiKeyRow, [u8; 32]) {
    let secret = SecretKey::generate();
    let row = ApiKeyRow {
        id: ApiKeyId::generate(),
        name: name.to_owned(),
        prefix: secret.visible_prefix().to_owned(),
        owner_id: owner,
        scope_names: Scopes::DATA.to_string(),
        all_collections: true,
        expires_at: None,
        last_used_at: None,
        previous_until: None,
        version: 1,
        created_at: at(0),
        revoked_at: None,
    };
    (row, secret.hash())
}

pub fn email(text: &str) -> Email {
    Email::parse("/email", text).unwrap()
}

/// An admin, of this name at `example.org`.
pub fn user(name: &str) -> UserRow {
    UserRow {
        id: UserId::generate(),
        email: email(&format!("{}@example.org", name.to_lowercase())),
        name: name.to_owned(),
        role: Role::Admin,
        state: UserState::Active,
        password_hash: Some("$argon2id$".to_owned()),
        all_collections: true,
        last_sign_in_at: None,
        version: 1,
        created_at: at(0),
        updated_at: at(0),
    }
}

/// A session of tokens, for a minute.
pub fn session(user: &UserRow) -> Session {
    Session {
        id: SessionId::generate(),
        user_id: user.id,
        method: SignInMethod::Password,
        cookie_hash: None,
        address: None,
        created_at: at(0),
        last_used_at: at(0),
        expires_at: at(60),
        revoked_at: None,
    }
}

/// Stores users.
pub async fn enrol(db: &Db, users: &[&UserRow]) {
    let mut tx = db.write().await.unwrap();
    for user in users {
        assert!(repositories::users::insert(&mut tx, user).await.unwrap());
    }
    tx.commit().await.unwrap();
}

/// Stores an API key and a user, for rows that name who made them.
pub async fn people(tx: &mut Tx) -> (ApiKeyId, UserId) {
    let (key, user) = (ApiKeyId::generate(), UserId::generate());
    let insert_key = "INSERT INTO api_keys (id, name, prefix, hash, created_at) VALUES ($1, 'k', 'syn_', $2, $3)";
    let hash = hash_of(&key.to_string());
    on!(tx, |c| sqlx::query(insert_key)
        .bind(key)
        .bind(&hash[..])
        .bind(at(0))
        .execute(c)
        .await
        .map(drop))
    .unwrap();
    let insert_user =
        "INSERT INTO users (id, email, name, role, state, all_collections, version, created_at, updated_at)
        VALUES ($1, $2, '', 'editor', 'active', $3, 1, $4, $4)";
    on!(tx, |c| sqlx::query(insert_user)
        .bind(user)
        .bind(format!("{user}@example.com"))
        .bind(true)
        .bind(at(0))
        .execute(c)
        .await
        .map(drop))
    .unwrap();
    (key, user)
}

/// Thirty-two bytes of its own for each text.
fn hash_of(text: &str) -> Vec<u8> {
    text.bytes().filter(|byte| *byte != b'-').collect()
}

pub fn principal(id: PrincipalId, reach: Reach) -> Principal {
    Principal {
        id,
        name: "somebody".to_owned(),
        user_id: None,
        role: None,
        session_id: None,
        scopes: Scopes::DATA,
        reach,
    }
}

/// The services of a server over this database.
pub fn services(db: &Db, auth: Auth, tasks: &TaskTracker) -> Services {
    services_at(db, auth, tasks, Clock::system())
}

/// The services of a server that believes this clock.
pub fn services_at(db: &Db, auth: Auth, tasks: &TaskTracker, clock: Clock) -> Services {
    services_sending(db, auth, tasks, clock, &synoptic::config::Webhooks::default())
}

/// The services of a server that may send to these addresses.
pub fn services_sending(
    db: &Db,
    auth: Auth,
    tasks: &TaskTracker,
    clock: Clock,
    webhooks: &synoptic::config::Webhooks,
) -> Services {
    let metrics = Metrics::new("test").unwrap();
    Services::new(Foundation {
        db: db.clone(),
        clock,
        router: Router::embedded_only(&metrics),
        cache: AnswerCache::new(&synoptic::config::Cache::default()).unwrap(),
        cache_ttl: Duration::from_hours(1),
        auth,
        oidc: None,
        metrics,
        outbound: Sender::new(webhooks),
        tasks: tasks.clone(),
    })
}
