-- Who is told of what happens in a collection. The secrets are needed to sign; nobody is shown them after they were made.
CREATE TABLE webhooks (
    id               BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    collection_id    BLOB NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    name             TEXT NOT NULL,
    url              TEXT NOT NULL,
    events           TEXT NOT NULL CHECK (json_valid(events)),
    confidence_below REAL CHECK (confidence_below BETWEEN 0 AND 1),
    secret           TEXT NOT NULL,
    old_secret       TEXT,
    old_secret_until TEXT,
    enabled          INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    disabled_reason  TEXT,
    -- How many deliveries in a row were given up.
    given_up         INTEGER NOT NULL CHECK (given_up >= 0),
    version          INTEGER NOT NULL CHECK (version > 0),
    created_at       TEXT NOT NULL,
    updated_at       TEXT NOT NULL
) STRICT;
CREATE INDEX webhooks_of_collection ON webhooks (collection_id, id);

-- What a webhook is told, and what came of it. What is about a document goes with the document.
CREATE TABLE webhook_deliveries (
    id          BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    webhook_id  BLOB NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    document_id BLOB REFERENCES documents (id) ON DELETE CASCADE,
    event       TEXT NOT NULL,
    -- Byte for byte as it is sent and signed.
    payload     TEXT NOT NULL CHECK (json_valid(payload)),
    status      TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    -- One more each time it is sent anew; work of an earlier turn does nothing.
    turn        INTEGER NOT NULL CHECK (turn > 0),
    attempts    INTEGER NOT NULL CHECK (attempts >= 0),
    log         TEXT NOT NULL CHECK (json_valid(log)),
    next_at     TEXT,
    created_at  TEXT NOT NULL,
    ended_at    TEXT
) STRICT;
CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (webhook_id, id) WHERE status = 'failed';
CREATE INDEX webhook_deliveries_of_document ON webhook_deliveries (document_id) WHERE document_id IS NOT NULL;
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (next_at) WHERE status = 'pending';
