-- Programs' credentials. The key itself is stored nowhere: `hash` is its SHA-256, `prefix` its visible beginning.
CREATE TABLE api_keys (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name       TEXT NOT NULL,
    prefix     TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at TEXT NOT NULL,
    revoked_at TEXT
) STRICT;

-- What was answered to a POST with an Idempotency-Key; `status` is NULL while the first request is under way.
CREATE TABLE idempotency_keys (
    api_key_id  BLOB NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    status      INTEGER,
    headers     TEXT,
    body        BLOB,
    created_at  TEXT NOT NULL,
    PRIMARY KEY (api_key_id, key)
) STRICT;
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
