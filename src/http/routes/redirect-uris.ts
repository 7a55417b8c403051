import { Type } from 'typebox';
import {
  createRedirectUri,
  findRedirectUri,
  redirectUrisOf,
  removeRedirectUri,
  updateRedirectUri,
} from '../../connect/redirect-uris.ts';
import { Done, One } from '../../model/envelope.ts';
import { NewRedirectUri, RedirectUri, RedirectUriChange } from '../../model/redirect-uri.ts';
import type { Database } from '../../store/database.ts';
import { done, one, page } from '../answer.ts';
import { PageQuery } from '../query.ts';
import { applicationRoute, type Route } from '../route.ts';

const SelectQuery = Type.Object({ select: PageQuery(50).select });

/** Under both of the names that clients know. */
export function redirectUriRoutes({ db }: { db: Database }): Route[] {
  return (['/v3/applications/redirect-uris', '/v3/applications/callback-uris'] as const).flatMap((path) => [
    applicationRoute({
      method: 'GET',
      path,
      summary: "The application's redirect URIs",
      tag: 'Applications',
      query: SelectQuery,
      response: Type.Object({ request_id: Type.String(), data: Type.Array(RedirectUri) }),
      handle: async ({ principal: { applicationId } }) =>
        page(await db.tenant(applicationId, (sql) => redirectUrisOf(sql, applicationId))),
    }),
    applicationRoute({
      method: 'POST',
      path,
      summary: 'Allow another redirect URI',
      tag: 'Applications',
      status: 201,
      query: SelectQuery,
      body: NewRedirectUri,
      response: One(RedirectUri),
      handle: async ({ principal, body }) =>
        one(await createRedirectUri(db, principal.applicationId, body), { status: 201 }),
    }),
    applicationRoute({
      method: 'GET',
      path: `${path}/:id`,
      summary: 'One redirect URI',
      tag: 'Applications',
      query: SelectQuery,
      response: One(RedirectUri),
      handle: async ({ principal, params }) =>
        one(await findRedirectUri(db, principal.applicationId, params.id)),
    }),
    applicationRoute({
      method: 'PATCH',
      path: `${path}/:id`,
      summary: 'Change a redirect URI',
      tag: 'Applications',
      query: SelectQuery,
      body: RedirectUriChange,
      response: One(RedirectUri),
      handle: async ({ principal, params, body }) =>
        one(await updateRedirectUri(db, principal.applicationId, params.id, body)),
    }),
    applicationRoute({
      method: 'DELETE',
      path: `${path}/:id`,
      summary: 'Take a redirect URI away',
      tag: 'Applications',
      response: Done,
      async handle({ principal, params }) {
        await removeRedirectUri(db, principal.applicationId, params.id);
        return done();
      },
    }),
  ]);
}
