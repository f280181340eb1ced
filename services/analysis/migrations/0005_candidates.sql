-- Descriptions beside the live versions, which a better prompt or model is judged by before it is promoted.
CREATE TABLE candidates (
    tenant_id     text           NOT NULL,
    item_id       text           NOT NULL,
    run_id        text           NOT NULL,
    candidate_id  text           NOT NULL,
    description   jsonb          NOT NULL,
    provider      text           NOT NULL,
    model         text           NOT NULL,
    prompt_id     text           NOT NULL,
    sha256        text           NOT NULL,
    trace_id      text,
    input_tokens  integer        NOT NULL,
    output_tokens integer        NOT NULL,
    cost_usd      numeric(12, 6) NOT NULL,
    duration_ms   integer,
    created_at    timestamptz    NOT NULL,
    PRIMARY KEY (tenant_id, item_id, run_id)
);
-- A promotion reuses them: the same content under the same prompt and model is not paid for twice.
CREATE INDEX candidates_by_content ON candidates (tenant_id, sha256, prompt_id, provider, model);
CREATE INDEX candidates_by_run ON candidates (run_id, item_id);
COMMENT ON TABLE candidates IS 'projection: descriptions of each run beside the live versions, from candidate-analyzed';

-- item-analyzed carries them from version 1.2 on: the run that an operator ordered, and after a rollback the version
-- whose description this is once more. Rows of older events have none.
ALTER TABLE analyses ADD COLUMN run_id text, ADD COLUMN restores integer;
CREATE INDEX analyses_by_run ON analyses (run_id, tenant_id, item_id) WHERE run_id IS NOT NULL;
