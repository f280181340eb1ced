-- What the service has erased of forgotten tenants, by store, as receipts count it: whatever attempt erased it.
CREATE TABLE erasures (
    tenant_id text   NOT NULL,
    store     text   NOT NULL,
    number    bigint NOT NULL,
    PRIMARY KEY (tenant_id, store)
);
COMMENT ON TABLE erasures IS 'bookkeeping: how much was erased of forgotten tenants, by store';
