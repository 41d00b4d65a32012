-- In which role the establishment got an invoice of others: as its recipient, or as the validator of what a sub- or
-- co-contractor sends to somebody else. The same invoice may come to it in both.
ALTER TABLE flow ADD COLUMN role TEXT NOT NULL DEFAULT 'recipient'
    CHECK (role IN ('recipient', 'validator') AND (kind = 'reception' OR role = 'recipient'));
DROP INDEX flow_reception;
CREATE UNIQUE INDEX flow_reception ON flow (realm, chorus_id, role) WHERE kind = 'reception';
