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

-- item-analyzed does not carry it, and need not: an item's original never changes, and `pictures` has its hash. The
-- same content under the same prompt and model of the same tenant is still not paid for twice.
DROP INDEX analyses_by_content;
ALTER TABLE analyses DROP COLUMN sha256;
CREATE INDEX pictures_by_content ON pictures (tenant_id, sha256);

COMMENT ON TABLE pictures IS 'projection: the newest image-processed of each item';
COMMENT ON TABLE analyses IS 'projection: every version of each item''s description, from item-analyzed';
COMMENT ON TABLE leases IS 'bookkeeping: pictures that a model is being asked about';
