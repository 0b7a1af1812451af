//! Bodies of the user operations.

use super::body::given;
use crate::{
    domain::{
        Result, Timestamp,
        etags::etag,
        permissions as domain_permissions,
        principal::Reach,
        users::{self as domain, UserFields},
    },
    services::users::UserPatch,
};
use poem_openapi::{
    Enum, Object,
    types::{Example, MaybeUndefined},
};
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, with users, everybody's API keys and the audit trail.
    Admin,
    /// Reads and changes what is stored, and asks the engines.
    Editor,
    /// Reads.
    Viewer,
}

impl From<Role> for domain_permissions::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::Editor => Self::Editor,
            Role::Viewer => Self::Viewer,
        }
    }
}

impl From<domain_permissions::Role> for Role {
    fn from(role: domain_permissions::Role) -> Self {
        match role {
            domain_permissions::Role::Admin => Self::Admin,
            domain_permissions::Role::Editor => Self::Editor,
            domain_permissions::Role::Viewer => Self::Viewer,
        }
    }
}

/// Whether a user may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum UserState {
    Active,
    /// Signed out everywhere and kept out; their API keys do not work.
    Disabled,
}

impl From<UserState> for domain::UserState {
    fn from(state: UserState) -> Self {
        match state {
            UserState::Active => Self::Active,
            UserState::Disabled => Self::Disabled,
        }
    }
}

impl From<domain::UserState> for UserState {
    fn from(state: domain::UserState) -> Self {
        match state {
            domain::UserState::Active => Self::Active,
            domain::UserState::Disabled => Self::Disabled,
        }
    }
}

/// A person who can sign in.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct User {
    pub id: Uuid,
    /// Normalised: lower case, Unicode NFKC, the domain in ASCII.
    pub email: String,
    pub name: String,
    pub role: Role,
    pub state: UserState,
    /// The slugs of the only collections that they know of; not there for those who know of all.
    pub collections: Option<Vec<String>>,
    /// Whether they can sign in with a password here.
    pub has_password: bool,
    pub last_sign_in_at: Option<OffsetDateTime>,
    /// 1 when created, one more with every change.
    pub version: i64,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

impl User {
    /// With the slugs of the collections within reach, if that is restricted.
    #[must_use]
    pub fn new(user: domain::User, collections: Option<Vec<String>>) -> Self {
        let row = user.row;
        Self {
            id: row.id.0,
            email: row.email.to_string(),
            name: row.name,
            role: row.role.into(),
            state: row.state.into(),
            collections,
            has_password: row.password_hash.is_some(),
            last_sign_in_at: row.last_sign_in_at.map(Timestamp::as_offset_date_time),
            version: row.version,
            created_at: row.created_at.as_offset_date_time(),
            updated_at: row.updated_at.as_offset_date_time(),
        }
    }

    #[must_use]
    pub fn etag(&self) -> String {
        etag(self.id, self.version)
    }

    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/users/{}", self.id)
    }
}

/// A user to be made.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct NewUser {
    #[oai(validator(min_length = 3, max_length = 254))]
    pub email: String,
    /// The e-mail address when left out.
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(min_length = 1, max_length = 120))]
    pub name: Option<String>,
    pub role: Role,
    /// 12 to 256 characters that are hard to guess. Left out, they can sign in only through a provider.
    #[serde(default, deserialize_with = "given")]
    #[oai(validator(min_length = 12, max_length = 256))]
    pub password: Option<String>,
    /// Slugs or ids of the only collections that they are to know of; all when left out or `null`.
    #[serde(default)]
    #[oai(validator(max_items = 1000))]
    pub collections: Option<Vec<String>>,
}

impl NewUser {
    /// # Errors
    /// `Error::Invalid` with every field that cannot be accepted.
    pub fn into_domain(self, reach: Reach) -> Result<(UserFields, Option<String>)> {
        let state = domain::UserState::Active;
        let fields = UserFields::new(&self.email, self.name.as_deref(), self.role.into(), state, reach)?;
        Ok((fields, self.password))
    }
}

impl Example for NewUser {
    fn example() -> Self {
        Self {
            email: "grace.hopper@example.com".to_owned(),
            name: Some("Grace Hopper".to_owned()),
            role: Role::Editor,
            password: Some("nanoseconds come in 30 cm wires".to_owned()),
            collections: None,
        }
    }
}

/// A whole user, in place of what is stored. The password stays as it is.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub struct PutUser {
    #[oai(validator(min_length = 3, max_length = 254))]
    pub email: String,
    #[oai(validator(min_length = 1, max_length = 120))]
    pub name: String,
    pub role: Role,
    pub state: UserState,
    /// Slugs or ids of the only collections that they are to know of; all when left out or `null`.
    #[serde(default)]
    #[oai(validator(max_items = 1000))]
    pub collections: Option<Vec<String>>,
}

impl PutUser {
    #[must_use]
    pub fn into_patch(self, reach: Reach) -> UserPatch {
        UserPatch {
            email: Some(self.email),
            name: Some(self.name),
            role: Some(self.role.into()),
            state: Some(self.state.into()),
            reach: Some(reach),
            password: None,
        }
    }
}

impl Example for PutUser {
    fn example() -> Self {
        Self {
            email: "spare@example.com".to_owned(),
            name: "Spare".to_owned(),
            role: Role::Editor,
            state: UserState::Active,
            collections: Some(vec!["tickets".to_owned()]),
        }
    }
}

/// A change to a user; what is left out stays.
#[derive(Debug, Clone, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(example, deny_unknown_fields)]
pub struct UserChange {
    #[serde(default, deserialize_with = "given")]
    #[oai(skip_serializing_if_is_none, validator(min_length = 3, max_length = 254))]
    pub email: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[oai(skip_serializing_if_is_none, validator(min_length = 1, max_length = 120))]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[oai(skip_serializing_if_is_none)]
    pub role: Option<Role>,
    #[serde(default, deserialize_with = "given")]
    #[oai(skip_serializing_if_is_none)]
    pub state: Option<UserState>,
    /// Slugs or ids of the only collections that they are to know of; `null` for all.
    #[serde(default)]
    #[oai(skip_serializing_if_is_none, validator(max_items = 1000))]
    pub collections: MaybeUndefined<Vec<String>>,
    /// A new password; all their sessions end.
    #[serde(default, deserialize_with = "given")]
    #[oai(skip_serializing_if_is_none, validator(min_length = 12, max_length = 256))]
    pub password: Option<String>,
}

impl UserChange {
    #[must_use]
    pub fn into_patch(self, reach: Option<Reach>) -> UserPatch {
        UserPatch {
            email: self.email,
            name: self.name,
            role: self.role.map(Into::into),
            state: self.state.map(Into::into),
            reach,
            password: self.password,
        }
    }
}

impl Example for UserChange {
    fn example() -> Self {
        Self {
            email: None,
            name: Some("Spare, renamed".to_owned()),
            role: Some(Role::Viewer),
            state: None,
            collections: MaybeUndefined::Undefined,
            password: None,
        }
    }
}

/// A page of users, in the order of creation.
#[derive(Debug, Clone, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct UserPage {
    pub items: Vec<User>,
    /// Where the next page begins; not there on the last page.
    pub next_cursor: Option<String>,
}
