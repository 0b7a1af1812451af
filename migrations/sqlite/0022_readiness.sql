-- Written to find out whether anything can be written: by whoever asks a server whether it is ready.
CREATE TABLE readiness (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at TEXT NOT NULL
) STRICT;
