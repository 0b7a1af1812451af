-- Texts and what their owners know about them. `seq` is the row number that the full-text index refers to.
CREATE TABLE documents (
    seq           INTEGER PRIMARY KEY,
    id            BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    collection_id BLOB NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    external_id   TEXT,
    title         TEXT,
    text          TEXT NOT NULL,
    attributes    TEXT NOT NULL CHECK (json_valid(attributes)),
    language      TEXT,
    content_hash  TEXT NOT NULL,
    version       INTEGER NOT NULL CHECK (version > 0),
    created_at    TEXT NOT NULL,
    updated_at    TEXT NOT NULL,
    UNIQUE (collection_id, external_id)
) STRICT;
CREATE INDEX documents_created ON documents (collection_id, created_at, id);
CREATE INDEX documents_updated ON documents (collection_id, updated_at, id);
CREATE INDEX documents_language ON documents (collection_id, language, created_at, id);

-- The words are kept apart from the texts, which the index reads back from `documents`.
CREATE VIRTUAL TABLE documents_fts USING fts5 (
    title, text,
    content = 'documents', content_rowid = 'seq',
    tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER documents_fts_insert AFTER INSERT ON documents BEGIN
    INSERT INTO documents_fts (rowid, title, text) VALUES (new.seq, new.title, new.text);
END;
CREATE TRIGGER documents_fts_delete AFTER DELETE ON documents BEGIN
    INSERT INTO documents_fts (documents_fts, rowid, title, text) VALUES ('delete', old.seq, old.title, old.text);
END;
CREATE TRIGGER documents_fts_update AFTER UPDATE OF title, text ON documents BEGIN
    INSERT INTO documents_fts (documents_fts, rowid, title, text) VALUES ('delete', old.seq, old.title, old.text);
    INSERT INTO documents_fts (rowid, title, text) VALUES (new.seq, new.title, new.text);
END;
