-- Items without an original: requests about them are told why.
CREATE TABLE rejected_uploads (
    tenant_id text NOT NULL,
    item_id   text NOT NULL,
    reason    text NOT NULL,
    detail    text NOT NULL,
    PRIMARY KEY (tenant_id, item_id)
);
COMMENT ON TABLE rejected_uploads IS 'projection: why an item has no original, from upload-rejected';
