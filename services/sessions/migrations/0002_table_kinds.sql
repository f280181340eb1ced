COMMENT ON TABLE turns IS 'projection: every turn that is not over, from turn-completed, session-deleted and session-expired';
COMMENT ON TABLE conversations IS 'projection: where the conversation of each session id begins and ended, from the same events';
COMMENT ON TABLE cleanups IS 'bookkeeping: the clean-ups that have run';
