-- The row of an ended conversation stays, so that a turn that arrives late finds the end.
COMMENT ON TABLE conversations IS 'tombstone: turns and ends of each conversation, from turn-completed, session-deleted, session-expired';
