import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';

import { Authenticator } from '../../src/http/auth.ts';
import { Cleaner } from '../../src/http/content/cleaner.ts';
import { Originals, type RawSource } from '../../src/http/content/originals.ts';
import { Cursors } from '../../src/http/pagination.ts';
import type { Route } from '../../src/http/route.ts';
import { adminApiKeyRoutes } from '../../src/http/routes/admin-api-keys.ts';
import { applicationRoutes } from '../../src/http/routes/applications.ts';
import { attachmentRoutes } from '../../src/http/routes/attachments.ts';
import { folderRoutes } from '../../src/http/routes/folders.ts';
import { healthRoutes } from '../../src/http/routes/health.ts';
import { messageCleanRoutes } from '../../src/http/routes/message-clean.ts';
import { messageRoutes } from '../../src/http/routes/messages.ts';
import { openApiRoutes } from '../../src/http/routes/openapi.ts';
import { redirectUriRoutes } from '../../src/http/routes/redirect-uris.ts';
import { signatureRoutes } from '../../src/http/routes/signatures.ts';
import { threadRoutes } from '../../src/http/routes/threads.ts';
import { createServer, type Timeouts } from '../../src/http/server.ts';
import type { RateLimits } from '../../src/platform/config.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { FileBlobStore } from '../../src/store/blobs/files.ts';
import type { Database } from '../../src/store/database.ts';
import { docsRoutes } from '../../src/web/docs.ts';
import { Nylas } from './nylas.ts';
import { openTestDatabase, type TestDatabase } from './test-database.ts';

/** The API over a database of its own, listening on loopback. */
export interface TestApi {
  database: TestDatabase;
  blobs: FileBlobStore;
  /** Blobs, and what waits to be sent. */
  directory: string;
  app: FastifyInstance;
  routes: Route[];
  origin: string;
  /** What the provider would hand out; replace it in a test. */
  provider: { fetchRaw: RawSource };
  /** A raw request: path as it goes over the wire. */
  call(path: string, key?: string | null, init?: RequestInit): Promise<Response>;
  sdk(key: string): Nylas;
  close(): Promise<void>;
}

export async function startApi(
  options: {
    timeouts?: Partial<Timeouts>;
    rateLimits?: RateLimits;
    extraRoutes?: (db: Database) => Route[];
  } = {},
): Promise<TestApi> {
  const database = await openTestDatabase();
  const directory = await mkdtemp(join(tmpdir(), 'mailquay-blobs-'));
  const blobs = new FileBlobStore(directory);
  const provider: TestApi['provider'] = {
    fetchRaw: async () => Readable.from([]),
  };
  const log = createLog('silent');
  const metrics = createMetrics();
  const originals = new Originals({
    blobs,
    fetchRaw: (...args) => provider.fetchRaw(...args),
    retentionDays: 7,
    log,
    spoolDirectory: directory,
  });
  const authenticator = new Authenticator(database.db);
  const cleaner = new Cleaner();
  const search = { db: database.db, mailbox: async () => null };
  const parts = {
    db: database.db,
    search,
    authenticator,
    metrics,
    originals,
    cleaner,
    cursors: new Cursors(randomBytes(32)),
  };
  const resources = [
    ...applicationRoutes(parts),
    ...redirectUriRoutes(parts),
    ...adminApiKeyRoutes(parts),
    ...messageRoutes(parts),
    ...messageCleanRoutes(parts),
    ...threadRoutes(parts),
    ...folderRoutes(parts),
    ...attachmentRoutes(parts),
    ...signatureRoutes(parts),
    ...healthRoutes(parts),
    ...docsRoutes(),
    ...(options.extraRoutes?.(database.db) ?? []),
  ];
  const routes = [...resources, ...openApiRoutes(resources)];
  const app = createServer({ db: database.db, log, metrics, authenticator, routes, ...options });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  return {
    database,
    blobs,
    directory,
    app,
    routes,
    origin,
    provider,
    call: (path, key, init = {}) => {
      const headers = new Headers(init.headers);
      if (key) headers.set('authorization', `Bearer ${key}`);
      return fetch(origin + path, { ...init, headers });
    },
    sdk: (apiKey) => new Nylas({ apiKey, apiUri: origin }),
    close: async () => {
      await app.close();
      await cleaner.close();
      await database.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
