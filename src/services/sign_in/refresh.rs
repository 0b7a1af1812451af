//! Refresh tokens: each gives the next pair of tokens, once.

use super::{SignIn, TokenPair};
use crate::{
    domain::{
        Error, Result, Timestamp,
        audit::{Action, Event},
        refusals::Refusal,
        sessions::OpaqueToken,
        users::UserState,
    },
    repositories::{sessions, users as rows},
    services::audit,
};
use std::net::IpAddr;

impl SignIn {
    /// Gives a new pair of tokens for a refresh token, which ends by it. One that comes a second time was stolen or is the
    /// thief's: its whole session ends.
    ///
    /// # Errors
    /// `Error::Unauthorized`.
    pub async fn refresh(&self, text: &str, address: Option<IpAddr>) -> Result<TokenPair> {
        let refreshed = match OpaqueToken::parse(text) {
            Some(token) => self.try_refresh(&token, address).await?,
            None => Err(Refusal::Malformed),
        };
        refreshed.map_err(|refusal| {
            self.metrics.refused(refusal.name());
            Error::Unauthorized
        })
    }

    async fn try_refresh(
        &self,
        token: &OpaqueToken,
        address: Option<IpAddr>,
    ) -> Result<std::result::Result<TokenPair, Refusal>> {
        let now = self.clock.now();
        let tokens = self.signing_keys.tokens().await?;
        let mut tx = self.db.write().await?;
        let Some(stored) = sessions::find_refresh_token(&mut tx, &token.hash()).await? else {
            return Ok(Err(Refusal::UnknownRefreshToken));
        };
        let session = sessions::find(&mut tx, stored.session_id).await?;
        let Some(session) = session.filter(|session| session.is_live(now)) else {
            return Ok(Err(Refusal::SessionEnded));
        };
        if stored.used_at.is_some() || !sessions::use_refresh_token(&mut tx, &token.hash(), now).await? {
            sessions::revoke(&mut tx, session.id, now).await?;
            let event = Event::done(Action::RefreshTokenReused, "session", session.id, None).refused();
            audit::record_anonymous(&mut tx, &self.clock, address, event).await?;
            tx.commit().await?;
            self.recognition.forget_all();
            return Ok(Err(Refusal::ReusedRefreshToken));
        }
        if stored.expires_at <= now {
            return Ok(Err(Refusal::ExpiredRefreshToken));
        }
        let user = rows::find(&mut tx, session.user_id).await?;
        if user.is_none_or(|user| user.state != UserState::Active) {
            return Ok(Err(Refusal::InactiveUser));
        }
        let days = time::Duration::days(self.settings.refresh_token_days.into());
        let expires_at = Timestamp::new(now.as_offset_date_time() + days);
        let next = OpaqueToken::generate();
        sessions::delete_refresh_tokens(&mut tx, session.id, now).await?;
        sessions::insert_refresh_token(&mut tx, &next.hash(), session.id, now, expires_at).await?;
        sessions::extend(&mut tx, session.id, expires_at, now).await?;
        let pair = self.pair(&tokens, &session, next, expires_at, now)?;
        tx.commit().await?;
        Ok(Ok(pair))
    }
}
