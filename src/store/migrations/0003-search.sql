-- Search and filters: an inverted index over all mail, and an index for each filter that a list is often narrowed by.

-- One document per message: its words, and keys for its addresses, subject, grant and week (src/mail/search/keys.ts).
--
-- Reading is open on purpose: `@@` is not leakproof, and behind a policy no index could answer it. So whoever reads
-- this table joins `messages` on (grant_id, id), which stands behind the wall; test/store holds the program to that.
-- Writing stands behind the wall like everywhere.
CREATE TABLE message_search (
  application_id uuid NOT NULL,
  grant_id uuid NOT NULL,
  message_id text COLLATE "C" NOT NULL,
  date bigint NOT NULL,                  -- of the message, which never changes
  subject text COLLATE "C" NOT NULL,     -- in lower case
  document tsvector NOT NULL,
  version smallint NOT NULL,             -- of the word rules (WORD_RULES); 0: keys only
  PRIMARY KEY (grant_id, message_id),
  FOREIGN KEY (grant_id, message_id) REFERENCES messages (grant_id, id) ON DELETE CASCADE
);
-- Without statistics a word counts as rare, so that the inverted index is always the way in; how many rows it may
-- give is bounded by the keys of grant and week in each question (src/store/reads/newest-matches.ts).
ALTER TABLE message_search ALTER COLUMN document SET STATISTICS 0;
COMMENT ON TABLE message_search IS 'kind: scoped. What a message is found by. Read only together with messages.';

-- Mail that is there already is found by its keys at once, and by its words when its owner has read it again.
SELECT mailquay_enter('00000000-0000-0000-0000-000000000000');
INSERT INTO message_search (application_id, grant_id, message_id, date, subject, document, version)
SELECT m.application_id, m.grant_id, m.id, m.date, lower(m.subject), array_to_tsvector(
    ARRAY['#' || k.owner, '#' || k.owner || '.' || floor(m.date / 604800.0)]
    || ARRAY(SELECT DISTINCT '~' || substr(lower(m.subject), i, 3) FROM generate_series(1, length(m.subject) - 2) AS i)
    || ARRAY(SELECT DISTINCT f.key || lower(p.value->>'email')
         FROM (VALUES ('f:', m."from"), ('t:', m."to"), ('c:', m.cc), ('b:', m.bcc)) AS f (key, list),
           jsonb_array_elements(f.list) AS p (value)
         WHERE octet_length(p.value->>'email') <= 256
         LIMIT 3000)), 0                   -- a tsvector has less than 1 MB
FROM messages m
CROSS JOIN LATERAL (SELECT rtrim(encode(uuid_send(m.grant_id), 'base64'), '=') AS owner) AS k;

CREATE INDEX message_search_documents ON message_search USING gin (document);
-- Documents that older rules made. Whoever changes WORD_RULES makes this index anew, in a migration.
CREATE INDEX message_search_stale ON message_search (grant_id, date DESC, message_id DESC) WHERE version < 1;

ALTER TABLE message_search ENABLE ROW LEVEL SECURITY;
ALTER TABLE message_search FORCE ROW LEVEL SECURITY;
CREATE POLICY open_to_readers ON message_search FOR SELECT USING (true);
DO $$
DECLARE tenant text := $p$nullif(current_setting('mailquay.application_id', true), '')::uuid
  IN (application_id, '00000000-0000-0000-0000-000000000000')$p$;
BEGIN
  EXECUTE format('CREATE POLICY tenant_inserts ON message_search FOR INSERT WITH CHECK (%s)', tenant);
  EXECUTE format('CREATE POLICY tenant_updates ON message_search FOR UPDATE USING (%s)', tenant);
  EXECUTE format('CREATE POLICY tenant_deletes ON message_search FOR DELETE USING (%s)', tenant);
END $$;

-- Lists that are narrowed, newest first.
CREATE INDEX messages_unread ON messages (grant_id, date DESC, id DESC) WHERE unread;
CREATE INDEX messages_starred ON messages (grant_id, date DESC, id DESC) WHERE starred;
CREATE INDEX messages_with_attachment ON messages (grant_id, date DESC, id DESC) WHERE has_attachment;
CREATE INDEX message_locations_unread ON message_locations (grant_id, folder_id, date DESC, message_id DESC) WHERE NOT seen;
CREATE INDEX threads_unread ON threads (grant_id, latest_date DESC, id DESC) WHERE unread_count > 0;
CREATE INDEX threads_starred ON threads (grant_id, latest_date DESC, id DESC) WHERE starred_count > 0;
CREATE INDEX threads_with_attachments ON threads (grant_id, latest_date DESC, id DESC) WHERE has_attachments;

-- `metadata_pair`: only key1 to key5 can be asked for. Columns of their own, because `->>` is not leakproof either.
ALTER TABLE messages
  ADD COLUMN metadata_key1 text GENERATED ALWAYS AS (metadata->>'key1') STORED,
  ADD COLUMN metadata_key2 text GENERATED ALWAYS AS (metadata->>'key2') STORED,
  ADD COLUMN metadata_key3 text GENERATED ALWAYS AS (metadata->>'key3') STORED,
  ADD COLUMN metadata_key4 text GENERATED ALWAYS AS (metadata->>'key4') STORED,
  ADD COLUMN metadata_key5 text GENERATED ALWAYS AS (metadata->>'key5') STORED;
CREATE INDEX messages_by_key1 ON messages (grant_id, metadata_key1, date DESC, id DESC) WHERE metadata_key1 IS NOT NULL;
CREATE INDEX messages_by_key2 ON messages (grant_id, metadata_key2, date DESC, id DESC) WHERE metadata_key2 IS NOT NULL;
CREATE INDEX messages_by_key3 ON messages (grant_id, metadata_key3, date DESC, id DESC) WHERE metadata_key3 IS NOT NULL;
CREATE INDEX messages_by_key4 ON messages (grant_id, metadata_key4, date DESC, id DESC) WHERE metadata_key4 IS NOT NULL;
CREATE INDEX messages_by_key5 ON messages (grant_id, metadata_key5, date DESC, id DESC) WHERE metadata_key5 IS NOT NULL;
