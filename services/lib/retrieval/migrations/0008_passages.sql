-- Further vectors of long items, of passages of the text in their picture: an item is as near as the nearest of its vectors.
-- Places are characters of the entries of `image_details.extracted_text`, joined by a space. In rows of their own, as the
-- vectors of items: see the table `vectors` for the storage.
CREATE TABLE passages (
    tenant_id text COLLATE "C" NOT NULL,
    item_id   text COLLATE "C" NOT NULL,
    starts_at integer NOT NULL,
    ends_at   integer NOT NULL,
    model     text COLLATE "C" NOT NULL,
    embedding halfvec(1024) NOT NULL,
    PRIMARY KEY (tenant_id, item_id, starts_at)
) WITH (toast_tuple_target = 8160);
ALTER TABLE passages ALTER embedding SET STORAGE PLAIN;
CREATE INDEX passages_by_tenant ON passages (tenant_id, model);
COMMENT ON TABLE passages IS 'projection: further vectors of long items, of passages of their text, from item-embedded';
