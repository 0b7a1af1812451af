-- Recorded answers. `document_id` is NULL for a text that was sent along and is stored nowhere.
CREATE TABLE analyses (
    id               BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind             TEXT NOT NULL CHECK (kind IN ('summary', 'classification')),
    document_id      BLOB REFERENCES documents (id) ON DELETE CASCADE,
    document_version INTEGER,
    input_hash       TEXT NOT NULL,
    engine           TEXT NOT NULL,
    model            TEXT NOT NULL,
    taxonomy_id      BLOB REFERENCES taxonomies (id) ON DELETE CASCADE,
    taxonomy_version INTEGER,
    label            TEXT,
    confidence       REAL CHECK (confidence BETWEEN 0 AND 1),
    options          TEXT NOT NULL CHECK (json_valid(options)),
    output           TEXT NOT NULL CHECK (json_valid(output)),
    duration_us      INTEGER NOT NULL CHECK (duration_us >= 0),
    degraded         INTEGER NOT NULL CHECK (degraded IN (0, 1)),
    trace_id         TEXT,
    created_by       BLOB REFERENCES api_keys (id) ON DELETE SET NULL,
    created_at       TEXT NOT NULL
) STRICT;
CREATE INDEX analyses_created ON analyses (created_at, id);
CREATE INDEX analyses_of_document ON analyses (document_id, kind, created_at, id);
CREATE INDEX analyses_of_taxonomy ON analyses (taxonomy_id, label, created_at, id);
CREATE INDEX analyses_by_key ON analyses (created_by);
