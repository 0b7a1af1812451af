-- Closed sets of labels. `version` is the newest; the versions themselves never change.
CREATE TABLE taxonomies (
    id         UUID NOT NULL PRIMARY KEY,
    slug       TEXT NOT NULL UNIQUE,
    version    BIGINT NOT NULL CHECK (version > 0),
    created_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE taxonomy_versions (
    taxonomy_id UUID NOT NULL REFERENCES taxonomies (id) ON DELETE CASCADE,
    version     BIGINT NOT NULL CHECK (version > 0),
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    threshold   DOUBLE PRECISION CHECK (threshold BETWEEN 0 AND 1),
    labels      JSONB NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (taxonomy_id, version)
);
