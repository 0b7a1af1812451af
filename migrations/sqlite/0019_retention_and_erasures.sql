-- After how many days a collection's documents are deleted; NULL when they stay.
ALTER TABLE collections ADD COLUMN retention_days INTEGER CHECK (retention_days BETWEEN 1 AND 36500);

-- What is deleted leaves no words in the full-text index. Pages are overwritten by `PRAGMA secure_delete`.
INSERT INTO documents_fts (documents_fts, rank) VALUES ('secure-delete', 1);

-- The documents that a kept answer names by their external ids.
CREATE TABLE idempotency_documents (
    document_id BLOB NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    owner_id    BLOB NOT NULL,
    key         TEXT NOT NULL,
    PRIMARY KEY (document_id, owner_id, key),
    FOREIGN KEY (owner_id, key) REFERENCES idempotency_keys (owner_id, key) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_documents_of_key ON idempotency_documents (owner_id, key);

-- Receipts of what was erased. What was asked for is kept as a keyed hash; `pending` has it until everything is done.
CREATE TABLE erasures (
    id              BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind            TEXT NOT NULL CHECK (kind IN ('external_id', 'attribute')),
    collection_id   BLOB CHECK (length(collection_id) = 16),
    salt            BLOB NOT NULL CHECK (length(salt) = 16),
    digest          BLOB NOT NULL CHECK (length(digest) = 32),
    status          TEXT NOT NULL CHECK (status IN ('running', 'done')),
    pending         TEXT CHECK (json_valid(pending)),
    removed         TEXT NOT NULL CHECK (json_valid(removed)),
    checked_at      TEXT,
    found           TEXT CHECK (json_valid(found)),
    created_by      BLOB CHECK (length(created_by) = 16),
    created_by_user BLOB CHECK (length(created_by_user) = 16),
    created_at      TEXT NOT NULL,
    finished_at     TEXT
) STRICT;
CREATE INDEX erasures_of_collection ON erasures (collection_id, id);
CREATE INDEX erasures_running ON erasures (id) WHERE status = 'running';

-- The key of the hashes; made when it is first needed.
CREATE TABLE erasure_keys (
    id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    secret BLOB NOT NULL CHECK (length(secret) = 32)
) STRICT;
