-- Who has seen an alarm, and when: it stays on the page and calls nobody any more, until it gets graver or comes anew.

ALTER TABLE alarm ADD COLUMN acknowledged_at INTEGER;
ALTER TABLE alarm ADD COLUMN acknowledged_by TEXT CHECK ((acknowledged_by IS NULL) = (acknowledged_at IS NULL));
