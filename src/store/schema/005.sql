-- Who may be invoiced, as Chorus Pro says: a copy of what is public there, refreshed, never journalled row by row. It is
-- the same whichever establishment asks, so its keys name the environment alone.

-- How far each environment's directory is.
CREATE TABLE directory (
    environment TEXT PRIMARY KEY CHECK (environment IN ('production', 'qualification', 'practice')),
    -- The number of the last edition that was begun; rows bear the last one that named them.
    edition INTEGER NOT NULL DEFAULT 0 CHECK (edition >= 0),
    -- When the archive was downloaded whose edition was read to its end, and how many structures it has.
    fetched_at INTEGER,
    structures INTEGER NOT NULL DEFAULT 0 CHECK (structures >= 0),
    -- When the archive was downloaded that lies there and is not read yet.
    unread_at INTEGER,
    -- Tries that came to nothing since, why, and not before when the next one.
    tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    fault TEXT,
    retry_at INTEGER,
    -- Since when a person wants it refreshed.
    wanted_at INTEGER,
    CHECK ((fault IS NULL) = (tries = 0))
) STRICT, WITHOUT ROWID;

-- A structure. What Chorus Pro did not say is NULL, which is not "no".
CREATE TABLE structure (
    environment TEXT NOT NULL CHECK (environment IN ('production', 'qualification', 'practice')),
    -- SIRET; of structures overseas also RIDET or Tahiti numbers.
    siret TEXT NOT NULL CHECK (length(siret) BETWEEN 1 AND 40),
    -- Chorus Pro's own number: only of one that was consulted.
    chorus_id INTEGER,
    name TEXT,
    active INTEGER CHECK (active IN (0, 1)),
    service_required INTEGER CHECK (service_required IN (0, 1)),
    commitment_required INTEGER CHECK (commitment_required IN (0, 1)),
    commitment_or_service INTEGER CHECK (commitment_or_service IN (0, 1)),
    payment_reported INTEGER CHECK (payment_reported IN (0, 1)),
    source TEXT NOT NULL CHECK (source IN ('directory', 'consulted')),
    fetched_at INTEGER NOT NULL,
    -- The last edition that named it; 0: none did.
    edition INTEGER NOT NULL CHECK (edition >= 0),
    PRIMARY KEY (environment, siret)
) STRICT, WITHOUT ROWID;

CREATE TABLE structure_service (
    environment TEXT NOT NULL,
    siret TEXT NOT NULL,
    code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 400),
    name TEXT,
    active INTEGER CHECK (active IN (0, 1)),
    commitment_required INTEGER CHECK (commitment_required IN (0, 1)),
    edition INTEGER NOT NULL CHECK (edition >= 0),
    PRIMARY KEY (environment, siret, code),
    FOREIGN KEY (environment, siret) REFERENCES structure (environment, siret) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- What is to be asked of Chorus Pro, or was: about a structure (number ''), or whether it knows a commitment number.
CREATE TABLE enquiry (
    environment TEXT NOT NULL CHECK (environment IN ('production', 'qualification', 'practice')),
    siret TEXT NOT NULL CHECK (length(siret) BETWEEN 1 AND 40),
    number TEXT NOT NULL CHECK (length(number) <= 100),
    -- With whose technical account.
    establishment TEXT NOT NULL,
    -- NULL: nothing is to be asked for now.
    due INTEGER,
    tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    answered_at INTEGER,
    found INTEGER CHECK (found IN (0, 1)),
    PRIMARY KEY (environment, siret, number),
    CHECK ((answered_at IS NULL) = (found IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX enquiry_due ON enquiry (due) WHERE due IS NOT NULL;
