-- The row of an ended conversation stays, so that a turn that arrives late finds the end.
COMMENT ON TABLE conversations IS 'tombstone: where the conversation of each session id begins and ended, from turn-completed, session-deleted and session-expired';
