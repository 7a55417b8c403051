import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { notFound } from '../platform/errors.ts';
import type { Database } from '../store/database.ts';
import type { Answer } from './answer.ts';
import type { Authenticator, Principal } from './auth.ts';
import { acceptsGzip } from './compress.ts';
import { inGrant, readInGrant } from './in-grant.ts';
import { parseQuery } from './query.ts';
import type { RequestLimits } from './request-limits.ts';
import type { GrantCall, Route } from './route.ts';
import { select } from './select.ts';
import { type Claim, checkClaim, readClaim } from './signed-requests.ts';
import { validate } from './validate.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
    /** Of a request that a service account is said to have signed. */
    claim: Claim | null;
  }
}

const NO_QUERY = Type.Object({});
const JSON_TYPE = 'application/json; charset=utf-8';

/** What every route stands on. */
interface Doorkeepers {
  db: Database;
  authenticator: Authenticator;
  limits: RequestLimits | null;
}

/** Puts a declared route on the server: who may call it, how often, what it reads, and its answer in the envelope. */
export function registerRoute(app: FastifyInstance, route: Route, keepers: Doorkeepers): void {
  const { db, authenticator, limits } = keepers;
  app.route({
    method: route.method,
    url: route.path,
    bodyLimit: route.bodyLimit,
    // Before the body is read: nobody unknown makes us read one.
    onRequest: async (request) => {
      if (route.access === 'public') return;
      if (route.access === 'service-account') {
        request.claim = await readClaim(db, request);
        return;
      }
      request.principal = await authenticator.authenticate(request.headers.authorization);
      await limits?.take(route, request.principal, request.params as Record<string, string>);
    },
    // Only now the signed body is there.
    preHandler: async (request) => {
      if (!request.claim) return;
      request.principal = await checkClaim(db, request.claim, request);
      await limits?.take(route, request.principal, request.params as Record<string, string>);
    },
    handler: async (request, reply) => {
      const params = request.params as Record<string, string>;
      if (Object.values(params).some((value) => value.includes('\0'))) throw notFound();
      const query = parseQuery(route.query ?? NO_QUERY, queryText(request.raw.url));
      const body = route.body ? validate(route.body, request.body) : undefined;
      const open = route.method === 'GET' ? readInGrant : inGrant;
      const within: GrantCall<string, unknown, unknown>['inGrant'] = (work) =>
        open(db, request.principal!, params.grant_id!, work);
      const answer = await route.handle({
        params,
        query,
        body,
        request,
        principal: request.principal!,
        inGrant: within,
        grantScope: () => within(async (_sql, scope) => scope),
      } as GrantCall<string, unknown, unknown>);
      const names = (query as { select?: string[] }).select;
      return send(reply, request, answer, names);
    },
  });
}

async function send(
  reply: FastifyReply,
  request: FastifyRequest,
  answer: Answer,
  names: string[] | undefined,
): Promise<FastifyReply> {
  const request_id = request.id;
  switch (answer.kind) {
    case 'one': {
      const data =
        answer.data !== null && typeof answer.data === 'object' ? select(answer.data, names) : answer.data;
      return json(reply, answer.status, { request_id, ...answer.beside, data });
    }
    case 'page':
      return json(reply, 200, {
        request_id,
        data: answer.data.map((item) => select(item, names)),
        ...answer.beside,
      });
    case 'done':
      return json(reply, answer.status, { request_id });
    case 'plain':
      return reply.code(answer.status).headers(answer.headers).send(answer.text);
    case 'written': {
      reply.header('content-type', JSON_TYPE).header('vary', 'accept-encoding');
      if (request.method === 'HEAD') return reply.send();
      const { pieces, close } = await answer.open(request_id, whileConnected(reply));
      const text = Readable.from(pieces).once('close', close);
      if (!acceptsGzip(request.headers['accept-encoding'])) return reply.send(text);
      const zipped = createGzip();
      pipeline(text, zipped, () => {}); // a failure half way ends the connection through `zipped`
      return reply.header('content-encoding', 'gzip').send(zipped);
    }
    case 'download': {
      // How many bytes it decodes to is known when it is decoded: HEAD says nothing rather than 0 (RFC 9110 9.3.2).
      if (request.method === 'HEAD') return reply.headers(answer.headers).send(Readable.from([]));
      const { length, stream } = await answer.open(whileConnected(reply));
      return reply.headers(answer.headers).header('content-length', String(length)).send(stream);
    }
  }
}

/** Aborts when the client goes away before it has its answer. */
function whileConnected(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  return gone.signal;
}

function json(reply: FastifyReply, status: number, body: object): FastifyReply {
  return reply.code(status).header('content-type', JSON_TYPE).send(JSON.stringify(body));
}

/** What follows the first question mark, as the client wrote it. */
function queryText(url: string | undefined): string {
  const target = url ?? '';
  const mark = target.indexOf('?');
  return mark < 0 ? '' : target.slice(mark + 1);
}
