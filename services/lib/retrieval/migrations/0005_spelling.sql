-- What phrases are looked for in (retrieval.text.spelled).
-- rebuild: documents
ALTER TABLE documents ADD COLUMN spelling text NOT NULL DEFAULT '';
