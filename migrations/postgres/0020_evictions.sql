-- What was deleted or changed, for the caches of every server on this database. Written in the transaction that deletes, kept for an
-- hour. Ids only grow, but may become visible out of their order: a server reads again what is near those that it has seen.
CREATE TABLE evictions (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The server that did it, whose own caches know already.
    origin   UUID NOT NULL,
    subjects JSONB NOT NULL,
    at       TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX evictions_at ON evictions (at);
