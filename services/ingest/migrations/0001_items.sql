-- The items of every tenant, one row each, made from events alone. A row may exist before the upload it belongs to was
-- told of (events are unordered): created_at is null until then, and nobody sees it.
CREATE TABLE items (
    tenant_id       text NOT NULL,
    id              text NOT NULL,
    created_at      timestamptz,
    filename        text,
    sha256          text,
    category        text,
    status          text NOT NULL,
    searchable_text text NOT NULL DEFAULT '',
    state           jsonb NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX items_newest ON items (tenant_id, created_at DESC, id DESC) WHERE created_at IS NOT NULL;
CREATE INDEX items_filename ON items (tenant_id, filename);
CREATE INDEX items_sha256 ON items (tenant_id, sha256);

-- What happened to an item, from events of all services.
CREATE TABLE item_history (
    tenant_id    text        NOT NULL,
    item_id      text        NOT NULL,
    event_id     text        NOT NULL,
    type         text        NOT NULL,
    "time"       timestamptz NOT NULL,
    causation_id text,
    outcome      text        NOT NULL,
    PRIMARY KEY (tenant_id, item_id, event_id)
);

-- Direct uploads that were asked for: what the form promised, until the object arrives (ended_at) or never does.
CREATE TABLE uploads (
    tenant_id         text        NOT NULL,
    item_id           text        NOT NULL,
    original_filename text        NOT NULL,
    media_type        text        NOT NULL,
    bytes             bigint      NOT NULL CHECK (bytes > 0),
    sha256            text,
    correlation_id    text        NOT NULL,
    traceparent       text        NOT NULL,
    asked_at          timestamptz NOT NULL DEFAULT now(),
    expires_at        timestamptz NOT NULL,
    ended_at          timestamptz,
    PRIMARY KEY (tenant_id, item_id)
);
CREATE INDEX uploads_unfinished ON uploads (tenant_id, expires_at) WHERE ended_at IS NULL;
