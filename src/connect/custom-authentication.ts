import { normalizeAddress } from '../mail/address.ts';
import { PROVIDERS } from '../model/grant.ts';
import { ApiError, invalidRequest } from '../platform/errors.ts';
import type { Sql } from '../store/database.ts';
import {
  type AuthenticatedGrant,
  type Grant,
  insertGrant,
  lockGrantByEmail,
  newGrantId,
} from '../store/grants.ts';
import type { ConnectContext } from './context.ts';
import { Fields } from './fields.ts';
import { writeGrantEvent } from './grant-events.ts';
import { sealGrantSecret } from './grant-secret.ts';
import { type ImapRequest, readImapRequest } from './imap-request.ts';
import { reauthenticate } from './reauthenticate.ts';
import { verifyLogins } from './verify-login.ts';

/** Who asked, as far as the HTTP request tells. */
export interface RequestMeta {
  ip: string | null;
  userAgent: string | null;
}

/** What can be connected so far. */
const SUPPORTED = ['imap'];

const MAX_STATE = 2_048;
const MAX_NAME = 256;
const MAX_SCOPES = 100;
const MAX_USER_AGENT = 512;

/**
 * Connects a mailbox with credentials that the application has (contract 4.6). Nothing is stored before the
 * logins have succeeded. An address that has a grant already keeps it: same id, new credentials, valid again.
 */
export async function customAuthentication(
  ctx: ConnectContext,
  applicationId: string,
  requestBody: unknown,
  meta: RequestMeta,
): Promise<Grant> {
  const body = new Fields(requestBody, 'body');
  assertSupported(body);
  const record = readRecord(body);
  const state = body.text('state', MAX_STATE) ?? null;
  const request = await readImapRequest(ctx, body);
  await verifyLogins(ctx, request);

  const grant = await ctx.db.tenant(applicationId, (sql) =>
    storeGrant(ctx, sql, applicationId, request, {
      provider: 'imap',
      name: record.name ?? null,
      scope: record.scope ?? [],
      state,
      ip: meta.ip,
      userAgent: meta.userAgent?.slice(0, MAX_USER_AGENT) ?? null,
    }),
  );
  ctx.log.info({ grantId: grant.id, applicationId }, 'mailbox authenticated');
  return grant;
}

/** The fields of a grant that are only kept. Also for PATCH. */
export function readRecord(body: Fields): { scope?: string[]; name?: string } {
  return { scope: body.texts('scope', MAX_SCOPES, MAX_NAME), name: body.text('name', MAX_NAME) };
}

function assertSupported(body: Fields): void {
  const provider = body.raw('provider');
  if (provider === undefined || provider === '') {
    throw new ApiError(
      'grant.provider_required',
      `provider: is required; supported so far: ${SUPPORTED.join(', ')}`,
      {
        field: 'provider',
      },
    );
  }
  if (typeof provider !== 'string' || !PROVIDERS.includes(provider)) {
    throw invalidRequest('provider', `is none of ${PROVIDERS.join(', ')}`);
  }
  if (!SUPPORTED.includes(provider)) {
    throw invalidRequest(
      'provider',
      `${provider} cannot be connected here yet; supported so far: ${SUPPORTED.join(', ')}`,
    );
  }
}

async function storeGrant(
  ctx: ConnectContext,
  sql: Sql,
  applicationId: string,
  request: ImapRequest,
  record: Omit<AuthenticatedGrant, 'email' | 'settings' | 'secret'>,
): Promise<Grant> {
  const key = normalizeAddress(request.email);
  for (;;) {
    const existing = await lockGrantByEmail(sql, applicationId, key);
    const id = existing?.id ?? newGrantId();
    const secret = await sealGrantSecret(sql, ctx.secrets, { applicationId, grantId: id }, request.secret);
    const authenticated = { ...record, email: request.email, settings: request.settings, secret };
    if (existing) {
      const grant = await reauthenticate(sql, existing, authenticated);
      await writeGrantEvent(sql, 'reauthenticated', grant);
      return grant;
    }
    const grant = await insertGrant(sql, { applicationId, id, emailKey: key }, authenticated);
    if (grant) {
      await writeGrantEvent(sql, 'created', grant);
      return grant;
    }
    // Somebody connected the same address at this moment: theirs is the grant that we authenticate again.
  }
}
