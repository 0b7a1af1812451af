//! Everything of one database into another, of the same kind or the other: read in one snapshot, written in one transaction, read
//! again there and compared before it is committed.
//!
//! Work that a server of the source has taken up is copied with its lease. Nobody holds that lease in the target, so that it runs
//! out at `due_at`, and a server there takes the work up.

mod catalogue;
mod checking;
mod json;
mod rows;
mod storing;
mod tables;
mod values;

use super::{Db, Pool, PostgresSettings, Tx, connect, migrate};
use anyhow::{Context, Result, bail, ensure};
use catalogue::Catalogue;
use checking::{Adder, Sum};
use futures_util::TryStreamExt;
use tables::{Plan, Row, Table};

/// How much is written at once; one row may be more.
const BATCH_BYTES: usize = 1024 * 1024;
const BATCH_ROWS: usize = 1_000;

const SAME: &str = "the source and the target are the same database";

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    pub tables: Vec<CopiedTable>,
    /// Tables of the source that are not Synoptic's.
    pub left_out: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    pub name: String,
    pub rows: u64,
    /// SHA-256 of the rows in the source, in hexadecimal.
    pub hash: String,
    /// How the target differs, if it does; nothing was kept then.
    pub difference: Option<String>,
}

/// Copies everything from one database into another, which must be new or without rows, and is migrated first.
///
/// # Errors
/// When one of them cannot be used, or a row cannot be read or is not taken. The target then has a schema at most.
pub async fn copy(from: &str, to: &str, pool: Pool, settings: &PostgresSettings) -> Result<Copied> {
    if let (Ok(source), Ok(target)) = (connect::sqlite_file(from), connect::sqlite_file(to)) {
        let is_same = source
            .canonicalize()
            .ok()
            .is_some_and(|file| Some(file) == target.canonicalize().ok());
        ensure!(!is_same, SAME);
    }
    let source = connect::only_for_reading(from, pool, settings)
        .await
        .context("the source")?;
    let outcome = from_source(&source, to, pool, settings).await;
    source.close().await;
    outcome
}

async fn from_source(source: &Db, to: &str, pool: Pool, settings: &PostgresSettings) -> Result<Copied> {
    let mut reading = source.read().await.context("the source")?;
    let known = migrate::migrations_in(&mut reading).await.context("the source")?;
    ensure!(known.applied > 0, "the source is no database of Synoptic");
    if let Some(unknown) = known.unknown.first() {
        bail!(
            "the source has migration {unknown}, which this version of Synoptic does not know: use the newer version"
        );
    }
    ensure!(
        known.pending.is_empty(),
        "{} migrations are to be applied to the source: run `synoptic migrate` on it first",
        known.pending.len()
    );
    let found = Catalogue::read(&mut reading).await.context("the source")?;
    let target = Db::connect_with(to, pool, settings).await.context("the target")?;
    let outcome = into_target(&mut reading, &found, &target).await;
    target.close().await;
    outcome
}

async fn into_target(reading: &mut Tx, found: &Catalogue, target: &Db) -> Result<Copied> {
    let mut looking = target.read().await.context("the target")?;
    let is_same = match (place_of(reading).await?, place_of(&mut looking).await?) {
        (Some(source), Some(target)) => source == target,
        _ => false,
    };
    ensure!(!is_same, SAME);
    // Before it is migrated: a database that somebody uses is not touched.
    refuse_rows(&mut looking).await?;
    drop(looking);
    target.migrate().await.context("the target")?;
    let mut writing = target.write().await.context("the target")?;
    Catalogue::read(&mut writing)
        .await?
        .lock(&mut writing)
        .await
        .context("the target")?;
    let wanted = refuse_rows(&mut writing).await?;
    let plan = Plan::new((found, reading), (&wanted, &writing))?;
    let mut copied = Vec::new();
    for table in &plan.tables {
        copied.push(copy_table(reading, &mut writing, table).await?);
        storing::set_sequences_on(&mut writing, table).await?;
    }
    let mut tables = Vec::new();
    // Once all is there: what a trigger does to another table is seen.
    for (table, sum) in plan.tables.iter().zip(copied) {
        let difference = match checking::sum(&mut writing, table).await.context("the target")? {
            there if there == sum => None,
            _ => Some(checking::first_difference(reading, &mut writing, table).await?),
        };
        tables.push(CopiedTable {
            name: table.name.clone(),
            rows: sum.rows,
            hash: sum.hash,
            difference,
        });
    }
    if tables.iter().all(|table| table.difference.is_none()) {
        storing::gather_statistics(&mut writing, &plan.tables).await?;
        writing.commit().await.context("the target")?;
    }
    tables.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Copied {
        tables,
        left_out: plan.left_out,
    })
}

async fn refuse_rows(target: &mut Tx) -> Result<Catalogue> {
    let found = Catalogue::read(target).await.context("the target")?;
    let with_rows = found.with_rows(target).await.context("the target")?;
    ensure!(
        with_rows.is_empty(),
        "the target is not empty, and was not changed. There are rows in: {}. Name a new database, or empty this one if nothing in \
         it is needed",
        with_rows.join(", ")
    );
    Ok(found)
}

async fn copy_table(reading: &mut Tx, writing: &mut Tx, table: &Table) -> Result<Sum> {
    let mut sum = Adder::default();
    let mut batch: Vec<Row> = Vec::new();
    let mut bytes = 0;
    let mut rows = rows::read(reading, table);
    while let Some(row) = rows.try_next().await.context("the source")? {
        sum.add(table, &row).context("the source")?;
        bytes += row.iter().map(values::Value::size).sum::<usize>();
        batch.push(row);
        if bytes >= BATCH_BYTES || batch.len() >= BATCH_ROWS {
            storing::store(writing, table, &batch).await?;
            batch.clear();
            bytes = 0;
        }
    }
    storing::store(writing, table, &batch).await?;
    Ok(sum.sum())
}

/// What tells a database of PostgreSQL from all others, however it is reached: when its server started, its number there, and the
/// schema. Of SQLite, the file does.
async fn place_of(tx: &mut Tx) -> Result<Option<(String, i64, Option<String>)>> {
    let Tx::Postgres(open) = tx else {
        return Ok(None);
    };
    let sql = "SELECT pg_postmaster_start_time()::text, d.oid::bigint, current_schema()::text
        FROM pg_database d WHERE d.datname = current_database()";
    Ok(Some(sqlx::query_as(sql).fetch_one(&mut **open).await?))
}
