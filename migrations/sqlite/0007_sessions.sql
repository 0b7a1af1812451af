-- Signed in until `expires_at` or `revoked_at`. `cookie_hash` is the SHA-256 of a browser's token; others refresh.
CREATE TABLE sessions (
    id           BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id      BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    method       TEXT NOT NULL CHECK (method IN ('password', 'oidc')),
    cookie_hash  BLOB UNIQUE CHECK (length(cookie_hash) = 32),
    address      TEXT,
    created_at   TEXT NOT NULL,
    last_used_at TEXT NOT NULL,
    expires_at   TEXT NOT NULL,
    revoked_at   TEXT
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user_id, id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Each is used once; used again, it gives its session away.
CREATE TABLE refresh_tokens (
    hash       BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_at    TEXT
) STRICT;
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);

-- What signs access tokens. A retired key signs no more and verifies until the last token that it signed has expired.
CREATE TABLE signing_keys (
    id         TEXT NOT NULL PRIMARY KEY,
    algorithm  TEXT NOT NULL CHECK (algorithm IN ('HS256', 'EdDSA')),
    secret     BLOB NOT NULL,
    created_at TEXT NOT NULL,
    retired_at TEXT
) STRICT;

-- Sign-ins that have been sent to an OpenID Connect provider and have not come back.
CREATE TABLE sign_in_flows (
    state_hash BLOB NOT NULL PRIMARY KEY CHECK (length(state_hash) = 32),
    nonce      TEXT NOT NULL,
    verifier   TEXT NOT NULL,
    return_to  TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
) STRICT;
CREATE INDEX sign_in_flows_expiry ON sign_in_flows (expires_at);
