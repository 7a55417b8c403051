import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { ensureFirstApplication } from '../connect/first-application.ts';
import { Originals } from '../http/content/originals.ts';
import { Cursors } from '../http/pagination.ts';
import { adminApiKeyRoutes } from '../http/routes/admin-api-keys.ts';
import { applicationRoutes } from '../http/routes/applications.ts';
import { attachmentRoutes } from '../http/routes/attachments.ts';
import { connectRoutes } from '../http/routes/connect.ts';
import { folderChangeRoutes } from '../http/routes/folder-changes.ts';
import { folderRoutes } from '../http/routes/folders.ts';
import { grantRoutes } from '../http/routes/grants.ts';
import { healthRoutes } from '../http/routes/health.ts';
import { messageChangeRoutes } from '../http/routes/message-changes.ts';
import { messageCleanRoutes } from '../http/routes/message-clean.ts';
import { messageRoutes } from '../http/routes/messages.ts';
import { openApiRoutes } from '../http/routes/openapi.ts';
import { providerRoutes } from '../http/routes/providers.ts';
import { redirectUriRoutes } from '../http/routes/redirect-uris.ts';
import { signatureRoutes } from '../http/routes/signatures.ts';
import { threadChangeRoutes } from '../http/routes/thread-changes.ts';
import { threadRoutes } from '../http/routes/threads.ts';
import { createServer } from '../http/server.ts';
import type { Config } from '../platform/config.ts';
import { StartupError } from '../platform/errors.ts';
import type { ImapTimings } from '../providers/imap/connection.ts';
import { primaryKeyId } from '../store/master-keys.ts';
import type { SyncTimings } from '../sync/context.ts';
import { rawSource } from '../sync/raw.ts';
import { docsRoutes } from '../web/docs.ts';
import { type Instance, openInstance } from './instance.ts';
import { composeServices, type Services } from './service.ts';

/** Requests that are still running when we are told to stop may take this long, in ms. */
const DRAIN_MS = 20_000;
/** Connections whose last request has been answered meanwhile are looked for this often, in ms. */
const IDLE_CHECK_MS = 100;

export interface RunningServer {
  origin: string;
  instance: Instance;
  services: Services;
  /** Shown once; undefined when the first application has its key already. */
  newKey: string | undefined;
  stop(): Promise<void>;
}

interface Timings {
  timings?: Partial<SyncTimings>;
  imapTimings?: Partial<ImapTimings>;
}

/** Starts everything: database, sync and API. Resolves when requests are served. */
export async function startServer(config: Config, timings: Timings = {}): Promise<RunningServer> {
  return serve(await openInstance(config), timings);
}

/** Starts sync and API on an open database, which it closes when it stops or cannot start. */
export async function serve(instance: Instance, timings: Timings = {}): Promise<RunningServer> {
  const { config } = instance;
  let services: Services | undefined;
  let app: FastifyInstance | undefined;
  const stop = async () => {
    await closeWithin(app, DRAIN_MS);
    await services?.stop();
    await instance.database.close();
  };
  try {
    services = composeServices(instance, timings.timings, timings.imapTimings);
    app = createServer({
      db: instance.database.db,
      log: instance.log,
      metrics: services.metrics,
      authenticator: services.authenticator,
      rateLimits: config.rateLimits,
      alone: config.databaseUrl === null,
      routes: await routesOf(instance, services),
    });
    await listen(app, config);
    // Only now: a key that is shown once must not be lost to a port that is in use.
    const { newKey } = await ensureFirstApplication(instance.database.db, config);
    await services.start();
    const { address, port } = app.server.address() as AddressInfo;
    const host = address.includes(':') ? `[${address}]` : address;
    return { origin: `http://${host}:${port}`, instance, services, newKey, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function routesOf(instance: Instance, services: Services) {
  const { database, secrets, log, config } = instance;
  const { db } = database;
  const key = secrets.find(await db.engine(primaryKeyId));
  if (!key) throw new StartupError('The primary master key is not known to this process.');
  const parts = {
    db,
    metrics: services.metrics,
    cursors: new Cursors(key.derive('page cursors 1')),
    originals: new Originals({
      blobs: services.blobs,
      fetchRaw: rawSource({ db, mailbox: services.mailbox }),
      retentionDays: config.rawRetentionDays,
      log,
      // Beside the data: the system's temporary directory may be memory.
      spoolDirectory: config.dataDir,
    }),
    connect: services.connect,
    changes: services.changes,
    search: { db, mailbox: services.mailbox },
    cleaner: services.cleaner,
    authenticator: services.authenticator,
  };
  const routes = [
    ...applicationRoutes(parts),
    ...redirectUriRoutes(parts),
    ...adminApiKeyRoutes(parts),
    ...connectRoutes(parts),
    ...grantRoutes(parts),
    ...providerRoutes(parts),
    ...messageRoutes(parts),
    ...messageCleanRoutes(parts),
    ...messageChangeRoutes(parts),
    ...threadRoutes(parts),
    ...threadChangeRoutes(parts),
    ...folderRoutes(parts),
    ...folderChangeRoutes(parts),
    ...attachmentRoutes(parts),
    ...signatureRoutes(parts),
    ...healthRoutes(parts),
    ...docsRoutes(),
  ];
  return [...routes, ...openApiRoutes(routes)];
}

async function listen(app: FastifyInstance, config: Config): Promise<void> {
  try {
    await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      throw new StartupError(
        `Port ${config.port} on ${config.host} is in use. Stop what listens there, or set MAILQUAY_PORT to another port.`,
      );
    }
    if (code === 'EADDRNOTAVAIL' || code === 'EACCES' || code === 'ENOTFOUND') {
      throw new StartupError(
        `Cannot listen on ${config.host} port ${config.port} (${code}). Check MAILQUAY_HOST and MAILQUAY_PORT.`,
      );
    }
    throw error;
  }
}

async function closeWithin(app: FastifyInstance | undefined, ms: number): Promise<void> {
  if (!app) return;
  const timer = setTimeout(() => app.server.closeAllConnections(), ms);
  // One that was busy when we began is kept alive by its client afterwards, and would hold us up to the end.
  const idle = setInterval(() => app.server.closeIdleConnections(), IDLE_CHECK_MS);
  await app.close();
  clearTimeout(timer);
  clearInterval(idle);
}
