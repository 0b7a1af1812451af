-- Who is told of what happens in a collection. The secrets are needed to sign; nobody is shown them after they were made.
CREATE TABLE webhooks (
    id               UUID NOT NULL PRIMARY KEY,
    collection_id    UUID NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    url              TEXT NOT NULL,
    description      TEXT NOT NULL,
    events           JSONB NOT NULL,
    threshold        DOUBLE PRECISION CHECK (threshold BETWEEN 0 AND 1),
    secret           TEXT NOT NULL,
    old_secret       TEXT,
    old_secret_until TIMESTAMPTZ,
    enabled          BOOLEAN NOT NULL,
    disabled_reason  TEXT,
    -- Since when no attempt has succeeded; NULL when the last one did.
    failing_since    TIMESTAMPTZ,
    version          BIGINT NOT NULL CHECK (version > 0),
    created_at       TIMESTAMPTZ NOT NULL,
    updated_at       TIMESTAMPTZ NOT NULL
);
CREATE INDEX webhooks_of_collection ON webhooks (collection_id, id);

-- What a webhook is told, and what came of it. What is about a document goes with the document.
CREATE TABLE deliveries (
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
CREATE INDEX deliveries_of_webhook ON deliveries (webhook_id, id);
CREATE INDEX deliveries_failed ON deliveries (webhook_id, id) WHERE status = 'failed';
CREATE INDEX deliveries_of_document ON deliveries (document_id) WHERE document_id IS NOT NULL;
CREATE INDEX deliveries_by_age ON deliveries (created_at);
CREATE INDEX deliveries_pending ON deliveries (next_at) WHERE status = 'pending';
