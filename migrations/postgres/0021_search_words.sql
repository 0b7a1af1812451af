-- Words are searched as on SQLite, whatever locale the database was made with: letters and digits in any case, without the accents
-- of Latin letters and the stress marks of others; everything else only separates words. ICU's root locale says what a letter is.
--
-- A tsvector holds at most one megabyte of words: those of 550 000 characters of ASCII, or of 200 000 that take up to four bytes.
-- Where a text is ASCII the short way does the same.
CREATE FUNCTION searchable(content TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    CASE
        WHEN octet_length(content) = char_length(content) THEN
            translate(left(content, 550000), '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32))
        ELSE regexp_replace(
            lower(regexp_replace(
                normalize(
                    regexp_replace(
                        normalize(
                            left(content, CASE WHEN octet_length(left(content, 550000)) <= 560000 THEN 550000 ELSE 200000 END),
                            NFD
                        ),
                        '([A-Za-z])[\u0300-\u036f]+', '\1', 'g'
                    ),
                    NFC
                ),
                '[\u0300-\u036f]+', '', 'g'
            ) COLLATE "und-x-icu"),
            '[^[:alnum:]]+', ' ', 'g'
        )
    END;

ALTER TABLE documents DROP COLUMN words;
ALTER TABLE documents ADD COLUMN words TSVECTOR NOT NULL GENERATED ALWAYS AS (
    setweight(to_tsvector('simple'::regconfig, searchable(coalesce(title, ''))), 'A')
    || setweight(to_tsvector('simple'::regconfig, searchable(text)), 'D')
) STORED;
CREATE INDEX documents_words ON documents USING gin (words);
