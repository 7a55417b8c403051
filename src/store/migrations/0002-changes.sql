-- Changes that an application makes to its users' mailboxes.

-- Counts changes that the provider has accepted. Each is written to the copies that it touched, so that the sync can
-- tell what it saw before the change from what it saw after.
CREATE SEQUENCE change_sequence;

ALTER TABLE message_locations ADD COLUMN change_id bigint NOT NULL DEFAULT 0;
