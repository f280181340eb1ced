-- Tenants that are forgotten for good (chassis.forgetting): whatever arrives of them later is dropped.
CREATE TABLE forgotten_tenants (
    tenant_id    text        PRIMARY KEY,
    forgotten_at timestamptz NOT NULL
);
CREATE INDEX forgotten_tenants_by_time ON forgotten_tenants (forgotten_at);
COMMENT ON TABLE forgotten_tenants IS 'tombstone: tenants that are forgotten for good, from tenant-forgotten';
