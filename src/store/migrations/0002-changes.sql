-- Changes that an application makes to its users' mailboxes.

-- Counts changes that the provider has accepted. Each is written to the copies that it touched, so that the sync can
-- tell what it saw before the change from what it saw after.
CREATE SEQUENCE change_sequence;

ALTER TABLE message_locations ADD COLUMN change_id bigint NOT NULL DEFAULT 0;

-- The newest change of folders: a listing that is older than it is not to be believed, and none is while one is on its
-- way. The hold has an end, because who holds it may die.
ALTER TABLE sync_states ADD COLUMN folder_change_id bigint NOT NULL DEFAULT 0;
ALTER TABLE sync_states ADD COLUMN folders_held_until timestamptz;

-- Messages that somebody is changing at the provider: others wait. Unlogged: after a crash nobody is.
CREATE UNLOGGED TABLE change_holds (
  application_id uuid NOT NULL,
  grant_id uuid NOT NULL,
  message_id text COLLATE "C" NOT NULL,
  holder uuid NOT NULL,
  held_until timestamptz NOT NULL,
  PRIMARY KEY (grant_id, message_id)
);
COMMENT ON TABLE change_holds IS 'kind: queue. Which messages are being changed, by whom, and until when at most.';
ALTER TABLE change_holds ENABLE ROW LEVEL SECURITY;
ALTER TABLE change_holds FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON change_holds USING (
  nullif(current_setting('mailquay.application_id', true), '')::uuid
    IN (application_id, '00000000-0000-0000-0000-000000000000'));
