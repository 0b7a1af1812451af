-- Texts and what their owners know about them. `words` is the full-text index's view of title and text; it takes the first
-- 600 000 characters, because a tsvector holds at most one megabyte. Punctuation only separates words, as in SQLite; left alone,
-- `AB-17` would be `ab` and `-17`, and an e-mail address one word.
CREATE TABLE documents (
    id            UUID NOT NULL PRIMARY KEY,
    collection_id UUID NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    external_id   TEXT,
    title         TEXT,
    text          TEXT NOT NULL,
    attributes    JSONB NOT NULL,
    language      TEXT,
    content_hash  TEXT NOT NULL,
    version       BIGINT NOT NULL CHECK (version > 0),
    created_at    TIMESTAMPTZ NOT NULL,
    updated_at    TIMESTAMPTZ NOT NULL,
    words         TSVECTOR NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('simple'::regconfig,
            translate(coalesce(title, ''), '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32))), 'A')
        || setweight(to_tsvector('simple'::regconfig,
            translate(left(text, 600000), '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32))), 'D')
    ) STORED,
    UNIQUE (collection_id, external_id)
);
CREATE INDEX documents_created ON documents (collection_id, created_at, id);
CREATE INDEX documents_updated ON documents (collection_id, updated_at, id);
CREATE INDEX documents_language ON documents (collection_id, language, created_at, id);
CREATE INDEX documents_words ON documents USING gin (words);
