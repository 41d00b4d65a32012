-- Who has read what ended a flow badly, and when: it leaves the first screen, and stays in the list, until its fault changes.
ALTER TABLE flow ADD COLUMN seen_at INTEGER;
ALTER TABLE flow ADD COLUMN seen_by TEXT CHECK ((seen_by IS NULL) = (seen_at IS NULL));

-- Whether its parts are flows of their own.
ALTER TABLE flow ADD COLUMN is_split INTEGER NOT NULL DEFAULT 0 CHECK (is_split IN (0, 1));
UPDATE flow SET is_split = 1 WHERE id IN (SELECT parent FROM flow WHERE parent IS NOT NULL);

-- As what the first screen counts a flow; NULL: it is no invoice of its own. Data of a PDF, complements and status files are
-- none. A split file is its parts; but members that were refused outright are no flows, so their file stands for them.
ALTER TABLE flow ADD COLUMN counts_as TEXT GENERATED ALWAYS AS (CASE
    WHEN kind <> 'deposit' THEN state
    WHEN syntax IN ('pdf-data', 'complement', 'statuses') THEN NULL
    WHEN refused_parts > 0 THEN 'refused'
    WHEN is_split = 1 THEN NULL
    ELSE state END) VIRTUAL;
CREATE INDEX flow_counted ON flow (kind, counts_as, id);
