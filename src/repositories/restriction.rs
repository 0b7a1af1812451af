//! Keeps a statement to the collections within reach, and stores which those are.

use crate::{
    db::Tx,
    domain::{Result, identifiers::CollectionId},
    on,
};
use sqlx::{Database, Encode, QueryBuilder, Type};
use uuid::Uuid;

/// `column IN (…)`. Of no values, nothing is in.
pub(super) fn push_one_of<DB, T>(query: &mut QueryBuilder<DB>, column: &str, values: &[T])
where
    DB: Database,
    T: Clone + for<'a> Encode<'a, DB> + Type<DB>,
{
    if values.is_empty() {
        query.push("1 = 0");
        return;
    }
    query.push(column).push(" IN (");
    let mut list = query.separated(", ");
    for value in values {
        list.push_bind(value.clone());
    }
    query.push(")");
}

/// Puts these collections in the place of those that somebody was restricted to. `clear` takes the id of the user or the key,
/// `add` that and a collection's.
pub async fn replace(
    tx: &mut Tx,
    clear: &'static str,
    add: &'static str,
    owner: Uuid,
    collections: &[CollectionId],
) -> Result<()> {
    on!(tx, |c| sqlx::query(clear).bind(owner).execute(c).await.map(drop))?;
    for collection in collections {
        on!(tx, |c| sqlx::query(add)
            .bind(owner)
            .bind(*collection)
            .execute(c)
            .await
            .map(drop))?;
    }
    Ok(())
}
