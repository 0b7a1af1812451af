//! API keys: made, shown once, changed, rotated with an overlap, revoked. Nobody gives a key more than they have themselves.

use super::{
    audit, changed_meanwhile,
    reach::{resolve_reach, slugs, told},
    recognition::Recognition,
};
use crate::{
    db::{Db, Tx},
    domain::{
        Clock, Error, Result, Timestamp,
        api_keys::{ApiKey, ApiKeyFields, ApiKeyRow, SecretKey},
        audit::{Action, Event},
        etags::Expected,
        identifiers::{ApiKeyId, UserId},
        paging::{Page, PageRequest},
        permissions::Scopes,
        principal::{Actor, PrincipalId, Reach},
    },
    repositories::{
        api_keys::{self, Of},
        budgets, users,
    },
};

/// The longest time for which a rotated secret goes on working.
pub const LONGEST_OVERLAP: time::Duration = time::Duration::days(30);

#[derive(Clone)]
pub struct ApiKeys {
    db: Db,
    clock: Clock,
    recognition: Recognition,
}

/// What a partial change says; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct ApiKeyPatch {
    pub name: Option<String>,
    pub scopes: Option<Scopes>,
    pub reach: Option<Reach>,
    pub expires_at: Option<Option<Timestamp>>,
}

impl ApiKeys {
    #[must_use]
    pub fn new(db: Db, clock: Clock, recognition: Recognition) -> Self {
        Self { db, clock, recognition }
    }

    /// Makes a key. The secret is returned here and nowhere else. A person's key is theirs; a key's key belongs to its owner.
    ///
    /// # Errors
    /// `Error::Forbidden` when it should have more than the actor has.
    pub async fn create(&self, actor: &Actor, fields: ApiKeyFields) -> Result<(ApiKey, SecretKey)> {
        self.create_as(actor, ApiKeyId::generate(), fields).await
    }

    /// Makes a key with an id of the caller's choice, for sample data whose ids are documented.
    ///
    /// # Errors
    /// As for [`ApiKeys::create`].
    pub async fn create_as(&self, actor: &Actor, id: ApiKeyId, fields: ApiKeyFields) -> Result<(ApiKey, SecretKey)> {
        let mut tx = self.db.write().await?;
        let made = self.insert(&mut tx, actor, id, fields).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Makes a key in place of those of the same name that belong to nobody, which stop working.
    ///
    /// # Errors
    /// As for [`ApiKeys::create`].
    pub async fn replace(&self, name: &str, scopes: Scopes) -> Result<(ApiKey, SecretKey)> {
        let mut tx = self.db.write().await?;
        api_keys::revoke_by_name(&mut tx, name, self.clock.now()).await?;
        budgets::delete_of_revoked_keys(&mut tx).await?;
        let fields = ApiKeyFields {
            scopes,
            ..ApiKeyFields::named(name)?
        };
        let made = self
            .insert(&mut tx, &Actor::operator(), ApiKeyId::generate(), fields)
            .await?;
        tx.commit().await?;
        self.recognition.forget_all();
        Ok(made)
    }

    /// Makes the first key of a database that has none; `None` when there is one already.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn create_first(&self, name: &str) -> Result<Option<SecretKey>> {
        if api_keys::any_live(&mut self.db.read().await?).await? {
            return Ok(None);
        }
        let mut tx = self.db.write().await?;
        // Of two servers that start at once, one is first.
        api_keys::lock(&mut tx).await?;
        if api_keys::any_live(&mut tx).await? {
            return Ok(None);
        }
        let fields = ApiKeyFields::named(name)?;
        let (_, secret) = self
            .insert(&mut tx, &Actor::operator(), ApiKeyId::generate(), fields)
            .await?;
        tx.commit().await?;
        Ok(Some(secret))
    }

    async fn insert(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        id: ApiKeyId,
        fields: ApiKeyFields,
    ) -> Result<(ApiKey, SecretKey)> {
        may_give(actor, fields.scopes, &fields.reach)?;
        // Somebody who is being deleted gets no key that would outlive them.
        if let Some(owner) = actor.principal.user_id
            && !users::hold(tx, owner).await?
        {
            return Err(Error::Unauthorized);
        }
        check_end(tx, actor, fields.expires_at).await?;
        let secret = SecretKey::generate();
        let row = ApiKeyRow {
            id,
            name: fields.name,
            prefix: secret.visible_prefix().to_owned(),
            owner_id: actor.principal.user_id,
            scope_names: fields.scopes.to_string(),
            all_collections: fields.reach == Reach::Everything,
            expires_at: fields.expires_at,
            last_used_at: None,
            previous_until: None,
            version: 1,
            created_at: self.clock.now(),
            revoked_at: None,
        };
        api_keys::insert(tx, &row, &secret.hash()).await?;
        if let Some(only) = fields.reach.restriction() {
            api_keys::set_collections(tx, row.id, &only).await?;
        }
        let event = Event::done(Action::KeyCreated, "api_key", row.id, row.name.clone());
        let event = event.with_detail(format!("{}; {}", fields.scopes, told(tx, None, &fields.reach).await?));
        audit::record(tx, &self.clock, actor, event).await?;
        let key = ApiKey {
            row,
            reach: fields.reach,
        };
        Ok((key, secret))
    }

