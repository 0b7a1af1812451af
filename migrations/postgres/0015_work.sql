-- Work in the background. A lane is what waits for one collection in one queue; the lane that was served longest ago is served
-- next, so that a large collection does not stand in the way of a small one.
CREATE TABLE lanes (
    id            UUID NOT NULL PRIMARY KEY,
    queue         TEXT NOT NULL CHECK (queue IN ('arrivals', 'jobs', 'deliveries')),
    collection_id UUID NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    served_at     TIMESTAMPTZ NOT NULL,
    UNIQUE (queue, collection_id)
);
CREATE INDEX lanes_served ON lanes (queue, served_at, id);
CREATE INDEX lanes_of_collection ON lanes (collection_id);

-- Long work that somebody asked for. `total` is what was known of its size; `planned` says that all of its items are there.
CREATE TABLE jobs (
    id              UUID NOT NULL PRIMARY KEY,
    kind            TEXT NOT NULL CHECK (kind IN ('import', 'analyze', 'backfill', 'export', 'delete')),
    collection_id   UUID NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    status          TEXT NOT NULL CHECK (status IN ('queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')),
    parameters      JSONB NOT NULL,
    planned         BOOLEAN NOT NULL,
    total           BIGINT CHECK (total >= 0),
    done            BIGINT NOT NULL CHECK (done >= 0),
    unchanged       BIGINT NOT NULL CHECK (unchanged >= 0),
    refused         BIGINT NOT NULL CHECK (refused >= 0),
    failed          BIGINT NOT NULL CHECK (failed >= 0),
    acts_as         TEXT NOT NULL CHECK (acts_as IN ('operator', 'key', 'user')),
    created_by      UUID REFERENCES api_keys (id) ON DELETE SET NULL,
    created_by_user UUID REFERENCES users (id) ON DELETE SET NULL,
    trace_id        TEXT,
    created_at      TIMESTAMPTZ NOT NULL,
    starts_at       TIMESTAMPTZ,
    started_at      TIMESTAMPTZ,
    finished_at     TIMESTAMPTZ
);
CREATE INDEX jobs_of_collection ON jobs (collection_id, id);
CREATE INDEX jobs_open ON jobs (status, id) WHERE finished_at IS NULL;
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_by_key ON jobs (created_by);
CREATE INDEX jobs_by_user ON jobs (created_by_user);

-- One piece of work. `due_at` is when it may be taken up; for one that is taken up, when others may take it over; NULL when it has
-- ended. Whoever took it up knows the `lease`, and ends it in the same transaction as its effect, or not at all.
CREATE TABLE work (
    id            UUID NOT NULL PRIMARY KEY,
    lane_id       UUID NOT NULL REFERENCES lanes (id) ON DELETE CASCADE,
    job_id        UUID REFERENCES jobs (id) ON DELETE CASCADE,
    document_id   UUID REFERENCES documents (id) ON DELETE CASCADE,
    kind          TEXT NOT NULL CHECK (kind IN ('plan', 'analyze', 'import', 'export', 'delete', 'deliver')),
    -- Of a rule of the collection's automation: one row a document and rule.
    rule          TEXT,
    payload       JSONB NOT NULL,
    status        TEXT NOT NULL CHECK (status IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    due_at        TIMESTAMPTZ,
    attempts      BIGINT NOT NULL CHECK (attempts >= 0),
    lease         UUID,
    code          TEXT,
    reason        TEXT,
    analysis_id   UUID REFERENCES analyses (id) ON DELETE SET NULL,
    enqueued_at   TIMESTAMPTZ NOT NULL,
    ended_at      TIMESTAMPTZ,
    UNIQUE (document_id, rule)
);
CREATE INDEX work_due ON work (lane_id, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX work_of_job ON work (job_id, id) WHERE job_id IS NOT NULL;
CREATE INDEX work_open_of_job ON work (job_id) WHERE job_id IS NOT NULL AND due_at IS NOT NULL;
CREATE INDEX work_failed ON work (id) WHERE status = 'failed';
CREATE INDEX work_of_document ON work (document_id) WHERE document_id IS NOT NULL;
CREATE INDEX work_of_analysis ON work (analysis_id) WHERE analysis_id IS NOT NULL;

-- Servers that do work in the background, as they said of themselves a moment ago.
CREATE TABLE workers (
    id         UUID NOT NULL PRIMARY KEY,
    host       TEXT NOT NULL,
    pid        BIGINT NOT NULL,
    role       TEXT NOT NULL CHECK (role IN ('all', 'api', 'worker')),
    version    TEXT NOT NULL,
    doing      JSONB NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    seen_at    TIMESTAMPTZ NOT NULL
);
CREATE INDEX workers_seen ON workers (seen_at);

-- Regular work, taken up by whoever is first when it is due.
CREATE TABLE schedules (
    name        TEXT NOT NULL PRIMARY KEY,
    due_at      TIMESTAMPTZ NOT NULL,
    ran_at      TIMESTAMPTZ,
    took_us     BIGINT CHECK (took_us >= 0),
    outcome     TEXT
);
