//! The people of the sample data, so that the examples of signing in, of users and of keys work. One of them can sign in with a
//! password that everybody knows: a viewer for whom there is only the collection of sample tickets.

use super::COLLECTION;
use crate::{
    domain::{
        Error, Result,
        api_keys::ApiKeyFields,
        etags::Expected,
        identifiers::{ApiKeyId, SessionId, UserId},
        passwords::Password,
        permissions::Role,
        principal::{Actor, Reach},
        sessions::OpaqueToken,
        users::{UserFields, UserState},
    },
    services::{Services, users::UserPatch},
};
use uuid::Uuid;

/// Whoever tries the demo signs in as this admin, with the password that the start prints.
const ADMIN: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0010);
pub const ADMIN_EMAIL: &str = "demo@example.com";
/// The viewer whom examples sign in as.
pub const VIEWER: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0011);
pub const VIEWER_EMAIL: &str = "viewer@example.com";
pub const VIEWER_PASSWORD: &str = "only looking at tickets today";
/// The user whom examples change.
pub const CHANGEABLE_USER: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0012);
/// The user whom examples delete.
pub const SPARE_USER: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0013);
/// The API key that examples read, change and rotate.
pub const KEY: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0021);
/// The API key that examples revoke.
pub const SPARE_KEY: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0022);
/// The viewer's session that examples end.
pub const SPARE_SESSION: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0031);
/// What examples refresh the viewer's other session with.
pub const REFRESH_TOKEN: &str = "sample-refresh-token-of-the-demo-viewer-000";
const REFRESHABLE_SESSION: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0032);

/// Brings back what is not there, and the viewer as documented.
///
/// # Errors
/// When the database does not answer.
pub async fn load(services: &Services) -> Result<()> {
    let actor = Actor::operator();
    let tickets = services
        .users
        .resolve_reach(&actor, Some(&[COLLECTION.to_owned()]))
        .await?;
    restore_viewer(services, &actor, &tickets).await?;
    let people = [
        (CHANGEABLE_USER, "spare@example.com", "Spare", Role::Editor),
        (SPARE_USER, "leaver@example.com", "Leaver", Role::Viewer),
    ];
    for (id, email, name, role) in people {
        let fields = UserFields::new(email, Some(name), role, UserState::Active, Reach::Everything)?;
        if services.users.get(UserId(id)).await.is_err() {
            super::unless_there(
                services
                    .users
                    .create_as(&actor, UserId(id), fields, None)
                    .await
                    .map(drop),
            )?;
        }
    }
    for (id, name) in [(KEY, "sample"), (SPARE_KEY, "spare")] {
        if services.api_keys.get(&actor, ApiKeyId(id)).await.is_err() {
            services
                .api_keys
                .create_as(&actor, ApiKeyId(id), ApiKeyFields::named(name)?)
                .await?;
        }
    }
    Ok(())
}

/// Gives the demo's admin a new password, and makes them if they are not there.
///
/// # Errors
/// When the database does not answer.
pub async fn replace_admin(services: &Services) -> Result<Password> {
    let (actor, id, password) = (Actor::operator(), UserId(ADMIN), Password::generate());
    if services.users.get(id).await.is_ok() {
        let patch = UserPatch {
            email: Some(ADMIN_EMAIL.to_owned()),
            role: Some(Role::Admin),
            state: Some(UserState::Active),
            reach: Some(Reach::Everything),
            password: Some(password.reveal().to_owned()),
            name: None,
        };
        services.users.update(&actor, id, &Expected::Any, patch).await?;
    } else {
        let fields = UserFields::new(
            ADMIN_EMAIL,
            Some("Demo"),
            Role::Admin,
            UserState::Active,
            Reach::Everything,
        )?;
        services
            .users
            .create_as(&actor, id, fields, Some(password.reveal()))
            .await?;
    }
    Ok(password)
}

/// Keeps out the viewer whose password everybody knows, where there is one: a server that is not a demo has no use for them.
///
/// # Errors
/// When the database does not answer.
pub async fn retire_viewer(services: &Services) -> Result<()> {
    let viewer = match services.users.get(UserId(VIEWER)).await {
        Ok(viewer) if viewer.row.state == UserState::Active => viewer.row.id,
        Ok(_) | Err(Error::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    let patch = UserPatch {
        state: Some(UserState::Disabled),
        ..UserPatch::default()
    };
    let actor = Actor::operator();
    services
        .users
        .update(&actor, viewer, &Expected::Any, patch)
        .await
        .map(drop)
}

async fn restore_viewer(services: &Services, actor: &Actor, reach: &Reach) -> Result<()> {
    let id = UserId(VIEWER);
    match services.users.get(id).await {
        Ok(_) => {
            let patch = UserPatch {
                email: Some(VIEWER_EMAIL.to_owned()),
                name: Some("Viewer".to_owned()),
                role: Some(Role::Viewer),
                state: Some(UserState::Active),
                reach: Some(reach.clone()),
                password: Some(VIEWER_PASSWORD.to_owned()),
            };
            services.users.update(actor, id, &Expected::Any, patch).await?;
        }
        Err(Error::NotFound { .. }) => {
            let fields = UserFields::new(
                VIEWER_EMAIL,
                Some("Viewer"),
                Role::Viewer,
                UserState::Active,
                reach.clone(),
            )?;
            let created = services.users.create_as(actor, id, fields, Some(VIEWER_PASSWORD)).await;
            if let Err(Error::Conflict(_)) = created {
                // Somebody else has the address: there is no viewer, and nobody to have sessions.
                return Ok(());
            }
            created?;
        }
        Err(error) => return Err(error),
    }
    let refresh = OpaqueToken::parse(REFRESH_TOKEN);
    services.sessions.put_sample(SessionId(SPARE_SESSION), id, None).await?;
    services
        .sessions
        .put_sample(SessionId(REFRESHABLE_SESSION), id, refresh.as_ref())
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_credentials_are_well_formed() {
        assert!(OpaqueToken::parse(REFRESH_TOKEN).is_some());
        Password::parse_new("/password", VIEWER_PASSWORD, &[VIEWER_EMAIL, "Viewer"]).unwrap();
    }
}
