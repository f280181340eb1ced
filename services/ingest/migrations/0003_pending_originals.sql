-- An original is put into the bucket before the transaction that makes it an item's. It is remembered here before, and
-- struck off in that transaction: what a crash left is found and deleted (ingest.sweeping).
CREATE TABLE pending_originals (
    tenant_id text        NOT NULL,
    item_id   text        NOT NULL,
    key       text        NOT NULL,
    put_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    swept_at  timestamptz,           -- from then on its object is being deleted, and may belong to no item
    PRIMARY KEY (tenant_id, item_id, key)
);
CREATE INDEX pending_originals_put ON pending_originals (put_at);
COMMENT ON TABLE pending_originals IS 'bookkeeping: originals that are being stored and belong to no item yet';

-- When the sweep has looked for the object of an expired form in vain.
ALTER TABLE uploads ADD COLUMN swept_at timestamptz;
CREATE INDEX uploads_unseen ON uploads (expires_at) WHERE ended_at IS NULL AND swept_at IS NULL;
CREATE INDEX uploads_expired ON uploads (expires_at);
