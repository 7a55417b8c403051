-- Changes that an application makes to its users' mailboxes.

-- Counts changes that the provider has accepted. Each is written to the copies that it touched, so that the sync can
-- tell what it saw before the change from what it saw after.
CREATE SEQUENCE change_sequence;

ALTER TABLE message_locations ADD COLUMN change_id bigint NOT NULL DEFAULT 0;

-- The newest change of folders: a listing that is older than it is not to be believed, and none is while one is on its
-- way. The hold has an end, because who holds it may die.
ALTER TABLE sync_states ADD COLUMN folder_change_id bigint NOT NULL DEFAULT 0;
ALTER TABLE sync_states ADD COLUMN folders_held_until timestamptz;
