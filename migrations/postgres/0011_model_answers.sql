-- Answers of models: what they used and cost, generated texts, and what question an answer can be given again for.
ALTER TABLE analyses DROP CONSTRAINT analyses_kind_check;
ALTER TABLE analyses ADD CONSTRAINT analyses_kind_check CHECK (kind IN ('summary', 'classification', 'generation'));
ALTER TABLE analyses
    ADD COLUMN degraded_reason     TEXT,
    ADD COLUMN prompt_id           UUID REFERENCES prompts (id) ON DELETE CASCADE,
    ADD COLUMN prompt_version      BIGINT,
    ADD COLUMN input_tokens        BIGINT NOT NULL DEFAULT 0 CHECK (input_tokens >= 0),
    ADD COLUMN cached_input_tokens BIGINT NOT NULL DEFAULT 0 CHECK (cached_input_tokens >= 0),
    ADD COLUMN output_tokens       BIGINT NOT NULL DEFAULT 0 CHECK (output_tokens >= 0),
    ADD COLUMN cost_microdollars   BIGINT NOT NULL DEFAULT 0 CHECK (cost_microdollars >= 0),
    ADD COLUMN calls               BIGINT NOT NULL DEFAULT 0 CHECK (calls >= 0),
    ADD COLUMN usage_estimated     BOOLEAN NOT NULL DEFAULT FALSE,
    -- SHA-256 over everything that the answer depends on; NULL for one that is not given again.
    ADD COLUMN cache_key           BYTEA CHECK (length(cache_key) = 32);
CREATE INDEX analyses_of_prompt ON analyses (prompt_id, created_at, id) WHERE prompt_id IS NOT NULL;
CREATE INDEX analyses_by_cache_key ON analyses (cache_key, created_at) WHERE cache_key IS NOT NULL;
