-- How a conversation's work goes on is no fact: it moves into a table of its own, and `conversations` keeps what follows
-- from events, the ends included.
CREATE TABLE agent_memory (
    tenant_id     text NOT NULL,
    session_id    text NOT NULL,
    checkpoint_id text,                                -- NULL: the next turn is the first
    lease         text,                                -- held by the turn that is under way
    lease_until   timestamptz,                         -- a turn that died with its process blocks no longer than this
    PRIMARY KEY (tenant_id, session_id)
);
INSERT INTO agent_memory (tenant_id, session_id, checkpoint_id, lease, lease_until)
SELECT tenant_id, session_id, checkpoint_id, lease, lease_until FROM conversations
 WHERE checkpoint_id IS NOT NULL OR lease IS NOT NULL;

ALTER TABLE conversations
    DROP COLUMN checkpoint_id,
    DROP COLUMN lease,
    DROP COLUMN lease_until,
    ADD COLUMN deleted_at timestamptz,                 -- time of the latest deletion
    ADD COLUMN expired_at timestamptz;                 -- the latest turn that an expiry speaks of
DELETE FROM conversations WHERE last_turn_at IS NULL;
COMMENT ON COLUMN conversations.turns IS 'the number of the latest turn';
COMMENT ON COLUMN conversations.started_at IS 'completion of the latest first turn';

COMMENT ON TABLE conversations IS 'projection: turns and ends of each conversation, from turn-completed, session-deleted, session-expired';
COMMENT ON TABLE agent_memory IS 'bookkeeping: the checkpoint that counts and the turn under way, of each conversation';
