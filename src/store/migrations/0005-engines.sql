-- Which sync engines live, so that they can share the grants.

CREATE TABLE sync_engines (
  owner text PRIMARY KEY,                -- as in leases
  seen_at timestamptz NOT NULL
);
COMMENT ON TABLE sync_engines IS 'kind: queue. Sync engines and when each was last heard of.';
