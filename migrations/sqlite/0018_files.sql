-- What was uploaded for an import, and how far. `received` is how many bytes are kept for good: a client that lost its connection
-- goes on from there. It is always at the end of a record.
CREATE TABLE uploads (
    job_id     BLOB NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    received   INTEGER NOT NULL CHECK (received >= 0),
    lines      INTEGER NOT NULL CHECK (lines >= 0),
    records    INTEGER NOT NULL CHECK (records >= 0),
    chunks     INTEGER NOT NULL CHECK (chunks >= 0),
    -- The header of a CSV file, as it was sent.
    header     BLOB,
    complete   INTEGER NOT NULL CHECK (complete IN (0, 1)),
    changed_at TEXT NOT NULL
) STRICT;
CREATE INDEX uploads_open ON uploads (changed_at) WHERE complete = 0;

-- Records that wait to be stored, as they were sent; gone in the transaction that stores them.
CREATE TABLE upload_chunks (
    job_id       BLOB NOT NULL REFERENCES uploads (job_id) ON DELETE CASCADE,
    number       INTEGER NOT NULL CHECK (number > 0),
    -- How many lines of the file come before it.
    lines_before INTEGER NOT NULL CHECK (lines_before >= 0),
    content      BLOB NOT NULL,
    PRIMARY KEY (job_id, number)
) STRICT;

-- Why records were not stored; without anything of their text.
CREATE TABLE upload_refusals (
    job_id BLOB NOT NULL REFERENCES uploads (job_id) ON DELETE CASCADE,
    line   INTEGER NOT NULL CHECK (line > 0),
    reason TEXT NOT NULL,
    PRIMARY KEY (job_id, line)
) STRICT;

-- Files that exports write. `changed_at` is when one came into its state.
CREATE TABLE exports (
    job_id     BLOB NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    state      TEXT NOT NULL CHECK (state IN ('writing', 'ready', 'withdrawn', 'expired')),
    size       INTEGER NOT NULL CHECK (size >= 0),
    parts      INTEGER NOT NULL CHECK (parts >= 0),
    documents  INTEGER NOT NULL CHECK (documents >= 0),
    changed_at TEXT NOT NULL
) STRICT;
CREATE INDEX exports_by_age ON exports (state, changed_at);

-- The file in parts. Which documents are in a part is known by the range of their creation and the list of their ids, 16 bytes each.
CREATE TABLE export_parts (
    job_id        BLOB NOT NULL REFERENCES exports (job_id) ON DELETE CASCADE,
    number        INTEGER NOT NULL CHECK (number > 0),
    begins_at     INTEGER NOT NULL CHECK (begins_at >= 0),
    size          INTEGER NOT NULL CHECK (size >= 0),
    first_created TEXT,
    last_created  TEXT,
    documents     BLOB NOT NULL,
    -- What a Parquet file would end with if this part were all of it.
    footer        BLOB,
    content       BLOB NOT NULL,
    PRIMARY KEY (job_id, number)
) STRICT;
CREATE INDEX export_parts_by_place ON export_parts (job_id, begins_at);

-- Addresses at which other systems leave documents. Whoever knows the token may; the database has its hash.
CREATE TABLE push_urls (
    id              BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    collection_id   BLOB NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    name            TEXT NOT NULL,
    token_hash      BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    fields          TEXT NOT NULL CHECK (json_valid(fields)),
    created_by      BLOB REFERENCES api_keys (id) ON DELETE SET NULL,
    created_by_user BLOB REFERENCES users (id) ON DELETE SET NULL,
    created_at      TEXT NOT NULL
) STRICT;
CREATE INDEX push_urls_of_collection ON push_urls (collection_id, id);
CREATE INDEX push_urls_by_key ON push_urls (created_by);
CREATE INDEX push_urls_by_user ON push_urls (created_by_user);
