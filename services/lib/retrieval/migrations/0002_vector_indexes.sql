-- Which tenants' HNSW indexes are built. Not made from events: it moves out of `tenant_stats`, which is.
CREATE TABLE vector_indexes (
    tenant_id text COLLATE "C" PRIMARY KEY,
    name      text NOT NULL
);
INSERT INTO vector_indexes (tenant_id, name)
SELECT tenant_id, vector_index FROM tenant_stats WHERE vector_index IS NOT NULL;
ALTER TABLE tenant_stats DROP COLUMN vector_index;

COMMENT ON TABLE documents IS 'projection: the description of each item that stands, from item-analyzed';
COMMENT ON TABLE postings IS 'projection: which words are in which document, from item-analyzed';
COMMENT ON TABLE vectors IS 'projection: the vector of each item that stands, from item-embedded';
COMMENT ON TABLE tenant_stats IS 'projection: how much each tenant has, counted while folding';
COMMENT ON TABLE deleted_items IS 'projection: tombstones of items, from item-deleted';
COMMENT ON TABLE vector_indexes IS 'bookkeeping: the tenants whose HNSW index is built, and its name';
