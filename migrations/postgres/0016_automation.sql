-- What a collection does with its documents by itself.
ALTER TABLE collections ADD COLUMN automation JSONB NOT NULL DEFAULT '[]';
