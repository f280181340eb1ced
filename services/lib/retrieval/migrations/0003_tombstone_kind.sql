COMMENT ON TABLE deleted_items IS 'tombstone: items that are deleted for good, from item-deleted';
