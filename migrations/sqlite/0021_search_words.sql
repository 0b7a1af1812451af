-- Words are made of letters and decimal digits, as on PostgreSQL: of `m²` the `m`. The index is made anew from the texts; what keeps
-- it in step are triggers of `documents`, which stay.
DROP TABLE documents_fts;
CREATE VIRTUAL TABLE documents_fts USING fts5 (
    title, text,
    content = 'documents', content_rowid = 'seq',
    tokenize = "unicode61 remove_diacritics 2 categories 'L* Nd'"
);
INSERT INTO documents_fts (documents_fts, rank) VALUES ('secure-delete', 1);
INSERT INTO documents_fts (documents_fts) VALUES ('rebuild');
