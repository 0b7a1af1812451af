//! The keys that sign access tokens: made at the first start, kept in the database for every replica, rotated with an overlap
//! in which the tokens of the old one go on working.

use super::audit;
use crate::{
    config::Auth,
    credentials::tokens::{Claims, Tokens},
    db::{Db, Tx},
    domain::{
        Clock, Result, Timestamp,
        audit::{Action, Event},
        principal::Actor,
        refusals::Refusal,
        signing_keys::{Algorithm, SigningKey},
    },
    repositories::signing_keys,
};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde_json::Value;
use std::{
    num::NonZeroU32,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

/// How often the keys are read again at most because of ids that are not known.
const REREADS_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

#[derive(Clone)]
pub struct SigningKeys {
    db: Db,
    clock: Clock,
    settings: Arc<Auth>,
    at_hand: Arc<RwLock<Option<Loaded>>>,
    /// Anybody can make up a key's id: the database is not asked for each.
    rereads: Arc<DefaultDirectRateLimiter>,
}

/// The keys as they were read.
#[derive(Clone)]
struct Loaded {
    tokens: Arc<Tokens>,
    /// Which they are, and when each was retired.
    names: Vec<(String, Option<Timestamp>)>,
    at: Instant,
}

/// What a token says, or why it is not to be believed.
type Verified = std::result::Result<Claims, Refusal>;

impl SigningKeys {
    #[must_use]
    pub fn new(db: Db, clock: Clock, settings: Arc<Auth>) -> Self {
        Self {
            db,
            clock,
            settings,
            at_hand: Arc::default(),
            rereads: Arc::new(RateLimiter::direct(Quota::per_second(REREADS_PER_SECOND))),
        }
    }

    /// What a token says, or why it is not to be believed, and the keys that said so. A key that is not known may have been
    /// made by another server since the keys were read.
    pub(super) async fn verify(&self, token: &str, now: Timestamp) -> Result<(Arc<Tokens>, Verified)> {
        let mut keys = self.tokens().await?;
        let mut verified = keys.verify(token, now);
        if matches!(verified, Err(Refusal::TokenUnknownKey)) && self.rereads.check().is_ok() {
            keys = self.read().await?;
            verified = keys.verify(token, now);
        }
        Ok((keys, verified))
    }

    /// The public keys (RFC 7517), none of them for HS256.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn jwks(&self) -> Result<Value> {
        Ok(self.tokens().await?.jwks(self.clock.now()))
    }

    /// The keys as they were a moment ago: another replica, or the command line, may have rotated them since.
    pub(super) async fn tokens(&self) -> Result<Arc<Tokens>> {
        let fresh = Duration::from_secs(self.settings.recheck_seconds);
        let at_hand = self.at_hand.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(loaded) = at_hand
            && loaded.at.elapsed() <= fresh
        {
            return Ok(loaded.tokens);
        }
        self.read().await
    }

    async fn read(&self) -> Result<Arc<Tokens>> {
        let keys = signing_keys::list(&mut self.db.read().await?).await?;
        let keys = if keys.iter().any(|key| self.signs(key)) {
            keys
        } else {
            self.make_first().await?
        };
        self.keep(keys)
    }

    fn keep(&self, keys: Vec<SigningKey>) -> Result<Arc<Tokens>> {
        let settings = &self.settings;
        let overlap = time::Duration::minutes(settings.access_token_minutes.into());
        let names: Vec<_> = keys.iter().map(|key| (key.id.clone(), key.retired_at)).collect();
        let mut at_hand = self.at_hand.write().unwrap_or_else(PoisonError::into_inner);
        // What was recognised by these keys stays so as long as they are the same.
        let same = at_hand.take().filter(|loaded| loaded.names == names);
        let tokens = match same {
            Some(loaded) => loaded.tokens,
            None => Arc::new(Tokens::new(&settings.issuer, &settings.audience, keys, overlap)?),
        };
        *at_hand = Some(Loaded {
            tokens: Arc::clone(&tokens),
            names,
            at: Instant::now(),
        });
        Ok(tokens)
    }

    fn signs(&self, key: &SigningKey) -> bool {
        key.retired_at.is_none() && key.algorithm == self.algorithm()
    }

    fn algorithm(&self) -> Algorithm {
        match self.settings.algorithm {
            crate::config::Algorithm::HS256 => Algorithm::HS256,
            crate::config::Algorithm::EdDSA => Algorithm::EdDSA,
        }
    }

    /// Makes a key of the configured algorithm, unless another server was first.
    async fn make_first(&self) -> Result<Vec<SigningKey>> {
        let mut tx = self.db.write().await?;
        signing_keys::lock(&mut tx).await?;
        let keys = signing_keys::list(&mut tx).await?;
        if keys.iter().any(|key| self.signs(key)) {
            return Ok(keys);
        }
        let keys = self.replace(&mut tx).await?;
        tx.commit().await?;
        Ok(keys)
    }

    async fn replace(&self, tx: &mut Tx) -> Result<Vec<SigningKey>> {
        let now = self.clock.now();
        signing_keys::retire_all(tx, now).await?;
        let key = SigningKey::generate(self.algorithm(), now);
        signing_keys::insert(tx, &key).await?;
        signing_keys::list(tx).await
    }

    /// Makes a new key. The old one signs no more; its tokens work until they expire, unless they are to end `at_once`, as
    /// when the key has become known.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rotate(&self, actor: &Actor, at_once: bool) -> Result<String> {
        let mut tx = self.db.write().await?;
        signing_keys::lock(&mut tx).await?;
        if at_once {
            signing_keys::delete_all(&mut tx).await?;
        } else {
            let overlap = time::Duration::minutes(self.settings.access_token_minutes.into());
            let ended = Timestamp::new(self.clock.now().as_offset_date_time() - overlap * 2);
            signing_keys::delete_retired_before(&mut tx, ended).await?;
        }
        let keys = self.replace(&mut tx).await?;
        let id = keys
            .iter()
            .find(|key| self.signs(key))
            .map(|key| key.id.clone())
            .unwrap_or_default();
        let detail = if at_once { "all tokens ended" } else { "with overlap" };
        let event = Event::done(Action::SigningKeyRotated, "signing_key", &id, None).with_detail(detail);
        audit::record(&mut tx, &self.clock, actor, event).await?;
        tx.commit().await?;
        self.keep(keys)?;
        Ok(id)
    }

    /// Newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self) -> Result<Vec<SigningKey>> {
        signing_keys::list(&mut self.db.read().await?).await
    }
}
