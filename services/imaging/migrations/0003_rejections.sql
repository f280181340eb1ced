-- Uploads that are no pictures: requests for their renditions are told why.
CREATE TABLE rejections (
    tenant_id text NOT NULL,
    item_id   text NOT NULL,
    reason    text NOT NULL,
    detail    text NOT NULL,
    PRIMARY KEY (tenant_id, item_id)
);
COMMENT ON TABLE rejections IS 'projection: why an item has no original, from upload-rejected';
