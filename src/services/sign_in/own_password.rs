//! Changing one's own password.

use super::SignIn;
use crate::{
    domain::{
        Error, Result,
        audit::{Action, Event},
        principal::Actor,
        refusals::Refusal,
        users::UserRow,
    },
    repositories::{sessions, users as rows},
    services::{audit, changed_meanwhile, reach::find_user, sign_in_throttle::Known},
};

impl SignIn {
    /// Changes one's own password. Every other session ends.
    ///
    /// # Errors
    /// `Error::Invalid` for either password, `Error::Conflict` for somebody without one, or `Error::RateLimited` after too
    /// many failures.
    pub async fn change_password(&self, actor: &Actor, current: &str, new: &str) -> Result<()> {
        let id = actor.principal.user_id.ok_or(Error::Unauthorized)?;
        let user = find_user(&mut self.db.read().await?, id).await?.row;
        let Some(stored) = user.password_hash.clone() else {
            return Err(Error::Conflict(
                "you sign in through a provider and have no password here; an admin can give you one".to_owned(),
            ));
        };
        // Whoever is signed in is not slowed down by those who try to be, nor by another session of theirs.
        let known = Known::SignedIn(actor.principal.session_id.map_or(id.0, |session| session.0));
        let attempt = self.throttle.admit(user.email.as_str(), actor.address, known)?;
        tokio::time::sleep(attempt.delay).await;
        if !self.verify(&attempt, current, Some(stored)).await? {
            self.throttle.failed(&attempt);
            self.metrics.refused(Refusal::WrongPassword.name());
            let event = Event::done(Action::PasswordChanged, "user", id, user.email.to_string());
            let event = event.with_detail(Refusal::WrongPassword.name()).refused();
            let mut tx = self.db.write().await?;
            audit::record(&mut tx, &self.clock, actor, event).await?;
            tx.commit().await?;
            return Err(Error::invalid("/current_password", "is not your password"));
        }
        self.throttle.succeeded(&attempt);
        // Judging takes longest, and is done for nobody who only holds a session.
        let personal = vec![user.email.to_string(), user.name.clone()];
        let new = self.hasher.judge("/new_password", new.to_owned(), personal).await?;
        let now = self.clock.now();
        let changed = UserRow {
            password_hash: Some(self.hasher.hash(new).await?),
            version: user.version + 1,
            updated_at: now,
            ..user
        };
        let mut tx = self.db.write().await?;
        if !rows::update(&mut tx, &changed).await? {
            return Err(changed_meanwhile("user"));
        }
        sessions::revoke_of_user(&mut tx, id, actor.principal.session_id, now).await?;
        let event = Event::done(Action::PasswordChanged, "user", id, changed.email.to_string());
        audit::record(&mut tx, &self.clock, actor, event).await?;
        tx.commit().await?;
        self.recognition.forget_all();
        Ok(())
    }
}
