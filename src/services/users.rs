//! Users: create, list, get, update, delete. Nobody makes or changes somebody mightier than themselves, and there is always
//! an admin who can sign in.

use super::{
    audit, changed_meanwhile,
    reach::{find_user, resolve_reach, slugs, told, with_reach},
    recognition::Recognition,
};
use crate::{
    credentials::password_hasher::PasswordHasher,
    db::{Db, Tx},
    domain::{
        Clock, Error, Result,
        audit::{Action, Event},
        emails::Email,
        etags::Expected,
        identifiers::{CollectionId, UserId},
        paging::{Page, PageRequest},
        permissions::Role,
        principal::{Actor, Reach},
        text_fields::NameOrId,
        users::{User, UserFields, UserFilter, UserRow, UserState},
    },
    repositories::{api_keys, budgets, collections, sessions, users},
};

#[derive(Clone)]
pub struct Users {
    db: Db,
    clock: Clock,
    hasher: PasswordHasher,
    recognition: Recognition,
}

/// What a partial change says; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct UserPatch {
    pub email: Option<String>,
    pub name: Option<String>,
    pub role: Option<Role>,
    pub state: Option<UserState>,
    pub reach: Option<Reach>,
    /// In clear, as it was sent; checked against the new name and address.
    pub password: Option<String>,
}

impl Users {
    #[must_use]
    pub fn new(db: Db, clock: Clock, hasher: PasswordHasher, recognition: Recognition) -> Self {
        Self {
            db,
            clock,
            hasher,
            recognition,
        }
    }

    /// Makes a user. Without a password they sign in elsewhere.
    ///
    /// # Errors
    /// `Error::Invalid` for the password, `Error::Conflict` when the e-mail address is taken, `Error::Forbidden` for a role
    /// above the actor's.
    pub async fn create(&self, actor: &Actor, fields: UserFields, password: Option<&str>) -> Result<User> {
        self.create_as(actor, UserId::generate(), fields, password).await
    }

    /// Makes a user with an id of the caller's choice, for sample data whose ids are documented.
    ///
    /// # Errors
    /// As for [`Users::create`].
    pub async fn create_as(
        &self,
        actor: &Actor,
        id: UserId,
        fields: UserFields,
        password: Option<&str>,
    ) -> Result<User> {
        may_manage(actor, fields.role)?;
        let password_hash = self.hash_new(password, &fields.email, &fields.name).await?;
        let row = self.new_row(id, fields.clone(), password_hash);
        let user = User {
            row,
            reach: fields.reach,
        };
        let mut tx = self.db.write().await?;
        self.insert(&mut tx, actor, &user).await?;
        tx.commit().await?;
        Ok(user)
    }

    /// Makes the first admin of a database that has no user; `None` when there is one already.
    ///
    /// # Errors
    /// `Error::Invalid` for the address or the password.
    pub async fn create_first_admin(&self, email: &str, password: &str) -> Result<Option<User>> {
        if users::any(&mut self.db.read().await?).await? {
            return Ok(None);
        }
        let fields = UserFields::new(email, Some("Admin"), Role::Admin, UserState::Active, Reach::Everything)?;
        let password_hash = self.hash_new(Some(password), &fields.email, &fields.name).await?;
        let user = User {
            row: self.new_row(UserId::generate(), fields, password_hash),
            reach: Reach::Everything,
        };
        let mut tx = self.db.write().await?;
        // Of two servers that start at once, one is first.
        users::lock(&mut tx).await?;
        if users::any(&mut tx).await? || !users::insert(&mut tx, &user.row).await? {
            return Ok(None);
        }
        let event = Event::done(Action::UserCreated, "user", user.row.id, user.row.email.to_string());
        audit::record(
            &mut tx,
            &self.clock,
            &Actor::operator(),
            event.with_detail("the first admin"),
        )
        .await?;
        tx.commit().await?;
        Ok(Some(user))
    }

