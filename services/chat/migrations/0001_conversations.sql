-- Where each conversation stands: how many turns it has, and the checkpoint that its next turn goes on from.
-- A checkpoint counts from the moment this row names it; what a failed turn left in DynamoDB is never read.
CREATE TABLE conversations (
    tenant_id     text        NOT NULL,
    session_id    text        NOT NULL,
    turns         integer     NOT NULL DEFAULT 0,      -- completed since the beginning
    checkpoint_id text,                                -- NULL: the next turn is the first
    started_at    timestamptz,                         -- completion of the first turn
    last_turn_at  timestamptz,                         -- completion of the latest
    lease         text,                                -- held by the turn that is under way
    lease_until   timestamptz,                         -- a turn that died with its process blocks no longer than this
    PRIMARY KEY (tenant_id, session_id)
);
