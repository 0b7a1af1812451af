//! OpenID Connect with one provider: where to send the browser, and who came back. Authorization code with PKCE; no database
//! and no rules.

mod claims;
mod transport;

pub use claims::Identity;
pub use openidconnect::{ClientId, ClientSecret, IssuerUrl, RedirectUrl};
pub use transport::is_secure;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use claims::Claims;
use openidconnect::{
    AccessToken, AdditionalClaims, AuthType, AuthorizationCode, ClaimsVerificationError, CodeTokenRequest, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    RequestTokenError, Scope, SignatureVerificationError, StandardErrorResponse, SubjectIdentifier, TokenResponse,
    UserInfoClaims, UserInfoError,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreIdToken,
        CoreJwsSigningAlgorithm, CoreProviderMetadata,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{
    error::Error as StdError,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;
use transport::Transport;

/// How long the provider's addresses and keys are kept.
const KEPT_FOR: Duration = Duration::from_hours(1);
/// How long after they were fetched an unknown key does not have them fetched again.
const COOL_DOWN: Duration = Duration::from_secs(10);
/// How long after a failure the provider is not asked again.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Signatures that only the provider can make. `none` and the HMACs, which would make our own secret a key, are not here.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// What the provider and we have agreed on.
#[derive(Debug, Clone)]
pub struct Settings {
    pub issuer: IssuerUrl,
    pub client_id: ClientId,
    pub client_secret: Option<ClientSecret>,
    pub redirect_uri: RedirectUrl,
    /// Beyond `openid email profile`.
    pub scopes: Vec<String>,
    pub role_claim: Option<String>,
    /// Whether an address counts as verified of which the provider does not say whether it is.
    pub trust_email: bool,
}

/// Where to send the browser, and what to keep until it comes back.
#[derive(Debug, Clone)]
pub struct Authorization {
    pub url: String,
    pub nonce: String,
    /// The PKCE code verifier (RFC 7636).
    pub verifier: String,
}

/// Why the provider's word cannot be had or taken.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("the provider does not answer as it should")]
    Unreachable(#[source] Source),
    /// The code is used up, expired, or was given to somebody else.
    #[error("the provider does not accept the code: {0}")]
    CodeRefused(String),
    #[error("the provider's answer cannot be trusted")]
    Untrusted(#[source] Source),
}

type Source = Box<dyn StdError + Send + Sync>;
type Metadata = Arc<CoreProviderMetadata>;
type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// The provider, with what is known of it.
pub struct Provider {
    settings: Settings,
    transport: Transport,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    metadata: Option<(Metadata, Instant)>,
    failed: Option<Instant>,
}

impl Provider {
    /// # Errors
    /// When this machine has no certificates to trust.
    pub fn new(settings: Settings) -> reqwest::Result<Self> {
        Ok(Self {
            settings,
            transport: Transport::new()?,
            known: Mutex::default(),
        })
    }

    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Begins a sign-in that `state` is the name of.
    ///
    /// # Errors
    /// `ProviderError::Unreachable`, or `ProviderError::Untrusted` when the browser would be sent over an open line.
    pub async fn authorization(&self, state: &str) -> Result<Authorization, ProviderError> {
        let client = self.client(&*self.metadata().await?);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let state = CsrfToken::new(state.to_owned());
        let request = client.authorize_url(CoreAuthenticationFlow::AuthorizationCode, || state, Nonce::new_random);
        let scopes = ["email", "profile"]
            .map(str::to_owned)
            .into_iter()
            .chain(self.settings.scopes.clone());
        let (url, _, nonce) = request
            .add_scopes(scopes.map(Scope::new))
            .set_pkce_challenge(challenge)
            .url();
        if !is_secure(&url) {
            return Err(untrusted(
                "the authorization endpoint is neither https nor on this machine",
            ));
        }
        Ok(Authorization {
            url: url.into(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
        })
    }

    /// Has the provider say who brought this code, and verifies that it is the provider who says so, now, to us, of this
    /// sign-in.
    ///
    /// # Errors
    /// Any `ProviderError`.
    pub async fn exchange(&self, code: String, verifier: String, nonce: String) -> Result<Identity, ProviderError> {
        let metadata = self.metadata().await?;
        let client = self.client(&metadata);
        let request: CodeTokenRequest<'_, _, _> =
            client.exchange_code(AuthorizationCode::new(code)).map_err(untrusted)?;
        let request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier));
        let tokens = request.request_async(&self.transport).await.map_err(code_refused)?;
        let id_token = tokens
            .id_token()
            .ok_or_else(|| untrusted("there is no id token in it"))?;
        let nonce = Nonce::new(nonce);
        match verify(&client, id_token, &nonce) {
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey | SignatureVerificationError::CryptoError(_),
            )) => {
                // The provider may have begun to sign with another key.
                let client = self.client(&*self.metadata_newer_than(&metadata).await?);
                verify(&client, id_token, &nonce).map_err(untrusted)?;
            }
            outcome => outcome.map_err(untrusted)?,
        }
        let mut claims = Claims {
            id_token: payload(id_token)?,
            userinfo: Map::new(),
        };
        // To whom it was issued (OpenID Connect Core, section 3.1.3.7), which the library leaves to us.
        let party = claims.id_token.get("azp").and_then(Value::as_str);
        if party.is_some_and(|party| party != self.settings.client_id.as_str()) {
            return Err(untrusted("it was issued to another party"));
        }
        let role_claim = self.settings.role_claim.as_deref();
        if claims.leave_open(role_claim) && metadata.userinfo_endpoint().is_some() {
            claims.userinfo = self.userinfo(&client, tokens.access_token(), &claims).await?;
        }
        let issuer = self.settings.issuer.as_str();
        claims
            .identity(issuer, role_claim, self.settings.trust_email)
            .ok_or_else(|| untrusted("`sub` is no subject"))
    }

    /// What the userinfo endpoint says of the subject of the id token, and of nobody else.
    async fn userinfo(
        &self,
        client: &Client,
        token: &AccessToken,
        claims: &Claims,
    ) -> Result<Map<String, Value>, ProviderError> {
        let subject = claims.id_token.get("sub").and_then(Value::as_str).unwrap_or_default();
        let subject = SubjectIdentifier::new(subject.to_owned());
        let request = client.user_info(token.clone(), Some(subject)).map_err(untrusted)?;
        let answer: Result<UserInfoClaims<OtherClaims, CoreGenderClaim>, _> =
            request.request_async(&self.transport).await;
        let claims = answer.map_err(|error| match error {
            UserInfoError::ClaimsVerification(error) => untrusted(error),
            error => unreachable(&error),
        })?;
        match serde_json::to_value(&claims) {
            Ok(Value::Object(claims)) => Ok(claims),
            _ => Err(untrusted("the userinfo is no object")),
        }
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> Client {
        let settings = &self.settings;
        let client = CoreClient::from_provider_metadata(
            metadata.clone(),
            settings.client_id.clone(),
            settings.client_secret.clone(),
        );
        // Basic is what providers take when they say nothing (OpenID Connect Discovery, section 3).
        let takes = |method: &CoreClientAuthMethod| {
            let methods = metadata.token_endpoint_auth_methods_supported();
            methods.map_or(*method == CoreClientAuthMethod::ClientSecretBasic, |methods| {
                methods.contains(method)
            })
        };
        let in_body =
            !takes(&CoreClientAuthMethod::ClientSecretBasic) && takes(&CoreClientAuthMethod::ClientSecretPost);
        let auth_type = if in_body {
            AuthType::RequestBody
        } else {
            AuthType::BasicAuth
        };
        client
            .set_auth_type(auth_type)
            .set_redirect_uri(settings.redirect_uri.clone())
    }

    /// The provider's addresses and keys, fetched when they are missing or old.
    async fn metadata(&self) -> Result<Metadata, ProviderError> {
        let mut known = self.known.lock().await;
        match &known.metadata {
            Some((metadata, fetched)) if fetched.elapsed() < KEPT_FOR => Ok(Arc::clone(metadata)),
            _ => self.fetch(&mut known).await,
        }
    }

    /// Fetched anew, unless that has just been done.
    async fn metadata_newer_than(&self, old: &Metadata) -> Result<Metadata, ProviderError> {
        let mut known = self.known.lock().await;
        match &known.metadata {
            Some((metadata, fetched)) if !Arc::ptr_eq(metadata, old) || fetched.elapsed() < COOL_DOWN => {
                Ok(Arc::clone(metadata))
            }
            _ => self.fetch(&mut known).await,
        }
    }

    async fn fetch(&self, known: &mut Known) -> Result<Metadata, ProviderError> {
        let stale = known.metadata.as_ref().map(|(metadata, _)| Arc::clone(metadata));
        if known.failed.is_some_and(|failed| failed.elapsed() < RETRY_AFTER) {
            return stale.ok_or_else(|| ProviderError::Unreachable("it failed a moment ago".into()));
        }
        match CoreProviderMetadata::discover_async(self.settings.issuer.clone(), &self.transport).await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                known.metadata = Some((Arc::clone(&metadata), Instant::now()));
                known.failed = None;
                Ok(metadata)
            }
            Err(error) => {
                known.failed = Some(Instant::now());
                let Some(stale) = stale else {
                    return Err(unreachable(&error));
                };
                tracing::warn!(
                    cause = in_words(&error),
                    "the sign-in provider's addresses and keys are old and cannot be fetched anew"
                );
                Ok(stale)
            }
        }
    }
}

