//! Reading a table row by row, in the order of its key, which is the same on both kinds of database.

use super::{
    catalogue::quoted,
    tables::{Row, Table},
    values::{Kind, Value},
};
use crate::db::Tx;
use anyhow::{Context, Result};
use futures_util::{StreamExt, stream::BoxStream};
use sqlx::AssertSqlSafe;

/// Rows come as they are asked for; only a few are in memory.
pub(super) fn read<'a>(tx: &'a mut Tx, table: &'a Table) -> BoxStream<'a, Result<Row>> {
    let sql = AssertSqlSafe(select(table, tx));
    match tx {
        Tx::Sqlite(open) => sqlx::query(sql)
            .persistent(false)
            .fetch(&mut **open)
            .map(|row| decode(table, &row?, Value::of_sqlite))
            .boxed(),
        Tx::Postgres(open) => sqlx::query(sql)
            .persistent(false)
            .fetch(&mut **open)
            .map(|row| decode(table, &row?, Value::of_postgres))
            .boxed(),
    }
}

fn select(table: &Table, tx: &Tx) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|(name, kind)| match kind {
            // The text, with every digit of its numbers.
            Kind::Json => format!("{}{}", quoted(name), tx.pick("", "::text")),
            _ => quoted(name),
        })
        .collect();
    let order: Vec<String> = table
        .key
        .iter()
        .map(|place| {
            let (name, kind) = &table.columns[*place];
            // By bytes, whatever the language of the database.
            let collation = tx.pick("", if *kind == Kind::Text { " COLLATE \"C\"" } else { "" });
            format!("{}{collation}", quoted(name))
        })
        .collect();
    format!(
        "SELECT {} FROM {} ORDER BY {}",
        columns.join(", "),
        quoted(&table.name),
        order.join(", ")
    )
}

/// What cannot be read is named by its key, if that can.
fn decode<R>(table: &Table, row: &R, value: impl Fn(&R, usize, Kind) -> Result<Value>) -> Result<Row> {
    let read = |place: usize| {
        let (name, kind) = &table.columns[place];
        value(row, place, *kind).with_context(|| format!("`{name}` cannot be read"))
    };
    let whole: Result<Row> = (0..table.columns.len()).map(read).collect();
    whole.with_context(|| {
        let keys = table.key.iter().map(|place| {
            let shown = read(*place).map_or_else(|_| "?".to_owned(), |value| value.shown());
            format!("{} {shown}", table.columns[*place].0)
        });
        format!("`{}`, {}", table.name, keys.collect::<Vec<_>>().join(", "))
    })
}
