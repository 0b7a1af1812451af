//! Rows of `sessions`, of their refresh tokens, and of sign-ins under way at a provider.

use crate::{
    db::Tx,
    domain::{
        Result, Timestamp,
        identifiers::{SessionId, UserId},
        sessions::Session,
    },
    on,
};

const INSERT: &str = "INSERT INTO sessions (id, user_id, method, cookie_hash, address, created_at, last_used_at, \
     expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const FIND: &str = "SELECT id, user_id, method, cookie_hash, address, created_at, last_used_at, expires_at, revoked_at
     FROM sessions WHERE id = $1";
const FIND_BY_COOKIE: &str = "SELECT id, user_id, method, cookie_hash, address, created_at, last_used_at, expires_at, \
     revoked_at FROM sessions WHERE cookie_hash = $1";
const LIST_LIVE: &str = "SELECT id, user_id, method, cookie_hash, address, created_at, last_used_at, expires_at, \
     revoked_at FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY id DESC LIMIT 200";
const USED: &str = "UPDATE sessions SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2";
const EXTEND: &str = "UPDATE sessions SET expires_at = $2, last_used_at = $3 WHERE id = $1";
const REVOKE: &str = "UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
const REVOKE_OF_USER: &str =
    "UPDATE sessions SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL AND ($3 IS NULL OR id <> $3)";
const REVOKE_OF_USER_POSTGRES: &str =
    "UPDATE sessions SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL AND ($3::uuid IS NULL OR id <> $3)";
const DELETE_EXPIRED: &str = "DELETE FROM sessions WHERE expires_at < $1";
const DELETE: &str = "DELETE FROM sessions WHERE id = $1";
const INSERT_REFRESH: &str =
    "INSERT INTO refresh_tokens (hash, session_id, created_at, expires_at) VALUES ($1, $2, $3, $4)";
const FIND_REFRESH: &str = "SELECT session_id, expires_at, used_at FROM refresh_tokens WHERE hash = $1";
const USE_REFRESH: &str = "UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1 AND used_at IS NULL";
const DELETE_REFRESH: &str = "DELETE FROM refresh_tokens WHERE session_id = $1 AND expires_at < $2";
const INSERT_FLOW: &str = "INSERT INTO sign_in_flows (state_hash, nonce, verifier, return_to, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6)";
const TAKE_FLOW: &str =
    "DELETE FROM sign_in_flows WHERE state_hash = $1 RETURNING nonce, verifier, return_to, expires_at";
const DELETE_FLOWS: &str = "DELETE FROM sign_in_flows WHERE expires_at < $1";

pub async fn insert(tx: &mut Tx, session: &Session) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT)
        .bind(session.id)
        .bind(session.user_id)
        .bind(session.method)
        .bind(&session.cookie_hash)
        .bind(&session.address)
        .bind(session.created_at)
        .bind(session.last_used_at)
        .bind(session.expires_at)
        .execute(c)
        .await
        .map(drop))
}

pub async fn find(tx: &mut Tx, id: SessionId) -> Result<Option<Session>> {
    on!(tx, |c| sqlx::query_as(FIND).bind(id).fetch_optional(c).await)
}

pub async fn find_by_cookie(tx: &mut Tx, hash: &[u8; 32]) -> Result<Option<Session>> {
    on!(tx, |c| sqlx::query_as(FIND_BY_COOKIE)
        .bind(&hash[..])
        .fetch_optional(c)
        .await)
}

/// Somebody's live sessions, newest first, at most 200.
pub async fn list_live(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<Vec<Session>> {
    on!(tx, |c| sqlx::query_as(LIST_LIVE)
        .bind(user)
        .bind(now)
        .fetch_all(c)
        .await)
}

/// Notes that it was used.
pub async fn used(tx: &mut Tx, id: SessionId, at: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(USED).bind(id).bind(at).execute(c).await.map(drop))
}

/// Lets it last until `expires_at`.
pub async fn extend(tx: &mut Tx, id: SessionId, expires_at: Timestamp, now: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(EXTEND)
        .bind(id)
        .bind(expires_at)
        .bind(now)
        .execute(c)
        .await
        .map(drop))
}

/// Says whether it was live.
pub async fn revoke(tx: &mut Tx, id: SessionId, at: Timestamp) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(REVOKE)
        .bind(id)
        .bind(at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Ends all of somebody's sessions but `except`; says how many there were.
pub async fn revoke_of_user(tx: &mut Tx, user: UserId, except: Option<SessionId>, at: Timestamp) -> Result<u64> {
    let sql = tx.pick(REVOKE_OF_USER, REVOKE_OF_USER_POSTGRES);
    on!(tx, |c| sqlx::query(sql)
        .bind(user)
        .bind(at)
        .bind(except)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))
}

/// Forgets those that expired before `time`.
pub async fn delete_expired(tx: &mut Tx, time: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE_EXPIRED)
        .bind(time)
        .execute(c)
        .await
        .map(drop))
}

pub async fn delete(tx: &mut Tx, id: SessionId) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE).bind(id).execute(c).await.map(drop))
}

/// A refresh token, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RefreshToken {
    pub session_id: SessionId,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

pub async fn insert_refresh_token(
    tx: &mut Tx,
    hash: &[u8; 32],
    session: SessionId,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT_REFRESH)
        .bind(&hash[..])
        .bind(session)
        .bind(now)
        .bind(expires_at)
        .execute(c)
        .await
        .map(drop))
}

pub async fn find_refresh_token(tx: &mut Tx, hash: &[u8; 32]) -> Result<Option<RefreshToken>> {
    on!(tx, |c| sqlx::query_as(FIND_REFRESH)
        .bind(&hash[..])
        .fetch_optional(c)
        .await)
}

/// Says whether it had not been used yet; of two that come at once, one is first.
pub async fn use_refresh_token(tx: &mut Tx, hash: &[u8; 32], at: Timestamp) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(USE_REFRESH)
        .bind(&hash[..])
        .bind(at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows > 0)
}

/// Forgets the session's tokens that expired before `time`.
pub async fn delete_refresh_tokens(tx: &mut Tx, session: SessionId, time: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE_REFRESH)
        .bind(session)
        .bind(time)
        .execute(c)
        .await
        .map(drop))
}

/// A sign-in that was sent to a provider.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Flow {
    pub nonce: String,
    /// The PKCE code verifier (RFC 7636).
    pub verifier: String,
    /// Where the browser goes afterwards, an address of ours.
    pub return_to: String,
    pub expires_at: Timestamp,
}

pub async fn insert_flow(tx: &mut Tx, state_hash: &[u8; 32], flow: &Flow, now: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT_FLOW)
        .bind(&state_hash[..])
        .bind(&flow.nonce)
        .bind(&flow.verifier)
        .bind(&flow.return_to)
        .bind(now)
        .bind(flow.expires_at)
        .execute(c)
        .await
        .map(drop))
}

/// Takes the flow away, so that it is finished at most once.
pub async fn take_flow(tx: &mut Tx, state_hash: &[u8; 32]) -> Result<Option<Flow>> {
    on!(tx, |c| sqlx::query_as(TAKE_FLOW)
        .bind(&state_hash[..])
        .fetch_optional(c)
        .await)
}

pub async fn delete_flows(tx: &mut Tx, before: Timestamp) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE_FLOWS)
        .bind(before)
        .execute(c)
        .await
        .map(drop))
}
