//! API keys: made, shown once, recognised, revoked.

use crate::{
    db::Db,
    domain::{
        Clock, Error, Result,
        api_keys::{ApiKey, SecretKey},
        identifiers::ApiKeyId,
        principal::Principal,
        text_fields::check_required_text,
    },
    repositories::api_keys,
};
use moka::future::Cache;
use std::{sync::Arc, time::Duration};

/// How long a recognised key is taken for valid without asking the database: a key that another process revokes stops
/// working at the latest after this time, one revoked here at once.
pub const RECOGNISED_FOR: Duration = Duration::from_secs(5);
/// How many recognised keys are kept.
const RECOGNISED_KEYS: u64 = 10_000;

#[derive(Clone)]
pub struct ApiKeys {
    db: Db,
    clock: Clock,
    recognised: Cache<[u8; 32], Arc<Principal>>,
}

impl ApiKeys {
    #[must_use]
    pub fn new(db: Db, clock: Clock) -> Self {
        let recognised = Cache::builder()
            .max_capacity(RECOGNISED_KEYS)
            .time_to_live(RECOGNISED_FOR)
            .build();
        Self { db, clock, recognised }
    }

    /// Makes a key. The secret is returned here and nowhere else.
    ///
    /// # Errors
    /// `Error::Invalid` for a name that is empty or too long.
    pub async fn create(&self, name: &str) -> Result<(ApiKey, SecretKey)> {
        let (key, secret) = self.new_key(name)?;
        let mut tx = self.db.write().await?;
        api_keys::insert(&mut tx, &key, &secret.hash()).await?;
        tx.commit().await?;
        Ok((key, secret))
    }

    /// Makes a key in place of those of the same name, which stop working.
    ///
    /// # Errors
    /// As for [`ApiKeys::create`].
    pub async fn replace(&self, name: &str) -> Result<(ApiKey, SecretKey)> {
        let (key, secret) = self.new_key(name)?;
        let mut tx = self.db.write().await?;
        api_keys::revoke_by_name(&mut tx, name, self.clock.now()).await?;
        api_keys::insert(&mut tx, &key, &secret.hash()).await?;
        tx.commit().await?;
        self.recognised.invalidate_all();
        Ok((key, secret))
    }

    /// Makes the first key of a database that has none; `None` when there is one already.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn create_first(&self, name: &str) -> Result<Option<SecretKey>> {
        let (key, secret) = self.new_key(name)?;
        let mut tx = self.db.write().await?;
        if api_keys::count_live(&mut tx).await? > 0 {
            return Ok(None);
        }
        api_keys::insert(&mut tx, &key, &secret.hash()).await?;
        tx.commit().await?;
        Ok(Some(secret))
    }

    fn new_key(&self, name: &str) -> Result<(ApiKey, SecretKey)> {
        check_required_text("/name", name, 120)?;
        let secret = SecretKey::generate();
        let key = ApiKey {
            id: ApiKeyId::generate(),
            name: name.to_owned(),
            prefix: secret.visible_prefix().to_owned(),
            created_at: self.clock.now(),
            revoked_at: None,
        };
        Ok((key, secret))
    }

    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self) -> Result<Vec<ApiKey>> {
        api_keys::list(&mut self.db.read().await?).await
    }

    /// # Errors
    /// `Error::NotFound` when there is no such live key.
    pub async fn revoke(&self, id: ApiKeyId) -> Result<()> {
        let mut tx = self.db.write().await?;
        if !api_keys::revoke(&mut tx, id, self.clock.now()).await? {
            return Err(Error::not_found("live API key", id));
        }
        tx.commit().await?;
        self.recognised.invalidate_all();
        Ok(())
    }

    /// Who holds this key.
    ///
    /// # Errors
    /// `Error::Unauthorized` when nobody does.
    pub async fn recognise(&self, secret: &SecretKey) -> Result<Arc<Principal>> {
        let hash = secret.hash();
        if let Some(principal) = self.recognised.get(&hash).await {
            return Ok(principal);
        }
        let key = api_keys::find_by_hash(&mut self.db.read().await?, &hash).await?;
        let live = key.filter(|key| key.revoked_at.is_none()).ok_or(Error::Unauthorized)?;
        let principal = Arc::new(Principal {
            key_id: Some(live.id),
            name: live.name,
        });
        self.recognised.insert(hash, Arc::clone(&principal)).await;
        Ok(principal)
    }
}
