-- One statement writes an event and its row here, and events are never deleted: the reference could not break, yet its
-- check looked up and locked the event of every row.
ALTER TABLE outbox DROP CONSTRAINT outbox_position_fkey;
