//! Telling whether two tables hold the same: the number of rows, and a SHA-256 over all of them in the order of their keys.

use super::{
    rows,
    tables::{Row, Table},
    values::hexadecimal,
};
use crate::db::Tx;
use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};

/// What is known of a table after all of it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) rows: u64,
    pub(super) hash: String,
}

/// A sum that grows row by row.
#[derive(Default)]
pub(super) struct Adder {
    rows: u64,
    hash: Sha256,
}

impl Adder {
    pub(super) fn add(&mut self, table: &Table, row: &Row) -> Result<()> {
        absorb(&mut self.hash, table, row)?;
        self.rows += 1;
        Ok(())
    }

    pub(super) fn sum(self) -> Sum {
        Sum {
            rows: self.rows,
            hash: hexadecimal(&self.hash.finalize()),
        }
    }
}

/// Reads the whole table.
pub(super) async fn sum(tx: &mut Tx, table: &Table) -> Result<Sum> {
    let mut adder = Adder::default();
    let mut rows = rows::read(tx, table);
    while let Some(row) = rows.try_next().await? {
        adder.add(table, &row)?;
    }
    Ok(adder.sum())
}

/// The first row, in the order of the keys, that is not the same in both; its key and nothing else of it.
pub(super) async fn first_difference(source: &mut Tx, target: &mut Tx, table: &Table) -> Result<String> {
    let mut left = rows::read(source, table);
    let mut right = rows::read(target, table);
    loop {
        let key = |row: &Row| table.key.iter().map(|place| row[*place].clone()).collect::<Vec<_>>();
        return Ok(match (left.try_next().await?, right.try_next().await?) {
            (None, None) => "the rows are the same when read again".to_owned(),
            (Some(row), None) => format!("the target lacks the row with {}", table.key_of(&row)),
            (None, Some(row)) => format!("the target has one row more, with {}", table.key_of(&row)),
            (Some(row), Some(copy)) if hash(table, &row)? == hash(table, &copy)? => continue,
            (Some(row), Some(copy)) if key(&row) == key(&copy) => {
                format!("the row with {} is not the same", table.key_of(&row))
            }
            (Some(row), Some(copy)) => format!(
                "where the source has the row with {}, the target has that with {}",
                table.key_of(&row),
                table.key_of(&copy)
            ),
        });
    }
}

fn hash(table: &Table, row: &Row) -> Result<String> {
    let mut hash = Sha256::new();
    absorb(&mut hash, table, row)?;
    Ok(hexadecimal(&hash.finalize()))
}

fn absorb(hash: &mut Sha256, table: &Table, row: &Row) -> Result<()> {
    for (value, (column, _)) in row.iter().zip(&table.columns) {
        value
            .absorb(hash)
            .with_context(|| format!("`{}`, {}: `{column}` cannot be read", table.name, table.key_of(row)))?;
    }
    Ok(())
}
