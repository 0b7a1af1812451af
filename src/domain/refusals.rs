//! Why a credential was not accepted. Clients get one and the same answer to all of these; the reason is for the metrics.

/// A closed set, so that it can be a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No credential came with the request.
    None,
    /// The header or the cookie is no credential at all, or there are several.
    Malformed,
    UnknownKey,
    RevokedKey,
    ExpiredKey,
    /// The user, or the key's owner, is disabled or gone.
    InactiveUser,
    /// The token's header asks for another algorithm than its key has, `none` among them.
    TokenAlgorithm,
    TokenSignature,
    TokenUnknownKey,
    TokenIssuer,
    TokenAudience,
    TokenExpired,
    TokenNotYetValid,
    /// The session was ended, has expired or never was.
    SessionEnded,
    /// A cookie came without the CSRF token that belongs to it.
    Csrf,
    UnknownRefreshToken,
    ReusedRefreshToken,
    ExpiredRefreshToken,
    /// An e-mail address that nobody has, a wrong password, or a user who has none: indistinguishable on purpose.
    WrongPassword,
    /// A browser came back from the provider without having been sent there, or too late.
    SignOnStale,
    /// The provider says that it was not allowed to tell, or gives another error.
    SignOnDenied,
    /// The provider does not accept the code that a browser brought.
    SignOnCode,
    /// What the provider says cannot be verified.
    SignOnUntrusted,
    /// Nobody is known by this identity, and the provider vouches for no e-mail address.
    SignOnUnverifiedEmail,
    /// Nobody is known by this identity and address, and users are not made on sign-in.
    SignOnNoAccount,
}

impl Refusal {
    pub const ALL: [Self; 25] = [
        Self::None,
        Self::Malformed,
        Self::UnknownKey,
        Self::RevokedKey,
        Self::ExpiredKey,
        Self::InactiveUser,
        Self::TokenAlgorithm,
        Self::TokenSignature,
        Self::TokenUnknownKey,
        Self::TokenIssuer,
        Self::TokenAudience,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::SessionEnded,
        Self::Csrf,
        Self::UnknownRefreshToken,
        Self::ReusedRefreshToken,
        Self::ExpiredRefreshToken,
        Self::WrongPassword,
        Self::SignOnStale,
        Self::SignOnDenied,
        Self::SignOnCode,
        Self::SignOnUntrusted,
        Self::SignOnUnverifiedEmail,
        Self::SignOnNoAccount,
    ];

    /// The label's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::RevokedKey => "revoked_key",
            Self::ExpiredKey => "expired_key",
            Self::InactiveUser => "inactive_user",
            Self::TokenAlgorithm => "token_algorithm",
            Self::TokenSignature => "token_signature",
            Self::TokenUnknownKey => "token_unknown_key",
            Self::TokenIssuer => "token_issuer",
            Self::TokenAudience => "token_audience",
            Self::TokenExpired => "token_expired",
            Self::TokenNotYetValid => "token_not_yet_valid",
            Self::SessionEnded => "session_ended",
            Self::Csrf => "csrf",
            Self::UnknownRefreshToken => "unknown_refresh_token",
            Self::ReusedRefreshToken => "reused_refresh_token",
            Self::ExpiredRefreshToken => "expired_refresh_token",
            Self::WrongPassword => "wrong_password",
            Self::SignOnStale => "sign_on_stale",
            Self::SignOnDenied => "sign_on_denied",
            Self::SignOnCode => "sign_on_code",
            Self::SignOnUntrusted => "sign_on_untrusted",
            Self::SignOnUnverifiedEmail => "sign_on_unverified_email",
            Self::SignOnNoAccount => "sign_on_no_account",
        }
    }
}
