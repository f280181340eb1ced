-- What embedding keeps: the text of each item's newest description, its vectors, and rebuilds.

-- `rebuild_id` is the latest rebuild that has dealt with this text; a new text starts without one.
CREATE TABLE documents (
    tenant_id        text        NOT NULL,
    item_id          text        NOT NULL,
    analysis_id      text        NOT NULL,
    version          integer     NOT NULL,
    analyzed_at      timestamptz NOT NULL,
    text             text        NOT NULL,
    text_sha256      text        NOT NULL,
    embedded_version integer,
    embedded_model   text,
    failed_version   integer,
    rebuild_id       text,
    PRIMARY KEY (tenant_id, item_id)
);

-- Little-endian float32, one vector an item and model. Rows belong to items, so that nothing outlives an item; the
-- same text of the same tenant finds them by its hash.
CREATE TABLE vectors (
    tenant_id   text        NOT NULL,
    item_id     text        NOT NULL,
    model       text        NOT NULL,
    dimensions  integer     NOT NULL,
    text_sha256 text        NOT NULL,
    vector      bytea       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, item_id, model, dimensions)
);
CREATE INDEX vectors_by_text ON vectors (tenant_id, text_sha256, model, dimensions);

-- `touched_at` moves with every batch: a rebuild that has not moved for an hour is dead.
CREATE TABLE rebuilds (
    rebuild_id  text        PRIMARY KEY,
    tenant_id   text        NOT NULL,
    model       text        NOT NULL,
    total       integer     NOT NULL,
    done        integer     NOT NULL DEFAULT 0,
    failed      integer     NOT NULL DEFAULT 0,
    status      text        NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'finished', 'failed')),
    created_at  timestamptz NOT NULL,
    touched_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX rebuilds_by_tenant ON rebuilds (tenant_id, created_at DESC);
