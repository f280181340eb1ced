COMMENT ON TABLE originals IS 'projection: the original of each item, from item-uploaded';
