//! Writing rows into the target, many at once: by `COPY` on PostgreSQL, by inserting several rows at once on SQLite.

use super::{
    catalogue::quoted,
    tables::{Row, Table},
    values::Value,
};
use crate::db::{Tx, is_fault_of_data, map_error};
use anyhow::{Context, Result, anyhow};
use sqlx::{AssertSqlSafe, PgConnection, QueryBuilder, Sqlite, SqliteConnection};

/// How many values SQLite takes with one statement is 32 766.
const MOST_VALUES: usize = 30_000;
/// More would make the statement long without making it faster.
const MOST_ROWS: usize = 64;

const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const COPY_END: [u8; 2] = (-1_i16).to_be_bytes();

/// Writes these rows. A row that the target does not take is named.
pub(super) async fn store(tx: &mut Tx, table: &Table, rows: &[Row]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    // PostgreSQL takes nothing more after a failure, unless it goes back to before it.
    execute(tx, "SAVEPOINT batch").await?;
    let Err(refused) = insert(tx, table, rows).await else {
        return execute(tx, "RELEASE SAVEPOINT batch").await;
    };
    let (words, is_fault_of_data) = explain(refused);
    // After other failures there may be no transaction left, and each row would be kept.
    if is_fault_of_data {
        execute(tx, "ROLLBACK TO SAVEPOINT batch").await?;
        for row in rows {
            if let Err(refused) = insert(tx, table, std::slice::from_ref(row)).await {
                let (words, _) = explain(refused);
                return Err(anyhow!(
                    "`{}`, {}: the target does not take this row: {words}",
                    table.name,
                    table.key_of(row)
                ));
            }
        }
    }
    Err(anyhow!("`{}` could not be written: {words}", table.name))
}

/// Has the next number of each numbered column follow the highest.
pub(super) async fn set_sequences_on(tx: &mut Tx, table: &Table) -> Result<()> {
    let Tx::Postgres(open) = tx else {
        // SQLite does so by itself.
        return Ok(());
    };
    for (column, sequence) in &table.sequences {
        let sql = format!(
            "SELECT setval($1::regclass, MAX({column})) FROM {table} HAVING MAX({column}) IS NOT NULL",
            column = quoted(column),
            table = quoted(&table.name)
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(sequence)
            .execute(&mut **open)
            .await
            .with_context(|| format!("the numbers of `{}` could not be set on", table.name))?;
    }
    Ok(())
}

/// Lets PostgreSQL know what is there, so that the first questions are answered as quickly as later ones.
pub(super) async fn gather_statistics(tx: &mut Tx, tables: &[Table]) -> Result<()> {
    if let Tx::Postgres(open) = tx {
        let names: Vec<String> = tables.iter().map(|table| quoted(&table.name)).collect();
        let sql = format!("ANALYZE {}", names.join(", "));
        sqlx::query(AssertSqlSafe(sql)).execute(&mut **open).await?;
    }
    Ok(())
}

async fn execute(tx: &mut Tx, statement: &'static str) -> Result<()> {
    match tx {
        Tx::Sqlite(open) => sqlx::query(statement).execute(&mut **open).await.map(drop),
        Tx::Postgres(open) => sqlx::query(statement).execute(&mut **open).await.map(drop),
    }
    .map_err(|error| anyhow!(explain(error.into()).0))
}

async fn insert(tx: &mut Tx, table: &Table, rows: &[Row]) -> Result<()> {
    match tx {
        Tx::Sqlite(open) => {
            for rows in rows.chunks(MOST_ROWS.min(MOST_VALUES / table.columns.len())) {
                insert_into_sqlite(open, table, rows).await?;
            }
            Ok(())
        }
        Tx::Postgres(open) => copy_into_postgres(open, table, rows).await,
    }
}

async fn insert_into_sqlite(connection: &mut SqliteConnection, table: &Table, rows: &[Row]) -> Result<()> {
    let mut query = QueryBuilder::<Sqlite>::new(format!(
        "INSERT INTO {} ({}) ",
        quoted(&table.name),
        table.column_list()
    ));
    query.push_values(rows, |mut out, row| {
        for value in row {
            match value {
                Value::Null => out.push_bind(None::<i64>),
                Value::Uuid(id) => out.push_bind(*id),
                Value::Bytes(bytes) => out.push_bind(bytes.as_slice()),
                Value::Text(text) | Value::Json(text) => out.push_bind(text.as_str()),
                Value::Time(time) => out.push_bind(*time),
                Value::Date(date) => out.push_bind(*date),
                Value::Integer(number) => out.push_bind(*number),
                Value::Boolean(yes) => out.push_bind(*yes),
                Value::Real(number) => out.push_bind(*number),
            };
        }
    });
    // Of a whole chunk the statement is used again.
    let again = rows.len() == MOST_ROWS;
    query.build().persistent(again).execute(connection).await?;
    Ok(())
}

async fn copy_into_postgres(connection: &mut PgConnection, table: &Table, rows: &[Row]) -> Result<()> {
    let mut data = COPY_HEADER.to_vec();
    let count = i16::try_from(table.columns.len())?;
    for row in rows {
        data.extend(count.to_be_bytes());
        for value in row {
            value.write_binary(&mut data)?;
        }
    }
    data.extend(COPY_END);
    let statement = format!(
        "COPY {} ({}) FROM STDIN (FORMAT binary)",
        quoted(&table.name),
        table.column_list()
    );
    let mut copy = connection.copy_in_raw(&statement).await?;
    copy.send(data).await?;
    copy.finish().await?;
    Ok(())
}

/// What the database said, without the values that it may say it about; and whether it is the data that it does not take.
fn explain(error: anyhow::Error) -> (String, bool) {
    let error = match error.downcast::<sqlx::Error>() {
        Ok(error) => error,
        Err(other) => return (format!("{other:#}"), true),
    };
    let message = match error.as_database_error() {
        Some(said) => said.message().to_owned(),
        None => error.to_string(),
    };
    let sorted = map_error(error);
    let words = match &sorted {
        crate::domain::Error::StorageFull { .. } => format!(
            "{message}. The target needs room for about twice what the source takes, until the copy is complete"
        ),
        _ => message,
    };
    (words, is_fault_of_data(&sorted))
}
