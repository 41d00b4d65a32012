-- The versions of the rules and tables that a dropped file was held against (JSON).
ALTER TABLE flow ADD COLUMN rules TEXT;
