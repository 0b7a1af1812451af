//! What a user or an API key may do at this moment, for whoever acts in their name: a request that brings their credential, or a job
//! that they have asked for.

use super::reach::find_user;
use crate::{
    db::Tx,
    domain::{
        Error, Result, Timestamp,
        api_keys::ApiKeyRow,
        identifiers::{CollectionId, SessionId, UserId},
        jobs::{ActsAs, Job},
        permissions::Scopes,
        principal::{Actor, Principal, PrincipalId, Reach},
        refusals::Refusal,
        users::UserState,
    },
    repositories::api_keys,
};
use std::sync::Arc;

/// What a key may do, or why it may do nothing.
pub(super) async fn principal_of_key(
    tx: &mut Tx,
    key: &ApiKeyRow,
    now: Timestamp,
) -> Result<std::result::Result<Principal, Refusal>> {
    if key.revoked_at.is_some() {
        return Ok(Err(Refusal::RevokedKey));
    }
    if !key.is_live(now) {
        return Ok(Err(Refusal::ExpiredKey));
    }
    let mut scopes = key.scopes();
    let mut reach = if key.all_collections {
        Reach::Everything
    } else {
        Reach::only(api_keys::collections(tx, key.id).await?)
    };
    // A key does no more than its owner may at this moment.
    if let Some(owner) = key.owner_id {
        let owner = match find_user(tx, owner).await {
            Ok(owner) if owner.row.state == UserState::Active => owner,
            Ok(_) | Err(Error::NotFound { .. }) => return Ok(Err(Refusal::InactiveUser)),
            Err(error) => return Err(error),
        };
        scopes = scopes.intersect(owner.row.role.scopes());
        reach = reach.intersect(&owner.reach);
    }
    Ok(Ok(Principal {
        id: PrincipalId::Key(key.id),
        name: key.name.clone(),
        user_id: key.owner_id,
        role: None,
        session_id: None,
        scopes,
        reach,
    }))
}

/// What a person may do, or why they may do nothing.
pub(super) async fn principal_of_user(
    tx: &mut Tx,
    user: UserId,
    session_id: Option<SessionId>,
) -> Result<std::result::Result<Principal, Refusal>> {
    let user = match find_user(tx, user).await {
        Ok(user) if user.row.state == UserState::Active => user,
        Ok(_) | Err(Error::NotFound { .. }) => return Ok(Err(Refusal::InactiveUser)),
        Err(error) => return Err(error),
    };
    Ok(Ok(Principal {
        id: PrincipalId::User(user.row.id),
        name: user.row.email.to_string(),
        user_id: Some(user.row.id),
        role: Some(user.row.role),
        session_id,
        scopes: user.row.role.scopes(),
        reach: user.reach,
    }))
}

/// Whoever asked for a job, with what they may do now.
///
/// # Errors
/// `Error::Forbidden` when they may do nothing any more.
pub(super) async fn actor_of(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<Actor> {
    let principal = match (job.acts_as, job.created_by, job.created_by_user) {
        (ActsAs::Operator, ..) => return Ok(Actor::operator()),
        (ActsAs::Key, Some(key), _) => match api_keys::find(tx, key).await? {
            Some(key) => principal_of_key(tx, &key, now).await?,
            None => Err(Refusal::UnknownKey),
        },
        (ActsAs::User, _, Some(user)) => principal_of_user(tx, user, None).await?,
        (ActsAs::Key | ActsAs::User, ..) => Err(Refusal::InactiveUser),
    };
    match principal {
        Ok(principal) => Ok(Actor::new(Arc::new(principal), None)),
        Err(_) => Err(Error::Forbidden(
            "whoever asked for the job may not do so any more: the API key was revoked or has expired, or the user is not active"
                .to_owned(),
        )),
    }
}

/// A collection that does something by itself: with its own documents, on nobody's account but its own.
#[must_use]
pub(super) fn automation_of(collection: CollectionId) -> Actor {
    let principal = Principal {
        id: PrincipalId::Operator,
        name: "automation".to_owned(),
        user_id: None,
        role: None,
        session_id: None,
        scopes: Scopes::DATA,
        reach: Reach::only([collection]),
    };
    Actor::new(Arc::new(principal), None)
}
