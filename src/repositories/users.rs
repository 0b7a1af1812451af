//! Rows of `users`, of the collections that users are restricted to, and of who they are elsewhere.

use super::{restriction, turns};
use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        emails::Email,
        identifiers::{CollectionId, UserId},
        users::{UserFilter, UserRow},
    },
    on,
};
use sqlx::QueryBuilder;

const COLUMNS: &str = "SELECT id, email, name, role, state, password_hash, all_collections, last_sign_in_at, version, \
     created_at, updated_at FROM users";
const INSERT: &str =
    "INSERT INTO users (id, email, name, role, state, password_hash, all_collections, last_sign_in_at, \
     version, created_at, updated_at, searched) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     ON CONFLICT (email) DO NOTHING";
const FIND: &str = "SELECT id, email, name, role, state, password_hash, all_collections, last_sign_in_at, version, \
     created_at, updated_at FROM users WHERE id = $1";
const FIND_BY_EMAIL: &str = "SELECT id, email, name, role, state, password_hash, all_collections, last_sign_in_at, version, \
     created_at, updated_at FROM users WHERE email = $1";
const FIND_BY_IDENTITY: &str = "SELECT u.id, u.email, u.name, u.role, u.state, u.password_hash, u.all_collections, \
     u.last_sign_in_at, u.version, u.created_at, u.updated_at
     FROM identities i JOIN users u ON u.id = i.user_id WHERE i.issuer = $1 AND i.subject = $2";
const EMAIL_TAKEN: &str = "SELECT COUNT(*) FROM users WHERE email = $2 AND id <> $1";
const ANY: &str = "SELECT EXISTS (SELECT 1 FROM users)";
/// The active admins, and whether each has a way to sign in.
macro_rules! admins {
    ($lock:literal) => {
        concat!(
            "SELECT id, (password_hash IS NOT NULL OR EXISTS (SELECT 1 FROM identities WHERE user_id = users.id)) \
             FROM users WHERE role = 'admin' AND state = 'active' ORDER BY id",
            $lock
        )
    };
}

const ADMINS: &str = admins!("");
// All of them in one order, also whoever asks: of two admins who lock each other first, the database ends one as a deadlock.
const ADMINS_LOCKED: &str = admins!(" FOR NO KEY UPDATE");
const UPDATE: &str = "UPDATE users SET email = $3, name = $4, role = $5, state = $6, password_hash = $7, \
     all_collections = $8, version = $9, updated_at = $10, searched = $11 WHERE id = $1 AND version = $2";
const HOLD: &str = "UPDATE users SET version = version WHERE id = $1";
const SIGNED_IN: &str = "UPDATE users SET last_sign_in_at = $2 WHERE id = $1";
const REHASHED: &str = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
const DELETE: &str = "DELETE FROM users WHERE id = $1";
const COLLECTIONS: &str = "SELECT collection_id FROM user_collections WHERE user_id = $1 ORDER BY collection_id";
const CLEAR_COLLECTIONS: &str = "DELETE FROM user_collections WHERE user_id = $1";
const ADD_COLLECTION: &str = "INSERT INTO user_collections (user_id, collection_id) VALUES ($1, $2)";
const ADD_IDENTITY: &str = "INSERT INTO identities (issuer, subject, user_id, created_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (issuer, subject) DO NOTHING";
const LOCK: &str = "LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE";

/// Makes other servers wait that are about to make the first user too, until the transaction ends.
pub async fn lock(tx: &mut Tx) -> Result<()> {
    turns::lock(tx, LOCK).await
}

/// Says whether the e-mail address was free.
pub async fn insert(tx: &mut Tx, user: &UserRow) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(INSERT)
        .bind(user.id)
        .bind(&user.email)
        .bind(&user.name)
        .bind(user.role)
        .bind(user.state)
        .bind(&user.password_hash)
        .bind(user.all_collections)
        .bind(user.last_sign_in_at)
        .bind(user.version)
        .bind(user.created_at)
        .bind(user.updated_at)
        .bind(searched(user))
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

pub async fn find(tx: &mut Tx, id: UserId) -> Result<Option<UserRow>> {
    on!(tx, |c| sqlx::query_as(FIND).bind(id).fetch_optional(c).await)
}

pub async fn find_by_email(tx: &mut Tx, email: &Email) -> Result<Option<UserRow>> {
    on!(tx, |c| sqlx::query_as(FIND_BY_EMAIL)
        .bind(email)
        .fetch_optional(c)
        .await)
}

/// Whoever is `subject` at the provider `issuer`.
pub async fn find_by_identity(tx: &mut Tx, issuer: &str, subject: &str) -> Result<Option<UserRow>> {
    on!(tx, |c| sqlx::query_as(FIND_BY_IDENTITY)
        .bind(issuer)
        .bind(subject)
        .fetch_optional(c)
        .await)
}

