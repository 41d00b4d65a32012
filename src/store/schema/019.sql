-- The last signed file of tables that was accepted: an older one is refused after a restart too.
CREATE TABLE tables_accepted (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version TEXT NOT NULL,
    -- Of its text without the signatures.
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32)
) STRICT;
