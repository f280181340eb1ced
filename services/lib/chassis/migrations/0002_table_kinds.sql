-- What each table is: a log of facts, bookkeeping of how far work is, or a projection that is made from events alone
-- (chassis.tables). Every table of every service says so.
COMMENT ON TABLE events IS 'log: the facts this service recorded';
COMMENT ON TABLE outbox IS 'bookkeeping: recorded facts that are not known to be on the bus';
COMMENT ON TABLE inbox IS 'bookkeeping: deliveries that were applied';
COMMENT ON TABLE tombstones IS 'projection: subjects that are deleted for good';
COMMENT ON TABLE schema_migrations IS 'bookkeeping: migrations that were applied';
