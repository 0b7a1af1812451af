-- After how many days a collection's documents are deleted; NULL when they stay.
ALTER TABLE collections ADD COLUMN retention_days BIGINT CHECK (retention_days BETWEEN 1 AND 36500);

-- The documents that a kept answer names by their external ids.
CREATE TABLE idempotency_documents (
    document_id UUID NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    owner_id    UUID NOT NULL,
    key         TEXT NOT NULL,
    PRIMARY KEY (document_id, owner_id, key),
    FOREIGN KEY (owner_id, key) REFERENCES idempotency_keys (owner_id, key) ON DELETE CASCADE
);
CREATE INDEX idempotency_documents_of_key ON idempotency_documents (owner_id, key);

-- Receipts of what was erased. What was asked for is kept as a keyed hash; `pending` has it until everything is done.
CREATE TABLE erasures (
    id              UUID NOT NULL PRIMARY KEY,
    kind            TEXT NOT NULL CHECK (kind IN ('external_id', 'attribute')),
    collection_id   UUID,
    salt            BYTEA NOT NULL CHECK (length(salt) = 16),
    digest          BYTEA NOT NULL CHECK (length(digest) = 32),
    status          TEXT NOT NULL CHECK (status IN ('running', 'done')),
    pending         JSONB,
    removed         JSONB NOT NULL,
    checked_at      TIMESTAMPTZ,
    found           JSONB,
    created_by      UUID,
    created_by_user UUID,
    created_at      TIMESTAMPTZ NOT NULL,
    finished_at     TIMESTAMPTZ
);
CREATE INDEX erasures_of_collection ON erasures (collection_id, id);
CREATE INDEX erasures_running ON erasures (id) WHERE status = 'running';

-- The key of the hashes; made when it is first needed.
CREATE TABLE erasure_keys (
    id     BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    secret BYTEA NOT NULL CHECK (length(secret) = 32)
);
