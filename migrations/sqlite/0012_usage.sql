-- The ledger: what was used on a day (UTC), by whom, in which collection, of which model. The nil UUID stands for none. Nothing
-- refers to keys, users and collections, because the books outlive them.
CREATE TABLE usage (
    day                 TEXT NOT NULL CHECK (length(day) = 10),
    api_key_id          BLOB NOT NULL CHECK (length(api_key_id) = 16),
    user_id             BLOB NOT NULL CHECK (length(user_id) = 16),
    collection_id       BLOB NOT NULL CHECK (length(collection_id) = 16),
    engine              TEXT NOT NULL,
    model               TEXT NOT NULL,
    calls               INTEGER NOT NULL CHECK (calls >= 0),
    input_tokens        INTEGER NOT NULL CHECK (input_tokens >= 0),
    cached_input_tokens INTEGER NOT NULL CHECK (cached_input_tokens >= 0),
    output_tokens       INTEGER NOT NULL CHECK (output_tokens >= 0),
    cost_microdollars   INTEGER NOT NULL CHECK (cost_microdollars >= 0),
    estimated_calls     INTEGER NOT NULL CHECK (estimated_calls >= 0),
    cache_hits          INTEGER NOT NULL CHECK (cache_hits >= 0),
    saved_microdollars  INTEGER NOT NULL CHECK (saved_microdollars >= 0),
    PRIMARY KEY (day, api_key_id, user_id, collection_id, engine, model)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_by_key ON usage (api_key_id, day);
CREATE INDEX usage_by_user ON usage (user_id, day);

-- The last transaction of each running server that added to the ledger, so that one of unknown outcome is not booked twice.
CREATE TABLE usage_writers (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    batch      INTEGER NOT NULL CHECK (batch >= 0),
    written_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
