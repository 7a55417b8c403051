-- Applications whole: what they look like, where sign-ins may return to, who may manage their keys; signatures; rates.

ALTER TABLE applications
  ADD COLUMN idp_settings jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN additional_settings jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN domain text;

CREATE TABLE redirect_uris (
  id uuid PRIMARY KEY,
  application_id uuid NOT NULL REFERENCES applications (id),
  url text COLLATE "C" NOT NULL,
  platform text NOT NULL,
  settings jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  -- At commit: a PATCH of the whole list may swap two of them.
  UNIQUE (application_id, url, platform) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE redirect_uris IS 'kind: queue. Where a sign-in may return to; compared byte by byte.';

CREATE TABLE service_accounts (
  id uuid PRIMARY KEY,
  application_id uuid NOT NULL REFERENCES applications (id),
  name text NOT NULL,
  public_key text NOT NULL,              -- SPKI as PEM; the private key is shown once
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz
);
CREATE INDEX service_accounts_by_application ON service_accounts (application_id, created_at);
COMMENT ON TABLE service_accounts IS 'kind: queue. Who may sign requests to /v3/admin of an application.';

-- Logged, unlike the rates: after a crash a nonce must still be a used one.
CREATE TABLE service_account_nonces (
  service_account_id uuid NOT NULL REFERENCES service_accounts (id),
  nonce text COLLATE "C" NOT NULL,
  expires_at timestamptz NOT NULL,       -- past this its timestamp is refused anyway
  PRIMARY KEY (service_account_id, nonce)
);
CREATE INDEX service_account_nonces_by_expiry ON service_account_nonces (service_account_id, expires_at);
COMMENT ON TABLE service_account_nonces IS 'kind: queue. Nonces of signed requests, each good once.';

CREATE TABLE signatures (
  application_id uuid NOT NULL,
  grant_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  body text NOT NULL,                    -- HTML that has been through the sanitizer
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (grant_id, id),
  FOREIGN KEY (application_id, grant_id) REFERENCES grants (application_id, id)
);
COMMENT ON TABLE signatures IS 'kind: scoped. HTML signatures of a grant, at most ten.';

-- How much of a limit all processes together have taken in the window that runs. Unlogged: a crash begins new windows.
CREATE UNLOGGED TABLE rate_windows (
  application_id uuid NOT NULL,
  bucket text COLLATE "C" NOT NULL,
  taken bigint NOT NULL,
  ends_at timestamptz NOT NULL,
  PRIMARY KEY (application_id, bucket)
);
COMMENT ON TABLE rate_windows IS 'kind: queue. Requests that were let through, by application and bucket.';

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['redirect_uris', 'service_accounts', 'signatures', 'rate_windows']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY tenant ON %I USING (
      nullif(current_setting('mailquay.application_id', true), '')::uuid
        IN (application_id, '00000000-0000-0000-0000-000000000000'))$p$, t);
  END LOOP;
END $$;
