-- The ground: tenants, grants, synced mail, leases and events.
--
-- Every table declares its kind in its comment, by the sharding rules that docs/decisions.md records:
--   reference  small, slow-changing, copied to every node          (applications, grants)
--   scoped     belongs to one grant; grant_id is in every key       (folders, messages, threads ...)
--   queue      stays on the coordinator; no foreign key to a scoped table (events, leases, keys ...)
-- test/catalog.test.ts reads the catalog and fails when a table breaks the rules of its kind.

-- Opens the tenant wall for the rest of the transaction: an application's id, or the nil UUID for the engine.
-- A function that executes SET LOCAL, because set_config() does not travel to the workers of a cluster.
CREATE FUNCTION mailquay_enter(application text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SET LOCAL mailquay.application_id = %L', application);
END $$;

CREATE TABLE applications (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  region text NOT NULL DEFAULT 'us',
  environment text NOT NULL DEFAULT 'production',
  branding jsonb NOT NULL DEFAULT '{}',
  hosted_authentication jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE applications IS 'kind: reference. One tenant of this instance.';

CREATE TABLE grants (
  id uuid PRIMARY KEY,
  application_id uuid NOT NULL REFERENCES applications (id),
  provider text NOT NULL,
  email text NOT NULL,
  email_key text NOT NULL,
  name text,
  scope text[] NOT NULL DEFAULT '{}',
  status text NOT NULL DEFAULT 'valid' CHECK (status IN ('valid', 'invalid')),
  state text,
  ip text,
  user_agent text,
  provider_user_id text,
  settings jsonb NOT NULL DEFAULT '{}',
  secret bytea,
  secret_version integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  UNIQUE (application_id, id)
);
CREATE UNIQUE INDEX grants_by_email ON grants (application_id, email_key) WHERE deleted_at IS NULL;
CREATE INDEX grants_by_creation ON grants (application_id, created_at, id);
COMMENT ON TABLE grants IS 'kind: reference. One connected mailbox. Sync progress, cursors and leases live elsewhere.';

CREATE TABLE api_keys (
  id uuid PRIMARY KEY,
  application_id uuid NOT NULL REFERENCES applications (id),
  name text NOT NULL,
  key_hash bytea NOT NULL UNIQUE,
  last4 text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz
);
COMMENT ON TABLE api_keys IS 'kind: queue. SHA-256 of each API key; the key itself is shown once.';

CREATE TABLE master_keys (
  id text PRIMARY KEY,
  check_value bytea NOT NULL,
  is_primary boolean NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE master_keys IS 'kind: queue. Which master keys this database was written with; never the keys.';

CREATE TABLE folders (
  application_id uuid NOT NULL,
  grant_id uuid NOT NULL,
  id text COLLATE "C" NOT NULL,
  path text COLLATE "C" NOT NULL,
  name text NOT NULL,
  delimiter text,
  parent_id text COLLATE "C",
  remote_id text,                        -- the server's own stable id: OBJECTID MAILBOXID (RFC 8474)
  special_use text,
  attributes text[] NOT NULL DEFAULT '{}',
  selectable boolean NOT NULL DEFAULT true,
  total_count integer NOT NULL DEFAULT 0,
  unread_count integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,                -- gone at the provider; the row stays until its last copies are settled
  PRIMARY KEY (grant_id, id),
  FOREIGN KEY (application_id, grant_id) REFERENCES grants (application_id, id)
);
CREATE UNIQUE INDEX folders_by_path ON folders (grant_id, path) WHERE deleted_at IS NULL;
COMMENT ON TABLE folders IS 'kind: scoped. A folder (or label) of the mailbox; path is the provider''s name for it.';

-- What of a folder is in the store. One row moves as a whole, from one consistent observation of the server.
CREATE TABLE folder_cursors (
  application_id uuid NOT NULL,
  grant_id uuid NOT NULL,
  folder_id text COLLATE "C" NOT NULL,
  uid_validity bigint NOT NULL,
  uid_next bigint NOT NULL,              -- every UID in [backfill_uid, uid_next) has been seen
  backfill_uid bigint NOT NULL,          -- 1 when history is complete
  live_from bigint NOT NULL,             -- UIDs from here on arrived after the folder was connected: they make events
  history_total integer NOT NULL DEFAULT 0,
  history_done integer NOT NULL DEFAULT 0,
  highest_modseq bigint NOT NULL DEFAULT 0, -- flags are in step up to here; 0 = no CONDSTORE
  reconciled_at timestamptz,
  PRIMARY KEY (grant_id, folder_id),
  FOREIGN KEY (grant_id, folder_id) REFERENCES folders (grant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE folder_cursors IS 'kind: scoped. Sync position of each folder.';

CREATE SEQUENCE thread_order;
CREATE TABLE threads (
  application_id uuid NOT NULL,
  grant_id uuid NOT NULL,
  id text COLLATE "C" NOT NULL,
  created_order bigint NOT NULL DEFAULT nextval('thread_order'),
  subject text NOT NULL DEFAULT '',
  snippet text NOT NULL DEFAULT '',
  earliest_date bigint NOT NULL DEFAULT 0,
  latest_date bigint NOT NULL DEFAULT 0,
  latest_received_date bigint,
  latest_sent_date bigint,
  message_count integer NOT NULL DEFAULT 0,
  unread_count integer NOT NULL DEFAULT 0,
  starred_count integer NOT NULL DEFAULT 0,
  has_attachments boolean NOT NULL DEFAULT false,
  has_drafts boolean NOT NULL DEFAULT false,
  PRIMARY KEY (grant_id, id),
  FOREIGN KEY (application_id, grant_id) REFERENCES grants (application_id, id)
);
CREATE INDEX threads_newest ON threads (grant_id, latest_date DESC, id DESC);
COMMENT ON TABLE threads IS 'kind: scoped. A conversation, summed up from its messages.';

-- Union-find over Message-IDs: any id ever seen in a header leads to the thread that its mails belong to.
CREATE TABLE thread_keys (
  application_id uuid NOT NULL,
  grant_id uuid NOT NULL,
  key bytea NOT NULL,
  thread_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (grant_id, key),
  FOREIGN KEY (grant_id, thread_id) REFERENCES threads (grant_id, id) ON DELETE CASCADE
);
CREATE INDEX thread_keys_by_thread ON thread_keys (grant_id, thread_id);
COMMENT ON TABLE thread_keys IS 'kind: scoped. Which thread a Message-ID (hashed) belongs to.';

CREATE TABLE messages (
  application_id uuid NOT NULL,
  grant_id uuid NOT NULL,
  id text COLLATE "C" NOT NULL,
  thread_id text COLLATE "C" NOT NULL,
  fingerprint bytea NOT NULL,            -- 16 bytes of the header section's SHA-256, then 16 of the whole message's
  remote_id text COLLATE "C",            -- the provider's own stable id: EMAILID, X-GM-MSGID, Gmail or Graph id
  message_id text,                       -- Message-ID header, without angle brackets
  in_reply_to text,
  "references" text[] NOT NULL DEFAULT '{}',
  subject_key bytea,
  subject text NOT NULL,
  "from" jsonb NOT NULL,
  "to" jsonb NOT NULL,
  cc jsonb NOT NULL,
  bcc jsonb NOT NULL,
  reply_to jsonb NOT NULL,
  participants text[] NOT NULL,          -- normalised addresses of from, to, cc, bcc
  date bigint NOT NULL,                  -- INTERNALDATE, unix seconds
  snippet text NOT NULL,
  unread boolean NOT NULL,
  starred boolean NOT NULL,
  answered boolean NOT NULL,
  draft boolean NOT NULL,
  sent boolean NOT NULL,                 -- from the grant's own address
  folder_ids text[] NOT NULL,
  attachments jsonb NOT NULL DEFAULT '[]',
  has_attachment boolean NOT NULL,
  size bigint NOT NULL,
  sha256 bytea NOT NULL,                 -- of the raw message
  parse_error text,
  metadata jsonb NOT NULL DEFAULT '{}',
  raw_object text,                       -- object in the blob store that holds the raw copy ...
  raw_offset bigint,                     -- ... and where in it
  raw_stored_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (grant_id, id),
  FOREIGN KEY (application_id, grant_id) REFERENCES grants (application_id, id),
  FOREIGN KEY (grant_id, thread_id) REFERENCES threads (grant_id, id)
);
CREATE INDEX messages_newest ON messages (grant_id, date DESC, id DESC);
CREATE INDEX messages_by_thread ON messages (grant_id, thread_id, date DESC);
CREATE INDEX messages_by_fingerprint ON messages (grant_id, fingerprint);
CREATE INDEX messages_by_remote_id ON messages (grant_id, remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX messages_by_subject ON messages (grant_id, subject_key, date) WHERE subject_key IS NOT NULL;
COMMENT ON TABLE messages IS 'kind: scoped. One mail, whatever the number of its copies. The hot row: no body in it.';

CREATE TABLE message_bodies (
  application_id uuid NOT NULL,
  grant_id uuid NOT NULL,
  message_id text COLLATE "C" NOT NULL,
  body bytea NOT NULL,                   -- zstd of the body (HTML, or text made HTML)
  headers bytea NOT NULL,                -- zstd of [{name, value}] as JSON
  PRIMARY KEY (grant_id, message_id),
  FOREIGN KEY (grant_id, message_id) REFERENCES messages (grant_id, id) ON DELETE CASCADE
);
ALTER TABLE message_bodies ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE message_bodies ALTER COLUMN headers SET STORAGE EXTERNAL;
COMMENT ON TABLE message_bodies IS 'kind: scoped. Body and headers of a message, compressed.';

-- Where the copies of a message lie: the truth behind folder_ids, unread and starred.
CREATE TABLE message_locations (
  application_id uuid NOT NULL,
  grant_id uuid NOT NULL,
  folder_id text COLLATE "C" NOT NULL,
  uid_validity bigint NOT NULL,
  uid bigint NOT NULL,
  message_id text COLLATE "C" NOT NULL,
  seen boolean NOT NULL,
  flagged boolean NOT NULL,
  answered boolean NOT NULL,
  draft boolean NOT NULL,
  keywords text[] NOT NULL DEFAULT '{}',
  date bigint NOT NULL,
  gone_at timestamptz,                   -- expunged here; the message may yet turn up elsewhere
  PRIMARY KEY (grant_id, folder_id, uid_validity, uid),
  FOREIGN KEY (grant_id, folder_id) REFERENCES folders (grant_id, id),
  FOREIGN KEY (grant_id, message_id) REFERENCES messages (grant_id, id) ON DELETE CASCADE
);
CREATE INDEX message_locations_by_message ON message_locations (grant_id, message_id);
CREATE INDEX message_locations_newest ON message_locations (grant_id, folder_id, date DESC, message_id DESC);
CREATE INDEX message_locations_gone ON message_locations (grant_id, gone_at) WHERE gone_at IS NOT NULL;
COMMENT ON TABLE message_locations IS 'kind: scoped. One copy of a message: folder, UIDVALIDITY and UID.';

-- A mail that could not be stored, counted before it is tried again and parked after some attempts.
CREATE TABLE sync_failures (
  application_id uuid NOT NULL,
  grant_id uuid NOT NULL,
  folder_id text COLLATE "C" NOT NULL,
  uid_validity bigint NOT NULL,
  uid bigint NOT NULL,
  attempts integer NOT NULL,
  reason text NOT NULL,
  parked boolean NOT NULL DEFAULT false,
  next_attempt_at timestamptz NOT NULL,
  PRIMARY KEY (grant_id, folder_id, uid_validity, uid),
  FOREIGN KEY (grant_id, folder_id) REFERENCES folders (grant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE sync_failures IS 'kind: scoped. Mails that resist: tried again, never forgotten.';

CREATE TABLE sync_states (
  application_id uuid NOT NULL,
  grant_id uuid NOT NULL,
  phase text NOT NULL DEFAULT 'initial' CHECK (phase IN ('initial', 'live')),
  started_at timestamptz,
  initial_done_at timestamptz,
  last_success_at timestamptz,
  last_error text,
  PRIMARY KEY (grant_id),
  FOREIGN KEY (application_id, grant_id) REFERENCES grants (application_id, id)
);
COMMENT ON TABLE sync_states IS 'kind: scoped. How the sync of a grant fares.';

CREATE TABLE leases (
  grant_id uuid PRIMARY KEY,
  owner text NOT NULL,
  token bigint NOT NULL,
  expires_at timestamptz NOT NULL,
  failures integer NOT NULL DEFAULT 0,   -- in a row; reset by a sync that succeeded
  not_before timestamptz                 -- back-off: nobody claims the grant earlier
);
CREATE INDEX leases_by_expiry ON leases (expires_at);
COMMENT ON TABLE leases IS 'kind: queue. Who syncs a grant; the token fences late writes of an earlier owner.';

CREATE SEQUENCE event_sequence;
CREATE TABLE events (
  id uuid PRIMARY KEY,
  sequence bigint NOT NULL DEFAULT nextval('event_sequence'),
  transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
  application_id uuid NOT NULL,
  grant_id uuid,
  type text NOT NULL,
  object_id text NOT NULL,
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  dispatched_at timestamptz              -- set when deliveries have been planned; never read by sequence > last
);
CREATE INDEX events_pending ON events (sequence) WHERE dispatched_at IS NULL;
CREATE INDEX events_by_application ON events (application_id, transaction, sequence);
CREATE INDEX events_by_grant ON events (grant_id);
COMMENT ON TABLE events IS 'kind: queue. What changed, written with the change. Sequences commit out of order: claim by dispatched_at, or read by transaction below the oldest running one.';

CREATE TABLE grant_erasures (
  grant_id uuid PRIMARY KEY,
  application_id uuid NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now(),
  claimed_until timestamptz
);
COMMENT ON TABLE grant_erasures IS 'kind: queue. Deleted grants whose data is still to be erased.';

-- The second wall. FORCE, because we run as the owner.
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['grants', 'folders', 'folder_cursors', 'threads', 'thread_keys', 'messages', 'message_bodies',
    'message_locations', 'sync_failures', 'sync_states', 'events']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY tenant ON %I USING (
      nullif(current_setting('mailquay.application_id', true), '')::uuid
        IN (application_id, '00000000-0000-0000-0000-000000000000'))$p$, t);
  END LOOP;
  ALTER TABLE applications ENABLE ROW LEVEL SECURITY;
  ALTER TABLE applications FORCE ROW LEVEL SECURITY;
  CREATE POLICY tenant ON applications USING (
    nullif(current_setting('mailquay.application_id', true), '')::uuid
      IN (id, '00000000-0000-0000-0000-000000000000'));
END $$;
