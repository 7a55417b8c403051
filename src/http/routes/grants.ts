import { Type } from 'typebox';
import type { ConnectContext } from '../../connect/context.ts';
import { toGrantObject } from '../../connect/grant-object.ts';
import { deleteGrant, listGrants, updateGrant } from '../../connect/grants.ts';
import { Done, OffsetPage, One } from '../../model/envelope.ts';
import { Grant, PROVIDERS } from '../../model/grant.ts';
import { notFound } from '../../platform/errors.ts';
import type { Grant as StoredGrant } from '../../store/grants.ts';
import { done, one, page } from '../answer.ts';
import { findGrant } from '../grant-identifier.ts';
import { PageQuery } from '../query.ts';
import { applicationRoute, type Route } from '../route.ts';

const DEFAULT_LIMIT = 10;
const MAX_OFFSET = 10_000_000;

const GrantListQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: DEFAULT_LIMIT })),
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_OFFSET, default: 0 })),
  // The SDK sends a value as it was written, also in its own way of writing names.
  sort_by: Type.Optional(Type.Enum(['created_at', 'updated_at', 'createdAt', 'updatedAt'])),
  order_by: Type.Optional(Type.Enum(['desc', 'asc'])),
  since: Type.Optional(Type.Integer({ minimum: 0, description: 'created_at, inclusive' })),
  before: Type.Optional(Type.Integer({ minimum: 0, description: 'created_at, inclusive' })),
  email: Type.Optional(Type.String()),
  grant_status: Type.Optional(Type.Enum(['valid', 'invalid'])),
  provider: Type.Optional(Type.Enum(PROVIDERS)),
  ip: Type.Optional(Type.String()),
  workspace_id: Type.Optional(Type.String()),
  account_id: Type.Optional(Type.String()),
  account_ids: Type.Optional(Type.String()),
  select: PageQuery(DEFAULT_LIMIT).select,
});

const SelectQuery = Type.Object({ select: PageQuery(DEFAULT_LIMIT).select });
const GrantQuery = Type.Object({
  ...SelectQuery.properties,
  expose_aliases: Type.Optional(
    Type.Boolean({ default: false, description: 'Also `email_aliases`; IMAP servers tell of none' }),
  ),
});

/** The service reads the fields itself, and names each by its path. */
const GrantUpdate = Type.Object({
  settings: Type.Optional(Type.Unknown({ description: 'Replaced whole; the logins are verified first' })),
  scope: Type.Optional(Type.Unknown({ description: 'Kept in the grant', examples: [[]] })),
  name: Type.Optional(Type.Unknown({ description: 'Display name', examples: ['Ada'] })),
});

export function grantRoutes({ connect }: { connect: ConnectContext }): Route[] {
  const find = async (applicationId: string, identifier: string): Promise<StoredGrant> => {
    const grant = await connect.db.tenant(applicationId, (sql) => findGrant(sql, applicationId, identifier));
    if (!grant) throw notFound();
    return grant;
  };
  return [
    applicationRoute({
      method: 'GET',
      path: '/v3/grants',
      summary: 'The mailboxes of the application',
      tag: 'Grants',
      query: GrantListQuery,
      response: OffsetPage(Grant),
      async handle({ principal, query }) {
        const limitAndOffset = { limit: query.limit ?? DEFAULT_LIMIT, offset: query.offset ?? 0 };
        // No grant is in a workspace or came from v2, so none matches these.
        if (query.workspace_id ?? query.account_id ?? query.account_ids) return page([], limitAndOffset);
        const grants = await listGrants(connect, principal.applicationId, {
          ...limitAndOffset,
          sortBy: /^updated/.test(query.sort_by ?? '') ? 'updated_at' : 'created_at',
          orderBy: query.order_by ?? 'desc',
          since: query.since ?? null,
          before: query.before ?? null,
          email: query.email ?? null,
          status: query.grant_status ?? null,
          provider: query.provider ?? null,
          ip: query.ip ?? null,
        });
        return page(grants.map(toGrantObject), limitAndOffset);
      },
    }),
    applicationRoute({
      method: 'GET',
      path: '/v3/grants/:grant_id',
      summary: 'One mailbox and its state',
      tag: 'Grants',
      query: GrantQuery,
      response: One(Grant),
      async handle({ principal, params, query }) {
        const grant = toGrantObject(await find(principal.applicationId, params.grant_id));
        return one(query.expose_aliases ? { ...grant, email_aliases: [] } : grant);
      },
    }),
    applicationRoute({
      method: 'PATCH',
      path: '/v3/grants/:grant_id',
      summary: 'Change the record or the credentials of a mailbox',
      tag: 'Grants',
      errors: [504],
      query: SelectQuery,
      body: GrantUpdate,
      response: One(Grant),
      async handle({ principal, params, body }) {
        const { id } = await find(principal.applicationId, params.grant_id);
        return one(toGrantObject(await updateGrant(connect, principal.applicationId, id, body)));
      },
    }),
    applicationRoute({
      method: 'DELETE',
      path: '/v3/grants/:grant_id',
      summary: 'Disconnect a mailbox and erase its mail',
      tag: 'Grants',
      response: Done,
      async handle({ principal, params }) {
        const { id } = await find(principal.applicationId, params.grant_id);
        await deleteGrant(connect, principal.applicationId, id);
        return done();
      },
    }),
  ];
}
