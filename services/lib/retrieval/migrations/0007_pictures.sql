-- When, with which camera and in which size a picture was taken: filters, facets and an order. Pictures are processed before
-- they are described, so this waits in a table of its own; `documents` and `vectors` repeat it.
-- rebuild: documents, vectors, pictures
CREATE TABLE pictures (
    tenant_id    text COLLATE "C" NOT NULL,
    item_id      text COLLATE "C" NOT NULL,
    processed_at timestamptz NOT NULL,
    digest       bytea NOT NULL,                         -- of the rest: decides between two of one time
    taken_at     timestamp,                              -- the camera's clock; no zone is known
    camera       text COLLATE "C",
    orientation  text COLLATE "C" NOT NULL,
    width        integer NOT NULL,                       -- pixels, as the picture is shown
    height       integer NOT NULL,
    PRIMARY KEY (tenant_id, item_id)
);
COMMENT ON TABLE pictures IS 'projection: when, with what and how large the picture of each item was taken, from image-processed';
ALTER TABLE documents
    ADD COLUMN taken_at    timestamp,
    ADD COLUMN camera      text COLLATE "C",
    ADD COLUMN orientation text COLLATE "C",
    ADD COLUMN width       integer,
    ADD COLUMN height      integer;
ALTER TABLE vectors
    ADD COLUMN taken_at    timestamp,
    ADD COLUMN camera      text COLLATE "C",
    ADD COLUMN orientation text COLLATE "C",
    ADD COLUMN width       integer,
    ADD COLUMN height      integer;
