-- Deletion erases the payloads of its subject's events (chassis.erasure): the event stays, and says nothing of a person.
ALTER TABLE events ADD COLUMN is_erased boolean NOT NULL DEFAULT false;

-- Subjects that were deleted before: the relay erases their streams, a batch at a time.
ALTER TABLE tombstones ADD COLUMN is_erased boolean NOT NULL DEFAULT false;
CREATE INDEX tombstones_to_erase ON tombstones (tenant_id, subject) WHERE NOT is_erased;
