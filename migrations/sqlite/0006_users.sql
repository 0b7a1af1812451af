-- People. `password_hash` is argon2id in PHC form, NULL for those who sign in elsewhere; `searched` is the e-mail address
-- and the name in lower case.
CREATE TABLE users (
    id              BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    email           TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    role            TEXT NOT NULL CHECK (role IN ('admin', 'editor', 'viewer')),
    state           TEXT NOT NULL CHECK (state IN ('active', 'disabled')),
    password_hash   TEXT,
    all_collections INTEGER NOT NULL CHECK (all_collections IN (0, 1)),
    last_sign_in_at TEXT,
    version         INTEGER NOT NULL CHECK (version > 0),
    created_at      TEXT NOT NULL,
    updated_at      TEXT NOT NULL,
    searched        TEXT NOT NULL DEFAULT ''
) STRICT;

-- The only collections of those who have not all.
CREATE TABLE user_collections (
    user_id       BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    collection_id BLOB NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, collection_id)
) STRICT;
CREATE INDEX user_collections_of_collection ON user_collections (collection_id);

-- Who somebody is at an OpenID Connect provider.
CREATE TABLE identities (
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    user_id    BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT;
CREATE INDEX identities_of_user ON identities (user_id);
