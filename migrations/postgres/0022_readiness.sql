-- Written to find out whether anything can be written: by whoever asks a server whether it is ready.
CREATE TABLE readiness (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    at TIMESTAMPTZ NOT NULL
);
