//! How many documents a second a database takes in, and how long lists, filters and searches take with few and with many.
//!
//! `cargo bench --bench documents -- ADDRESS SIZE…`, the sizes in ascending order, on an empty database. The words are those of the
//! embedded engine's vocabulary, each as frequent as its place says (Zipf), so that nothing has to be downloaded.

use std::{
    io::Write,
    time::{Duration, Instant},
};
use synoptic::{
    cache::AnswerCache,
    config::{Auth, Cache, Webhooks},
    db::{Db, Pool},
    domain::{
        Clock,
        collections::CollectionFields,
        documents::{DocumentFields, DocumentFilter, DocumentSort, LARGEST_BATCH, SearchQuery},
        paging::PageRequest,
        principal::Actor,
        text_fields::NameOrId,
    },
    engines::router::Router,
    outbound::Sender,
    services::{Foundation, Services, documents::OnConflict},
    telemetry::metrics::Metrics,
};
use tokio_util::task::TaskTracker;

const COLLECTION: &str = "bench";
const WORDS_A_DOCUMENT: usize = 60;
/// How often each question is asked.
const TIMES: usize = 200;
const LANGUAGES: [&str; 4] = ["en", "en", "en", "de"];

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let mut arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    if arguments.is_empty() {
        // `cargo test` builds benches and runs them too.
        return Ok(());
    }
    let address = arguments.remove(0);
    let sizes: Vec<usize> = arguments.iter().map(|size| size.parse()).collect::<Result<_, _>>()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run(&address, &sizes))
}

async fn run(address: &str, sizes: &[usize]) -> Outcome<()> {
    let pool = Pool {
        connections: 4,
        acquire_timeout: Duration::from_secs(30),
    };
    let db = Db::connect(address, pool).await?;
    db.migrate().await?;
    let metrics = Metrics::new("bench")?;
    let services = Services::new(Foundation {
        db: db.clone(),
        clock: Clock::system(),
        router: Router::embedded_only(&metrics),
        cache: AnswerCache::new(&Cache::default())?,
        cache_ttl: Duration::from_hours(1),
        auth: Auth::default(),
        oidc: None,
        metrics,
        outbound: Sender::new(&Webhooks::default()),
        tasks: TaskTracker::new(),
    });
    let fields = CollectionFields::new(Some(COLLECTION), COLLECTION, "")?;
    services.collections.create(&Actor::operator(), fields).await?;
    let mut words = Words::new();
    let mut there = 0;
    for size in sizes {
        let added = size - there;
        let begun = Instant::now();
        let mut spent = Duration::ZERO;
        while there < *size {
            let batch: Vec<DocumentFields> = (there..(there + LARGEST_BATCH).min(*size))
                .map(|number| words.document(number))
                .collect();
            there += batch.len();
            let stored = Instant::now();
            services
                .documents
                .create_batch(&Actor::operator(), &here(), batch, OnConflict::Refuse)
                .await?;
            spent += stored.elapsed();
        }
        say(&format!(
            "{size} documents: {added} stored at {:.0} a second ({:.1} s with making them up)",
            added as f64 / spent.as_secs_f64(),
            begun.elapsed().as_secs_f64(),
        ))?;
        settle(&db).await?;
        for (name, filter, sort) in questions()? {
            measure(&services, name, &filter, sort).await?;
        }
    }
    db.close().await;
    Ok(())
}

fn here() -> NameOrId<synoptic::domain::identifiers::CollectionId> {
    NameOrId::Name(COLLECTION.to_owned())
}

/// What PostgreSQL does by itself after a while.
async fn settle(db: &Db) -> Outcome<()> {
    if let Db::Postgres(pool) = db {
        let mut connection = pool.acquire().await?;
        for statement in ["SET statement_timeout = 0", "VACUUM ANALYZE documents"] {
            sqlx::query(statement).execute(&mut *connection).await?;
        }
        connection.detach();
    }
    Ok(())
}

