-- Closed sets of labels. `version` is the newest; the versions themselves never change.
CREATE TABLE taxonomies (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    slug       TEXT NOT NULL UNIQUE,
    version    INTEGER NOT NULL CHECK (version > 0),
    created_at TEXT NOT NULL
) STRICT;
CREATE TABLE taxonomy_versions (
    taxonomy_id BLOB NOT NULL REFERENCES taxonomies (id) ON DELETE CASCADE,
    version     INTEGER NOT NULL CHECK (version > 0),
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    threshold   REAL CHECK (threshold BETWEEN 0 AND 1),
    labels      TEXT NOT NULL CHECK (json_valid(labels)),
    created_at  TEXT NOT NULL,
    PRIMARY KEY (taxonomy_id, version)
) STRICT;
