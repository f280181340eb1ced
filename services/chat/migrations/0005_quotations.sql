-- Which turns found or cite an item: when it is deleted, they and what the agent remembers of them are erased.
CREATE TABLE quotations (
    tenant_id  text        NOT NULL,
    item_id    text        NOT NULL,
    session_id text        NOT NULL,
    since      timestamptz NOT NULL,                   -- completion of the first such turn
    PRIMARY KEY (tenant_id, item_id, session_id)
);
INSERT INTO quotations (tenant_id, item_id, session_id, since)
SELECT tenant_id, item_id, stream_id, min((event ->> 'time')::timestamptz)
FROM events, LATERAL (
    SELECT jsonb_array_elements_text(coalesce(event #> '{data,citations}', '[]')) AS item_id
    UNION
    SELECT result ->> 'item_id' FROM jsonb_array_elements(coalesce(event #> '{data,answer,search_results}', '[]')) AS result
) AS quoted
WHERE type = 'collections.chat.turn-completed.v1' AND item_id IS NOT NULL
GROUP BY tenant_id, item_id, stream_id;
COMMENT ON TABLE quotations IS 'bookkeeping: the conversations that quote an item, until it is deleted';

-- The conversation goes on, and the agent remembers nothing of it.
ALTER TABLE agent_memory ADD COLUMN is_blank boolean NOT NULL DEFAULT false;
