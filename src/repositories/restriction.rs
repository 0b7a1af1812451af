//! Keeps a statement to the collections within reach.

use sqlx::{Database, Encode, QueryBuilder, Type};

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
