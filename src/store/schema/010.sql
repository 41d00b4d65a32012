-- What came of asking Chorus Pro for the readable copy of a received invoice whose pivot has none, so that it is asked once;
-- and since when what completes an invoice waits in /recues, until the application takes it.
CREATE TABLE readable_copy (
    realm INTEGER NOT NULL,
    flow TEXT NOT NULL,
    -- The PDF; else why there is none, in both languages.
    sha256 BLOB REFERENCES document (sha256),
    missing_fr TEXT,
    missing_en TEXT,
    PRIMARY KEY (realm, flow),
    FOREIGN KEY (realm, flow) REFERENCES flow (realm, id),
    CHECK ((sha256 IS NULL) = (missing_fr IS NOT NULL) AND (sha256 IS NULL) = (missing_en IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- NULL where nothing waits: no folder was placed, or it was before this was written down.
ALTER TABLE complement ADD COLUMN placed_at INTEGER CHECK (placed_at IS NULL OR delivered_as IS NOT NULL);
ALTER TABLE complement ADD COLUMN taken_at INTEGER CHECK (taken_at IS NULL OR placed_at IS NOT NULL);
CREATE INDEX complement_untaken ON complement (placed_at) WHERE placed_at IS NOT NULL AND taken_at IS NULL;
