import { randomUUID } from 'node:crypto';
import type { Sql } from './database.ts';

/** The triggers written so far; the webhooks room delivers them. */
type EventType =
  | 'grant.created'
  | 'grant.updated'
  | 'grant.deleted'
  | 'grant.expired'
  | 'grant.imap_sync_completed'
  | 'message.created'
  | 'message.updated'
  | 'message.deleted'
  | 'thread.created'
  | 'thread.updated'
  | 'thread.deleted'
  | 'folder.created'
  | 'folder.updated'
  | 'folder.deleted';

export interface NewEvent {
  type: EventType;
  objectId: string;
  /** What a reader needs when the object has changed again or is gone: ids, folders and flags, never content. */
  data: Record<string, unknown>;
}

/** Writes events in the transaction of the change that they tell of. */
export async function insertEvents(
  sql: Sql,
  scope: { applicationId: string; grantId: string | null },
  events: NewEvent[],
): Promise<void> {
  if (events.length === 0) return;
  await sql.run(
    `INSERT INTO events (id, application_id, grant_id, type, object_id, data)
     SELECT id, $1, $2, type, object_id, data
     FROM unnest($3::uuid[], $4::text[], $5::text[], $6::jsonb[]) AS e (id, type, object_id, data)`,
    [
      scope.applicationId,
      scope.grantId,
      events.map(() => randomUUID()),
      events.map((e) => e.type),
      events.map((e) => e.objectId),
      events.map((e) => JSON.stringify(e.data)),
    ],
  );
}
