-- Rows are claimed in a short transaction, published outside of any, and struck off in another: see chassis.outbox.
ALTER TABLE outbox
    ADD COLUMN claimed_until timestamptz,
    ADD COLUMN attempts      integer NOT NULL DEFAULT 0,
    ADD COLUMN reason        text,         -- why the latest attempt failed
    ADD COLUMN parked_at     timestamptz;  -- since when nobody tries any more
-- The time of the row, not of the transaction, which may have waited for a lock before.
ALTER TABLE outbox ALTER COLUMN recorded_at SET DEFAULT clock_timestamp();
CREATE INDEX outbox_waiting ON outbox (position) WHERE parked_at IS NULL;
CREATE INDEX outbox_parked ON outbox (parked_at) WHERE parked_at IS NOT NULL;

-- For pruning: see chassis.retention.
CREATE INDEX inbox_received ON inbox (received_at);