/// Says whether nobody was known by this identity.
pub async fn add_identity(tx: &mut Tx, issuer: &str, subject: &str, user: UserId, at: Timestamp) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(ADD_IDENTITY)
        .bind(issuer)
        .bind(subject)
        .bind(user)
        .bind(at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

pub async fn email_taken_by_another(tx: &mut Tx, user: &UserRow) -> Result<bool> {
    let count: i64 = on!(tx, |c| sqlx::query_scalar(EMAIL_TAKEN)
        .bind(user.id)
        .bind(&user.email)
        .fetch_one(c)
        .await)?;
    Ok(count > 0)
}

/// Whether there is anybody.
pub async fn any(tx: &mut Tx) -> Result<bool> {
    on!(tx, |c| sqlx::query_scalar(ANY).fetch_one(c).await)
}

/// How many active admins who can sign in, by a password or elsewhere, there are besides this user. They stay so until the
/// transaction ends.
pub async fn count_other_admins(tx: &mut Tx, besides: UserId) -> Result<usize> {
    let sql = tx.pick(ADMINS, ADMINS_LOCKED);
    let admins: Vec<(UserId, bool)> = on!(tx, |c| sqlx::query_as(sql).fetch_all(c).await)?;
    let others = admins.into_iter().filter(|(id, signs_in)| *signs_in && *id != besides);
    Ok(others.count())
}

/// In the order of creation, after `after`.
pub async fn list(tx: &mut Tx, filter: &UserFilter, after: Option<UserId>, limit: i64) -> Result<Vec<UserRow>> {
    on!(tx, |c| {
        let mut query = QueryBuilder::new(COLUMNS);
        query.push(" WHERE 1 = 1");
        if let Some(text) = &filter.search {
            let pattern = format!("%{}%", escape_like(&text.to_lowercase()));
            query
                .push(" AND searched LIKE ")
                .push_bind(pattern)
                .push(" ESCAPE '\\'");
        }
        if let Some(role) = filter.role {
            query.push(" AND role = ").push_bind(role);
        }
        if let Some(state) = filter.state {
            query.push(" AND state = ").push_bind(state);
        }
        if let Some(id) = filter.collection_id {
            query.push(" AND (all_collections OR id IN (SELECT user_id FROM user_collections WHERE collection_id = ");
            query.push_bind(id).push("))");
        }
        if let Some(id) = after {
            query.push(" AND id > ").push_bind(id);
        }
        query.push(" ORDER BY id LIMIT ").push_bind(limit);
        query.build_query_as().fetch_all(c).await
    })
}

/// In what a search looks. In lower case by us: SQLite's `LOWER` knows only ASCII, and PostgreSQL's what its locale knows.
fn searched(user: &UserRow) -> String {
    format!("{}\n{}", user.email, user.name).to_lowercase()
}

fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Stores the user at its version, which is one more than the stored one. Says whether that was still there.
pub async fn update(tx: &mut Tx, user: &UserRow) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(UPDATE)
        .bind(user.id)
        .bind(user.version - 1)
        .bind(&user.email)
        .bind(&user.name)
        .bind(user.role)
        .bind(user.state)
        .bind(&user.password_hash)
        .bind(user.all_collections)
        .bind(user.version)
        .bind(user.updated_at)
        .bind(searched(user))
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Keeps the user as they are, for all others, until the transaction ends. Says whether they are there.
pub async fn hold(tx: &mut Tx, id: UserId) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(HOLD)
        .bind(id)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

pub async fn signed_in(tx: &mut Tx, id: UserId, at: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(SIGNED_IN)
        .bind(id)
        .bind(at)
        .execute(c)
        .await
        .map(drop))
}

/// The same password, hashed anew; nothing happens when it was changed meanwhile.
pub async fn rehashed(tx: &mut Tx, id: UserId, old: &str, new: &str) -> Result<()> {
    on!(tx, |c| sqlx::query(REHASHED)
        .bind(id)
        .bind(old)
        .bind(new)
        .execute(c)
        .await
        .map(drop))
}

pub async fn delete(tx: &mut Tx, id: UserId) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE).bind(id).execute(c).await.map(drop))
}

/// The collections that the user is restricted to, if they are.
pub async fn collections(tx: &mut Tx, id: UserId) -> Result<Vec<CollectionId>> {
    on!(tx, |c| sqlx::query_scalar(COLLECTIONS).bind(id).fetch_all(c).await)
}

pub async fn set_collections(tx: &mut Tx, id: UserId, collections: &[CollectionId]) -> Result<()> {
    restriction::replace(tx, CLEAR_COLLECTIONS, ADD_COLLECTION, id.0, collections).await
}
