-- What a key may do, for whom, how long. Keys from before keep what they could do: everything with documents and answers.
ALTER TABLE api_keys ADD COLUMN owner_id BLOB REFERENCES users (id) ON DELETE SET NULL;
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT 'collections:read collections:write documents:read documents:write taxonomies:read taxonomies:write analyses:read analyses:run analyses:write';
ALTER TABLE api_keys ADD COLUMN all_collections INTEGER NOT NULL DEFAULT 1 CHECK (all_collections IN (0, 1));
ALTER TABLE api_keys ADD COLUMN expires_at TEXT;
ALTER TABLE api_keys ADD COLUMN last_used_at TEXT;
-- The secret before a rotation, which works until the overlap ends.
ALTER TABLE api_keys ADD COLUMN previous_hash BLOB CHECK (length(previous_hash) = 32);
ALTER TABLE api_keys ADD COLUMN previous_until TEXT;
ALTER TABLE api_keys ADD COLUMN version INTEGER NOT NULL DEFAULT 1 CHECK (version > 0);
CREATE UNIQUE INDEX api_keys_previous_hash ON api_keys (previous_hash);
CREATE INDEX api_keys_of_owner ON api_keys (owner_id, id);

CREATE TABLE api_key_collections (
    api_key_id    BLOB NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    collection_id BLOB NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    PRIMARY KEY (api_key_id, collection_id)
) STRICT;
CREATE INDEX api_key_collections_of_collection ON api_key_collections (collection_id);

-- The person who asked, or whose key did.
ALTER TABLE analyses ADD COLUMN created_by_user BLOB REFERENCES users (id) ON DELETE SET NULL;
CREATE INDEX analyses_by_user ON analyses (created_by_user);

-- The collection of the document, so that those who reach some collections read the newest analyses of each in order; and
-- of texts that are stored nowhere, their own.
ALTER TABLE analyses ADD COLUMN collection_id BLOB REFERENCES collections (id) ON DELETE CASCADE;
UPDATE analyses SET collection_id = (SELECT d.collection_id FROM documents d WHERE d.id = analyses.document_id)
    WHERE document_id IS NOT NULL;
CREATE INDEX analyses_of_collection ON analyses (collection_id, created_at, id);
CREATE INDEX analyses_of_collection_by_label ON analyses (collection_id, taxonomy_id, label, created_at, id)
    WHERE label IS NOT NULL;
CREATE INDEX analyses_of_texts_by_user ON analyses (created_by_user, created_at, id) WHERE document_id IS NULL;
CREATE INDEX analyses_of_texts_by_key ON analyses (created_by, created_at, id) WHERE document_id IS NULL;

-- People send idempotency keys too: `owner_id` is a user's or an API key's.
CREATE TABLE idempotency_keys_of_all (
    owner_id    BLOB NOT NULL CHECK (length(owner_id) = 16),
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    status      INTEGER,
    headers     TEXT,
    body        BLOB,
    created_at  TEXT NOT NULL,
    PRIMARY KEY (owner_id, key)
) STRICT;
INSERT INTO idempotency_keys_of_all SELECT * FROM idempotency_keys;
DROP TABLE idempotency_keys;
ALTER TABLE idempotency_keys_of_all RENAME TO idempotency_keys;
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
