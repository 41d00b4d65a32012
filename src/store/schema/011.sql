-- A file that waits for its other half (a plain PDF, or the data of one) counts in its account's quota. An index of its
-- own, beside flow_pending, which an older version still asks for as it is.
CREATE INDEX flow_half ON flow (account, size) WHERE kind = 'deposit' AND state IN ('incomplete', 'unmatched');

-- What was made of a pivot is known by its own hash.
CREATE INDEX conversion_document ON conversion (realm, document);

-- A PDF that has waited for its data for too long is told as such, those that wait already as well.
INSERT INTO work (realm, job, subject, due)
SELECT realm, 'intake', id, since FROM flow WHERE kind = 'deposit' AND state = 'incomplete'
ON CONFLICT DO NOTHING;
