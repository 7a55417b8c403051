import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { RateLimits } from '../platform/config.ts';
import { ApiError } from '../platform/errors.ts';
import type { Log } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Database } from '../store/database.ts';
import type { Authenticator } from './auth.ts';
import { acceptsGzip, compressed } from './compress.ts';
import { answerOnSocket, asApiError, errorAnswer, refusal } from './failures.ts';
import { parseJsonBody } from './json-body.ts';
import { readOn } from './late-body.ts';
import { type NotYet, notYetAmong } from './not-yet.ts';
import { registerNotYet } from './register-not-yet.ts';
import { registerRoute } from './register-route.ts';
import { RequestLimits } from './request-limits.ts';
import type { Route } from './route.ts';
import { cutSlowReaders } from './slow-readers.ts';

/** What composition hands to the server. */
export interface ServerParts {
  db: Database;
  log: Log;
  metrics: Metrics;
  authenticator: Authenticator;
  /** Without them nothing is limited. */
  rateLimits?: RateLimits;
  /** No other process serves requests on this database. */
  alone?: boolean;
  /** Every route of every resource, see routes/. */
  routes: Route[];
  /** Shorter times are for tests. */
  timeouts?: Partial<Timeouts>;
}

export interface Timeouts {
  /** For the whole header section to arrive, ms. */
  headers: number;
  /** For the whole request to arrive, ms: the largest body at 400 kbit/s. */
  request: number;
  /** For a connection on which nothing moves, ms: longer than the slowest send. */
  idle: number;
  /** For the rest of a request that has been answered already, ms. */
  late: number;
  /** For a client to take its answer, ms, beyond the time that the lowest rate needs (slow-readers.ts). */
  reader: number;
  /** How often all but the idle one are looked at, ms. */
  check: number;
}

const TIMEOUTS: Timeouts = {
  headers: 15_000,
  request: 60_000,
  late: 10_000,
  idle: 180_000,
  reader: 30_000,
  check: 2_000,
};
/** A request in JSON has at most 3 MB (contract 5.4). */
const BODY_LIMIT = 3 * 1024 * 1024;
/** A path segment: ids are shorter, and the header limit bounds the whole. */
const MAX_SEGMENT = 4096;

/** The HTTP server of the API, not yet listening. All that leaves it has the contract's envelope or error shape. */
export function createServer(parts: ServerParts): FastifyInstance {
  const timeouts = { ...TIMEOUTS, ...parts.timeouts };
  const app = fastify({
    logger: false,
    genReqId: () => randomUUID(),
    bodyLimit: BODY_LIMIT,
    connectionTimeout: timeouts.idle,
    requestTimeout: timeouts.request,
    // We answer these ourselves, in our shape.
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => answerOnSocket(error, socket),
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id);
      sendError(reply, error, parts.log);
    },
    http: {
      headersTimeout: timeouts.headers,
      connectionsCheckingInterval: timeouts.check,
      requireHostHeader: false,
    },
    // Routes validate and write by themselves; to load Fastify's compilers takes 50 ms of each start.
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    routerOptions: {
      maxParamLength: MAX_SEGMENT,
      // The query is read by the route's schema; here it must only not throw.
      querystringParser: () => ({}),
    },
  });

  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    if (closing) {
      reply.header('connection', 'close');
      throw new ApiError('api.unavailable', 'The service is shutting down.', { retryAfterSeconds: 2 });
    }
  });
  app.addHook('onSend', async (request, reply, payload) => {
    if (typeof payload !== 'string' || request.method === 'HEAD') return payload;
    reply.header('vary', 'accept-encoding');
    if (!acceptsGzip(request.headers['accept-encoding'])) return payload;
    const bytes = await compressed(payload);
    if (!bytes) return payload;
    reply.header('content-encoding', 'gzip').removeHeader('content-length');
    return bytes;
  });
  app.addHook('onResponse', async (request, reply) => {
    readOn(request.raw, timeouts.late);
    const route = request.routeOptions.url ?? 'none';
    parts.metrics.httpRequests.observe(
      { method: request.method, route, status: String(reply.statusCode) },
      reply.elapsedTime / 1000,
    );
    parts.log.info(
      {
        requestId: request.id,
        method: request.method,
        route,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
      },
      'request',
    );
  });

  readBodies(app);
  app.decorateRequest('principal', null);
  app.decorateRequest('claim', null);
  const keepers = {
    db: parts.db,
    authenticator: parts.authenticator,
    limits: parts.rateLimits ? new RequestLimits(parts.db, parts.rateLimits, parts.alone ?? false) : null,
  };
  for (const route of parts.routes) registerRoute(app, route, keepers);
  const notYet = notYetAmong(parts.routes);
  for (const call of notYet) registerNotYet(app, call, parts.db, parts.authenticator);
  refuseOtherMethods(app, parts.routes, notYet);

  app.setNotFoundHandler(() => {
    throw new ApiError('api.not_found_error', 'There is no such route.');
  });
  app.setErrorHandler((error, _request, reply) => sendError(reply, error, parts.log));
  cutSlowReaders(app.server, { graceMs: timeouts.reader, checkMs: timeouts.check });
  app.server.on('checkExpectation', (_request, response: ServerResponse) => refuseExpectation(response));
  return app;
}

function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) => {
      const encoding = request.headers['content-encoding'];
      if (encoding && encoding !== 'identity')
        throw refusal(415, 'Send the request body without Content-Encoding.');
      if (request.claim) request.claim.body = body;
      return parseJsonBody(body);
    },
  );
}

/** A path that exists, with a method that it does not have: 405, and OPTIONS says which it has. */
function refuseOtherMethods(app: FastifyInstance, routes: Route[], notYet: NotYet[]): void {
  const registered = Map.groupBy([...routes, ...notYet], (route) => route.path);
  for (const [path, group] of registered) {
    const taken = new Set<string>(group.map((route) => route.method));
    const methods = [...taken];
    const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].sort().join(', ');
    app.route({
      method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) => !taken.has(method)),
      url: path,
      exposeHeadRoute: false,
      handler: (_request, reply) => {
        reply.header('allow', allow);
        throw refusal(405, `This path answers ${allow}.`);
      },
    });
    app.options(path, (_request, reply) => reply.code(204).header('allow', allow).send());
  }
}

function sendError(reply: FastifyReply, error: unknown, log: Log): void {
  const known = asApiError(error);
  if (!known) {
    // Never the message: it may quote what a caller or a mail said. The stack's own lines say where.
    const { name, code, stack } = error as NodeJS.ErrnoException;
    const where = stack?.split('\n').filter((line) => /^\s+at /.test(line));
    log.error({ requestId: reply.request.id, name, code, where }, 'unexpected error in a request');
  }
  if (known?.retryAfterSeconds !== undefined) reply.header('retry-after', String(known.retryAfterSeconds));
  if (known?.status === 413 && !reply.request.raw.complete) reply.removeHeader('connection');
  reply
    .code(known?.status ?? 500)
    .header('content-type', 'application/json; charset=utf-8')
    .send(JSON.stringify(errorAnswer(reply.request.id, known)));
}

/** Node answers an unknown Expect header with an empty 417; ours has the error shape. */
function refuseExpectation(response: ServerResponse): void {
  const requestId = randomUUID();
  const body = JSON.stringify(
    errorAnswer(requestId, refusal(417, 'The Expect header asks for the impossible.')),
  );
  response.writeHead(417, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'x-request-id': requestId,
    connection: 'close',
  });
  response.end(body);
}

function noSchemas(): never {
  throw new Error('a route has a schema for Fastify; see registerRoute');
}
