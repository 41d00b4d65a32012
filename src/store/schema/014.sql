-- A pivot of several invoices that was taken in part may be dropped again whole: what was made of it is known by itself.
DROP INDEX flow_live_deposit;
CREATE UNIQUE INDEX flow_live_deposit ON flow (realm, sha256)
    WHERE kind = 'deposit' AND parent IS NULL AND state NOT IN ('joined', 'rejected', 'refused', 'abandoned')
    AND NOT (state = 'partly_integrated' AND syntax IS 'pivot');
