//! Signing in: a password, or a provider's word, becomes a session; a refresh token becomes the next one.

mod own_password;
mod refresh;

use super::{
    audit,
    reach::find_user,
    recognition::Recognition,
    sign_in_throttle::{Attempt, Known, SignInThrottle},
    signing_keys::SigningKeys,
};
use crate::{
    config::Auth,
    credentials::{
        password_hasher::{Lane, PasswordHasher},
        tokens::{Claims, Tokens},
    },
    db::{Db, Tx},
    domain::{
        Clock, Error, Result, Timestamp,
        audit::{Action, Event},
        emails::Email,
        identifiers::SessionId,
        passwords::Password,
        principal::{Actor, Principal, PrincipalId},
        refusals::Refusal,
        sessions::{OpaqueToken, Session, SignInMethod},
        users::{User, UserRow, UserState},
    },
    repositories::{sessions, users as rows},
    telemetry::metrics::Metrics,
};
use std::{net::IpAddr, sync::Arc};
use uuid::Uuid;

/// For how long sessions that have expired are kept, for those who look into what happened.
const EXPIRED_KEPT_FOR: time::Duration = time::Duration::days(30);

#[derive(Clone)]
pub struct SignIn {
    db: Db,
    clock: Clock,
    settings: Arc<Auth>,
    hasher: PasswordHasher,
    throttle: SignInThrottle,
    signing_keys: SigningKeys,
    recognition: Recognition,
    metrics: Metrics,
}

/// From where somebody signs in.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub address: Option<IpAddr>,
    /// What an earlier sign-in left with the browser, so that others' failures do not slow it down.
    pub device: Option<String>,
}

/// What a client gets to show that it is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// An access token and a refresh token, for programs.
    Tokens,
    /// A cookie, for a browser.
    Cookie,
}

/// Somebody who is signed in now.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub user: User,
    pub session: SessionId,
    pub credential: Credential,
    /// For how long the credential is valid.
    pub lasts: time::Duration,
    /// To be kept by the browser and sent with its next sign-in.
    pub device: String,
}

#[derive(Debug, Clone)]
pub enum Credential {
    Tokens(TokenPair),
    Cookie { token: OpaqueToken },
}

#[derive(Clone)]
pub struct TokenPair {
    pub access_token: String,
    pub access_expires_in: time::Duration,
    pub refresh_token: OpaqueToken,
    pub refresh_expires_at: Timestamp,
}

impl std::fmt::Debug for TokenPair {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TokenPair(…)")
    }
}

/// The parts of which the sign-in is made.
pub struct Parts {
    pub db: Db,
    pub clock: Clock,
    pub settings: Arc<Auth>,
    pub hasher: PasswordHasher,
    pub signing_keys: SigningKeys,
    pub recognition: Recognition,
    pub metrics: Metrics,
}

