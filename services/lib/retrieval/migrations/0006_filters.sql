-- What searches are narrowed by and counted by, folded as `retrieval.filters.key` does; `vectors` repeats it.
-- rebuild: documents, vectors
ALTER TABLE documents
    ADD COLUMN subcategories text[] COLLATE "C",
    ADD COLUMN places        text[] COLLATE "C",
    ADD COLUMN people        text[] COLLATE "C",
    ADD COLUMN tags          text[] COLLATE "C",
    ADD COLUMN source        text COLLATE "C",
    ADD COLUMN has_text      boolean,
    ADD COLUMN media_type    text COLLATE "C",
    ADD COLUMN added_at      timestamptz;                -- of the item's first description; NULL until rebuilt
ALTER TABLE vectors
    ADD COLUMN subcategories text[] COLLATE "C",
    ADD COLUMN places        text[] COLLATE "C",
    ADD COLUMN people        text[] COLLATE "C",
    ADD COLUMN tags          text[] COLLATE "C",
    ADD COLUMN source        text COLLATE "C",
    ADD COLUMN has_text      boolean,
    ADD COLUMN media_type    text COLLATE "C",
    ADD COLUMN added_at      timestamptz;
