//! A user: a person who signs in.

use super::{
    Timestamp,
    emails::Email,
    errors::{Checks, Error, Result},
    identifiers::{CollectionId, UserId},
    permissions::Role,
    principal::Reach,
    text_fields::{LONGEST_NAME, check_required_text},
};
use serde::{Deserialize, Serialize};

/// Whether a user may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum UserState {
    Active,
    Disabled,
}

/// What the database has of a user, without the collections.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct UserRow {
    pub id: UserId,
    pub email: Email,
    pub name: String,
    pub role: Role,
    pub state: UserState,
    /// argon2id in PHC form; `None` for those who sign in elsewhere.
    pub password_hash: Option<String>,
    pub all_collections: bool,
    pub last_sign_in_at: Option<Timestamp>,
    /// 1 when created, one more with every change; the ETag.
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A user with the collections that they may know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub row: UserRow,
    pub reach: Reach,
}

/// What may be chosen about a user, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFields {
    pub email: Email,
    pub name: String,
    pub role: Role,
    pub state: UserState,
    pub reach: Reach,
}

impl UserFields {
    /// Checks the fields. Without a name, the e-mail address is the name.
    ///
    /// # Errors
    /// `Error::Invalid` with every field that cannot be accepted.
    pub fn new(email: &str, name: Option<&str>, role: Role, state: UserState, reach: Reach) -> Result<Self> {
        let mut checks = Checks::default();
        let email = checks.take("", Email::parse("/email", email))?;
        if let Some(name) = name {
            checks.take("", check_required_text("/name", name, LONGEST_NAME))?;
        }
        if role == Role::Admin && reach != Reach::Everything {
            let message = "must be left out or `null` for an admin, who reaches every collection";
            checks.take("", Err::<(), _>(Error::invalid("/collections", message)))?;
        }
        checks.finish()?;
        let email = email.ok_or_else(|| Error::internal("an e-mail address was neither accepted nor refused"))?;
        let name = name.map_or_else(|| email.to_string(), |name| name.trim().to_owned());
        Ok(Self {
            email,
            name,
            role,
            state,
            reach,
        })
    }
}

/// Which users a list shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct UserFilter {
    /// Part of the e-mail address or of the name, in any case.
    pub search: Option<String>,
    pub role: Option<Role>,
    pub state: Option<UserState>,
    pub collection_id: Option<CollectionId>,
}
