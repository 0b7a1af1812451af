//! Signing in through an OpenID Connect provider: the browser is sent there and comes back with a code; whoever the provider
//! says it is becomes one of our users, and the sign-in a session.

use super::{
    audit, changed_meanwhile,
    oidc_rules::{self, Rules, Setup},
    reach::find_user,
    recognition::Recognition,
    sign_in::{Origin, SignIn, SignedIn, Wanted},
    signing_keys::SigningKeys,
    users::Users,
};
use crate::{
    credentials::oidc::{Identity, Provider, ProviderError},
    db::{Db, Tx},
    domain::{
        Clock, Error, Result, Timestamp,
        audit::{Action, Event},
        emails::Email,
        identifiers::UserId,
        permissions::Role,
        principal::{Actor, Principal, PrincipalId, Reach},
        refusals::Refusal,
        sessions::{OpaqueToken, SignInMethod},
        users::{UserFields, UserRow, UserState},
    },
    repositories::{
        sessions::{self, Flow},
        users as rows,
    },
    telemetry::metrics::Metrics,
};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// How long a browser may take to come back.
const FLOW_LASTS: time::Duration = time::Duration::minutes(10);

#[derive(Clone)]
pub struct Oidc {
    db: Db,
    clock: Clock,
    provider: Arc<Provider>,
    rules: Arc<Rules>,
    sign_in: SignIn,
    users: Users,
    signing_keys: SigningKeys,
    recognition: Recognition,
    metrics: Metrics,
}

/// The parts of which it is made, besides the provider.
pub struct Parts {
    pub db: Db,
    pub clock: Clock,
    pub sign_in: SignIn,
    pub users: Users,
    pub signing_keys: SigningKeys,
    pub recognition: Recognition,
    pub metrics: Metrics,
}

/// A sign-in that was begun.
pub struct Started {
    /// Where to send the browser.
    pub url: String,
    /// To be kept by this browser alone, which shows it when it comes back.
    pub binding: OpaqueToken,
}

/// What a browser brings back.
#[derive(Debug, Clone, Default)]
pub struct Callback {
    pub state: Option<String>,
    pub code: Option<String>,
    /// The provider's error code, such as `access_denied`.
    pub error: Option<String>,
    /// Which provider answers (RFC 9207), if it says so.
    pub issuer: Option<String>,
    /// What [`Started::binding`] was, from the browser's cookie.
    pub binding: Option<String>,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nobody may learn more, or come in, by trying again in the same way.
    #[error("{}", .0.name())]
    Refused(Refusal),
    /// The provider does not answer as it should.
    #[error("the sign-in provider does not answer")]
    Unreachable,
    #[error(transparent)]
    Other(#[from] Error),
}

impl Oidc {
    #[must_use]
    pub fn new(setup: Setup, parts: Parts) -> Self {
        Self {
            db: parts.db,
            clock: parts.clock,
            provider: setup.provider,
            rules: setup.rules,
            sign_in: parts.sign_in,
            users: parts.users,
            signing_keys: parts.signing_keys,
            recognition: parts.recognition,
            metrics: parts.metrics,
        }
    }

    /// What the button on the sign-in page says.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.rules.name
    }

