-- Which file under a temporary name a drop was, when it was one: handed over once more, because its answer died on the
-- way, it is the same drop and no duplicate.
ALTER TABLE arrival ADD COLUMN staged TEXT CHECK (length(staged) BETWEEN 1 AND 64);
CREATE INDEX arrival_staged ON arrival (staged, account) WHERE staged IS NOT NULL;
