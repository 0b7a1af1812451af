-- Who did what to which, when, from where, and what came of it. Rows are added, never changed or deleted.
CREATE TABLE audit (
    id          BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    at          TEXT NOT NULL,
    actor_kind  TEXT NOT NULL CHECK (actor_kind IN ('user', 'api_key', 'operator', 'anonymous')),
    actor_id    BLOB CHECK (length(actor_id) = 16),
    actor_name  TEXT NOT NULL,
    action      TEXT NOT NULL,
    target_kind TEXT,
    target_id   TEXT,
    target_name TEXT,
    detail      TEXT,
    result      TEXT NOT NULL CHECK (result IN ('done', 'refused')),
    address     TEXT,
    trace_id    TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_by_actor ON audit (actor_id, id);
CREATE INDEX audit_by_action ON audit (action, id);
CREATE INDEX audit_by_target ON audit (target_id, id);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'audit rows are not changed');
END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'audit rows are not deleted');
END;
-- A row that an INSERT OR REPLACE takes away is deleted without a trigger. There is no rowid, so that only the id can be taken.
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) BEGIN
    SELECT RAISE(ABORT, 'audit rows are not replaced');
END;
