-- Answers of models: what they used and cost, generated texts, and what question an answer can be given again for. A CHECK
-- cannot be changed in place, so that the rows move to a new table.
CREATE TABLE analyses_of_all (
    id                   BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind                 TEXT NOT NULL CHECK (kind IN ('summary', 'classification', 'generation')),
    document_id          BLOB REFERENCES documents (id) ON DELETE CASCADE,
    document_version     INTEGER,
    input_hash           TEXT NOT NULL,
    engine               TEXT NOT NULL,
    model                TEXT NOT NULL,
    taxonomy_id          BLOB REFERENCES taxonomies (id) ON DELETE CASCADE,
    taxonomy_version     INTEGER,
    label                TEXT,
    confidence           REAL CHECK (confidence BETWEEN 0 AND 1),
    options              TEXT NOT NULL CHECK (json_valid(options)),
    output               TEXT NOT NULL CHECK (json_valid(output)),
    duration_us          INTEGER NOT NULL CHECK (duration_us >= 0),
    degraded             INTEGER NOT NULL CHECK (degraded IN (0, 1)),
    trace_id             TEXT,
    created_by           BLOB REFERENCES api_keys (id) ON DELETE SET NULL,
    created_at           TEXT NOT NULL,
    created_by_user      BLOB REFERENCES users (id) ON DELETE SET NULL,
    collection_id        BLOB REFERENCES collections (id) ON DELETE CASCADE,
    degraded_reason      TEXT,
    prompt_id            BLOB REFERENCES prompts (id) ON DELETE CASCADE,
    prompt_version       INTEGER,
    input_tokens         INTEGER NOT NULL DEFAULT 0 CHECK (input_tokens >= 0),
    cached_input_tokens  INTEGER NOT NULL DEFAULT 0 CHECK (cached_input_tokens >= 0),
    output_tokens        INTEGER NOT NULL DEFAULT 0 CHECK (output_tokens >= 0),
    cost_microdollars    INTEGER NOT NULL DEFAULT 0 CHECK (cost_microdollars >= 0),
    calls                INTEGER NOT NULL DEFAULT 0 CHECK (calls >= 0),
    usage_estimated      INTEGER NOT NULL DEFAULT 0 CHECK (usage_estimated IN (0, 1)),
    -- SHA-256 over everything that the answer depends on; NULL for one that is not given again.
    cache_key            BLOB CHECK (length(cache_key) = 32)
) STRICT;
INSERT INTO analyses_of_all (id, kind, document_id, document_version, input_hash, engine, model, taxonomy_id,
    taxonomy_version, label, confidence, options, output, duration_us, degraded, trace_id, created_by, created_at,
    created_by_user, collection_id)
SELECT id, kind, document_id, document_version, input_hash, engine, model, taxonomy_id, taxonomy_version, label, confidence,
    options, output, duration_us, degraded, trace_id, created_by, created_at, created_by_user, collection_id FROM analyses;
DROP TABLE analyses;
ALTER TABLE analyses_of_all RENAME TO analyses;
CREATE INDEX analyses_created ON analyses (created_at, id);
CREATE INDEX analyses_of_document ON analyses (document_id, kind, created_at, id);
CREATE INDEX analyses_of_taxonomy ON analyses (taxonomy_id, label, created_at, id);
CREATE INDEX analyses_by_key ON analyses (created_by);
CREATE INDEX analyses_by_user ON analyses (created_by_user);
CREATE INDEX analyses_of_collection ON analyses (collection_id, created_at, id);
CREATE INDEX analyses_of_collection_by_label ON analyses (collection_id, taxonomy_id, label, created_at, id)
    WHERE label IS NOT NULL;
CREATE INDEX analyses_of_texts_by_user ON analyses (created_by_user, created_at, id) WHERE document_id IS NULL;
CREATE INDEX analyses_of_texts_by_key ON analyses (created_by, created_at, id) WHERE document_id IS NULL;
CREATE INDEX analyses_of_prompt ON analyses (prompt_id, created_at, id) WHERE prompt_id IS NOT NULL;
CREATE INDEX analyses_by_cache_key ON analyses (cache_key, created_at) WHERE cache_key IS NOT NULL;
