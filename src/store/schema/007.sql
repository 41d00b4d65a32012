-- What the watch has raised: one row for each thing it is about, until it is over and whoever was told of it was told that
-- too.
CREATE TABLE alarm (
    -- What it is about: `password:univ/production`, `disk` ...
    subject TEXT PRIMARY KEY CHECK (length(subject) BETWEEN 1 AND 200),
    realm INTEGER REFERENCES realm (id),
    code TEXT NOT NULL,
    fault TEXT NOT NULL,
    gravity TEXT NOT NULL CHECK (gravity IN ('info', 'warning', 'critical')),
    -- How far it has come: of a date, which threshold was crossed last.
    stage INTEGER NOT NULL CHECK (stage >= 0),
    raised_at INTEGER NOT NULL,
    -- When code, gravity or stage changed last.
    changed_at INTEGER NOT NULL,
    cleared_at INTEGER,
    -- What people were told last, and when.
    noticed_at INTEGER,
    noticed_gravity TEXT CHECK (noticed_gravity IN ('info', 'warning', 'critical')),
    noticed_stage INTEGER,
    CHECK ((noticed_at IS NULL) = (noticed_gravity IS NULL) AND (noticed_at IS NULL) = (noticed_stage IS NULL))
) STRICT, WITHOUT ROWID;

-- Notices on their way to people: each leaves by one channel, and is gone when it has left.
CREATE TABLE notice (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Its name outside, the same at every try.
    mark TEXT NOT NULL CHECK (length(mark) = 26),
    channel TEXT NOT NULL CHECK (channel IN ('mail', 'webhook')),
    -- What it tells, as JSON.
    items TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    due INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0)
) STRICT;
