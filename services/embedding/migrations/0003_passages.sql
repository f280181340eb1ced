-- Long items have further vectors, of passages of the text in their picture: `read` is that text, `passages` are the
-- event's. Descriptions from before get theirs when they are embedded again after a rebuild of this projection.
-- rebuild: documents
ALTER TABLE documents ADD COLUMN read text NOT NULL DEFAULT '';
ALTER TABLE vectors ADD COLUMN passages jsonb NOT NULL DEFAULT '[]';
COMMENT ON TABLE documents IS 'projection: the texts of each item''s newest description, from item-analyzed';
COMMENT ON TABLE vectors IS 'projection: the newest vectors of each item and model, from item-embedded';
