COMMENT ON TABLE items IS 'projection: the state of every item, from the events of all services about it';
COMMENT ON TABLE item_history IS 'projection: what happened to every item, from the events of all services about it';
COMMENT ON TABLE uploads IS 'bookkeeping: forms for direct uploads that were handed out, until their object arrives';
