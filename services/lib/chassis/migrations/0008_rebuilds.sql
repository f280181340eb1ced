-- Rebuilds of the service's projections, in tables beside the live ones (chassis.rebuilds).
CREATE TABLE projection_rebuilds (
    rebuild_id     text        PRIMARY KEY,                  -- also that of the replay which fills the tables
    state          text        NOT NULL,
    who            text        NOT NULL,
    why            text        NOT NULL,
    changed        text[]      NOT NULL,                     -- tables whose rows are expected to differ
    tenants        text[]      NOT NULL,                     -- none: all of them
    until          xid8        NOT NULL DEFAULT '0',         -- own events of later transactions are folded live
    transaction_id xid8        NOT NULL DEFAULT '0',         -- the checkpoint in the service's own events
    position       bigint      NOT NULL DEFAULT 0,
    folded         bigint      NOT NULL DEFAULT 0,           -- own events so far
    is_own_done    boolean     NOT NULL DEFAULT false,
    failure        text,                                     -- why the tables beside miss something
    kept_until     timestamptz,                              -- when the tables beside are dropped
    requested_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- One at a time. Every unit of work looks here.
CREATE UNIQUE INDEX projection_rebuilds_alive ON projection_rebuilds ((true)) WHERE state IN ('folding', 'switched');
COMMENT ON TABLE projection_rebuilds IS 'bookkeeping: rebuilds of projections, and how far each is';

-- How many events of a replay were applied.
CREATE INDEX inbox_replays ON inbox (replay_id) WHERE replay_id <> '';
