-- Who is told of what happens in a collection. The secrets are needed to sign; nobody is shown them after they were made.
CREATE TABLE webhooks (
    id               UUID NOT NULL PRIMARY KEY,
    collection_id    UUID NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    name             TEXT NOT NULL,
    url              TEXT NOT NULL,
    events           JSONB NOT NULL,
    confidence_below DOUBLE PRECISION CHECK (confidence_below BETWEEN 0 AND 1),
    secret           TEXT NOT NULL,
    old_secret       TEXT,
    old_secret_until TIMESTAMPTZ,
    enabled          BOOLEAN NOT NULL,
    disabled_reason  TEXT,
    -- How many deliveries in a row were given up.
    given_up         BIGINT NOT NULL CHECK (given_up >= 0),
    version          BIGINT NOT NULL CHECK (version > 0),
    created_at       TIMESTAMPTZ NOT NULL,
    updated_at       TIMESTAMPTZ NOT NULL
);
CREATE INDEX webhooks_of_collection ON webhooks (collection_id, id);

-- What a webhook is told, and what came of it. What is about a document goes with the document.
CREATE TABLE webhook_deliveries (
    id          UUID NOT NULL PRIMARY KEY,
    webhook_id  UUID NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    document_id UUID REFERENCES documents (id) ON DELETE CASCADE,
    event       TEXT NOT NULL,
    -- Byte for byte as it is sent and signed.
    payload     TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    -- One more each time it is sent anew; work of an earlier turn does nothing.
    turn        BIGINT NOT NULL CHECK (turn > 0),
    attempts    BIGINT NOT NULL CHECK (attempts >= 0),
    log         JSONB NOT NULL,
    next_at     TIMESTAMPTZ,
    created_at  TIMESTAMPTZ NOT NULL,
    ended_at    TIMESTAMPTZ
);
CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (webhook_id, id) WHERE status = 'failed';
CREATE INDEX webhook_deliveries_of_document ON webhook_deliveries (document_id) WHERE document_id IS NOT NULL;
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (next_at) WHERE status = 'pending';
