-- Named templates for generated texts. Every change makes a version, and versions never change.
CREATE TABLE prompts (
    id          UUID NOT NULL PRIMARY KEY,
    slug        TEXT NOT NULL UNIQUE,
    version     BIGINT NOT NULL CHECK (version > 0),
    created_at  TIMESTAMPTZ NOT NULL
);

CREATE TABLE prompt_versions (
    prompt_id         UUID NOT NULL REFERENCES prompts (id) ON DELETE CASCADE,
    version           BIGINT NOT NULL CHECK (version > 0),
    name              TEXT NOT NULL,
    description       TEXT NOT NULL,
    system_template   TEXT NOT NULL,
    user_template     TEXT NOT NULL,
    variables         JSONB NOT NULL,
    output_schema     JSONB,
    max_output_tokens BIGINT CHECK (max_output_tokens > 0),
    temperature       DOUBLE PRECISION CHECK (temperature BETWEEN 0 AND 2),
    created_at        TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (prompt_id, version)
);
