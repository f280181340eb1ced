-- Words are stemmed by the language of the line they stand in (retrieval.stemming): other lexemes.
-- rebuild: documents, postings, tenant_stats
COMMENT ON TABLE postings IS 'projection: which words, stemmed by their language, and parts of words, are in which document, from item-analyzed';
