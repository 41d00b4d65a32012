-- The flow by which an invoice that was refused, rejected or recalled is corrected: a file waits for a person as long as one
-- of its own is not. What came with a flow's last decision, so that it is shown again once something graver is over.
-- And that no further status is expected of an invoice: its recipient reports no payment.
ALTER TABLE invoice ADD COLUMN corrected_by TEXT CHECK (corrected_by > flow);
ALTER TABLE invoice ADD COLUMN told_out INTEGER NOT NULL DEFAULT 0 CHECK (told_out IN (0, 1));
ALTER TABLE flow ADD COLUMN verdict TEXT;
UPDATE flow SET verdict = fault WHERE kind = 'deposit' AND fault_code IN ('FG-403', 'FG-413', 'FG-431');
UPDATE invoice SET corrected_by = (
    SELECT min(later.flow) FROM invoice AS later
    WHERE later.realm = invoice.realm AND later.replaces = invoice.flow AND later.supplier = invoice.supplier
    AND (later.number = invoice.number OR instr(char(10) || later.preceding || char(10), char(10) || invoice.number || char(10)) > 0))
WHERE EXISTS (SELECT 1 FROM invoice AS later WHERE later.realm = invoice.realm AND later.replaces = invoice.flow);
