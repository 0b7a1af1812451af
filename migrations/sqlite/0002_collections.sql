-- Named streams of documents.
CREATE TABLE collections (
    id          BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    slug        TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    version     INTEGER NOT NULL CHECK (version > 0),
    created_at  TEXT NOT NULL,
    updated_at  TEXT NOT NULL
) STRICT;
