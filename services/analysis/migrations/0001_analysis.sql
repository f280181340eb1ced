-- What analysis keeps: which pictures there are, and every description made of them.

-- The newest image-processed of each item. `analyzing_until` is a lease: somebody is asking a model right now.
CREATE TABLE pictures (
    tenant_id         text        NOT NULL,
    item_id           text        NOT NULL,
    filename          text        NOT NULL,
    original_filename text        NOT NULL,
    sha256            text        NOT NULL,
    rendition_key     text        NOT NULL,
    media_type        text        NOT NULL,
    processed_at      timestamptz NOT NULL,
    analyzing_until   timestamptz,
    PRIMARY KEY (tenant_id, item_id)
);

CREATE TABLE analyses (
    analysis_id   text        PRIMARY KEY,
    tenant_id     text        NOT NULL,
    item_id       text        NOT NULL,
    version       integer     NOT NULL CHECK (version > 0),
    description   jsonb       NOT NULL,
    provider      text        NOT NULL,
    model         text        NOT NULL,
    prompt_id     text        NOT NULL,
    sha256        text        NOT NULL,
    trace_id      text,
    input_tokens  integer     NOT NULL,
    output_tokens integer     NOT NULL,
    cost_usd      numeric(12, 6) NOT NULL,
    created_at    timestamptz NOT NULL,
    UNIQUE (tenant_id, item_id, version)
);

-- The same content under the same prompt and model of the same tenant is not paid for twice. The rows belong to items,
-- so that nothing outlives the deletion of the item it was made from.
CREATE INDEX analyses_by_content ON analyses (tenant_id, sha256, prompt_id, provider, model);