/// Checks signature, issuer, audience, expiry and nonce.
fn verify(client: &Client, id_token: &CoreIdToken, nonce: &Nonce) -> Result<(), ClaimsVerificationError> {
    let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
    id_token.claims(&verifier, nonce).map(drop)
}

/// The claims of a token that has been verified, those that only this provider knows among them.
fn payload(id_token: &CoreIdToken) -> Result<Map<String, Value>, ProviderError> {
    let token = id_token.to_string();
    let payload = token.split('.').nth(1).unwrap_or_default();
    let json = URL_SAFE_NO_PAD.decode(payload).map_err(untrusted)?;
    serde_json::from_slice(&json).map_err(untrusted)
}

/// Claims beyond the standard ones.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct OtherClaims {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for OtherClaims {}

fn untrusted(source: impl Into<Source>) -> ProviderError {
    ProviderError::Untrusted(source.into())
}

fn unreachable(error: &dyn StdError) -> ProviderError {
    ProviderError::Unreachable(in_words(error).into())
}

fn code_refused<E: StdError + 'static>(
    error: RequestTokenError<E, StandardErrorResponse<CoreErrorResponseType>>,
) -> ProviderError {
    match error {
        RequestTokenError::ServerResponse(answer) if *answer.error() == CoreErrorResponseType::InvalidGrant => {
            ProviderError::CodeRefused(answer.to_string())
        }
        // Our own client id or secret is wrong, for one; the log says so.
        error => unreachable(&error),
    }
}

/// The error and what caused it. Not as `Debug` shows them, which has the provider's whole answer and so perhaps a token.
fn in_words(error: &dyn StdError) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

#[cfg(test)]
impl Provider {
    /// Makes what is known of the provider older.
    async fn age_metadata(&self, by: Duration) {
        let mut known = self.known.lock().await;
        known.metadata = known
            .metadata
            .take()
            .and_then(|(metadata, fetched)| Some((metadata, fetched.checked_sub(by)?)));
    }
}

#[cfg(test)]
mod tests;
