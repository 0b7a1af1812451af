-- What was deleted or changed, for the caches of every server on this database. Written in the transaction that deletes, kept for an
-- hour. Ids only grow: a server reads on from those that it has seen.
CREATE TABLE evictions (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The server that did it, whose own caches know already.
    origin   BLOB NOT NULL CHECK (length(origin) = 16),
    subjects TEXT NOT NULL CHECK (json_valid(subjects)),
    at       TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
) STRICT;
CREATE INDEX evictions_at ON evictions (at);
