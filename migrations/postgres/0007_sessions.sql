-- Signed in until `expires_at` or `revoked_at`. `cookie_hash` is the SHA-256 of a browser's token; others refresh.
CREATE TABLE sessions (
    id           UUID NOT NULL PRIMARY KEY,
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    method       TEXT NOT NULL CHECK (method IN ('password', 'oidc')),
    cookie_hash  BYTEA UNIQUE CHECK (octet_length(cookie_hash) = 32),
    address      TEXT,
    created_at   TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ NOT NULL,
    expires_at   TIMESTAMPTZ NOT NULL,
    revoked_at   TIMESTAMPTZ
);
CREATE INDEX sessions_of_user ON sessions (user_id, id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Each is used once; used again, it gives its session away.
CREATE TABLE refresh_tokens (
    hash       BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 32),
    session_id UUID NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at    TIMESTAMPTZ
);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);

-- What signs access tokens. A retired key signs no more and verifies until the last token that it signed has expired.
CREATE TABLE signing_keys (
    id         TEXT NOT NULL PRIMARY KEY,
    algorithm  TEXT NOT NULL CHECK (algorithm IN ('HS256', 'EdDSA')),
    secret     BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    retired_at TIMESTAMPTZ
);

-- Sign-ins that have been sent to an OpenID Connect provider and have not come back.
CREATE TABLE sign_in_flows (
    state_hash BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(state_hash) = 32),
    nonce      TEXT NOT NULL,
    verifier   TEXT NOT NULL,
    return_to  TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sign_in_flows_expiry ON sign_in_flows (expires_at);