    /// Where browsers reach this server: a sign-in begins and ends there, so that the cookie in between is found again.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.rules.base_url
    }

    /// Begins a sign-in, after which the browser goes to `return_to` if that is an address of ours.
    pub async fn start(&self, return_to: Option<&str>) -> Result<Started, Failure> {
        let state = OpaqueToken::generate();
        let authorization = self.provider.authorization(state.reveal()).await;
        let authorization = authorization.map_err(|error| self.failure(&error))?;
        let now = self.clock.now();
        let flow = Flow {
            nonce: authorization.nonce,
            verifier: authorization.verifier,
            return_to: oidc_rules::return_to(return_to).to_owned(),
            expires_at: Timestamp::new(now.as_offset_date_time() + FLOW_LASTS),
        };
        let mut tx = self.db.write().await?;
        sessions::delete_flows(&mut tx, now).await?;
        sessions::insert_flow(&mut tx, &state.hash(), &flow, now).await?;
        tx.commit().await?;
        Ok(Started {
            url: authorization.url,
            binding: state,
        })
    }

    /// Ends a sign-in: who has come back is signed in, and goes on to the address that is returned.
    pub async fn finish(&self, callback: Callback, origin: &Origin) -> Result<(SignedIn, String), Failure> {
        let flow = self.take_flow(&callback).await?;
        if callback
            .issuer
            .is_some_and(|issuer| issuer != self.provider.settings().issuer.as_str())
        {
            return self
                .refuse(None, origin, Refusal::SignOnUntrusted, "another issuer")
                .await;
        }
        let code = match (callback.error, callback.code) {
            (None, Some(code)) => code,
            (error, _) => {
                let error: String = error.unwrap_or_default().chars().take(100).collect();
                tracing::info!(error, "the sign-in provider gives no code");
                return self.refuse(None, origin, Refusal::SignOnDenied, "no code").await;
            }
        };
        // No transaction is open while the provider is asked.
        let identity = match self.provider.exchange(code, flow.verifier, flow.nonce).await {
            Ok(identity) => identity,
            Err(error) => match self.failure(&error) {
                Failure::Refused(refusal) => return self.refuse(None, origin, refusal, "").await,
                other => return Err(other),
            },
        };
        let tokens = self.signing_keys.tokens().await?;
        let mut tx = self.db.write().await?;
        let (row, changed) = match self.admit(&mut tx, &identity, origin).await? {
            Ok(admitted) => admitted,
            Err((user, refusal)) => {
                drop(tx);
                return self.refuse(user.as_ref(), origin, refusal, &identity.subject).await;
            }
        };
        rows::hold(&mut tx, row.id).await?;
        let user = find_user(&mut tx, row.id).await?;
        let method = SignInMethod::Oidc;
        let signed_in = self
            .sign_in
            .begin(&mut tx, &tokens, user, method, origin, Wanted::Cookie)
            .await?;
        tx.commit().await?;
        if changed {
            self.recognition.forget_all();
        }
        Ok((signed_in, flow.return_to))
    }

    /// The sign-in that this browser was sent away with. It is taken away, so that it ends once; only its own browser can do
    /// that.
    async fn take_flow(&self, callback: &Callback) -> Result<Flow, Failure> {
        let refused = || {
            self.metrics.refused(Refusal::SignOnStale.name());
            Failure::Refused(Refusal::SignOnStale)
        };
        let state = callback
            .state
            .as_deref()
            .and_then(OpaqueToken::parse)
            .ok_or_else(refused)?;
        let binding = callback.binding.as_deref().unwrap_or_default();
        if !bool::from(binding.as_bytes().ct_eq(state.reveal().as_bytes())) {
            return Err(refused());
        }
        let mut tx = self.db.write().await?;
        let flow = sessions::take_flow(&mut tx, &state.hash()).await?;
        tx.commit().await?;
        flow.filter(|flow| self.clock.now() < flow.expires_at)
            .ok_or_else(refused)
    }

    /// The user whom the provider means, and whether their rights have changed by it.
    async fn admit(
        &self,
        tx: &mut Tx,
        identity: &Identity,
        origin: &Origin,
    ) -> Result<std::result::Result<(UserRow, bool), (Option<UserRow>, Refusal)>> {
        let role = self.rules.role(&identity.roles);
        let known = match rows::find_by_identity(tx, &identity.issuer, &identity.subject).await? {
            Some(row) => Some((row, false)),
            None => match verified_email(identity) {
                None => return Ok(Err((None, Refusal::SignOnUnverifiedEmail))),
                Some(email) => match rows::find_by_email(tx, &email).await? {
                    Some(row) => Some((row, true)),
                    None if !self.rules.create_users => return Ok(Err((None, Refusal::SignOnNoAccount))),
                    None => None,
                },
            },
        };
        let Some((row, link)) = known else {
            return Ok(Ok((self.create(tx, identity, role, origin).await?, false)));
        };
        if row.state != UserState::Active {
            return Ok(Err((Some(row), Refusal::InactiveUser)));
        }
        if link {
            self.link(tx, identity, &row, origin).await?;
        }
        if !self.rules.role_is_claimed || row.role == role {
            return Ok(Ok((row, false)));
        }
        Ok(Ok(self.change_role(tx, row, role, origin).await?))
    }

    async fn create(&self, tx: &mut Tx, identity: &Identity, role: Role, origin: &Origin) -> Result<UserRow> {
        let email = identity.email.as_deref().unwrap_or_default();
        let fields = |name| UserFields::new(email, name, role, UserState::Active, Reach::Everything);
        // A name that we would not take is none of the person's fault.
        let fields = fields(identity.name.as_deref()).or_else(|_| fields(None))?;
        let now = self.clock.now();
        let row = UserRow {
            id: UserId::generate(),
            email: fields.email,
            name: fields.name,
            role,
            state: fields.state,
            password_hash: None,
            all_collections: true,
            last_sign_in_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        if !rows::insert(tx, &row).await? {
            return Err(changed_meanwhile("user"));
        }
        let event = Event::done(Action::UserCreated, "user", row.id, row.email.to_string());
        let event = event.with_detail(format!("role {role}, by single sign-on at {}", identity.issuer));
        audit::record(tx, &self.clock, &as_actor(&row, origin), event).await?;
        self.add_identity(tx, identity, &row).await?;
        Ok(row)
    }

    /// Makes somebody who has an account here known by who they are at the provider.
    async fn link(&self, tx: &mut Tx, identity: &Identity, row: &UserRow, origin: &Origin) -> Result<()> {
        self.add_identity(tx, identity, row).await?;
        let event = Event::done(Action::UserChanged, "user", row.id, row.email.to_string());
        let event = event.with_detail(format!("single sign-on at {}", identity.issuer));
        audit::record(tx, &self.clock, &as_actor(row, origin), event).await
    }

    async fn add_identity(&self, tx: &mut Tx, identity: &Identity, row: &UserRow) -> Result<()> {
        let now = self.clock.now();
        if rows::add_identity(tx, &identity.issuer, &identity.subject, row.id, now).await? {
            return Ok(());
        }
        Err(changed_meanwhile("user"))
    }

    /// Lets the role follow the provider, but for the last admin's.
    async fn change_role(&self, tx: &mut Tx, row: UserRow, role: Role, origin: &Origin) -> Result<(UserRow, bool)> {
        let after = UserRow {
            role,
            // An admin reaches every collection.
            all_collections: row.all_collections || role == Role::Admin,
            version: row.version + 1,
            updated_at: self.clock.now(),
            ..row.clone()
        };
        match self.users.keep_an_admin(tx, &row, Some(&after)).await {
            Ok(()) => {}
            Err(Error::Conflict(_)) => {
                tracing::warn!(user = %row.id, claimed = %role, "the last admin stays one, whatever the sign-in provider says");
                return Ok((row, false));
            }
            Err(error) => return Err(error),
        }
        if !rows::update(tx, &after).await? {
            return Err(changed_meanwhile("user"));
        }
        if after.all_collections != row.all_collections {
            rows::set_collections(tx, row.id, &[]).await?;
        }
        let event = Event::done(Action::UserChanged, "user", row.id, row.email.to_string());
        let event = event.with_detail(format!("role {} → {role}, by single sign-on", row.role));
        audit::record(tx, &self.clock, &as_actor(&row, origin), event).await?;
        Ok((after, true))
    }

    /// Counts a refusal and notes it in the trail, with whom it concerns if that is known.
    async fn refuse<T>(
        &self,
        user: Option<&UserRow>,
        origin: &Origin,
        refusal: Refusal,
        about: &str,
    ) -> Result<T, Failure> {
        self.metrics.refused(refusal.name());
        let event = match user {
            Some(user) => Event::done(Action::SignIn, "user", user.id, user.email.to_string()),
            None => Event::done(Action::SignIn, "user", "unknown", None),
        };
        let detail = if about.is_empty() {
            format!("single sign-on: {}", refusal.name())
        } else {
            format!("single sign-on: {} ({about})", refusal.name())
        };
        let mut tx = self.db.write().await?;
        audit::record_anonymous(
            &mut tx,
            &self.clock,
            origin.address,
            event.with_detail(detail).refused(),
        )
        .await?;
        tx.commit().await?;
        Err(Failure::Refused(refusal))
    }

    /// The cause stays in the log.
    fn failure(&self, error: &ProviderError) -> Failure {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::warn!(cause, issuer = self.provider.settings().issuer.as_str(), "{error}");
        match error {
            ProviderError::Unreachable(_) => Failure::Unreachable,
            ProviderError::CodeRefused(_) => Failure::Refused(Refusal::SignOnCode),
            ProviderError::Untrusted(_) => Failure::Refused(Refusal::SignOnUntrusted),
        }
    }
}

/// The address that the provider vouches for.
fn verified_email(identity: &Identity) -> Option<Email> {
    let email = identity.email.as_deref().filter(|_| identity.email_verified)?;
    Email::parse("/email", email).ok()
}

/// The person, as whom their own sign-in changes them.
fn as_actor(row: &UserRow, origin: &Origin) -> Actor {
    let principal = Principal {
        id: PrincipalId::User(row.id),
        name: row.email.to_string(),
        user_id: Some(row.id),
        role: Some(row.role),
        session_id: None,
        scopes: row.role.scopes(),
        reach: Reach::Everything,
    };
    Actor::new(Arc::new(principal), origin.address)
}
