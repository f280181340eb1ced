-- Replays of this service's events, and how far each is (chassis.replays).
CREATE TABLE replays (
    replay_id      text        PRIMARY KEY,
    consumer       text        NOT NULL,
    kind           text        NOT NULL,
    selection      jsonb       NOT NULL,
    rate           integer     NOT NULL,                     -- events a second at most
    until          xid8        NOT NULL,                     -- later transactions' events are delivered live
    state          text        NOT NULL,
    step           integer     NOT NULL,                     -- an earlier step's message has nothing to do any more
    transaction_id xid8        NOT NULL DEFAULT '0',         -- the checkpoint
    position       bigint      NOT NULL DEFAULT 0,
    counts         jsonb       NOT NULL,
    requested_at   timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX replays_by_age ON replays (updated_at);  -- for pruning: see chassis.retention
COMMENT ON TABLE replays IS 'bookkeeping: replays of this service''s events, and how far each is';
