-- A plain PDF waits for its data, and data for their PDF; the form that both become is submitted and answered at once.
-- Checks change, so tables are made anew (foreign keys are off while upgrades run, and checked at the end).

CREATE TABLE flow_new (
    realm INTEGER NOT NULL REFERENCES realm (id),
    id TEXT NOT NULL UNIQUE CHECK (length(id) = 26),
    kind TEXT NOT NULL CHECK (kind IN ('deposit', 'reception', 'status_change')),
    account TEXT NOT NULL CHECK (length(account) BETWEEN 1 AND 32),
    state TEXT NOT NULL CHECK (
        (kind = 'deposit' AND state IN ('received', 'incomplete', 'unmatched', 'ready', 'sending', 'doubtful', 'deposited', 'split',
            'joined', 'integrated', 'partly_integrated', 'rejected', 'refused', 'abandoned'))
        OR (kind = 'reception' AND state IN ('found', 'fetched', 'delivered', 'taken'))
        OR (kind = 'status_change' AND state IN ('asked', 'sending', 'done', 'refused', 'doubtful'))),
    is_final INTEGER NOT NULL CHECK (is_final IN (0, 1)),
    file TEXT NOT NULL,
    sha256 BLOB REFERENCES document (sha256),
    size INTEGER CHECK (size >= 0),
    syntax TEXT,
    received_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    since INTEGER NOT NULL,
    deposit_number TEXT CHECK (length(deposit_number) BETWEEN 1 AND 25),
    fault_code TEXT,
    fault TEXT CHECK ((fault IS NULL) = (fault_code IS NULL)),
    -- 1 while a person must act.
    waits INTEGER NOT NULL DEFAULT 0 CHECK (waits IN (0, 1)),
    delivered_as TEXT,
    chorus_id INTEGER CHECK ((kind = 'reception') = (chorus_id IS NOT NULL)),
    -- The split file this flow is a part of; its receipt tells of this flow.
    parent TEXT CHECK (parent <> id),
    -- Of a split file: parts that were refused outright, and so are no flows.
    refused_parts INTEGER NOT NULL DEFAULT 0 CHECK (refused_parts >= 0),
    -- What a person may search for, in lower case.
    search TEXT NOT NULL,
    PRIMARY KEY (realm, id),
    FOREIGN KEY (realm, parent) REFERENCES flow (realm, id),
    CHECK (kind <> 'deposit' OR sha256 IS NOT NULL),
    CHECK (kind <> 'reception' OR state = 'found' OR sha256 IS NOT NULL),
    CHECK ((sha256 IS NULL) = (size IS NULL))
) STRICT;
INSERT INTO flow_new (realm, id, kind, account, state, is_final, file, sha256, size, syntax, received_at, changed_at, since, deposit_number,
    fault_code, fault, waits, delivered_as, chorus_id, parent, refused_parts, search)
SELECT realm, id, kind, account, state, is_final, file, sha256, size, syntax, received_at, changed_at, since, deposit_number,
    fault_code, fault, waits, delivered_as, chorus_id, parent, refused_parts, search FROM flow;
DROP TABLE flow;
ALTER TABLE flow_new RENAME TO flow;
CREATE UNIQUE INDEX flow_live_deposit ON flow (realm, sha256)
    WHERE kind = 'deposit' AND parent IS NULL AND state NOT IN ('joined', 'rejected', 'refused', 'abandoned');
CREATE INDEX flow_content ON flow (realm, sha256) WHERE kind = 'deposit';
CREATE UNIQUE INDEX flow_reception ON flow (realm, chorus_id) WHERE kind = 'reception';
CREATE INDEX flow_pending ON flow (account, size)
    WHERE kind = 'deposit' AND state IN ('received', 'ready', 'sending', 'doubtful');
CREATE INDEX flow_state ON flow (kind, state);
CREATE INDEX flow_stuck ON flow (id) WHERE fault IS NOT NULL;
CREATE INDEX flow_waits ON flow (id) WHERE waits = 1;
CREATE INDEX flow_deposited ON flow (since)
    WHERE kind = 'deposit' AND state IN ('sending', 'doubtful', 'deposited');
