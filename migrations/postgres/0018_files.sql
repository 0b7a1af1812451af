-- What was uploaded for an import, and how far. `received` is how many bytes are kept for good: a client that lost its connection
-- goes on from there. It is always at the end of a record.
CREATE TABLE uploads (
    job_id     UUID NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    received   BIGINT NOT NULL CHECK (received >= 0),
    lines      BIGINT NOT NULL CHECK (lines >= 0),
    records    BIGINT NOT NULL CHECK (records >= 0),
    chunks     BIGINT NOT NULL CHECK (chunks >= 0),
    -- The header of a CSV file, as it was sent.
    header     BYTEA,
    complete   BOOLEAN NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX uploads_open ON uploads (changed_at) WHERE NOT complete;

-- Records that wait to be stored, as they were sent; gone in the transaction that stores them.
CREATE TABLE upload_chunks (
    job_id       UUID NOT NULL REFERENCES uploads (job_id) ON DELETE CASCADE,
    number       BIGINT NOT NULL CHECK (number > 0),
    -- How many lines of the file come before it.
    lines_before BIGINT NOT NULL CHECK (lines_before >= 0),
    content      BYTEA NOT NULL,
    PRIMARY KEY (job_id, number)
);

-- Why records were not stored; without anything of their text.
CREATE TABLE upload_refusals (
    job_id UUID NOT NULL REFERENCES uploads (job_id) ON DELETE CASCADE,
    line   BIGINT NOT NULL CHECK (line > 0),
    reason TEXT NOT NULL,
    PRIMARY KEY (job_id, line)
);

-- Files that exports write. `changed_at` is when one came into its state.
CREATE TABLE exports (
    job_id     UUID NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    state      TEXT NOT NULL CHECK (state IN ('writing', 'ready', 'withdrawn', 'expired')),
    size       BIGINT NOT NULL CHECK (size >= 0),
    parts      BIGINT NOT NULL CHECK (parts >= 0),
    documents  BIGINT NOT NULL CHECK (documents >= 0),
    changed_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX exports_by_age ON exports (state, changed_at);

-- The file in parts. Which documents are in a part is known by the range of their creation and the list of their ids, 16 bytes each.
CREATE TABLE export_parts (
    job_id        UUID NOT NULL REFERENCES exports (job_id) ON DELETE CASCADE,
    number        BIGINT NOT NULL CHECK (number > 0),
    begins_at     BIGINT NOT NULL CHECK (begins_at >= 0),
    size          BIGINT NOT NULL CHECK (size >= 0),
    first_created TIMESTAMPTZ,
    last_created  TIMESTAMPTZ,
    documents     BYTEA NOT NULL,
    -- What a Parquet file would end with if this part were all of it.
    footer        BYTEA,
    content       BYTEA NOT NULL,
    PRIMARY KEY (job_id, number)
);
CREATE INDEX export_parts_by_place ON export_parts (job_id, begins_at);

-- Addresses at which other systems leave documents. Whoever knows the token may; the database has its hash.
CREATE TABLE push_urls (
    id              UUID NOT NULL PRIMARY KEY,
    collection_id   UUID NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    name            TEXT NOT NULL,
    token_hash      BYTEA NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    fields          JSONB NOT NULL,
    created_by      UUID REFERENCES api_keys (id) ON DELETE SET NULL,
    created_by_user UUID REFERENCES users (id) ON DELETE SET NULL,
    created_at      TIMESTAMPTZ NOT NULL
);
CREATE INDEX push_urls_of_collection ON push_urls (collection_id, id);
CREATE INDEX push_urls_by_key ON push_urls (created_by);
CREATE INDEX push_urls_by_user ON push_urls (created_by_user);
