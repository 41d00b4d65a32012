-- What a search last showed of a received invoice (status and date), so that its history is asked for once a change; the
-- numbers of the invoices that one refers to (BT-25, one a line) and the flow that it corrects; and the pieces by which a
-- supplier completed an invoice that was suspended.
ALTER TABLE invoice ADD COLUMN seen TEXT;
ALTER TABLE invoice ADD COLUMN preceding TEXT NOT NULL DEFAULT '';
ALTER TABLE invoice ADD COLUMN replaces TEXT CHECK (replaces <> flow);
CREATE INDEX invoice_replaces ON invoice (realm, replaces) WHERE replaces IS NOT NULL;

CREATE TABLE complement (
    realm INTEGER NOT NULL,
    flow TEXT NOT NULL,
    n INTEGER NOT NULL CHECK (n >= 1),
    -- When the invoice became COMPLETEE, as Chorus Pro writes it.
    completed_at TEXT NOT NULL,
    -- The pivot as it is since then; NULL until it is downloaded.
    sha256 BLOB REFERENCES document (sha256),
    -- 1 when its new pieces were placed, or it has none.
    placed INTEGER NOT NULL DEFAULT 0 CHECK (placed IN (0, 1)),
    -- The folder under /recues; NULL until it is placed, and when nothing was new.
    delivered_as TEXT,
    PRIMARY KEY (realm, flow, n),
    FOREIGN KEY (realm, flow) REFERENCES flow (realm, id),
    CHECK (placed = 0 OR sha256 IS NOT NULL),
    CHECK (delivered_as IS NULL OR placed = 1)
) STRICT, WITHOUT ROWID;
CREATE INDEX complement_open ON complement (realm, flow) WHERE placed = 0;
