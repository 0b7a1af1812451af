//! Who holds a credential: an API key, an access token or a session cookie. What was recognised is remembered for a moment, so
//! that most requests ask no database and check no signature; whatever changes here is forgotten at once, and what another
//! replica changes after that moment.

use super::{
    acting::{principal_of_key, principal_of_user},
    signing_keys::SigningKeys,
};
use crate::{
    credentials::tokens::Tokens,
    db::{Db, Tx},
    domain::{
        Clock, Result, Timestamp,
        api_keys::SecretKey,
        identifiers::SessionId,
        principal::Principal,
        refusals::Refusal,
        sessions::{OpaqueToken, Session},
    },
    repositories::{api_keys, sessions},
};
use moka::future::Cache;
use sha2::{Digest, Sha256};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio_util::task::TaskTracker;

/// How many recognised credentials are kept.
const AT_HAND: u64 = 10_000;
/// How exactly the time of the last use is kept.
const LAST_USED_TO: time::Duration = time::Duration::minutes(1);

/// Whether somebody holds a credential, and who; or why nobody does.
pub type Recognised = std::result::Result<Arc<Principal>, Refusal>;

#[derive(Clone)]
pub struct Recognition {
    db: Db,
    clock: Clock,
    signing_keys: SigningKeys,
    tasks: TaskTracker,
    /// Each with the generation in which it was looked up.
    at_hand: Cache<(Kind, [u8; 32]), (Entry, u64)>,
    /// One more with every change to anybody's rights: what was looked up before such a change does not count.
    generation: Arc<AtomicU64>,
}

/// A credential of one kind is none of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Key,
    Token,
    Cookie,
}

#[derive(Clone)]
struct Entry {
    principal: Arc<Principal>,
    until: Option<Timestamp>,
    /// By which keys a token was verified: it is looked at again when they are others, or were read again.
    keys: Option<Arc<Tokens>>,
}

impl Recognition {
    #[must_use]
    pub fn new(db: Db, clock: Clock, signing_keys: SigningKeys, tasks: TaskTracker, recheck: Duration) -> Self {
        let at_hand = Cache::builder().max_capacity(AT_HAND).time_to_live(recheck).build();
        Self {
            db,
            clock,
            signing_keys,
            tasks,
            at_hand,
            generation: Arc::default(),
        }
    }

    /// Forgets what was recognised, because somebody's rights have changed.
    pub fn forget_all(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.at_hand.invalidate_all();
    }

    /// # Errors
    /// When the database does not answer.
    pub async fn api_key(&self, text: &str) -> Result<Recognised> {
        let Some(secret) = SecretKey::parse(text) else {
            return Ok(Err(Refusal::Malformed));
        };
        let hash = secret.hash();
        self.at_hand_or((Kind::Key, hash), || self.look_up_key(hash)).await
    }

    /// # Errors
    /// When the database does not answer.
    pub async fn access_token(&self, text: &str) -> Result<Recognised> {
        let hash = Sha256::digest(text.as_bytes()).into();
        self.at_hand_or((Kind::Token, hash), || self.look_up_token(text)).await
    }

    /// # Errors
    /// When the database does not answer.
    pub async fn cookie(&self, token: &OpaqueToken) -> Result<Recognised> {
        let hash = token.hash();
        self.at_hand_or((Kind::Cookie, hash), || self.look_up_cookie(hash))
            .await
    }

    /// Whoever was recognised a moment ago. Only for others there is a future of the look into the database, which is large and would
    /// be copied with every request.
    async fn at_hand_or<F>(&self, name: (Kind, [u8; 32]), look_up: impl FnOnce() -> F) -> Result<Recognised>
    where
        F: Future<Output = Result<std::result::Result<Entry, Refusal>>>,
    {
        let generation = self.generation.load(Ordering::SeqCst);
        if let Some((entry, looked_up_at)) = self.at_hand.get(&name).await
            && looked_up_at == generation
            && entry.until.is_none_or(|end| self.clock.now() < end)
            && self.are_current(entry.keys.as_ref()).await?
        {
            return Ok(Ok(entry.principal));
        }
        Box::pin(self.remember(name, generation, look_up())).await
    }

