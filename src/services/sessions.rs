//! Sessions: list one's own, end them.

use super::{audit, recognition::Recognition};
use crate::{
    db::Db,
    domain::{
        Clock, Error, Result, Timestamp,
        audit::{Action, Event},
        identifiers::{SessionId, UserId},
        principal::Actor,
        sessions::{OpaqueToken, Session, SignInMethod},
    },
    repositories::sessions,
};

#[derive(Clone)]
pub struct Sessions {
    db: Db,
    clock: Clock,
    recognition: Recognition,
}

impl Sessions {
    #[must_use]
    pub fn new(db: Db, clock: Clock, recognition: Recognition) -> Self {
        Self { db, clock, recognition }
    }

    /// The caller's own live sessions, newest first, at most 200.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, actor: &Actor) -> Result<Vec<Session>> {
        let user = actor.principal.user_id.ok_or(Error::Unauthorized)?;
        sessions::list_live(&mut self.db.read().await?, user, self.clock.now()).await
    }

    /// Ends the session that the request came with.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sign_out(&self, actor: &Actor) -> Result<()> {
        let session = actor.principal.session_id.ok_or(Error::Unauthorized)?;
        let mut tx = self.db.write().await?;
        sessions::revoke(&mut tx, session, self.clock.now()).await?;
        let event = Event::done(Action::SignOut, "session", session, None);
        audit::record(&mut tx, &self.clock, actor, event).await?;
        tx.commit().await?;
        self.recognition.forget_all();
        Ok(())
    }

    /// Ends all sessions of the caller, this one too.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sign_out_everywhere(&self, actor: &Actor) -> Result<()> {
        let user = actor.principal.user_id.ok_or(Error::Unauthorized)?;
        let mut tx = self.db.write().await?;
        let count = sessions::revoke_of_user(&mut tx, user, None, self.clock.now()).await?;
        let event = Event::done(Action::SignOut, "user", user, actor.principal.name.clone());
        audit::record(
            &mut tx,
            &self.clock,
            actor,
            event.with_detail(format!("{count} sessions")),
        )
        .await?;
        tx.commit().await?;
        self.recognition.forget_all();
        Ok(())
    }

    /// Puts a session where sample data has one, in place of what was there.
    pub(super) async fn put_sample(&self, id: SessionId, user: UserId, refresh: Option<&OpaqueToken>) -> Result<()> {
        let now = self.clock.now();
        let expires_at = Timestamp::new(now.as_offset_date_time() + time::Duration::days(1));
        let session = Session {
            id,
            user_id: user,
            method: SignInMethod::Password,
            cookie_hash: None,
            address: None,
            created_at: now,
            last_used_at: now,
            expires_at,
            revoked_at: None,
        };
        let mut tx = self.db.write().await?;
        sessions::delete(&mut tx, id).await?;
        sessions::insert(&mut tx, &session).await?;
        if let Some(token) = refresh {
            sessions::insert_refresh_token(&mut tx, &token.hash(), id, now, expires_at).await?;
        }
        tx.commit().await
    }

    /// Ends one session: of one's own, or of anybody for an admin.
    ///
    /// # Errors
    /// `Error::NotFound` when there is no such live session that the caller may end.
    pub async fn delete(&self, actor: &Actor, id: SessionId) -> Result<()> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        let session = sessions::find(&mut tx, id).await?.filter(|session| {
            let own = actor.principal.user_id == Some(session.user_id);
            session.is_live(now) && (own || actor.principal.administers())
        });
        let session = session.ok_or_else(|| Error::not_found("session", id))?;
        sessions::revoke(&mut tx, session.id, now).await?;
        let event = Event::done(Action::SessionRevoked, "session", id, None);
        let event = event.with_detail(format!("of the user {}", session.user_id));
        audit::record(&mut tx, &self.clock, actor, event).await?;
        tx.commit().await?;
        self.recognition.forget_all();
        Ok(())
    }
}
