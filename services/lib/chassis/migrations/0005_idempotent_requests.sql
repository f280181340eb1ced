-- Requests with an Idempotency-Key and what was answered (chassis.http.once).
CREATE TABLE idempotent_requests (
    tenant_id     text        NOT NULL,
    route         text        NOT NULL,
    key           text        NOT NULL,
    fingerprint   text        NOT NULL,               -- of what was requested
    claim         text        NOT NULL,               -- of the attempt that makes the answer
    claimed_until timestamptz NOT NULL,               -- an attempt that died blocks no longer than this
    claimed_at    timestamptz NOT NULL DEFAULT now(),
    subject       text,                               -- what the request made; the answer goes with it
    is_answered   boolean     NOT NULL DEFAULT false,
    answer        text,                               -- JSON; NULL before, and after the deletion of the subject
    PRIMARY KEY (tenant_id, route, key)
);
CREATE INDEX idempotent_requests_by_age ON idempotent_requests (claimed_at);
CREATE INDEX idempotent_requests_by_subject ON idempotent_requests (tenant_id, subject);
COMMENT ON TABLE idempotent_requests IS 'bookkeeping: requests with an Idempotency-Key of the last day, and their answers';
