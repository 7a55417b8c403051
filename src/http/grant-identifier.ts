import { normalizeAddress } from '../mail/address.ts';
import { invalidRequest } from '../platform/errors.ts';
import type { Sql } from '../store/database.ts';
import { type Grant, getGrant, getGrantByEmail } from '../store/grants.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Finds the grant that `{grant_id}` of a path means (contract 1.2): a bare id, `grant:<id>`, a bare address,
 * `email:<address>`, `external:<id>` (nothing in the contract gives a grant one, so that there are none). `me` belongs to access tokens, not to API keys.
 */
export async function findGrant(
  sql: Sql,
  applicationId: string,
  identifier: string,
): Promise<Grant | undefined> {
  if (identifier === 'me') {
    throw invalidRequest(
      'grant_id',
      '"me" needs an access token; with an API key name the grant by its id or email',
    );
  }
  if (identifier.includes('\0')) return undefined;
  const id = idOfGrant(identifier);
  if (id !== undefined) return getGrant(sql, applicationId, id);
  const { kind, rest } = parts(identifier);
  if (kind === 'external' || kind === 'grant' || !rest.includes('@')) return undefined;
  return getGrantByEmail(sql, applicationId, normalizeAddress(rest));
}

/** The id that an identifier is; undefined when it is another name for the grant, or for none. */
export function idOfGrant(identifier: string): string | undefined {
  const { kind, rest } = parts(identifier);
  const id = rest.toLowerCase();
  return (kind === undefined || kind === 'grant') && UUID.test(id) ? id : undefined;
}

function parts(identifier: string): { kind: string | undefined; rest: string } {
  const [, kind, rest = identifier] = /^(grant|email|external):(.*)$/s.exec(identifier) ?? [];
  return { kind, rest };
}