    fn new_row(&self, id: UserId, fields: UserFields, password_hash: Option<String>) -> UserRow {
        let now = self.clock.now();
        UserRow {
            id,
            email: fields.email,
            name: fields.name,
            role: fields.role,
            state: fields.state,
            password_hash,
            all_collections: fields.reach == Reach::Everything,
            last_sign_in_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    pub(super) async fn insert(&self, tx: &mut Tx, actor: &Actor, user: &User) -> Result<()> {
        if !users::insert(tx, &user.row).await? {
            return Err(email_taken(&user.row));
        }
        if let Some(only) = user.reach.restriction() {
            users::set_collections(tx, user.row.id, &only).await?;
        }
        let event = Event::done(Action::UserCreated, "user", user.row.id, user.row.email.to_string());
        let event = event.with_detail(format!(
            "role {}; {}",
            user.row.role,
            told(tx, None, &user.reach).await?
        ));
        audit::record(tx, &self.clock, actor, event).await
    }

    async fn hash_new(&self, password: Option<&str>, email: &Email, name: &str) -> Result<Option<String>> {
        match password {
            None => Ok(None),
            Some(text) => {
                let personal = vec![email.to_string(), name.to_owned()];
                let password = self.hasher.judge("/password", text.to_owned(), personal).await?;
                self.hasher.hash(password).await.map(Some)
            }
        }
    }

    /// In the order of creation.
    ///
    /// # Errors
    /// `Error::NotFound` for the collection of the filter.
    pub async fn list(
        &self,
        mut filter: UserFilter,
        collection: Option<&NameOrId<CollectionId>>,
        page: PageRequest<UserId>,
    ) -> Result<Page<User, UserId>> {
        let mut tx = self.db.read().await?;
        if let Some(name) = collection {
            let found = collections::find(&mut tx, name).await?;
            filter.collection_id = Some(found.ok_or_else(|| Error::not_found("collection", name))?.id);
        }
        let rows = users::list(&mut tx, &filter, page.after, i64::from(page.limit) + 1).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            found.push(with_reach(&mut tx, row).await?);
        }
        Ok(Page::from_overfetched(found, page.limit, |user| user.row.id))
    }

    /// # Errors
    /// `Error::NotFound`.
    pub async fn get(&self, id: UserId) -> Result<User> {
        find_user(&mut self.db.read().await?, id).await
    }

    /// By e-mail address, for the command line.
    ///
    /// # Errors
    /// `Error::NotFound`.
    pub async fn get_by_email(&self, email: &Email) -> Result<User> {
        let mut tx = self.db.read().await?;
        let row = users::find_by_email(&mut tx, email).await?;
        with_reach(&mut tx, row.ok_or_else(|| Error::not_found("user", email))?).await
    }

    /// Changes a user. A new password, another role, fewer collections or being disabled take effect at once: sessions end
    /// where they must.
    ///
    /// # Errors
    /// `Error::NotFound`, `Error::PreconditionFailed`, `Error::Invalid`, `Error::Forbidden` for somebody above the actor, or
    /// `Error::Conflict` for the last admin or a taken address.
    pub async fn update(&self, actor: &Actor, id: UserId, expected: &Expected, patch: UserPatch) -> Result<User> {
        let before = self.get(id).await?;
        expected.check("user", before.row.id.0, before.row.version)?;
        may_manage(actor, before.row.role)?;
        let fields = UserFields::new(
            patch.email.as_deref().unwrap_or(before.row.email.as_str()),
            Some(patch.name.as_deref().unwrap_or(&before.row.name)),
            patch.role.unwrap_or(before.row.role),
            patch.state.unwrap_or(before.row.state),
            patch.reach.unwrap_or_else(|| before.reach.clone()),
        )?;
        may_manage(actor, fields.role)?;
        // Hashing takes long: it is done with no transaction open, and the version tells whether the user changed meanwhile.
        let password_hash = match self
            .hash_new(patch.password.as_deref(), &fields.email, &fields.name)
            .await?
        {
            None => before.row.password_hash.clone(),
            some => some,
        };
        let after = User {
            row: UserRow {
                email: fields.email,
                name: fields.name,
                role: fields.role,
                state: fields.state,
                all_collections: fields.reach == Reach::Everything,
                password_hash,
                ..before.row.clone()
            },
            reach: fields.reach,
        };
        if after == before {
            return Ok(before);
        }
        self.store(actor, &before, after).await
    }

    async fn store(&self, actor: &Actor, before: &User, mut after: User) -> Result<User> {
        let now = self.clock.now();
        after.row.version += 1;
        after.row.updated_at = now;
        let mut tx = self.db.write().await?;
        self.keep_an_admin(&mut tx, &before.row, Some(&after.row)).await?;
        if users::email_taken_by_another(&mut tx, &after.row).await? {
            return Err(email_taken(&after.row));
        }
        if !users::update(&mut tx, &after.row).await? {
            return Err(changed_meanwhile("user"));
        }
        if after.reach != before.reach {
            users::set_collections(&mut tx, after.row.id, &after.reach.restriction().unwrap_or_default()).await?;
        }
        if after.row.state == UserState::Disabled || after.row.password_hash != before.row.password_hash {
            // Whoever changes their own password stays signed in where they do it.
            let is_own = actor.principal.user_id == Some(after.row.id) && after.row.state == UserState::Active;
            let kept = actor.principal.session_id.filter(|_| is_own);
            sessions::revoke_of_user(&mut tx, after.row.id, kept, now).await?;
        }
        let mut detail = changes(before, &after);
        if before.reach != after.reach {
            detail.push(told(&mut tx, Some(&before.reach), &after.reach).await?);
        }
        let event = Event::done(Action::UserChanged, "user", after.row.id, after.row.email.to_string());
        audit::record(&mut tx, &self.clock, actor, event.with_detail(detail.join("; "))).await?;
        tx.commit().await?;
        self.recognition.forget_all();
        Ok(after)
    }

    /// Deletes a user with their sessions and identities; their API keys stop working, what they did stays in the audit trail.
    ///
    /// # Errors
    /// `Error::NotFound`, `Error::PreconditionFailed`, `Error::Forbidden` for somebody above the actor, or `Error::Conflict`
    /// for the last admin.
    pub async fn delete(&self, actor: &Actor, id: UserId, expected: &Expected) -> Result<()> {
        let mut tx = self.db.write().await?;
        let user = find_user(&mut tx, id).await?.row;
        expected.check("user", user.id.0, user.version)?;
        may_manage(actor, user.role)?;
        self.keep_an_admin(&mut tx, &user, None).await?;
        // Nobody signs in as them and makes a key from here on.
        if !users::hold(&mut tx, id).await? || find_user(&mut tx, id).await?.row.version != user.version {
            return Err(changed_meanwhile("user"));
        }
        let keys = api_keys::revoke_of_owner(&mut tx, id, self.clock.now()).await?;
        budgets::delete_of_revoked_keys(&mut tx).await?;
        users::delete(&mut tx, id).await?;
        let event = Event::done(Action::UserDeleted, "user", id, user.email.to_string());
        let event = event.with_detail(format!("role {}; {keys} API keys revoked", user.role));
        audit::record(&mut tx, &self.clock, actor, event).await?;
        tx.commit().await?;
        self.recognition.forget_all();
        Ok(())
    }

    /// Refuses a change that would leave nobody who can manage users.
    pub(super) async fn keep_an_admin(&self, tx: &mut Tx, before: &UserRow, after: Option<&UserRow>) -> Result<()> {
        let is_admin = |user: &UserRow| user.role == Role::Admin && user.state == UserState::Active;
        if !is_admin(before) || after.is_some_and(is_admin) || users::count_other_admins(tx, before.id).await? > 0 {
            return Ok(());
        }
        Err(Error::Conflict(
            "this is the last admin who can sign in; make another user an admin first".to_owned(),
        ))
    }

    /// The collections that names mean. Every name that means none is told.
    ///
    /// # Errors
    /// `Error::Invalid` below `/collections`.
    pub async fn resolve_reach(&self, actor: &Actor, names: Option<&[String]>) -> Result<Reach> {
        resolve_reach(&mut self.db.read().await?, actor, names).await
    }

    /// The slugs of the collections within reach, for showing; `None` for all.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn slugs(&self, reach: &Reach) -> Result<Option<Vec<String>>> {
        slugs(&mut self.db.read().await?, reach).await
    }
}

