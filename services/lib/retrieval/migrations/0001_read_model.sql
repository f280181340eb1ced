-- The read model that search and chat each keep in their own schema (unqualified names: the connection's search_path
-- decides). Everything here can be dropped and made again from events.
--
-- Keys are compared byte by byte (COLLATE "C"): the order of ties is then the same on every server, whatever its locale.

CREATE TABLE documents (
    tenant_id         text COLLATE "C" NOT NULL,
    item_id           text COLLATE "C" NOT NULL,
    analysis_id       text NOT NULL,
    analysis_version  integer NOT NULL,
    analyzed_at       timestamptz NOT NULL,
    digest            bytea NOT NULL,                    -- of the content: decides between two of one version and time
    category          text NOT NULL,
    headline          text NOT NULL,
    summary           text NOT NULL,
    filename          text NOT NULL,
    original_filename text NOT NULL,
    description       jsonb NOT NULL,
    body              text NOT NULL,                     -- what is indexed, one field a line
    lexemes           text[] COLLATE "C" NOT NULL,       -- whose postings to remove: cheaper than a second index on postings
    length            integer NOT NULL,                  -- lexemes in the body, repetitions included
    PRIMARY KEY (tenant_id, item_id)
);

-- One row per lexeme and document. The document's length is repeated so that a query reads this index and nothing else.
CREATE TABLE postings (
    tenant_id text COLLATE "C" NOT NULL,
    lexeme    text COLLATE "C" NOT NULL,
    item_id   text COLLATE "C" NOT NULL,
    tf        integer NOT NULL,
    dl        integer NOT NULL,
    PRIMARY KEY (tenant_id, lexeme, item_id) INCLUDE (tf, dl)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);
-- Frequent vacuums keep the visibility map fresh: without it an index-only scan visits the table after all.

-- One vector per item, of unit length. Half precision is for search only; the event keeps float32.
CREATE TABLE vectors (
    tenant_id        text COLLATE "C" NOT NULL,
    item_id          text COLLATE "C" NOT NULL,
    category         text,                               -- the document's; NULL while there is none: not shown yet
    analysis_version integer NOT NULL,
    embedded_at      timestamptz NOT NULL,
    digest           bytea NOT NULL,
    model            text COLLATE "C" NOT NULL,
    dimensions       integer NOT NULL,
    embedding        halfvec(1024) NOT NULL,
    PRIMARY KEY (tenant_id, item_id)
) WITH (toast_tuple_target = 8160);
-- 2,056 bytes are just over the size from which Postgres moves values out of their row, and then each distance is one more
-- fetch. PLAIN alone keeps the embedding in its row and sends the tenant's and the item's id away instead, which is as
-- slow: hence the target of a whole page.
ALTER TABLE vectors ALTER embedding SET STORAGE PLAIN;
-- Serves the exact scan (duplicates share one key, so it is a tenth of the primary key) and the count per model.
CREATE INDEX vectors_by_tenant ON vectors (tenant_id, model);
-- There is no HNSW index here on purpose. One over all tenants would make each insert of each tenant 15 times dearer, and
-- filtering it by tenant loses neighbours. A tenant that outgrows the exact scan gets a partial index of its own
-- (retrieval.maintenance), and until that is built its searches stay exact.

CREATE TABLE tenant_stats (
    tenant_id    text COLLATE "C" PRIMARY KEY,
    documents    bigint NOT NULL,
    tokens       bigint NOT NULL,                        -- sum of the documents' lengths
    vectors      bigint NOT NULL,                        -- shown or not: what an exact scan reads
    vector_index text                                    -- name of the tenant's HNSW index once it is built
);

-- Deleted for ever: whatever arrives later for such an item is ignored.
CREATE TABLE deleted_items (
    tenant_id  text COLLATE "C" NOT NULL,
    item_id    text COLLATE "C" NOT NULL,
    deleted_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, item_id)
);
