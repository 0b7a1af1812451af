//! `/api/auth`: signing in and out, one's own password and sessions, and the public keys of tokens.

use super::{Tag, examples};
use crate::{
    auth::{Caller, Entrance, cookies},
    domain::{Error, identifiers::SessionId},
    dto::{
        body::Body,
        problem::ApiError,
        responses::Deleted,
        sign_in::{Login, Me, PasswordChange, Refresh, Session, SessionKind, SessionList, SignedIn, TokenRequest},
    },
    services::{
        Services,
        sign_in::{self, Credential, Origin, Wanted},
    },
};
use poem::{Request, http::header::SET_COOKIE};
use poem_openapi::{
    OpenApi,
    param::Path,
    payload::{Form, Json, Response},
    types::Any,
};
use serde_json::Value;
use uuid::Uuid;

pub struct SignInApi {
    pub services: Services,
    pub cookies: cookies::Names,
}

#[OpenApi(tag = "Tag::SignIn")]
impl SignInApi {
    /// Sign in
    ///
    /// With e-mail address and password, for an access token and a refresh token, or for a browser's cookie. The answer is the
    /// same, and takes as long, for an account that there is not and for a wrong password.
    #[oai(path = "/api/auth/login", method = "post", operation_id = "login")]
    async fn login(&self, request: &Request, body: Body<Login>) -> Result<Response<Json<SignedIn>>, ApiError> {
        let wanted = match body.0.session {
            SessionKind::Token => Wanted::Tokens,
            SessionKind::Cookie => Wanted::Cookie,
        };
        let origin = self.origin(request);
        let sign_in = &self.services.sign_in;
        let signed_in = sign_in
            .by_password(&body.0.email, &body.0.password, &origin, wanted)
            .await?;
        Ok(self.answer(signed_in))
    }

    /// Get tokens as OAuth 2.0 does
    ///
    /// The same as signing in and refreshing, for clients that speak OAuth 2.0, such as the *Authorize* dialog of this page.
    #[oai(path = "/api/auth/token", method = "post", operation_id = "token")]
    async fn token(&self, request: &Request, body: Form<TokenRequest>) -> Result<Response<Json<SignedIn>>, ApiError> {
        let origin = self.origin(request);
        let given = |text: Option<String>, name: &str| {
            text.ok_or_else(|| Error::invalid(format!("/{name}"), "is needed for this grant type"))
        };
        match body.0.grant_type.as_str() {
            "password" => {
                let (email, password) = (given(body.0.username, "username")?, given(body.0.password, "password")?);
                let sign_in = &self.services.sign_in;
                let signed_in = sign_in.by_password(&email, &password, &origin, Wanted::Tokens).await?;
                Ok(self.answer(signed_in))
            }
            "refresh_token" => {
                let token = given(body.0.refresh_token, "refresh_token")?;
                let pair = self.services.sign_in.refresh(&token, origin.address).await?;
                Ok(Response::new(Json(pair.into())))
            }
            _ => Err(Error::invalid("/grant_type", "must be `password` or `refresh_token`").into()),
        }
    }

    /// Refresh
    ///
    /// Gives the next access token and refresh token. A refresh token is good for once: when it comes a second time, somebody
    /// has stolen it, and the whole session ends.
    #[oai(path = "/api/auth/refresh", method = "post", operation_id = "refresh")]
    async fn refresh(&self, request: &Request, body: Body<Refresh>) -> Result<Response<Json<SignedIn>>, ApiError> {
        let origin = self.origin(request);
        let pair = self
            .services
            .sign_in
            .refresh(&body.0.refresh_token, origin.address)
            .await?;
        Ok(Response::new(Json(pair.into())))
    }

    /// Sign out
    ///
    /// Ends the session that this request comes with, at once and for its access token too.
    #[oai(path = "/api/auth/logout", method = "post", operation_id = "logout")]
    async fn logout(&self, caller: Caller) -> Result<Response<Deleted>, ApiError> {
        self.services.sessions.sign_out(caller.actor()).await?;
        Ok(self.signed_out())
    }