/// Whoever manages users by an API key may have fewer rights than an admin, and must not gain them this way.
fn may_manage(actor: &Actor, role: Role) -> Result<()> {
    let missing = role.scopes().without(actor.principal.scopes);
    if missing.iter().next().is_none() {
        return Ok(());
    }
    Err(Error::Forbidden(format!(
        "a user of the role `{role}` may do more than you: `{missing}`"
    )))
}

/// What changed besides the reach, for the audit trail.
fn changes(before: &User, after: &User) -> Vec<String> {
    let (old, new) = (&before.row, &after.row);
    let mut parts = Vec::new();
    if old.email != new.email {
        parts.push(format!("e-mail {} → {}", old.email, new.email));
    }
    if old.name != new.name {
        parts.push("name".to_owned());
    }
    if old.role != new.role {
        parts.push(format!("role {} → {}", old.role, new.role));
    }
    if old.state != new.state {
        let state = if new.state == UserState::Active {
            "active"
        } else {
            "disabled"
        };
        parts.push(format!("state → {state}"));
    }
    if old.password_hash != new.password_hash {
        parts.push("password".to_owned());
    }
    parts
}

fn email_taken(user: &UserRow) -> Error {
    Error::Conflict(format!(
        "a user with the e-mail address `{}` exists already",
        user.email
    ))
}