    async fn remember(
        &self,
        name: (Kind, [u8; 32]),
        generation: u64,
        look_up: impl Future<Output = Result<std::result::Result<Entry, Refusal>>>,
    ) -> Result<Recognised> {
        let entry = match look_up.await? {
            Ok(entry) => entry,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let principal = Arc::clone(&entry.principal);
        self.at_hand.insert(name, (entry, generation)).await;
        Ok(Ok(principal))
    }

    async fn are_current(&self, keys: Option<&Arc<Tokens>>) -> Result<bool> {
        match keys {
            None => Ok(true),
            Some(keys) => Ok(Arc::ptr_eq(keys, &Box::pin(self.signing_keys.tokens()).await?)),
        }
    }

    async fn look_up_key(&self, hash: [u8; 32]) -> Result<std::result::Result<Entry, Refusal>> {
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let Some(key) = api_keys::find_by_hash(&mut tx, &hash, now).await? else {
            return Ok(Err(Refusal::UnknownKey));
        };
        let principal = match principal_of_key(&mut tx, &key, now).await? {
            Ok(principal) => Arc::new(principal),
            Err(refusal) => return Ok(Err(refusal)),
        };
        drop(tx);
        if is_old(key.last_used_at, now) {
            let db = self.db.clone();
            self.later("an API key", async move {
                let mut tx = db.write().await?;
                api_keys::used(&mut tx, key.id, now).await?;
                tx.commit().await
            });
        }
        // The secret before a rotation ends at its own time; both ends are looked at again soon enough.
        let until = key
            .expires_at
            .into_iter()
            .chain(key.previous_until.filter(|end| now < *end))
            .min();
        Ok(Ok(Entry {
            principal,
            until,
            keys: None,
        }))
    }

    async fn look_up_token(&self, text: &str) -> Result<std::result::Result<Entry, Refusal>> {
        let now = self.clock.now();
        let (keys, claims) = self.signing_keys.verify(text, now).await?;
        let claims = match claims {
            Ok(claims) => claims,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let mut tx = self.db.read().await?;
        let session = sessions::find(&mut tx, claims.sid).await?;
        let session = session.filter(|session| session.user_id == claims.sub && session.cookie_hash.is_none());
        let expires = Timestamp::from_unix_seconds(claims.exp);
        let recognised = self.person(&mut tx, session, now).await?;
        Ok(recognised.map(|entry| Entry {
            until: entry.until.into_iter().chain([expires]).min(),
            keys: Some(keys),
            ..entry
        }))
    }

    async fn look_up_cookie(&self, hash: [u8; 32]) -> Result<std::result::Result<Entry, Refusal>> {
        let now = self.clock.now();
        let mut tx = self.db.read().await?;
        let session = sessions::find_by_cookie(&mut tx, &hash).await?;
        self.person(&mut tx, session, now).await
    }

    /// Whoever is signed in with this session.
    async fn person(
        &self,
        tx: &mut Tx,
        session: Option<Session>,
        now: Timestamp,
    ) -> Result<std::result::Result<Entry, Refusal>> {
        let Some(session) = session.filter(|session| session.is_live(now)) else {
            return Ok(Err(Refusal::SessionEnded));
        };
        let principal = match principal_of_user(tx, session.user_id, Some(session.id)).await? {
            Ok(principal) => Arc::new(principal),
            Err(refusal) => return Ok(Err(refusal)),
        };
        if is_old(Some(session.last_used_at), now) {
            self.note_use(session.id, now);
        }
        Ok(Ok(Entry {
            principal,
            until: Some(session.expires_at),
            keys: None,
        }))
    }

    fn note_use(&self, session: SessionId, now: Timestamp) {
        let db = self.db.clone();
        self.later("a session", async move {
            let mut tx = db.write().await?;
            sessions::used(&mut tx, session, now).await?;
            tx.commit().await
        });
    }

    /// Writes beside the request, which does not wait for it.
    fn later(&self, what: &'static str, work: impl Future<Output = Result<()>> + Send + 'static) {
        self.tasks.spawn(async move {
            if let Err(error) = work.await {
                tracing::warn!(cause = ?error, "the last use of {what} could not be noted");
            }
        });
    }
}

fn is_old(last_used: Option<Timestamp>, now: Timestamp) -> bool {
    last_used.is_none_or(|time| now.as_offset_date_time() - time.as_offset_date_time() > LAST_USED_TO)
}
