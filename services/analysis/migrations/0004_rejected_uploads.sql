-- Direct uploads that ingest refused are items without a picture, too.
COMMENT ON TABLE rejections IS 'projection: why an item has no picture, from image-rejected and upload-rejected';
