-- The ledger: what was used on a day (UTC), by whom, in which collection, of which model. The nil UUID stands for none. Nothing
-- refers to keys, users and collections, because the books outlive them.
CREATE TABLE usage (
    day                 DATE NOT NULL,
    api_key_id          UUID NOT NULL,
    user_id             UUID NOT NULL,
    collection_id       UUID NOT NULL,
    engine              TEXT NOT NULL,
    model               TEXT NOT NULL,
    calls               BIGINT NOT NULL CHECK (calls >= 0),
    input_tokens        BIGINT NOT NULL CHECK (input_tokens >= 0),
    cached_input_tokens BIGINT NOT NULL CHECK (cached_input_tokens >= 0),
    output_tokens       BIGINT NOT NULL CHECK (output_tokens >= 0),
    cost_microdollars   BIGINT NOT NULL CHECK (cost_microdollars >= 0),
    estimated_calls     BIGINT NOT NULL CHECK (estimated_calls >= 0),
    cache_hits          BIGINT NOT NULL CHECK (cache_hits >= 0),
    saved_microdollars  BIGINT NOT NULL CHECK (saved_microdollars >= 0),
    PRIMARY KEY (day, api_key_id, user_id, collection_id, engine, model)
);
CREATE INDEX usage_by_key ON usage (api_key_id, day);
CREATE INDEX usage_by_user ON usage (user_id, day);

-- The last transaction of each running server that added to the ledger, so that one of unknown outcome is not booked twice.
CREATE TABLE usage_writers (
    id         UUID NOT NULL PRIMARY KEY,
    batch      BIGINT NOT NULL CHECK (batch >= 0),
    written_at TIMESTAMPTZ NOT NULL
);
