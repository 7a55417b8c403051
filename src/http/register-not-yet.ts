import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../platform/errors.ts';
import type { Database } from '../store/database.ts';
import type { Authenticator } from './auth.ts';
import { inGrant } from './in-grant.ts';
import type { NotYet } from './not-yet.ts';

/** For these the SDK reads OAuth's flat error instead of ours (contract 1.3). */
const OAUTH = /^\/v3\/connect\/(token|revoke|tokeninfo)$/;

/** Answers a call that this version does not have: 501, after what a route would check, and before any body is read. */
export function registerNotYet(
  app: FastifyInstance,
  { method, path, message, access }: NotYet,
  db: Database,
  authenticator: Authenticator,
): void {
  const refuse = async () => {
    throw new ApiError('api.not_implemented', message);
  };
  app.route({
    method,
    url: path,
    onRequest: async (request, reply) => {
      if (OAUTH.test(path)) return refuseOAuth(request, reply, message);
      if (access === 'public') return refuse();
      const principal = await authenticator.authenticate(request.headers.authorization);
      if (access === 'application') return refuse();
      return inGrant(db, principal, (request.params as { grant_id: string }).grant_id, refuse);
    },
    handler: refuse,
  });
}

function refuseOAuth(request: FastifyRequest, reply: FastifyReply, message: string): FastifyReply {
  const body = {
    error: 'not_implemented',
    error_description: message,
    error_uri: '',
    error_code: 501,
    request_id: request.id,
  };
  return reply.code(501).header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(body));
}