impl SignIn {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            db: parts.db,
            clock: parts.clock,
            settings: parts.settings,
            hasher: parts.hasher,
            throttle: SignInThrottle::new(),
            signing_keys: parts.signing_keys,
            recognition: parts.recognition,
            metrics: parts.metrics,
        }
    }

    /// Signs in with a password. Nobody learns from the answer or from its time whether there is such an account.
    ///
    /// # Errors
    /// `Error::SignInRefused`, or `Error::RateLimited` after too many failures.
    pub async fn by_password(&self, email: &str, password: &str, origin: &Origin, wanted: Wanted) -> Result<SignedIn> {
        let email = Email::parse("/email", email).ok();
        let account = email.as_ref().map_or("", Email::as_str).to_owned();
        let tokens = self.signing_keys.tokens().await?;
        let user = match &email {
            Some(email) => rows::find_by_email(&mut self.db.read().await?, email).await?,
            None => None,
        };
        let device = origin
            .device
            .as_ref()
            .and_then(|device| tokens.verify_device(device, self.clock.now()));
        let known = match (device, &user) {
            (Some(device), Some(user)) if device.user == user.id => Known::Device(device.id),
            _ => Known::Nothing,
        };
        let attempt = self.throttle.admit(&account, origin.address, known)?;
        tokio::time::sleep(attempt.delay).await;
        let stored = user.as_ref().and_then(|user| user.password_hash.clone());
        let matches = self.verify(&attempt, password, stored).await?;
        match user {
            Some(user) if matches && user.state == UserState::Active => {
                self.throttle.succeeded(&attempt);
                let stored = self.renew_hash(&user, password).await?;
                let mut tx = self.db.write().await?;
                // Whoever changes the password meanwhile waits, and then ends this session with the others.
                rows::hold(&mut tx, user.id).await?;
                let user = find_user(&mut tx, user.id).await.map_err(|_| Error::SignInRefused)?;
                if user.row.password_hash != stored {
                    // The password was changed while this one was looked at.
                    return Err(Error::SignInRefused);
                }
                let signed_in = self
                    .begin(&mut tx, &tokens, user, SignInMethod::Password, origin, wanted)
                    .await?;
                tx.commit().await?;
                Ok(signed_in)
            }
            user => {
                self.throttle.failed(&attempt);
                let refusal = if matches {
                    Refusal::InactiveUser
                } else {
                    Refusal::WrongPassword
                };
                self.note_refused(user, origin, refusal).await?;
                Err(Error::SignInRefused)
            }
        }
    }

    /// A password that cannot be looked at now costs no try, except for an address from which a stranger comes while too many wait.
    async fn verify(&self, attempt: &Attempt, password: &str, stored: Option<String>) -> Result<bool> {
        let lane = if attempt.is_trusted() {
            Lane::Trusted
        } else {
            Lane::Strangers
        };
        let verified = self.hasher.verify(lane, Password::for_sign_in(password), stored).await;
        verified.inspect_err(|error| match error {
            Error::RateLimited { .. } => self.throttle.turned_away(attempt),
            _ => self.throttle.undecided(attempt),
        })
    }

    /// Hashes the password anew when the parameters have become stronger since. The hash that is to be there now.
    async fn renew_hash(&self, user: &UserRow, password: &str) -> Result<Option<String>> {
        let Some(old) = user
            .password_hash
            .as_deref()
            .filter(|hash| self.hasher.needs_rehash(hash))
        else {
            return Ok(user.password_hash.clone());
        };
        let new = self.hasher.hash(Password::for_sign_in(password)).await?;
        let mut tx = self.db.write().await?;
        rows::rehashed(&mut tx, user.id, old, &new).await?;
        tx.commit().await?;
        Ok(Some(new))
    }

    async fn note_refused(&self, user: Option<UserRow>, origin: &Origin, refusal: Refusal) -> Result<()> {
        self.metrics.refused(refusal.name());
        // What was typed for an e-mail address may be a password; only an account's own address is kept.
        let event = match user {
            Some(user) => Event::done(Action::SignIn, "user", user.id, user.email.to_string()),
            None => Event::done(Action::SignIn, "user", "unknown", None),
        };
        let event = event.with_detail(refusal.name()).refused();
        let mut tx = self.db.write().await?;
        audit::record_anonymous(&mut tx, &self.clock, origin.address, event).await?;
        tx.commit().await
    }

    /// Begins a session for somebody who has proved who they are.
    pub(super) async fn begin(
        &self,
        tx: &mut Tx,
        tokens: &Tokens,
        user: User,
        method: SignInMethod,
        origin: &Origin,
        wanted: Wanted,
    ) -> Result<SignedIn> {
        if user.row.state != UserState::Active {
            return Err(Error::SignInRefused);
        }
        let now = self.clock.now();
        let opaque = OpaqueToken::generate();
        let lasts = match wanted {
            Wanted::Tokens => time::Duration::days(self.settings.refresh_token_days.into()),
            Wanted::Cookie => time::Duration::hours(self.settings.browser_session_hours.into()),
        };
        let expires_at = Timestamp::new(now.as_offset_date_time() + lasts);
        let session = Session {
            id: SessionId::generate(),
            user_id: user.row.id,
            method,
            cookie_hash: (wanted == Wanted::Cookie).then(|| opaque.hash().to_vec()),
            address: origin.address.map(|address| address.to_string()),
            created_at: now,
            last_used_at: now,
            expires_at,
            revoked_at: None,
        };
        let forgotten = Timestamp::new(now.as_offset_date_time() - EXPIRED_KEPT_FOR);
        sessions::delete_expired(tx, forgotten).await?;
        sessions::insert(tx, &session).await?;
        rows::signed_in(tx, user.row.id, now).await?;
        let credential = match wanted {
            Wanted::Cookie => Credential::Cookie { token: opaque },
            Wanted::Tokens => {
                sessions::insert_refresh_token(tx, &opaque.hash(), session.id, now, expires_at).await?;
                Credential::Tokens(self.pair(tokens, &session, opaque, expires_at, now)?)
            }
        };
        let device = tokens.sign_device(user.row.id, now)?;
        let actor = Actor::new(Arc::new(as_principal(&user, session.id)), origin.address);
        let name = if method == SignInMethod::Oidc {
            "single sign-on"
        } else {
            "password"
        };
        let event = Event::done(Action::SignIn, "user", user.row.id, user.row.email.to_string());
        audit::record(tx, &self.clock, &actor, event.with_detail(name)).await?;
        Ok(SignedIn {
            user,
            session: session.id,
            credential,
            lasts,
            device,
        })
    }

    fn pair(
        &self,
        tokens: &Tokens,
        session: &Session,
        refresh_token: OpaqueToken,
        refresh_expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<TokenPair> {
        let lifetime = time::Duration::minutes(self.settings.access_token_minutes.into());
        let issued = now.as_offset_date_time().unix_timestamp();
        let claims = Claims {
            iss: self.settings.issuer.clone(),
            aud: self.settings.audience.clone(),
            sub: session.user_id,
            sid: session.id,
            jti: Uuid::now_v7(),
            iat: issued,
            nbf: issued,
            exp: issued + lifetime.whole_seconds(),
        };
        Ok(TokenPair {
            access_token: tokens.sign(&claims)?,
            access_expires_in: lifetime,
            refresh_token,
            refresh_expires_at,
        })
    }
}

/// The person, as whom the sign-in itself is noted.
fn as_principal(user: &User, session: SessionId) -> Principal {
    Principal {
        id: PrincipalId::User(user.row.id),
        name: user.row.email.to_string(),
        user_id: Some(user.row.id),
        role: Some(user.row.role),
        session_id: Some(session),
        scopes: user.row.role.scopes(),
        reach: user.reach.clone(),
    }
}
