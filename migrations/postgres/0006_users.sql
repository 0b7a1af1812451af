-- People. `password_hash` is argon2id in PHC form, NULL for those who sign in elsewhere; `searched` is the e-mail address
-- and the name in lower case.
CREATE TABLE users (
    id              UUID NOT NULL PRIMARY KEY,
    email           TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    role            TEXT NOT NULL CHECK (role IN ('admin', 'editor', 'viewer')),
    state           TEXT NOT NULL CHECK (state IN ('active', 'disabled')),
    password_hash   TEXT,
    all_collections BOOLEAN NOT NULL,
    last_sign_in_at TIMESTAMPTZ,
    version         BIGINT NOT NULL CHECK (version > 0),
    created_at      TIMESTAMPTZ NOT NULL,
    updated_at      TIMESTAMPTZ NOT NULL,
    searched        TEXT NOT NULL DEFAULT ''
);

-- The only collections of those who have not all.
CREATE TABLE user_collections (
    user_id       UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    collection_id UUID NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, collection_id)
);
CREATE INDEX user_collections_of_collection ON user_collections (collection_id);

-- Who somebody is at an OpenID Connect provider.
CREATE TABLE identities (
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_of_user ON identities (user_id);