    /// Sign out everywhere
    ///
    /// Ends all of your sessions, this one too.
    #[oai(path = "/api/auth/logout-all", method = "post", operation_id = "logoutAll")]
    async fn logout_all(&self, caller: Caller) -> Result<Response<Deleted>, ApiError> {
        self.services.sessions.sign_out_everywhere(caller.actor()).await?;
        Ok(self.signed_out())
    }

    /// Who am I
    ///
    /// And what may I do.
    #[oai(path = "/api/auth/me", method = "get", operation_id = "getMe")]
    async fn me(&self, caller: Caller) -> Result<Json<Me>, ApiError> {
        let principal = &caller.actor().principal;
        let collections = self.services.users.slugs(&principal.reach).await?;
        Ok(Json(Me::new(principal, collections)))
    }

    /// Change your password
    ///
    /// Every other session of yours ends. The example is that of the sample data's viewer.
    #[oai(path = "/api/auth/password", method = "post", operation_id = "changePassword")]
    async fn change_password(&self, caller: Caller, body: Body<PasswordChange>) -> Result<Deleted, ApiError> {
        let sign_in = &self.services.sign_in;
        sign_in
            .change_password(caller.actor(), &body.0.current_password, &body.0.new_password)
            .await?;
        Ok(Deleted::Done)
    }

    /// List your sessions
    ///
    /// Those that are live, newest first, at most 200.
    #[oai(path = "/api/auth/sessions", method = "get", operation_id = "listSessions")]
    async fn list_sessions(&self, caller: Caller) -> Result<Json<SessionList>, ApiError> {
        let sessions = self.services.sessions.list(caller.actor()).await?;
        let current = caller.actor().principal.session_id;
        let items = sessions.into_iter().map(|session| {
            let is_current = Some(session.id) == current;
            Session::new(session, is_current)
        });
        Ok(Json(SessionList { items: items.collect() }))
    }

    /// End a session
    ///
    /// One of yours; an admin can end anybody's.
    #[oai(
        path = "/api/auth/sessions/:session",
        method = "delete",
        operation_id = "deleteSession"
    )]
    async fn delete_session(
        &self,
        caller: Caller,
        #[oai(example = "examples::session")] session: Path<Uuid>,
    ) -> Result<Deleted, ApiError> {
        self.services
            .sessions
            .delete(caller.actor(), SessionId(session.0))
            .await?;
        Ok(Deleted::Done)
    }

    /// Public keys of access tokens
    ///
    /// A JSON Web Key Set (RFC 7517), for services that verify our tokens themselves. Empty while tokens are signed with HS256,
    /// which has no public keys.
    #[oai(path = "/.well-known/jwks.json", method = "get", operation_id = "jwks")]
    async fn jwks(&self) -> Result<Json<Any<Value>>, ApiError> {
        Ok(Json(Any(self.services.signing_keys.jwks().await?)))
    }
}

impl SignInApi {
    fn origin(&self, request: &Request) -> Origin {
        let entrance = request.extensions().get::<Entrance>();
        Origin {
            address: entrance.and_then(|entrance| entrance.address),
            device: cookies::read(request, self.cookies.device).ok().flatten(),
        }
    }

    fn answer(&self, signed_in: sign_in::SignedIn) -> Response<Json<SignedIn>> {
        match signed_in.credential {
            Credential::Tokens(pair) => Response::new(Json(pair.into())),
            Credential::Cookie { ref token } => {
                let body = SignedIn {
                    access_token: None,
                    token_type: None,
                    expires_in: signed_in.lasts.whole_seconds(),
                    refresh_token: None,
                    csrf_token: Some(token.csrf_token()),
                };
                let cookies = self.cookies.signed_in(token, signed_in.lasts, &signed_in.device);
                with_cookies(Response::new(Json(body)), cookies)
            }
        }
    }

    fn signed_out(&self) -> Response<Deleted> {
        with_cookies(Response::new(Deleted::Done), self.cookies.removed())
    }
}

fn with_cookies<T>(response: Response<T>, cookies: Vec<String>) -> Response<T> {
    cookies
        .into_iter()
        .fold(response, |response, cookie| response.header(SET_COOKIE, cookie))
}
