//! Many rows of everything. The SQL is the same for both databases but for a few words: `{d:n}` is the id of document `n`, `{t:n}`
//! the time `n` seconds after the beginning, `{j:…}` a JSON value, `{h:n}` 32 bytes of its own for `n`, `{y:n}` the day `n` days
//! after the beginning, and `n` counts from 1 on.

use serde_json::json;
use synoptic::{
    db::Db,
    domain::{
        Timestamp,
        analyses::AnalysisOptions,
        answers::SummaryOptions,
        automation::Wanted,
        documents::DocumentFilter,
        identifiers::{DocumentId, TaxonomyId},
        jobs::JobParameters,
    },
};
use uuid::Uuid;

/// 2026-03-01.
const BEGINNING: i64 = 1_772_323_200;

pub const DOCUMENTS: u32 = 50_000;
/// The size of the largest collection, which is the first.
pub const IN_FIRST: u32 = DOCUMENTS / 2;
pub const COLLECTIONS: u32 = 200;

pub fn at(seconds: u32) -> Timestamp {
    Timestamp::from_unix_seconds(BEGINNING + i64::from(seconds))
}

/// The id of a row; `kind` is the letter in the statements below.
pub fn id(kind: char, number: u32) -> Uuid {
    Uuid::from_slice(format!("{kind}{number:015}").as_bytes()).unwrap()
}

pub fn document(number: u32) -> DocumentId {
    DocumentId(id('d', number))
}

pub fn hash(number: u32) -> [u8; 32] {
    format!("{number:032}").into_bytes().try_into().unwrap()
}

