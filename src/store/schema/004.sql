-- How a flow's file is announced to Chorus Pro, as its check decided. (A flow checked before this schema has no row.)
CREATE TABLE announcement (
    realm INTEGER NOT NULL,
    flow TEXT NOT NULL,
    -- syntaxeFlux and avecSignature.
    syntax TEXT NOT NULL CHECK (length(syntax) BETWEEN 1 AND 60),
    signed INTEGER NOT NULL CHECK (signed IN (0, 1)),
    PRIMARY KEY (realm, flow),
    FOREIGN KEY (realm, flow) REFERENCES flow (realm, id)
) STRICT, WITHOUT ROWID;

-- What a dropped file was turned into, because Chorus Pro does not take it as it came: `document` is what is sent.
CREATE TABLE conversion (
    realm INTEGER NOT NULL,
    flow TEXT NOT NULL,
    source BLOB NOT NULL CHECK (length(source) = 32),
    document BLOB NOT NULL REFERENCES document (sha256),
    source_syntax TEXT NOT NULL,
    syntax TEXT NOT NULL,
    -- What could not be carried: a JSON array of paths.
    lost TEXT NOT NULL,
    PRIMARY KEY (realm, flow),
    FOREIGN KEY (realm, flow) REFERENCES flow (realm, id)
) STRICT, WITHOUT ROWID;

-- A member of an archive that was refused: it is laid into the folder of refused files once.
CREATE TABLE refused_member (
    realm INTEGER NOT NULL,
    flow TEXT NOT NULL,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    -- Its place among the archive's members; its name there.
    place INTEGER NOT NULL CHECK (place >= 0),
    name TEXT NOT NULL,
    fault TEXT NOT NULL,
    findings TEXT NOT NULL,
    placed INTEGER NOT NULL DEFAULT 0 CHECK (placed IN (0, 1)),
    PRIMARY KEY (realm, flow, ordinal),
    FOREIGN KEY (realm, flow) REFERENCES flow (realm, id)
) STRICT, WITHOUT ROWID;

-- A file that completes a suspended invoice.
CREATE TABLE piece (
    realm INTEGER NOT NULL,
    flow TEXT NOT NULL,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    name TEXT NOT NULL,
    kind TEXT,
    document BLOB NOT NULL REFERENCES document (sha256),
    -- pieceJointeId, once Chorus Pro has it.
    attachment INTEGER,
    PRIMARY KEY (realm, flow, ordinal),
    FOREIGN KEY (realm, flow) REFERENCES flow (realm, id)
) STRICT, WITHOUT ROWID;