    /// In the order of creation: everybody's for an admin, one's own for others. `of` narrows it to somebody's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(
        &self,
        actor: &Actor,
        of: Option<UserId>,
        with_revoked: bool,
        page: PageRequest<ApiKeyId>,
    ) -> Result<Page<ApiKey, ApiKeyId>> {
        let visible = match (visible_to(actor), of) {
            (Of::Everybody, Some(owner)) => Of::Owner(owner),
            (Of::Owner(own), Some(owner)) if own != owner => {
                return Ok(Page::from_overfetched(Vec::new(), page.limit, id_of));
            }
            (visible, _) => visible,
        };
        let mut tx = self.db.read().await?;
        let rows = api_keys::list(&mut tx, visible, with_revoked, page.after, i64::from(page.limit) + 1).await?;
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            keys.push(with_reach(&mut tx, row).await?);
        }
        Ok(Page::from_overfetched(keys, page.limit, id_of))
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn get(&self, actor: &Actor, id: ApiKeyId) -> Result<ApiKey> {
        find(&mut self.db.read().await?, actor, id).await
    }

    /// # Errors
    /// `Error::NotFound`, `Error::PreconditionFailed`, `Error::Invalid`, `Error::Conflict` for a revoked key, or
    /// `Error::Forbidden` when it should have more than the actor has.
    pub async fn update(&self, actor: &Actor, id: ApiKeyId, expected: &Expected, patch: ApiKeyPatch) -> Result<ApiKey> {
        let mut tx = self.db.write().await?;
        let stored = find_live(&mut tx, actor, id).await?;
        expected.check("API key", stored.row.id.0, stored.row.version)?;
        let keeps_expiry = patch.expires_at.is_none();
        let fields = ApiKeyFields::new(
            patch.name.as_deref().unwrap_or(&stored.row.name),
            Ok(patch.scopes.unwrap_or_else(|| stored.row.scopes())),
            patch.reach.unwrap_or_else(|| stored.reach.clone()),
            patch.expires_at.flatten(),
            self.clock.now(),
        )?;
        let row = ApiKeyRow {
            name: fields.name,
            scope_names: fields.scopes.to_string(),
            all_collections: fields.reach == Reach::Everything,
            expires_at: if keeps_expiry {
                stored.row.expires_at
            } else {
                fields.expires_at
            },
            ..stored.row.clone()
        };
        if row == stored.row && fields.reach == stored.reach {
            return Ok(stored);
        }
        let gives = fields.scopes != stored.row.scopes() || fields.reach != stored.reach;
        if gives {
            may_give(actor, fields.scopes, &fields.reach)?;
        }
        if gives || row.expires_at != stored.row.expires_at {
            check_end(&mut tx, actor, row.expires_at).await?;
        }
        if !api_keys::update(&mut tx, &row).await? {
            return Err(changed_meanwhile("API key"));
        }
        api_keys::set_collections(&mut tx, id, &fields.reach.restriction().unwrap_or_default()).await?;
        let event = Event::done(Action::KeyChanged, "api_key", id, row.name.clone());
        let reach = told(&mut tx, Some(&stored.reach), &fields.reach).await?;
        let event = event.with_detail(format!("{}; {reach}", fields.scopes));
        audit::record(&mut tx, &self.clock, actor, event).await?;
        let changed = find(&mut tx, actor, id).await?;
        tx.commit().await?;
        self.recognition.forget_all();
        Ok(changed)
    }

    /// Gives a key another secret. The one it had works for `overlap` longer, one from before that no more.
    ///
    /// # Errors
    /// `Error::NotFound`, `Error::PreconditionFailed`, `Error::Conflict` for a revoked key, or `Error::Invalid` for an overlap
    /// of over 30 days.
    pub async fn rotate(
        &self,
        actor: &Actor,
        id: ApiKeyId,
        expected: &Expected,
        overlap: time::Duration,
    ) -> Result<(ApiKey, SecretKey)> {
        if overlap < time::Duration::ZERO || overlap > LONGEST_OVERLAP {
            let most = LONGEST_OVERLAP.whole_seconds();
            return Err(Error::invalid("/overlap_seconds", format!("must be 0 to {most}")));
        }
        let mut tx = self.db.write().await?;
        let stored = find_live(&mut tx, actor, id).await?;
        expected.check("API key", stored.row.id.0, stored.row.version)?;
        // Who rotates a key holds its secret afterwards.
        may_give(actor, stored.row.scopes(), &stored.reach)?;
        check_end(&mut tx, actor, stored.row.expires_at).await?;
        let secret = SecretKey::generate();
        let ends = Timestamp::new(self.clock.now().as_offset_date_time() + overlap);
        if !api_keys::rotate(&mut tx, &stored.row, &secret.hash(), secret.visible_prefix(), ends).await? {
            return Err(changed_meanwhile("API key"));
        }
        let event = Event::done(Action::KeyRotated, "api_key", id, stored.row.name.clone());
        let event = event.with_detail(format!("overlap {} s", overlap.whole_seconds()));
        audit::record(&mut tx, &self.clock, actor, event).await?;
        let rotated = find(&mut tx, actor, id).await?;
        tx.commit().await?;
        self.recognition.forget_all();
        Ok((rotated, secret))
    }

    /// # Errors
    /// `Error::NotFound` when there is no such live key, or `Error::PreconditionFailed`.
    pub async fn revoke(&self, actor: &Actor, id: ApiKeyId, expected: &Expected) -> Result<()> {
        let mut tx = self.db.write().await?;
        let stored = find(&mut tx, actor, id).await?;
        expected.check("API key", stored.row.id.0, stored.row.version)?;
        if !api_keys::revoke(&mut tx, id, self.clock.now()).await? {
            return Err(Error::not_found("live API key", id));
        }
        budgets::delete_of_revoked_keys(&mut tx).await?;
        let event = Event::done(Action::KeyRevoked, "api_key", id, stored.row.name);
        audit::record(&mut tx, &self.clock, actor, event).await?;
        tx.commit().await?;
        self.recognition.forget_all();
        Ok(())
    }

    /// The collections that names mean; and every name that means none is told.
    ///
    /// # Errors
    /// `Error::Invalid` below `/collections`.
    pub async fn resolve_reach(&self, actor: &Actor, names: Option<&[String]>) -> Result<Reach> {
        resolve_reach(&mut self.db.read().await?, actor, names).await
    }

    /// The slugs of a key's collections, for showing; `None` for all. There are no others for the actor than those within
    /// their own reach.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn slugs(&self, actor: &Actor, reach: &Reach) -> Result<Option<Vec<String>>> {
        let visible = match reach {
            Reach::Everything => Reach::Everything,
            Reach::Only(_) => reach.intersect(&actor.principal.reach),
        };
        slugs(&mut self.db.read().await?, &visible).await
    }

    /// The time now, for checking an expiry against.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

