-- Schema 1. Never edit a numbered file once it was released: add the next one.
-- Instants are milliseconds since 1970 UTC. Hashes are 32 raw bytes. `realm` stands for establishment and environment.

CREATE TABLE realm (
    id INTEGER PRIMARY KEY,
    establishment TEXT NOT NULL CHECK (length(establishment) BETWEEN 1 AND 32),
    environment TEXT NOT NULL CHECK (environment IN ('production', 'qualification', 'practice')),
    UNIQUE (establishment, environment)
) STRICT;

-- A document's bytes, or NULL when they are the file documents/ab/abcd... of its hash.
CREATE TABLE document (
    sha256 BLOB PRIMARY KEY CHECK (length(sha256) = 32),
    size INTEGER NOT NULL CHECK (size >= 0),
    content BLOB CHECK (content IS NULL OR length(content) = size),
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE flow (
    realm INTEGER NOT NULL REFERENCES realm (id),
    id TEXT NOT NULL UNIQUE CHECK (length(id) = 26),
    kind TEXT NOT NULL CHECK (kind IN ('deposit', 'reception', 'status_change')),
    account TEXT NOT NULL CHECK (length(account) BETWEEN 1 AND 32),
    state TEXT NOT NULL CHECK (
        (kind = 'deposit' AND state IN ('received', 'ready', 'sending', 'doubtful', 'deposited', 'integrated',
            'partly_integrated', 'rejected', 'refused', 'abandoned'))
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
    -- What a person may search for, in lower case.
    search TEXT NOT NULL,
    PRIMARY KEY (realm, id),
    CHECK (kind <> 'deposit' OR sha256 IS NOT NULL),
    CHECK (kind <> 'reception' OR state = 'found' OR sha256 IS NOT NULL),
    CHECK ((sha256 IS NULL) = (size IS NULL))
) STRICT;
-- Never twice: one live deposit of the same bytes.
CREATE UNIQUE INDEX flow_live_deposit ON flow (realm, sha256)
    WHERE kind = 'deposit' AND state NOT IN ('rejected', 'refused', 'abandoned');
CREATE UNIQUE INDEX flow_reception ON flow (realm, chorus_id) WHERE kind = 'reception';
CREATE INDEX flow_pending ON flow (account, size)
    WHERE kind = 'deposit' AND state IN ('received', 'ready', 'sending', 'doubtful');
CREATE INDEX flow_state ON flow (kind, state);
CREATE INDEX flow_stuck ON flow (id) WHERE fault IS NOT NULL;
CREATE INDEX flow_waits ON flow (id) WHERE waits = 1;
-- Without a verdict: stuck when it is late.
CREATE INDEX flow_deposited ON flow (since)
    WHERE kind = 'deposit' AND state IN ('sending', 'doubtful', 'deposited');
CREATE INDEX flow_delivered ON flow (account, id) WHERE kind = 'reception' AND state = 'delivered';
CREATE INDEX flow_received_at ON flow (kind, received_at);

-- A dropped file: taken, a duplicate, or refused. Its id names the receipt. No realm: no route told whose it was.
CREATE TABLE arrival (
    id TEXT PRIMARY KEY CHECK (length(id) = 26),
    realm INTEGER REFERENCES realm (id),
    account TEXT NOT NULL CHECK (length(account) BETWEEN 1 AND 32),
    folder TEXT NOT NULL,
    file TEXT NOT NULL,
    sha256 BLOB CHECK (length(sha256) = 32),
    size INTEGER CHECK (size >= 0),
    at INTEGER NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('taken', 'duplicate', 'refused')),
    flow TEXT,
    fault TEXT,
    FOREIGN KEY (realm, flow) REFERENCES flow (realm, id),
    CHECK (outcome <> 'taken' OR (flow = id AND fault IS NULL)),
    CHECK (outcome <> 'duplicate' OR (flow IS NOT NULL AND flow <> id AND fault IS NOT NULL)),
    CHECK (outcome <> 'refused' OR (flow IS NULL AND fault IS NOT NULL)),
    CHECK (outcome = 'refused' OR (realm IS NOT NULL AND sha256 IS NOT NULL AND size IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX arrival_flow ON arrival (realm, flow);
CREATE INDEX arrival_at ON arrival (at);

CREATE TABLE invoice (
    realm INTEGER NOT NULL,
    flow TEXT NOT NULL,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    number TEXT NOT NULL,
    supplier TEXT NOT NULL,
    supplier_name TEXT NOT NULL,
    recipient TEXT NOT NULL,
    recipient_name TEXT NOT NULL,
    issued_on TEXT,
    payable TEXT,
    type_code TEXT NOT NULL,
    chorus_id INTEGER,
    status TEXT,
    status_at TEXT,
    refused TEXT,
    PRIMARY KEY (realm, flow, ordinal),
    FOREIGN KEY (realm, flow) REFERENCES flow (realm, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX invoice_number ON invoice (realm, number, supplier);

-- The history of an invoice at Chorus Pro.
CREATE TABLE status (
    realm INTEGER NOT NULL,
    flow TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    n INTEGER NOT NULL CHECK (n >= 0),
    status TEXT NOT NULL,
    at TEXT NOT NULL,
    author TEXT,
    comment TEXT,
    PRIMARY KEY (realm, flow, ordinal, n),
    UNIQUE (realm, flow, ordinal, status, at),
    FOREIGN KEY (realm, flow, ordinal) REFERENCES invoice (realm, flow, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE finding (
    realm INTEGER NOT NULL,
    flow TEXT NOT NULL,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    rule TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('fatal', 'warning')),
    place TEXT NOT NULL,
    message TEXT NOT NULL,
    remedy TEXT NOT NULL,
    PRIMARY KEY (realm, flow, ordinal),
    FOREIGN KEY (realm, flow) REFERENCES flow (realm, id)
) STRICT, WITHOUT ROWID;

-- A try to deposit. The row is durable before the first byte leaves.
CREATE TABLE attempt (
    realm INTEGER NOT NULL,
    flow TEXT NOT NULL,
    n INTEGER NOT NULL CHECK (n >= 1),
    intent_at INTEGER NOT NULL,
    ended_at INTEGER,
    deposit_number TEXT,
    outcome TEXT CHECK (outcome IN ('not_sent', 'deposit_accepted', 'deposit_refused', 'answer_lost')),
    detail TEXT,
    PRIMARY KEY (realm, flow, n),
    FOREIGN KEY (realm, flow) REFERENCES flow (realm, id),
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX attempt_open ON attempt (realm, flow) WHERE outcome IS NULL;

-- Work to be done. `subject` is a flow, or the arrival whose receipt is due. No realm: the receipt of a refusal without one.
CREATE TABLE work (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    realm INTEGER REFERENCES realm (id),
    job TEXT NOT NULL CHECK (job IN ('intake', 'deposit', 'doubt', 'integration', 'statuses', 'receipt', 'fetch', 'deliver')),
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
CREATE UNIQUE INDEX work_once ON work (subject, job);
CREATE INDEX work_due ON work (job, realm, due) WHERE token IS NULL;
CREATE INDEX work_leased ON work (until) WHERE token IS NOT NULL;

CREATE TABLE halt (
    realm INTEGER PRIMARY KEY REFERENCES realm (id),
    code TEXT NOT NULL,
    fault TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE memory (
    realm INTEGER NOT NULL REFERENCES realm (id),
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (realm, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE person (
    name TEXT PRIMARY KEY,
    password TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The journal. `bytes` is the record; the other columns are found in it, and verification compares them.
CREATE TABLE leaf (
    seq INTEGER PRIMARY KEY CHECK (seq >= 0),
    bytes BLOB NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    establishment TEXT NOT NULL,
    establishment_seq INTEGER NOT NULL CHECK (establishment_seq >= 0),
    flow TEXT CHECK (length(flow) = 26)
) STRICT;
CREATE UNIQUE INDEX leaf_establishment ON leaf (establishment, establishment_seq);
CREATE INDEX leaf_flow ON leaf (flow, seq) WHERE flow IS NOT NULL;

-- Complete inner subtrees: FORMAT.md, "Tree".
CREATE TABLE node (
    level INTEGER NOT NULL CHECK (level BETWEEN 1 AND 63),
    place INTEGER NOT NULL CHECK (place >= 0),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, place)
) STRICT, WITHOUT ROWID;

-- What the commitments of a leaf stand for. A row may be erased: the leaf stays, its value is gone.
CREATE TABLE salt (
    seq INTEGER NOT NULL,
    field TEXT NOT NULL,
    salt BLOB NOT NULL CHECK (length(salt) >= 16),
    value TEXT NOT NULL,
    PRIMARY KEY (seq, field)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
    n INTEGER PRIMARY KEY CHECK (n >= 1),
    size INTEGER NOT NULL UNIQUE CHECK (size >= 0),
    root BLOB NOT NULL CHECK (length(root) = 32),
    note TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- The public keys that have signed checkpoints here, in the text form FORMAT.md describes.
CREATE TABLE journal_key (
    n INTEGER PRIMARY KEY CHECK (n >= 1),
    vkey TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- How much there must be of each: a cut tail is noticed.
CREATE TABLE journal (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    leaves INTEGER NOT NULL CHECK (leaves >= 0),
    checkpoints INTEGER NOT NULL CHECK (checkpoints >= 0)
) STRICT;
INSERT INTO journal VALUES (1, 0, 0);
