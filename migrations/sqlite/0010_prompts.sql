-- Named templates for generated texts. Every change makes a version, and versions never change.
CREATE TABLE prompts (
    id          BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    slug        TEXT NOT NULL UNIQUE,
    version     INTEGER NOT NULL CHECK (version > 0),
    created_at  TEXT NOT NULL
) STRICT;

CREATE TABLE prompt_versions (
    prompt_id         BLOB NOT NULL REFERENCES prompts (id) ON DELETE CASCADE,
    version           INTEGER NOT NULL CHECK (version > 0),
    name              TEXT NOT NULL,
    description       TEXT NOT NULL,
    system_template   TEXT NOT NULL,
    user_template     TEXT NOT NULL,
    variables         TEXT NOT NULL CHECK (json_valid(variables)),
    output_schema     TEXT CHECK (json_valid(output_schema)),
    max_output_tokens INTEGER CHECK (max_output_tokens > 0),
    temperature       REAL CHECK (temperature BETWEEN 0 AND 2),
    created_at        TEXT NOT NULL,
    PRIMARY KEY (prompt_id, version)
) STRICT;
