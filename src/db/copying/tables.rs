//! Which tables are copied, in which order, and what their columns are on both sides.

use super::{
    catalogue::{Catalogue, Shape, quoted},
    values::{Kind, Value},
};
use crate::db::Tx;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;

/// What belongs to the servers of one database and means nothing in another: who of them is running, what their caches are to
/// forget, and when they last found that they can write.
pub(super) const NOT_CARRIED: [&str; 3] = ["workers", "evictions", "readiness"];
/// Row numbers that only the full-text index of SQLite refers to: each database gives its own.
const GIVEN_ANEW: [(&str, &str); 1] = [("documents", "seq")];

/// A table that is copied.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<(String, Kind)>,
    /// Places in `columns`.
    pub(super) key: Vec<usize>,
    /// Columns with what gives them their next number in the target.
    pub(super) sequences: Vec<(String, String)>,
}

/// One row, its values as the columns of its table.
pub(super) type Row = Vec<Value>;

/// What is copied, what others refer to first, and the tables of the source that are not Synoptic's.
pub(super) struct Plan {
    pub(super) tables: Vec<Table>,
    pub(super) left_out: Vec<String>,
}

impl Plan {
    pub(super) fn new(source: (&Catalogue, &Tx), target: (&Catalogue, &Tx)) -> Result<Self> {
        let (found, wanted) = (source.0, target.0);
        let is_carried = |name: &str| !NOT_CARRIED.contains(&name);
        let both: BTreeSet<&str> = found
            .tables
            .keys()
            .map(String::as_str)
            .filter(|name| is_carried(name) && wanted.tables.contains_key(*name))
            .collect();
        let mut tables = Vec::new();
        for name in ordered(&both, wanted)? {
            let shapes = (&found.tables[name], &wanted.tables[name]);
            tables.push(Table::new(name, (shapes.0, source.1), (shapes.1, target.1))?);
        }
        let left_out = found.tables.keys().filter(|name| is_carried(name)).cloned();
        Ok(Self {
            tables,
            left_out: left_out.filter(|name| !both.contains(name.as_str())).collect(),
        })
    }
}

/// So that whatever a row refers to is there before it.
fn ordered<'a>(tables: &BTreeSet<&'a str>, catalogue: &Catalogue) -> Result<Vec<&'a str>> {
    let mut order: Vec<&str> = Vec::new();
    while order.len() < tables.len() {
        let is_ready = |name: &&&str| {
            let references = &catalogue.tables[**name].references;
            !order.contains(*name) && references.iter().all(|other| order.contains(&other.as_str()))
        };
        let ready: Vec<&str> = tables.iter().filter(is_ready).copied().collect();
        ensure!(
            !ready.is_empty(),
            "these tables refer to each other in a circle, or to tables that are not copied: {}",
            tables
                .iter()
                .filter(|name| !order.contains(*name))
                .copied()
                .collect::<Vec<_>>()
                .join(", ")
        );
        order.extend(ready);
    }
    Ok(order)
}

impl Table {
    fn new(name: &str, source: (&Shape, &Tx), target: (&Shape, &Tx)) -> Result<Self> {
        let is_copied = |column: &&String| !GIVEN_ANEW.contains(&(name, column.as_str()));
        let mut columns = Vec::new();
        for column in source.0.columns.keys().filter(is_copied) {
            let kind = |(shape, tx): (&Shape, &Tx)| {
                let declared = &shape.columns.get(column)?.declared;
                match tx {
                    Tx::Sqlite(_) => Kind::of_sqlite(declared),
                    Tx::Postgres(_) => Kind::of_postgres(declared),
                }
            };
            let common = kind(source)
                .zip(kind(target))
                .and_then(|(one, other)| one.common(other));
            columns.push((column.clone(), common.with_context(|| misfit(name, column))?));
        }
        for column in target.0.columns.keys().filter(is_copied) {
            ensure!(source.0.columns.contains_key(column), misfit(name, column));
        }
        let place = |column: &String| columns.iter().position(|(one, _)| one == column);
        // What PostgreSQL declares holds on both sides.
        let shape = match (source.1, target.1) {
            (Tx::Postgres(_), Tx::Sqlite(_)) => source.0,
            _ => target.0,
        };
        let mut key: Vec<(i64, &String)> = shape
            .columns
            .iter()
            .filter(|(_, column)| column.place_in_key > 0)
            .map(|(name, column)| (column.place_in_key, name))
            .collect();
        key.sort_unstable();
        let mut key: Option<Vec<usize>> = key.into_iter().map(|(_, name)| place(name)).collect();
        if key.as_ref().is_none_or(Vec::is_empty) {
            key = shape.unique.as_ref().and_then(place).map(|place| vec![place]);
        }
        let Some(key) = key else {
            bail!("the table `{name}` has no key by which its rows could be compared");
        };
        let sequences = target.0.columns.iter().filter_map(|(name, column)| {
            let sequence = column.sequence.clone()?;
            Some((name.clone(), sequence))
        });
        Ok(Self {
            name: name.to_owned(),
            key,
            sequences: sequences.collect(),
            columns,
        })
    }

    /// Its columns, for SQL.
    pub(super) fn column_list(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| quoted(name)).collect();
        names.join(", ")
    }

    /// Which row this is, in words.
    pub(super) fn key_of(&self, row: &[Value]) -> String {
        let parts: Vec<String> = self
            .key
            .iter()
            .map(|place| format!("{} {}", self.columns[*place].0, row[*place].shown()))
            .collect();
        parts.join(", ")
    }
}

fn misfit(table: &str, column: &str) -> String {
    format!("`{table}.{column}` is not the same in both databases: one of them was changed by hand")
}
