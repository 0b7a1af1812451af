//! Rows of `prompts` and `prompt_versions`.

use crate::{
    db::Tx,
    domain::{
        Result,
        identifiers::PromptId,
        prompts::{Prompt, PromptEntry},
        text_fields::NameOrId,
    },
    on,
};

/// A prompt at a version; what follows says which.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT p.id, p.slug, v.version, v.name, v.description, v.system_template, v.user_template, v.variables, \
             v.output_schema, v.max_output_tokens, v.temperature, p.created_at, v.created_at AS updated_at \
             FROM prompts p JOIN prompt_versions v ON v.prompt_id = p.id ",
            $which
        )
    };
}

/// The same without templates and schemas.
macro_rules! select_entries {
    ($which:literal) => {
        concat!(
            "SELECT p.id, p.slug, v.version, v.name, v.description, p.created_at, v.created_at AS updated_at \
             FROM prompts p JOIN prompt_versions v ON v.prompt_id = p.id ",
            $which
        )
    };
}

const INSERT: &str = "INSERT INTO prompts (id, slug, version, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (slug) DO NOTHING";
const INSERT_VERSION: &str =
    "INSERT INTO prompt_versions (prompt_id, version, name, description, system_template, user_template, variables,
    output_schema, max_output_tokens, temperature, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const ADVANCE: &str = "UPDATE prompts SET slug = $2, version = $3 WHERE id = $1 AND version = $3 - 1";
const FIND_BY_ID: &str = select!("AND v.version = p.version WHERE p.id = $1");
const FIND_BY_SLUG: &str = select!("AND v.version = p.version WHERE p.slug = $1");
const FIND_VERSION: &str = select!("WHERE p.id = $1 AND v.version = $2");
const LIST: &str = select_entries!("AND v.version = p.version ORDER BY p.id LIMIT $1");
const LIST_AFTER: &str = select_entries!("AND v.version = p.version WHERE p.id > $2 ORDER BY p.id LIMIT $1");
const LIST_VERSIONS: &str = select_entries!("WHERE p.id = $2 AND v.version < $3 ORDER BY v.version DESC LIMIT $1");
const SLUG_TAKEN: &str = "SELECT COUNT(*) FROM prompts WHERE slug = $1 AND id <> $2";
const COUNT_ANALYSES: &str = "SELECT COUNT(*) FROM analyses WHERE prompt_id = $1";
const DELETE: &str = "DELETE FROM prompts WHERE id = $1";

/// Says whether the slug was free.
pub async fn insert(tx: &mut Tx, prompt: &Prompt) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(INSERT)
        .bind(prompt.id)
        .bind(&prompt.slug)
        .bind(prompt.version)
        .bind(prompt.created_at)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    if rows > 0 {
        insert_version(tx, prompt).await?;
    }
    Ok(rows > 0)
}

/// Stores the next version; says whether the stored one was still the one before it.
pub async fn update(tx: &mut Tx, prompt: &Prompt) -> Result<bool> {
    let rows = on!(tx, |c| sqlx::query(ADVANCE)
        .bind(prompt.id)
        .bind(&prompt.slug)
        .bind(prompt.version)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?;
    if rows > 0 {
        insert_version(tx, prompt).await?;
    }
    Ok(rows > 0)
}

async fn insert_version(tx: &mut Tx, prompt: &Prompt) -> Result<()> {
    on!(tx, |c| sqlx::query(INSERT_VERSION)
        .bind(prompt.id)
        .bind(prompt.version)
        .bind(&prompt.name)
        .bind(&prompt.description)
        .bind(&prompt.system_template)
        .bind(&prompt.user_template)
        .bind(&prompt.variables)
        .bind(&prompt.output_schema)
        .bind(prompt.max_output_tokens)
        .bind(prompt.temperature)
        .bind(prompt.updated_at)
        .execute(c)
        .await
        .map(drop))
}

pub async fn find(tx: &mut Tx, name: &NameOrId<PromptId>) -> Result<Option<Prompt>> {
    match name {
        NameOrId::Id(id) => on!(tx, |c| sqlx::query_as(FIND_BY_ID).bind(id).fetch_optional(c).await),
        NameOrId::Name(slug) => on!(tx, |c| sqlx::query_as(FIND_BY_SLUG).bind(slug).fetch_optional(c).await),
    }
}

pub async fn find_version(tx: &mut Tx, id: PromptId, version: i64) -> Result<Option<Prompt>> {
    on!(tx, |c| sqlx::query_as(FIND_VERSION)
        .bind(id)
        .bind(version)
        .fetch_optional(c)
        .await)
}

/// In the order of creation, each at its newest version.
pub async fn list(tx: &mut Tx, after: Option<PromptId>, limit: i64) -> Result<Vec<PromptEntry>> {
    match after {
        None => on!(tx, |c| sqlx::query_as(LIST).bind(limit).fetch_all(c).await),
        Some(id) => on!(tx, |c| sqlx::query_as(LIST_AFTER)
            .bind(limit)
            .bind(id)
            .fetch_all(c)
            .await),
    }
}

/// The versions before `before`, newest first.
pub async fn list_versions(tx: &mut Tx, id: PromptId, before: i64, limit: i64) -> Result<Vec<PromptEntry>> {
    on!(tx, |c| sqlx::query_as(LIST_VERSIONS)
        .bind(limit)
        .bind(id)
        .bind(before)
        .fetch_all(c)
        .await)
}

pub async fn slug_taken_by_another(tx: &mut Tx, prompt: &Prompt) -> Result<bool> {
    let rows: i64 = on!(tx, |c| sqlx::query_scalar(SLUG_TAKEN)
        .bind(&prompt.slug)
        .bind(prompt.id)
        .fetch_one(c)
        .await)?;
    Ok(rows > 0)
}

pub async fn count_analyses(tx: &mut Tx, id: PromptId) -> Result<i64> {
    on!(tx, |c| sqlx::query_scalar(COUNT_ANALYSES).bind(id).fetch_one(c).await)
}

/// Takes its versions and the analyses that used it along.
pub async fn delete(tx: &mut Tx, id: PromptId) -> Result<()> {
    on!(tx, |c| sqlx::query(DELETE).bind(id).execute(c).await.map(drop))
}
