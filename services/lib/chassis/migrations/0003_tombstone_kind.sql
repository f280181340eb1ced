-- Tombstones are folded from events as projections are, but outlive their subjects (chassis.tables).
COMMENT ON TABLE tombstones IS 'tombstone: subjects that are deleted for good';