fn questions() -> Outcome<Vec<(&'static str, DocumentFilter, DocumentSort)>> {
    let nothing = DocumentFilter::default;
    let search = |text: &str| -> Outcome<DocumentFilter> {
        Ok(DocumentFilter {
            search: Some(SearchQuery::parse(text)?),
            ..nothing()
        })
    };
    let language = DocumentFilter {
        language: Some("de".to_owned()),
        ..nothing()
    };
    let attribute = |name: &str, value: &str| DocumentFilter {
        attributes: vec![(vec![name.to_owned()], value.to_owned())],
        ..nothing()
    };
    Ok(vec![
        ("list, newest first", nothing(), DocumentSort::CreatedDescending),
        ("list, last changed", nothing(), DocumentSort::UpdatedDescending),
        ("filter by language", language, DocumentSort::CreatedDescending),
        (
            "filter by attribute, one in 3",
            attribute("plan", "pro"),
            DocumentSort::CreatedDescending,
        ),
        (
            "filter by attribute, one document",
            attribute("number", "17"),
            DocumentSort::CreatedDescending,
        ),
        (
            "search, 10 matches, best first",
            search("zzmarker")?,
            DocumentSort::Relevance,
        ),
        (
            "search, one match in 1 000, best first",
            search("landmark1")?,
            DocumentSort::Relevance,
        ),
        (
            "search, one match in 1 000, newest first",
            search("landmark1")?,
            DocumentSort::CreatedDescending,
        ),
    ])
}

async fn measure(services: &Services, name: &str, filter: &DocumentFilter, sort: DocumentSort) -> Outcome<()> {
    let mut took = Vec::with_capacity(TIMES);
    let mut rows = 0;
    let begun = Instant::now();
    while took.len() < TIMES && (took.len() < 5 || begun.elapsed() < Duration::from_secs(10)) {
        let asked = Instant::now();
        let page = PageRequest { limit: 50, after: None };
        let page = services
            .documents
            .list(&Actor::operator(), &here(), filter, sort, page)
            .await?;
        took.push(asked.elapsed());
        rows = page.rows.len();
    }
    took.sort();
    let at = |share: usize| took[(took.len() * share / 100).min(took.len() - 1)].as_secs_f64() * 1_000.0;
    say(&format!(
        "  {name}: p50 {:.2} ms, p99 {:.2} ms ({rows} rows, asked {} times)",
        at(50),
        at(99),
        took.len()
    ))
}

fn say(line: &str) -> Outcome<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Words at random, always the same.
struct Words {
    all: Vec<&'static str>,
    state: u64,
}

impl Words {
    fn new() -> Self {
        let all = include_str!("../assets/embedded/vocab.txt");
        let is_word = |word: &&str| word.len() > 2 && word.chars().all(|letter| letter.is_ascii_lowercase());
        Self {
            all: all.lines().filter(is_word).collect(),
            state: 42,
        }
    }

    /// From 0 to 1 (xorshift).
    fn draw(&mut self) -> f64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Of rank r with a probability of about 1/r.
    fn word(&mut self) -> &'static str {
        let rank = (self.all.len() as f64).powf(self.draw());
        self.all[(rank as usize).min(self.all.len() - 1)]
    }

    fn document(&mut self, number: usize) -> DocumentFields {
        let title: Vec<&str> = (0..5).map(|_| self.word()).collect();
        let mut text: Vec<String> = (0..WORDS_A_DOCUMENT).map(|_| self.word().to_owned()).collect();
        // As many at every size, and as large a part at every size.
        if number.is_multiple_of(1_000) && number < 10_000 {
            text.push("zzmarker".to_owned());
        }
        text.push(format!("landmark{}", number % 1_000));
        let plan = if number.is_multiple_of(3) { "pro" } else { "free" };
        let attributes = serde_json::json!({"plan": plan, "number": number});
        DocumentFields {
            external_id: Some(format!("D-{number}")),
            title: Some(title.join(" ")),
            text: text.join(" "),
            attributes: attributes.as_object().cloned().unwrap_or_default(),
            language: Some(LANGUAGES[number % LANGUAGES.len()].to_owned()),
        }
    }
}
