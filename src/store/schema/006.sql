-- A part may be the very bytes of its file, or of another part: only what was dropped is once by its bytes.
DROP INDEX flow_live_deposit;
-- Never twice: one live drop of the same bytes.
CREATE UNIQUE INDEX flow_live_deposit ON flow (realm, sha256)
    WHERE kind = 'deposit' AND parent IS NULL AND state NOT IN ('rejected', 'refused', 'abandoned');
CREATE INDEX flow_content ON flow (realm, sha256) WHERE kind = 'deposit';
CREATE INDEX attempt_number ON attempt (realm, deposit_number) WHERE deposit_number IS NOT NULL;

-- 1: Chorus Pro takes an invoice of this kind more than once (direct payment), so that its number proves nothing.
ALTER TABLE invoice ADD COLUMN repeatable INTEGER NOT NULL DEFAULT 0 CHECK (repeatable IN (0, 1));

-- The last look at Chorus Pro for a flow's invoices, for the person who decides.
CREATE TABLE look (
    realm INTEGER NOT NULL,
    flow TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    -- Since when every look was answered; none: this one was not.
    answered_since INTEGER,
    PRIMARY KEY (realm, flow),
    FOREIGN KEY (realm, flow) REFERENCES flow (realm, id)
) STRICT, WITHOUT ROWID;

-- An invoice that a look showed, of one of the flow's numbers, whoever its supplier.
CREATE TABLE sighting (
    realm INTEGER NOT NULL,
    flow TEXT NOT NULL,
    chorus_id INTEGER NOT NULL,
    number TEXT NOT NULL,
    supplier TEXT,
    supplier_name TEXT,
    recipient TEXT,
    deposit_number TEXT,
    deposited_on TEXT,
    issued_on TEXT,
    payable TEXT,
    status TEXT NOT NULL,
    PRIMARY KEY (realm, flow, chorus_id),
    FOREIGN KEY (realm, flow) REFERENCES flow (realm, id)
) STRICT, WITHOUT ROWID;
