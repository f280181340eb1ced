-- Tables that are made from events alone, apart from how far work is (chassis.tables).

-- Somebody is asking a model about the item's picture right now.
CREATE TABLE leases (
    tenant_id text        NOT NULL,
    item_id   text        NOT NULL,
    until     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, item_id)
);
INSERT INTO leases (tenant_id, item_id, until)
SELECT tenant_id, item_id, analyzing_until FROM pictures WHERE analyzing_until > now();
ALTER TABLE pictures DROP COLUMN analyzing_until;

-- item-analyzed carries it from version 1.1 on; a row that is folded from an older event has none.
ALTER TABLE analyses ALTER COLUMN sha256 DROP NOT NULL;
-- The rows that are there were made of such events, and a projection holds what its events say.
UPDATE analyses SET sha256 = NULL;

COMMENT ON TABLE pictures IS 'projection: the newest image-processed of each item';
COMMENT ON TABLE analyses IS 'projection: every version of each item''s description, from item-analyzed';
COMMENT ON TABLE leases IS 'bookkeeping: pictures that a model is being asked about';
