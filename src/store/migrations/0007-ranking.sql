-- What a match is ranked by: its words in the subject and the head, without the long rest, which lies apart and compressed.
ALTER TABLE message_search ADD COLUMN head tsvector NOT NULL GENERATED ALWAYS AS (ts_filter(document, '{a,b}')) STORED;
ALTER TABLE message_search ALTER COLUMN head SET STATISTICS 0;
