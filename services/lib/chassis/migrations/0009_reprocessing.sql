-- How the consumer is to reprocess (chassis.replays): extension attributes of each event that is published again.
ALTER TABLE replays ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}';

-- Orders to pause, resume or cancel that came before the replay was ordered: it begins in that state.
CREATE TABLE replay_turns (
    replay_id  text        PRIMARY KEY,
    state      text        NOT NULL,
    ordered_at timestamptz NOT NULL
);
CREATE INDEX replay_turns_by_age ON replay_turns (ordered_at);  -- for pruning: see chassis.retention
COMMENT ON TABLE replay_turns IS 'bookkeeping: orders about replays that are not known yet';

-- What replays may pay providers, and what came of their events (chassis.budgets).
CREATE TABLE replay_budgets (
    replay_id  text           PRIMARY KEY,
    budget_usd numeric(14, 6) NOT NULL,
    spent_usd  numeric(14, 6) NOT NULL DEFAULT 0,
    made       integer        NOT NULL DEFAULT 0,
    reused     integer        NOT NULL DEFAULT 0,
    failed     integer        NOT NULL DEFAULT 0,
    left_over  integer        NOT NULL DEFAULT 0,
    spent_at   timestamptz,                          -- when it did not suffice for another call
    updated_at timestamptz    NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX replay_budgets_by_age ON replay_budgets (updated_at);
COMMENT ON TABLE replay_budgets IS 'bookkeeping: what replays may pay providers, and have paid';

-- Calls of providers that are under way; one that is found here later has died, and what it may have cost is spent.
CREATE TABLE replay_reservations (
    reservation_id uuid           PRIMARY KEY,
    replay_id      text           NOT NULL REFERENCES replay_budgets ON DELETE CASCADE,
    event_id       text           NOT NULL,
    amount_usd     numeric(14, 6) NOT NULL,
    reserved_at    timestamptz    NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX replay_reservations_by_replay ON replay_reservations (replay_id, event_id);
COMMENT ON TABLE replay_reservations IS 'bookkeeping: calls of providers that a replay pays for and that are under way';
