import type { Sql } from '../store/database.ts';
import { insertEvents } from '../store/events.ts';
import type { Grant } from '../store/grants.ts';

/** The vendor's numbers for these events (contract 8.6). */
const CREATED = 25_012;
const DELETED = 25_013;
const UPDATED = 25_014;
const REAUTHENTICATED = 25_027;
const EXPIRED = 25_009;

type Change = 'created' | 'updated' | 'reauthenticated' | 'deleted' | 'expired';

/** Writes the event of a change to a grant, in the transaction of the change. */
export async function writeGrantEvent(sql: Sql, change: Change, grant: Grant): Promise<void> {
  const base = { grant_id: grant.id, provider: grant.provider, email: grant.email };
  const { type, data } = shape(change, grant);
  await insertEvents(sql, { applicationId: grant.applicationId, grantId: grant.id }, [
    { type, objectId: grant.id, data: { ...data, ...base } },
  ]);
}

function shape(change: Change, grant: Grant) {
  switch (change) {
    case 'created':
      return {
        type: 'grant.created',
        data: { code: CREATED, scope: grant.scope, ...(grant.name !== null && { name: grant.name }) },
      } as const;
    case 'updated':
      return { type: 'grant.updated', data: { code: UPDATED, reauthentication_flag: false } } as const;
    case 'reauthenticated':
      return { type: 'grant.updated', data: { code: REAUTHENTICATED, reauthentication_flag: true } } as const;
    case 'deleted':
      return { type: 'grant.deleted', data: { code: DELETED } } as const;
    case 'expired':
      return { type: 'grant.expired', data: { code: EXPIRED, grant_updated_at: grant.updatedAt } } as const;
  }
}
