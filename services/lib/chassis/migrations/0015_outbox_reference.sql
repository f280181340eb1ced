-- One statement writes an event and its row here, and events are never deleted: the reference could not break, yet its
-- check looked up and locked the event of every row. Both tables are locked in the order in which appends do it, or the
-- two would wait for each other.
LOCK TABLE events IN ACCESS EXCLUSIVE MODE;
ALTER TABLE outbox DROP CONSTRAINT outbox_position_fkey;