fn id_of(key: &ApiKey) -> ApiKeyId {
    key.row.id
}

/// Whose keys the actor may see and change.
fn visible_to(actor: &Actor) -> Of {
    match (actor.principal.id, actor.principal.user_id) {
        (PrincipalId::Operator, _) => Of::Everybody,
        _ if actor.principal.administers() => Of::Everybody,
        (PrincipalId::Key(key), None) => Of::Key(key),
        (_, Some(user)) | (PrincipalId::User(user), None) => Of::Owner(user),
    }
}

async fn find(tx: &mut Tx, actor: &Actor, id: ApiKeyId) -> Result<ApiKey> {
    let row = api_keys::find(tx, id).await?.filter(|row| match visible_to(actor) {
        Of::Everybody => true,
        Of::Owner(user) => row.owner_id == Some(user),
        Of::Key(key) => row.id == key,
    });
    with_reach(tx, row.ok_or_else(|| Error::not_found("API key", id))?).await
}

async fn find_live(tx: &mut Tx, actor: &Actor, id: ApiKeyId) -> Result<ApiKey> {
    let key = find(tx, actor, id).await?;
    if key.row.revoked_at.is_some() {
        return Err(Error::Conflict("the key is revoked; make a new one".to_owned()));
    }
    Ok(key)
}

async fn with_reach(tx: &mut Tx, row: ApiKeyRow) -> Result<ApiKey> {
    let reach = if row.all_collections {
        Reach::Everything
    } else {
        Reach::only(api_keys::collections(tx, row.id).await?)
    };
    Ok(ApiKey { row, reach })
}

/// Nobody gives away what they do not have.
fn may_give(actor: &Actor, scopes: Scopes, reach: &Reach) -> Result<()> {
    let missing = scopes.without(actor.principal.scopes);
    if missing.iter().next().is_some() {
        return Err(Error::Forbidden(format!(
            "a key cannot have more than you have yourself; you have not `{missing}`"
        )));
    }
    // A person's key reaches what the person does, as long as they do.
    let as_oneself = matches!(actor.principal.id, PrincipalId::User(_)) && *reach == Reach::Everything;
    if !as_oneself && !actor.principal.reach.covers(reach) {
        return Err(Error::Forbidden(
            "a key cannot reach more collections than you do; name them in `collections`".to_owned(),
        ));
    }
    Ok(())
}

/// Nor for longer than they have it: a key that ends makes none, and holds the secret of none, that ends later.
async fn check_end(tx: &mut Tx, actor: &Actor, expires_at: Option<Timestamp>) -> Result<()> {
    let PrincipalId::Key(id) = actor.principal.id else {
        return Ok(());
    };
    let own_end = api_keys::find(tx, id).await?.and_then(|key| key.expires_at);
    if own_end.is_some_and(|own_end| expires_at.is_none_or(|end| end > own_end)) {
        let message = "a key cannot last longer than the key that gives it; name an earlier end in `expires_at`";
        return Err(Error::Forbidden(message.to_owned()));
    }
    Ok(())
}