/// How many rows, of which statement.
const ROWS: &[(u32, &str)] = &[
    (2_000, "INSERT INTO users (id, email, name, role, state, all_collections, version, created_at, updated_at, searched)
        SELECT {u:n}, 'user' || n || '@example.org', 'User ' || n, CASE WHEN n % 500 = 1 THEN 'admin' ELSE 'viewer' END,
        CASE WHEN n % 400 = 2 THEN 'disabled' ELSE 'active' END, n % 2 = 0, 1, {t:n}, {t:n}, 'user' || n || '@example.org'"),
    (2_000, "INSERT INTO identities (issuer, subject, user_id, created_at) SELECT 'https://id.example', 's' || n, {u:n}, {t:n}"),
    (COLLECTIONS, "INSERT INTO collections (id, slug, name, description, version, created_at, updated_at, automation, retention_days)
        SELECT {c:n}, 'collection-' || n, 'Collection', '', 1, {t:n}, {t:n}, {j:CASE WHEN n = 1 THEN '@automation' ELSE '[]' END},
        CASE WHEN n = 1 THEN 30 END"),
    (3_000, "INSERT INTO user_collections (user_id, collection_id) SELECT {u:(n % 1000 * 2 + 1)}, {c:(n % 3 + 1)}"),
    (2_000, "INSERT INTO api_keys (id, name, prefix, hash, created_at, owner_id, revoked_at, previous_hash, previous_until)
        SELECT {k:n}, 'key ' || n, 'syn_', {h:n}, {t:n}, CASE WHEN n % 2 = 0 THEN {u:(n % 40 + 1)} END,
        CASE WHEN n % 3 = 0 THEN {t:n} END, {h:(n + 100000)}, {t:n}"),
    (2_000, "INSERT INTO api_key_collections (api_key_id, collection_id) SELECT {k:n}, {c:(n % 3 + 1)}"),
    (DOCUMENTS, "INSERT INTO documents (id, collection_id, external_id, title, text, attributes, language, content_hash, version,
        created_at, updated_at) SELECT {d:n}, CASE WHEN n % 2 = 0 THEN {c:1} ELSE {c:(n % 150 + 2)} END, 'E-' || n, 'Ticket ' || n,
        'everybody writes word' || (n % 100) || ' and number' || n || ' of ' || CASE WHEN n % 1000 = 0 THEN 'rarities' ELSE 'things' END,
        {j:'{\"plan\": \"' || CASE WHEN n % 3 = 0 THEN 'pro' ELSE 'free' END || '\", \"number\": ' || n || '}'},
        CASE WHEN n % 1000 = 0 THEN 'fi' WHEN n % 4 = 0 THEN 'de' ELSE 'en' END, 'hash' || n, 1, {t:n}, {t:(n * 7919 % 50000)}"),
    (300, "INSERT INTO taxonomies (id, slug, version, created_at) SELECT {x:n}, 'taxonomy-' || n, 3, {t:n}"),
    (900, "INSERT INTO taxonomy_versions (taxonomy_id, version, name, description, labels, created_at)
        SELECT {x:(n % 300 + 1)}, (n - 1) / 300 + 1, 'Taxonomy', '', '[]', {t:n}"),
    (300, "INSERT INTO prompts (id, slug, version, created_at) SELECT {p:n}, 'prompt-' || n, 3, {t:n}"),
    (900, "INSERT INTO prompt_versions (prompt_id, version, name, description, system_template, user_template, variables, created_at)
        SELECT {p:(n % 300 + 1)}, (n - 1) / 300 + 1, 'Prompt', '', '', '', '{}', {t:n}"),
    // Two of each document.
    (2 * DOCUMENTS, "INSERT INTO analyses (id, kind, document_id, document_version, input_hash, engine, model, taxonomy_id,
        taxonomy_version, label, options, output, duration_us, degraded, created_by, created_by_user, created_at, collection_id, cache_key)
        SELECT {a:n}, CASE WHEN n % 2 = 0 THEN 'summary' ELSE 'classification' END, {d:((n + 1) / 2)}, 1, 'hash',
        CASE WHEN n % 4001 = 0 THEN 'model' ELSE 'embedded' END, 'm', CASE WHEN n % 2 = 1 THEN {x:1} END,
        CASE WHEN n % 2 = 1 THEN 1 END, CASE WHEN n % 2 = 0 THEN NULL WHEN n % 1999 = 0 THEN 'rare' WHEN n % 3 = 0 THEN 'billing'
        ELSE 'other' END, '@options',
        '@output', 1, n < 0, CASE WHEN n % 2 = 0 THEN {k:(n % 1000 + 1)} END,
        CASE WHEN n % 2 = 1 THEN {u:(n % 1000 + 1)} END, {t:n},
        CASE WHEN (n + 1) / 2 % 2 = 0 THEN {c:1} ELSE {c:((n + 1) / 2 % 150 + 2)} END, CASE WHEN n % 5 = 0 THEN {h:n} END"),
    // Of texts that are stored nowhere.
    (8_000, "INSERT INTO analyses (id, kind, input_hash, engine, model, options, output, duration_us, degraded, created_by,
        created_by_user, created_at, prompt_id, prompt_version) SELECT {a:(n + 900000)},
        CASE WHEN n % 4 = 0 THEN 'generation' ELSE 'summary' END, 'hash', 'embedded', 'm',
        '@options', '@output',
        1, n < 0, CASE WHEN n % 2 = 0 THEN {k:1} END, {u:1}, {t:n}, CASE WHEN n % 4 = 0 THEN {p:1} END, CASE WHEN n % 4 = 0 THEN 1 END"),
    (20_000, "INSERT INTO audit (id, at, actor_kind, actor_id, actor_name, action, target_kind, target_id, result)
        SELECT {e:n}, {t:n}, 'user', {u:(n % 20 + 1)}, 'somebody', CASE WHEN n % 2 = 0 THEN 'sign_in' ELSE 'document_deleted' END,
        'document', CAST(n % 50 AS TEXT), CASE WHEN n % 5000 = 0 THEN 'refused' ELSE 'done' END"),
    (10_000, "INSERT INTO sessions (id, user_id, method, cookie_hash, created_at, last_used_at, expires_at, revoked_at)
        SELECT {s:n}, {u:(n % 2000 + 1)}, 'password', {h:n}, {t:n}, {t:n}, {t:(n + 1000)}, CASE WHEN n % 3 = 0 THEN {t:n} END"),
    (10_000, "INSERT INTO refresh_tokens (hash, session_id, created_at, expires_at) SELECT {h:n}, {s:n}, {t:n}, {t:(n + 1000)}"),
    (2_000, "INSERT INTO sign_in_flows (state_hash, nonce, verifier, return_to, created_at, expires_at)
        SELECT {h:n}, '', '', '/', {t:n}, {t:(n + 600)}"),
    (20_000, "INSERT INTO usage (day, api_key_id, user_id, collection_id, engine, model, calls, input_tokens, cached_input_tokens,
        output_tokens, cost_microdollars, estimated_calls, cache_hits, saved_microdollars)
        SELECT {y:(n / 100)}, {k:(n % 100 + 1)}, {u:(n % 40 + 1)}, {c:(n % 20 + 1)}, 'e', 'm', 1, 1, 0, 1, 1, 0, 0, 0"),
    (2_000, "INSERT INTO usage_writers (id, batch, written_at) SELECT {w:n}, 1, {t:n}"),
    (12_000, "INSERT INTO budgets (id, name, api_key_id, user_id, collection_id, unit, amount, period, version, created_at, updated_at)
        SELECT {b:n}, 'budget', CASE WHEN n % 3 = 0 THEN {k:(n % 2000 + 1)} END, CASE WHEN n % 3 = 1 THEN {u:(n % 2000 + 1)} END,
        CASE WHEN n % 3 = 2 AND n > 20 THEN {c:(n % 200 + 1)} END, 'tokens', 1000, 'day', 1, {t:n}, {t:n}"),
    (12_000, "INSERT INTO budget_windows (budget_id, window_start, spent, held)
        SELECT {b:(n % 3000 + 1)}, {t:((n - 1) / 3000 * 86400)}, 1, 0"),
    (5_000, "INSERT INTO budget_holds (id, api_key_id, user_id, collection_id, engine, model, worst_tokens, worst_cost, lines,
        created_at, expires_at) SELECT {o:n}, {k:1}, {u:1}, {c:1}, 'e', 'm', 1, 1, '[]', {t:n}, {t:(n + 3600)}"),
    (3 * COLLECTIONS, "INSERT INTO lanes (id, queue, collection_id, served_at) SELECT {l:n},
        CASE n % 3 WHEN 0 THEN 'arrivals' WHEN 1 THEN 'jobs' ELSE 'deliveries' END, {c:((n - 1) / 3 + 1)}, {t:n}"),
    (5_000, "INSERT INTO jobs (id, kind, collection_id, status, parameters, planned, total, done, unchanged, refused, failed, acts_as,
        created_at, finished_at) SELECT {j-:n}, CASE n % 3 WHEN 0 THEN 'import' WHEN 1 THEN 'analyze' ELSE 'export' END,
        CASE WHEN n % 2 = 0 THEN {c:1} ELSE {c:(n % 150 + 2)} END, CASE WHEN n % 500 = 1 THEN 'running' WHEN n % 900 = 2 THEN 'failed'
        WHEN n % 7 = 0 THEN 'cancelled' ELSE 'succeeded' END, '@parameters', n > 0, 8, 8, 0, 0, 0, 'operator', {t:n}, CASE WHEN n % 500 <> 1 THEN {t:(n + 5)} END"),
    // Of the rules of collections; most have ended.
    (20_000, "INSERT INTO work (id, lane_id, document_id, kind, rule, payload, status, due_at, attempts, lease, enqueued_at, ended_at)
        SELECT {w:n}, CASE WHEN n % 2 = 0 THEN {l:3} ELSE {l:(n % 150 * 3 + 6)} END, {d:n}, 'analyze', 'topic', '{}',
        CASE WHEN n > 19000 THEN 'waiting' WHEN n > 18900 THEN 'running' WHEN n % 900 = 3 THEN 'failed' ELSE 'done' END,
        CASE WHEN n > 18900 THEN {t:n} END, 1, CASE WHEN n > 18900 AND n <= 19000 THEN {z:(n / 10)} END, {t:n},
        CASE WHEN n <= 18900 THEN {t:n} END"),
    // Of jobs.
    (20_000, "INSERT INTO work (id, lane_id, job_id, document_id, kind, payload, status, due_at, attempts, analysis_id, enqueued_at,
        ended_at) SELECT {w:(n + 100000)}, {l:1}, CASE WHEN n % 2 = 0 THEN {j-:1} ELSE {j-:(n % 5000 + 1)} END, {d:n}, 'analyze', '{}',
        CASE WHEN n > 19000 THEN 'waiting' WHEN n % 800 = 4 THEN 'failed' ELSE 'done' END, CASE WHEN n > 19000 THEN {t:n} END,
        1, {a:n}, {t:n}, CASE WHEN n <= 19000 THEN {t:n} END"),
    (1_000, "INSERT INTO webhooks (id, collection_id, name, url, events, secret, enabled, given_up, version, created_at, updated_at)
        SELECT {v:n}, {c:(n % 150 + 1)}, 'hook', 'https://example.org', '[]', '', n % 2 = 0, 0, 1, {t:n}, {t:n}"),
    (20_000, "INSERT INTO webhook_deliveries (id, webhook_id, document_id, event, payload, status, turn, attempts, log, next_at,
        created_at, ended_at) SELECT {y-:n}, CASE WHEN n % 2 = 0 THEN {v:1} ELSE {v:(n % 1000 + 1)} END, {d:n}, 'analysis.done', '{}',
        CASE WHEN n > 19900 THEN 'pending' WHEN n % 700 = 2 THEN 'failed' ELSE 'delivered' END, 1, 1, '[]',
        CASE WHEN n > 19900 THEN {t:n} END, {t:n}, CASE WHEN n <= 19900 THEN {t:n} END"),
    (1_000, "INSERT INTO uploads (job_id, received, lines, records, chunks, complete, changed_at)
        SELECT {j-:(n * 3)}, 1, 1, 1, 1, n % 100 <> 0, {t:n}"),
    (3_000, "INSERT INTO upload_chunks (job_id, number, lines_before, content) SELECT {j-:(n % 1000 * 3 + 3)}, (n - 1) / 1000 + 1, 0, {h:n}"),
    (6_000, "INSERT INTO upload_refusals (job_id, line, reason) SELECT {j-:CASE WHEN n % 2 = 0 THEN 3 ELSE n % 1000 * 3 + 3 END}, n, 'why'"),
    (1_000, "INSERT INTO exports (job_id, state, size, parts, documents, changed_at) SELECT {j-:(n * 3 + 2)},
        CASE WHEN n > 990 THEN 'writing' WHEN n > 800 THEN 'ready' ELSE 'expired' END, 1, 2, 2, {t:n}"),
    (2_000, "INSERT INTO export_parts (job_id, number, begins_at, size, first_created, last_created, documents, content)
        SELECT {j-:(n % 1000 * 3 + 5)}, (n - 1) / 1000 + 1, n, 1, {t:n}, {t:(n + 9)}, {h:n}, {h:n}"),
    (2_000, "INSERT INTO push_urls (id, collection_id, name, token_hash, fields, created_at)
        SELECT {f:n}, {c:(n % 20 + 1)}, 'push', {h:n}, '{}', {t:n}"),
    (10_000, "INSERT INTO idempotency_keys (owner_id, key, fingerprint, status, headers, body, created_at)
        SELECT {u:(n % 2000 + 1)}, 'key-' || n, {h:n}, 200, '[]', {h:n}, {t:n}"),
    (10_000, "INSERT INTO idempotency_documents (document_id, owner_id, key) SELECT {d:n}, {u:(n % 2000 + 1)}, 'key-' || n"),
    (5_000, "INSERT INTO erasures (id, kind, collection_id, salt, digest, status, removed, created_at) SELECT {g:n}, 'external_id',
        CASE WHEN n % 2 = 0 THEN {c:1} ELSE {c:(n % 150 + 2)} END, {r:n}, {h:n}, CASE WHEN n % 1000 = 0 THEN 'running' ELSE 'done' END,
        '{}', {t:n}"),
    (5_000, "INSERT INTO evictions (origin, subjects, at) SELECT {z:1}, '[]', {t:n}"),
    (5, "INSERT INTO signing_keys (id, algorithm, secret, created_at) SELECT 'key-' || n, 'HS256', {h:n}, {t:n}"),
];

/// Fills a database, and lets PostgreSQL know what is in it.
pub async fn fill(db: &Db) {
    let samples = samples();
    for (rows, statement) in ROWS {
        let mut statement = (*statement).to_owned();
        for (name, json) in &samples {
            statement = statement.replace(name, json);
        }
        let statement = statement.as_str();
        let count =
            format!("WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {rows})");
        let (into, what) = statement.split_at(statement.find("SELECT").unwrap());
        let words = format!("{into} {count} {what} FROM counted");
        match db {
            Db::Sqlite { writer, .. } => run(writer, &in_sql(&words, sqlite), statement).await,
            Db::Postgres(pool) => run(pool, &in_sql(&words, postgres), statement).await,
        }
    }
    if let Db::Postgres(pool) = db {
        run(pool, "VACUUM ANALYZE", "VACUUM").await;
    }
}

/// Values that are read as what they are in the domain.
fn samples() -> [(&'static str, String); 4] {
    let summary = SummaryOptions::default();
    let rule = json!([{"name": "short", "recipe": {"what": Wanted::<TaxonomyId>::Summary(summary.clone())}}]);
    let parameters = JobParameters::Delete {
        filter: DocumentFilter::default(),
    };
    let output = json!({"summary": {"text": "", "sentences": []}});
    let options = AnalysisOptions::Summary(summary);
    [
        ("@automation", rule.to_string()),
        ("@parameters", serde_json::to_string(&parameters).unwrap()),
        ("@options", serde_json::to_string(&options).unwrap()),
        ("@output", output.to_string()),
    ]
}

async fn run<'p, DB: sqlx::Database>(pool: &'p sqlx::Pool<DB>, sql: &str, what: &str)
where
    &'p sqlx::Pool<DB>: sqlx::Executor<'p, Database = DB>,
{
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    let outcome = sqlx::Executor::execute(pool, sqlx::raw_sql(sql)).await;
    assert!(outcome.is_ok(), "{what}: {:?}", outcome.err());
}

/// Writes the words in braces out.
fn in_sql(words: &str, write: fn(&str, &str) -> String) -> String {
    let mut sql = String::new();
    let mut rest = words;
    while let Some(begin) = rest.find('{') {
        let (before, after) = rest.split_at(begin);
        let name = after[1..].split(':').next().unwrap_or_default();
        let is_word = !name.is_empty() && name.len() <= 2 && name.starts_with(|c: char| c.is_ascii_lowercase());
        sql.push_str(before);
        if !is_word {
            sql.push('{');
            rest = &after[1..];
            continue;
        }
        // Braces within are those of JSON.
        let mut depth = 0;
        let end = after
            .char_indices()
            .find(|(_, character)| {
                depth += i32::from(*character == '{') - i32::from(*character == '}');
                depth == 0
            })
            .unwrap()
            .0;
        sql.push_str(&write(name, &after[name.len() + 2..end]));
        rest = &after[end + 1..];
    }
    sql + rest
}

fn sqlite(name: &str, of: &str) -> String {
    match name {
        "t" => format!("strftime('%Y-%m-%dT%H:%M:%S.000000Z', {BEGINNING} + {of}, 'unixepoch')"),
        "y" => format!("date({BEGINNING} + {of} * 86400, 'unixepoch')"),
        "j" => of.to_owned(),
        "h" => format!("CAST(printf('%032d', {of}) AS BLOB)"),
        "r" => format!("CAST(printf('%016d', {of}) AS BLOB)"),
        _ => format!("CAST(printf('{}%015d', {of}) AS BLOB)", &name[..1]),
    }
}

fn postgres(name: &str, of: &str) -> String {
    let padded = |width: usize| format!("lpad(CAST({of} AS TEXT), {width}, '0')");
    match name {
        "t" => format!("to_timestamp({BEGINNING} + {of})"),
        "y" => format!("CAST(to_timestamp({BEGINNING} + {of} * 86400) AT TIME ZONE 'UTC' AS DATE)"),
        "j" => format!("CAST({of} AS JSONB)"),
        "h" => format!("CAST({} AS BYTEA)", padded(32)),
        "r" => format!("CAST({} AS BYTEA)", padded(16)),
        _ => format!(
            "CAST(encode(CAST('{}' || {} AS BYTEA), 'hex') AS UUID)",
            &name[..1],
            padded(15)
        ),
    }
}