CREATE INDEX flow_delivered ON flow (account, id) WHERE kind = 'reception' AND state = 'delivered';
CREATE INDEX flow_received_at ON flow (kind, received_at);
CREATE INDEX flow_parent ON flow (realm, parent) WHERE parent IS NOT NULL;

CREATE TABLE attempt_new (
    realm INTEGER NOT NULL,
    flow TEXT NOT NULL,
    n INTEGER NOT NULL CHECK (n >= 1),
    intent_at INTEGER NOT NULL,
    ended_at INTEGER,
    deposit_number TEXT,
    outcome TEXT CHECK (outcome IN ('not_sent', 'deposit_accepted', 'deposit_refused', 'answer_lost', 'accepted', 'refused',
        'submitted')),
    detail TEXT,
    PRIMARY KEY (realm, flow, n),
    FOREIGN KEY (realm, flow) REFERENCES flow (realm, id),
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO attempt_new SELECT realm, flow, n, intent_at, ended_at, deposit_number, outcome, detail FROM attempt;
DROP TABLE attempt;
ALTER TABLE attempt_new RENAME TO attempt;
CREATE UNIQUE INDEX attempt_open ON attempt (realm, flow) WHERE outcome IS NULL;
CREATE INDEX attempt_number ON attempt (realm, deposit_number) WHERE deposit_number IS NOT NULL;

CREATE TABLE work_new (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    realm INTEGER REFERENCES realm (id),
    job TEXT NOT NULL CHECK (job IN ('intake', 'reading', 'deposit', 'doubt', 'integration', 'statuses', 'receipt', 'fetch',
        'deliver', 'change', 'change_doubt')),
    subject TEXT NOT NULL CHECK (length(subject) = 26),
    due INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    token INTEGER,
    until INTEGER,
    -- Asked for again while leased: due then, when the lease ends.
    again INTEGER CHECK (again IS NULL OR token IS NOT NULL),
    CHECK ((token IS NULL) = (until IS NULL)),
    CHECK (realm IS NOT NULL OR job = 'receipt')
) STRICT;
INSERT INTO work_new (id, realm, job, subject, due, tries, token, until, again)
SELECT id, realm, job, subject, due, tries, token, until, again FROM work;
DROP TABLE work;
ALTER TABLE work_new RENAME TO work;
CREATE UNIQUE INDEX work_once ON work (subject, job);
CREATE INDEX work_due ON work (job, realm, due) WHERE token IS NULL;
CREATE INDEX work_leased ON work (until) WHERE token IS NOT NULL;

-- What a plain PDF is submitted with. Of data that wait for their PDF, or went to it: which PDF is meant.
CREATE TABLE pdf_data (
    realm INTEGER NOT NULL,
    flow TEXT NOT NULL,
    -- The name of the PDF that data are for, and its hash where they tell it.
    pdf TEXT,
    pdf_sha256 BLOB CHECK (length(pdf_sha256) = 32),
    -- The data, as JSON of config/schema/pdf-sidecar.schema.json.
    data TEXT,
    -- What Chorus Pro read of the PDF: a proposal for the form.
    proposal TEXT,
    -- Of data that went to their PDF: its flow.
    joined TEXT CHECK (joined <> flow),
    PRIMARY KEY (realm, flow),
    FOREIGN KEY (realm, flow) REFERENCES flow (realm, id),
    FOREIGN KEY (realm, joined) REFERENCES flow (realm, id)
) STRICT, WITHOUT ROWID;

-- Files that go with a plain PDF, by the names its data give them.
CREATE TABLE enclosure (
    realm INTEGER NOT NULL,
    flow TEXT NOT NULL,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    name TEXT NOT NULL,
    sha256 BLOB NOT NULL REFERENCES document (sha256),
    PRIMARY KEY (realm, flow, ordinal),
    FOREIGN KEY (realm, flow) REFERENCES flow (realm, id)
) STRICT, WITHOUT ROWID;
