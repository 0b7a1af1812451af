-- What may be used: by an API key, by a user with all their keys, in a collection, or, when none of them is named, by all.
CREATE TABLE budgets (
    id            BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name          TEXT NOT NULL,
    api_key_id    BLOB REFERENCES api_keys (id) ON DELETE CASCADE,
    user_id       BLOB REFERENCES users (id) ON DELETE CASCADE,
    collection_id BLOB REFERENCES collections (id) ON DELETE CASCADE,
    unit          TEXT NOT NULL CHECK (unit IN ('tokens', 'microdollars')),
    amount        INTEGER NOT NULL CHECK (amount >= 0),
    period        TEXT NOT NULL CHECK (period IN ('hour', 'day', 'month')),
    version       INTEGER NOT NULL CHECK (version > 0),
    created_at    TEXT NOT NULL,
    updated_at    TEXT NOT NULL,
    CHECK ((api_key_id IS NOT NULL) + (user_id IS NOT NULL) + (collection_id IS NOT NULL) <= 1)
) STRICT;
CREATE INDEX budgets_of_key ON budgets (api_key_id) WHERE api_key_id IS NOT NULL;
CREATE INDEX budgets_of_user ON budgets (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX budgets_of_collection ON budgets (collection_id) WHERE collection_id IS NOT NULL;
CREATE INDEX budgets_of_all ON budgets (id)
    WHERE api_key_id IS NULL AND user_id IS NULL AND collection_id IS NULL;

-- What of a budget was used, and is set aside, in one window of time.
CREATE TABLE budget_windows (
    budget_id    BLOB NOT NULL REFERENCES budgets (id) ON DELETE CASCADE,
    window_start TEXT NOT NULL,
    spent        INTEGER NOT NULL CHECK (spent >= 0),
    held         INTEGER NOT NULL CHECK (held >= 0),
    PRIMARY KEY (budget_id, window_start)
) STRICT, WITHOUT ROWID;

-- What is set aside for calls under way, with what the ledger needs if nobody says what they used. `lines` is a list of
-- {budget, window, amount}; a budget that was deleted meanwhile is skipped.
CREATE TABLE budget_holds (
    id            BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    api_key_id    BLOB NOT NULL CHECK (length(api_key_id) = 16),
    user_id       BLOB NOT NULL CHECK (length(user_id) = 16),
    collection_id BLOB NOT NULL CHECK (length(collection_id) = 16),
    engine        TEXT NOT NULL,
    model         TEXT NOT NULL,
    worst_tokens  INTEGER NOT NULL CHECK (worst_tokens >= 0),
    worst_cost    INTEGER NOT NULL CHECK (worst_cost >= 0),
    lines         TEXT NOT NULL CHECK (json_valid(lines)),
    created_at    TEXT NOT NULL,
    expires_at    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX budget_holds_by_expiry ON budget_holds (expires_at);
