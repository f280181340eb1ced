-- What imaging must know of an upload to make its renditions anew without asking ingest.
CREATE TABLE originals (
    tenant_id         text NOT NULL,
    item_id           text NOT NULL,
    key               text NOT NULL,
    filename          text NOT NULL,
    original_filename text NOT NULL,
    sha256            text NOT NULL,
    PRIMARY KEY (tenant_id, item_id)
);
