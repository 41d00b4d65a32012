-- By which flow an invoice at Chorus Pro came, where the number was learned after the try.
CREATE INDEX flow_deposit_number ON flow (realm, deposit_number) WHERE deposit_number IS NOT NULL;
