-- What may be used: by an API key, by a user with all their keys, in a collection, or, when none of them is named, by all.
CREATE TABLE budgets (
    id            UUID NOT NULL PRIMARY KEY,
    name          TEXT NOT NULL,
    api_key_id    UUID REFERENCES api_keys (id) ON DELETE CASCADE,
    user_id       UUID REFERENCES users (id) ON DELETE CASCADE,
    collection_id UUID REFERENCES collections (id) ON DELETE CASCADE,
    unit          TEXT NOT NULL CHECK (unit IN ('tokens', 'microdollars')),
    amount        BIGINT NOT NULL CHECK (amount >= 0),
    period        TEXT NOT NULL CHECK (period IN ('hour', 'day', 'month')),
    version       BIGINT NOT NULL CHECK (version > 0),
    created_at    TIMESTAMPTZ NOT NULL,
    updated_at    TIMESTAMPTZ NOT NULL,
    CHECK (num_nonnulls(api_key_id, user_id, collection_id) <= 1)
);
CREATE INDEX budgets_of_key ON budgets (api_key_id) WHERE api_key_id IS NOT NULL;
CREATE INDEX budgets_of_user ON budgets (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX budgets_of_collection ON budgets (collection_id) WHERE collection_id IS NOT NULL;
CREATE INDEX budgets_of_all ON budgets (id)
    WHERE api_key_id IS NULL AND user_id IS NULL AND collection_id IS NULL;

-- What of a budget was used, and is set aside, in one window of time.
CREATE TABLE budget_windows (
    budget_id    UUID NOT NULL REFERENCES budgets (id) ON DELETE CASCADE,
    window_start TIMESTAMPTZ NOT NULL,
    spent        BIGINT NOT NULL CHECK (spent >= 0),
    held         BIGINT NOT NULL CHECK (held >= 0),
    PRIMARY KEY (budget_id, window_start)
);

-- What is set aside for calls under way, with what the ledger needs if nobody says what they used. `lines` is a list of
-- {budget, window, amount}; a budget that was deleted meanwhile is skipped.
CREATE TABLE budget_holds (
    id            UUID NOT NULL PRIMARY KEY,
    api_key_id    UUID NOT NULL,
    user_id       UUID NOT NULL,
    collection_id UUID NOT NULL,
    engine        TEXT NOT NULL,
    model         TEXT NOT NULL,
    worst_tokens  BIGINT NOT NULL CHECK (worst_tokens >= 0),
    worst_cost    BIGINT NOT NULL CHECK (worst_cost >= 0),
    lines         JSONB NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    expires_at    TIMESTAMPTZ NOT NULL
);
CREATE INDEX budget_holds_by_expiry ON budget_holds (expires_at);
