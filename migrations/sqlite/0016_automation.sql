-- What a collection does with its documents by itself.
ALTER TABLE collections ADD COLUMN automation TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(automation));
