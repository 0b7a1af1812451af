//! Looks at how a database has gone about a statement.

use crate::capture;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use synoptic::db::{Db, Tx};

/// Few rows whatever happens: what is known beforehand, or goes away by itself.
const SMALL: &[&str] = &["schedules", "workers", "signing_keys", "erasure_keys", "usage_writers"];
/// The most that a page of 50 may cost: instructions of SQLite's virtual machine, rows that PostgreSQL looks at.
const MOST_STEPS: u64 = 50_000;
const MOST_ROWS: f64 = 3_000.0;
/// How finely SQLite's instructions are counted.
const STEPS_AT_ONCE: u64 = 50;
/// Tables that are kept in the order in which they are listed.
const IN_ORDER_OF_ID: &[&str] = &["audit", "evictions"];
/// Names that statements give to parts of themselves.
const OURS: &[&str] = &["page", "documents_fts"];
/// What was seen is written here, with the name of the database added, for who wants to read it.
const SEEN: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/plans.txt");
const BARRIER: &str = "SELECT 'everything before this was executed'";

/// What a statement may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Read a page, or a few rows, from an index.
    Page,
    /// Look at everything that an index finds, for this reason.
    Matches(&'static str),
    /// Go on in the order of the list until the page is full, or look at everything when that is cheaper, as no index is for this.
    Rare(&'static str),
    /// Look at everything there is, for this reason.
    All(&'static str),
}

/// What was seen so far.
pub struct Plans {
    steps: Arc<AtomicU64>,
    database: &'static str,
    /// SQLite's indexes of only some of the rows.
    partial: BTreeSet<String>,
    faults: Vec<String>,
    seen: Vec<String>,
}

/// Awaits a call of a repository and looks at what it has executed.
#[macro_export]
macro_rules! look {
    ($plans:ident, $tx:ident, $name:expr, $call:expr) => {
        $crate::look!($plans, $tx, $name, $crate::judging::May::Page, $call)
    };
    ($plans:ident, $tx:ident, $name:expr, $may:expr, $call:expr) => {{
        $plans.begin(&mut $tx).await;
        let answer = $call.await.unwrap();
        $plans.end(&mut $tx, &$name, $may).await;
        answer
    }};
}

impl Plans {
    pub async fn new(db: &Db) -> Self {
        let mut tx = db.read().await.unwrap();
        let partial = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE '% WHERE %'";
        let partial: Vec<String> = match &mut tx {
            Tx::Sqlite(open) => sqlx::query_scalar(partial).fetch_all(&mut **open).await.unwrap(),
            Tx::Postgres(_) => Vec::new(),
        };
        Self {
            partial: partial.into_iter().collect(),
            steps: Arc::default(),
            database: tx.pick("SQLite", "PostgreSQL"),
            faults: Vec::new(),
            seen: Vec::new(),
        }
    }

    pub fn faults(self) -> Vec<String> {
        let seen = format!("{SEEN}.{}", self.database);
        std::fs::write(seen, self.seen.join("\n")).unwrap();
        self.faults
    }

    /// What may be done on PostgreSQL, and on SQLite.
    pub fn on_postgres(&self, postgres: May, sqlite: May) -> May {
        if self.database == "SQLite" { sqlite } else { postgres }
    }

    pub async fn begin(&mut self, tx: &mut Tx) {
        if let Tx::Sqlite(open) = &mut *tx {
            let steps = self.steps.clone();
            open.lock_handle()
                .await
                .unwrap()
                .set_progress_handler(i32::try_from(STEPS_AT_ONCE).unwrap(), move || {
                    steps.fetch_add(STEPS_AT_ONCE, Ordering::Relaxed);
                    true
                });
        }
        barrier(tx).await;
        capture::statements();
        capture::notices();
        self.steps.store(0, Ordering::Relaxed);
    }

    pub async fn end(&mut self, tx: &mut Tx, name: &str, may: May) {
        let steps = self.steps.load(Ordering::Relaxed);
        barrier(tx).await;
        let (statements, notices) = (capture::statements(), capture::notices());
        let mut wrong = Vec::new();
        let mut seen = String::new();
        match tx {
            Tx::Sqlite(open) => {
                let ours = statements.iter().filter(|statement| *statement != BARRIER);
                for statement in ours {
                    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", with_limit(statement)));
                    let rows = sqlx::query(explain).fetch_all(&mut **open).await.unwrap();
                    let lines: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
                    let names = tables(statement);
                    wrong.extend(lines.iter().filter_map(|line| self.scan_of(line, &names, statement)));
                    writeln!(seen, "{statement}\n  {}", lines.join("\n  ")).unwrap();
                }
                if steps > MOST_STEPS && may == May::Page {
                    wrong.push(format!("takes {steps} steps"));
                }
                writeln!(seen, "  {steps} steps").unwrap();
            }
            Tx::Postgres(_) => {
                let plans = notices.iter().filter_map(|notice| notice.split_once("plan:\n"));
                let plans = plans.map(|(_, plan)| serde_json::from_str::<Value>(plan).unwrap());
                let mut rows = 0.0;
                // The driver asks for types that it does not know.
                let is_ours = |plan: &Value| {
                    plan["Query Text"] != BARRIER && !plan["Query Text"].to_string().contains("pg_catalog.pg_")
                };
                for plan in plans.filter(is_ours) {
                    rows += walk(&plan["Plan"], may, &mut wrong);
                    let text = plan["Query Text"].as_str().unwrap_or_default();
                    write!(
                        seen,
                        "{text}
{}",
                        outline(&plan["Plan"], 1)
                    )
                    .unwrap();
                }
                if rows > MOST_ROWS && may == May::Page {
                    wrong.push(format!("looks at {rows} rows"));
                }
                writeln!(seen, "  {rows} rows").unwrap();
            }
        }
        assert!(!seen.trim().is_empty(), "{name}: nothing was executed");
        if !matches!(may, May::All(_) | May::Rare(_)) && !wrong.is_empty() {
            self.faults
                .push(format!("{} {name}: {}\n{seen}", self.database, wrong.join("; ")));
        }
        self.seen.push(format!("== {} {name} ({may:?})\n{seen}", self.database));
    }

    /// What is wrong with a line of SQLite's plan. Going through a table in the order of an index is right for a page, and
    /// through all of an index that has only some of the rows.
    fn scan_of(&self, line: &str, names: &BTreeMap<&str, &str>, statement: &str) -> Option<String> {
        let scanned = line.strip_prefix("SCAN ")?;
        let name = scanned.split_whitespace().next().unwrap_or_default();
        let table = *names.get(name)?;
        let index = scanned.split(" INDEX ").nth(1);
        let in_order = index.is_some() || IN_ORDER_OF_ID.contains(&table);
        let is_page =
            in_order && statement.contains(" LIMIT ") || statement.starts_with("SELECT EXISTS (SELECT 1 FROM");
        let is_part = index.is_some_and(|index| self.partial.contains(index));
        (!SMALL.contains(&table) && !is_page && !is_part).then(|| line.to_owned())
    }
}

/// Everything before this has been executed and told to the log.
async fn barrier(tx: &mut Tx) {
    match tx {
        Tx::Sqlite(open) => sqlx::query(BARRIER).execute(&mut **open).await.map(drop),
        Tx::Postgres(open) => sqlx::query(BARRIER).execute(&mut **open).await.map(drop),
    }
    .unwrap();
}

/// SQLite goes another way when it knows how few rows are wanted, and it knows that when the statement is executed.
fn with_limit(statement: &str) -> String {
    let mut parts = statement.split("LIMIT ");
    let mut written = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        written += "LIMIT 50";
        written += part.trim_start_matches(|c: char| c == '?' || c == '$' || c.is_ascii_digit());
    }
    written
}

/// What a statement calls its tables, and which they are.
fn tables(statement: &str) -> BTreeMap<&str, &str> {
    const KEYWORDS: &[&str] = &[
        "ON", "WHERE", "JOIN", "CROSS", "ORDER", "GROUP", "LIMIT", "INDEXED", "SET", "UNION", "HAVING",
    ];
    let words: Vec<&str> = statement.split_whitespace().collect();
    let mut names = BTreeMap::new();
    for (place, word) in words.iter().enumerate() {
        let Some(table) = words
            .get(place + 1)
            .filter(|_| ["FROM", "JOIN", "UPDATE"].contains(word))
        else {
            continue;
        };
        let ends = table.ends_with(')');
        let table = table.trim_end_matches(')');
        if table.starts_with('(') || OURS.contains(&table) {
            continue;
        }
        let alias = words.get(place + 2).map_or("", |alias| alias.trim_end_matches(')'));
        let is_alias = !ends && !alias.is_empty() && !KEYWORDS.contains(&alias);
        names.insert(if is_alias { alias } else { table }, table);
    }
    names
}

/// Goes through a plan of PostgreSQL; how many rows it has looked at.
fn walk(plan: &Value, may: May, wrong: &mut Vec<String>) -> f64 {
    let number = |key: &str| plan[key].as_f64().unwrap_or_default();
    let node = plan["Node Type"].as_str().unwrap_or_default();
    let table = plan["Relation Name"].as_str().unwrap_or_default();
    let looked = number("Actual Rows") + number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
    // Of a small table, PostgreSQL is right to read all.
    if node == "Seq Scan" && looked > MOST_ROWS && !SMALL.contains(&table) {
        wrong.push(format!("goes through {table}"));
    }
    let below = plan["Plans"].as_array().map(Vec::as_slice).unwrap_or_default();
    if node == "Sort" && may == May::Page {
        let sorted: f64 = below
            .iter()
            .map(|plan| {
                plan["Actual Rows"].as_f64().unwrap_or_default() * plan["Actual Loops"].as_f64().unwrap_or_default()
            })
            .sum();
        if sorted > MOST_ROWS {
            wrong.push(format!("sorts {sorted} rows"));
        }
    }
    let here = if table.is_empty() {
        0.0
    } else {
        looked * number("Actual Loops")
    };
    here + below.iter().map(|plan| walk(plan, may, wrong)).sum::<f64>()
}

/// A plan of PostgreSQL to read.
fn outline(plan: &Value, depth: usize) -> String {
    let text = |key: &str| plan[key].as_str().map(|text| format!(" {text}")).unwrap_or_default();
    let rows = format!(
        " rows={} loops={} removed={}",
        plan["Actual Rows"], plan["Actual Loops"], plan["Rows Removed by Filter"]
    );
    let here = format!(
        "{}{}{}{}{}{rows}\n",
        "  ".repeat(depth),
        plan["Node Type"].as_str().unwrap_or_default(),
        text("Index Name"),
        text("Relation Name"),
        text("Filter"),
    );
    let below = plan["Plans"].as_array().map(Vec::as_slice).unwrap_or_default();
    here + &below.iter().map(|plan| outline(plan, depth + 1)).collect::<String>()
}
