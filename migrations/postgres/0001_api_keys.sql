-- Programs' credentials. The key itself is stored nowhere: `hash` is its SHA-256, `prefix` its visible beginning.
CREATE TABLE api_keys (
    id         UUID NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    prefix     TEXT NOT NULL,
    hash       BYTEA NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    created_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ
);

-- What was answered to a POST with an Idempotency-Key; `status` is NULL while the first request is under way.
CREATE TABLE idempotency_keys (
    api_key_id  UUID NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    key         TEXT NOT NULL,
    fingerprint BYTEA NOT NULL CHECK (octet_length(fingerprint) = 32),
    status      BIGINT,
    headers     TEXT,
    body        BYTEA,
    created_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (api_key_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
