-- Words of several parts are found by their parts and by all of them joined (retrieval.text): other lexemes, other lengths.
-- rebuild: documents, postings, tenant_stats
COMMENT ON TABLE postings IS 'projection: which words, and parts of words, are in which document, from item-analyzed';
