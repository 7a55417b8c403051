import { Type } from 'typebox';
import { createApiKey, deleteKey, showKey, showKeys, toApiKeyObject } from '../../connect/api-keys.ts';
import { ApiKey, NewApiKey } from '../../model/api-key.ts';
import { Done, One } from '../../model/envelope.ts';
import { notFound } from '../../platform/errors.ts';
import type { Database } from '../../store/database.ts';
import { done, one, page } from '../answer.ts';
import type { Authenticator, Principal } from '../auth.ts';
import { type Route, signedRoute } from '../route.ts';

const PATH = '/v3/admin/applications/:app_id/api-keys';

/** API keys of an application, for its service accounts. */
export function adminApiKeyRoutes(parts: { db: Database; authenticator: Authenticator }): Route[] {
  const { db, authenticator } = parts;
  return [
    signedRoute({
      method: 'GET',
      path: PATH,
      summary: "The application's API keys, without the keys themselves",
      tag: 'API keys',
      response: Type.Object({ request_id: Type.String(), data: Type.Array(ApiKey) }),
      handle: async ({ principal, params }) => page(await showKeys(db, ownApplication(principal, params))),
    }),
    signedRoute({
      method: 'POST',
      path: PATH,
      summary: 'A new API key, shown this once',
      tag: 'API keys',
      status: 201,
      body: NewApiKey,
      response: One(ApiKey),
      async handle({ principal, params, body }) {
        const applicationId = ownApplication(principal, params);
        const { key, value } = await createApiKey(db, applicationId, {
          name: body.name,
          expiresInDays: body.expires_in,
        });
        return one({ ...toApiKeyObject(key), api_key: value }, { status: 201 });
      },
    }),
    signedRoute({
      method: 'GET',
      path: `${PATH}/:id`,
      summary: 'One API key, without the key itself',
      tag: 'API keys',
      response: One(ApiKey),
      handle: async ({ principal, params }) =>
        one(await showKey(db, ownApplication(principal, params), params.id)),
    }),
    signedRoute({
      method: 'DELETE',
      path: `${PATH}/:id`,
      summary: 'Revoke an API key at once',
      tag: 'API keys',
      response: Done,
      async handle({ principal, params }) {
        await deleteKey(db, ownApplication(principal, params), params.id);
        // Other processes are told at commit; this one need not wait for that.
        authenticator.forget();
        return done();
      },
    }),
  ];
}

/** A service account belongs to one application; any other does not exist for it. */
function ownApplication({ applicationId }: Principal, { app_id }: { app_id: string }): string {
  if (app_id.toLowerCase() !== applicationId) throw notFound();
  return applicationId;
}
