-- Projections hold nothing but what follows from events: the state of embedding is joined from vectors and failures,
-- and claims of rebuilds have a table of their own.

CREATE TABLE rebuild_claims (
    tenant_id   text NOT NULL,
    item_id     text NOT NULL,
    rebuild_id  text NOT NULL,
    text_sha256 text NOT NULL,
    PRIMARY KEY (tenant_id, item_id)
);
INSERT INTO rebuild_claims (tenant_id, item_id, rebuild_id, text_sha256)
SELECT tenant_id, item_id, rebuild_id, text_sha256 FROM documents WHERE rebuild_id IS NOT NULL;

ALTER TABLE documents
    DROP COLUMN embedded_version,
    DROP COLUMN embedded_model,
    DROP COLUMN failed_version,
    DROP COLUMN rebuild_id;

-- Little-endian float32, one vector an item and model. Rows belong to items, so that nothing outlives an item; the
-- same text of the same tenant finds them by its hash, which events before version 1.1 do not carry.
DROP TABLE vectors;
CREATE TABLE vectors (
    tenant_id        text        NOT NULL,
    item_id          text        NOT NULL,
    model            text        NOT NULL,
    dimensions       integer     NOT NULL,
    sequence         integer     NOT NULL,
    analysis_id      text        NOT NULL,
    analysis_version integer     NOT NULL,
    text_sha256      text,
    vector           bytea       NOT NULL,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, item_id, model, dimensions)
);
CREATE INDEX vectors_by_text ON vectors (tenant_id, text_sha256, model, dimensions);

INSERT INTO vectors
SELECT DISTINCT ON (tenant_id, stream_id, event->'data'->>'model', event->'data'->>'dimensions')
       tenant_id, stream_id, event->'data'->>'model', (event->'data'->>'dimensions')::integer, stream_version,
       event->'data'->>'analysis_id', (event->'data'->>'analysis_version')::integer, event->'data'->>'text_sha256',
       decode(event->'data'->>'vector', 'base64'), (event->>'time')::timestamptz
FROM events
WHERE type = 'collections.embedding.item-embedded.v1'
  AND NOT EXISTS (
      SELECT 1 FROM tombstones WHERE tombstones.tenant_id = events.tenant_id AND subject = stream_id
  )
ORDER BY tenant_id, stream_id, event->'data'->>'model', event->'data'->>'dimensions', stream_version DESC;

-- Events before version 1.1 do not carry the analysis: what they record holds for every analysis of that version.
CREATE TABLE embedding_failures (
    tenant_id        text    NOT NULL,
    item_id          text    NOT NULL,
    analysis_version integer NOT NULL,
    analysis_id      text,
    UNIQUE NULLS NOT DISTINCT (tenant_id, item_id, analysis_version, analysis_id)
);
INSERT INTO embedding_failures
SELECT DISTINCT tenant_id, stream_id, (event->'data'->>'analysis_version')::integer, event->'data'->>'analysis_id'
FROM events
WHERE type = 'collections.embedding.embedding-failed.v1'
  AND NOT EXISTS (
      SELECT 1 FROM tombstones WHERE tombstones.tenant_id = events.tenant_id AND subject = stream_id
  );

COMMENT ON TABLE documents IS 'projection: the text of each item''s newest description, from item-analyzed';
COMMENT ON TABLE vectors IS 'projection: the newest vector of each item and model, from item-embedded';
COMMENT ON TABLE embedding_failures IS 'projection: analyses that have no vector, from embedding-failed';
COMMENT ON TABLE rebuilds IS 'bookkeeping: a tenant''s rebuilds and how far they are';
COMMENT ON TABLE rebuild_claims IS 'bookkeeping: the latest rebuild that dealt with an item, and with which text';
