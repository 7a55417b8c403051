-- Bodies and headers come compressed: PostgreSQL need not try it again.
ALTER TABLE message_bodies
  ALTER COLUMN body SET STORAGE EXTERNAL,
  ALTER COLUMN headers SET STORAGE EXTERNAL;
