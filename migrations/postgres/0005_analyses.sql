-- Recorded answers. `document_id` is NULL for a text that was sent along and is stored nowhere.
CREATE TABLE analyses (
    id               UUID NOT NULL PRIMARY KEY,
    kind             TEXT NOT NULL CHECK (kind IN ('summary', 'classification')),
    document_id      UUID REFERENCES documents (id) ON DELETE CASCADE,
    document_version BIGINT,
    input_hash       TEXT NOT NULL,
    engine           TEXT NOT NULL,
    model            TEXT NOT NULL,
    taxonomy_id      UUID REFERENCES taxonomies (id) ON DELETE CASCADE,
    taxonomy_version BIGINT,
    label            TEXT,
    confidence       DOUBLE PRECISION CHECK (confidence BETWEEN 0 AND 1),
    options          JSONB NOT NULL,
    output           JSONB NOT NULL,
    duration_us      BIGINT NOT NULL CHECK (duration_us >= 0),
    degraded         BOOLEAN NOT NULL,
    trace_id         TEXT,
    created_by       UUID REFERENCES api_keys (id) ON DELETE SET NULL,
    created_at       TIMESTAMPTZ NOT NULL
);
CREATE INDEX analyses_created ON analyses (created_at, id);
CREATE INDEX analyses_of_document ON analyses (document_id, kind, created_at, id);
CREATE INDEX analyses_of_taxonomy ON analyses (taxonomy_id, label, created_at, id);
CREATE INDEX analyses_by_key ON analyses (created_by);
