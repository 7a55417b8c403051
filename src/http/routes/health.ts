import { ApiError } from '../../platform/errors.ts';
import type { Metrics } from '../../platform/metrics.ts';
import type { Database } from '../../store/database.ts';
import { plain } from '../answer.ts';
import { publicRoute, type Route } from '../route.ts';

/** A readiness probe must not wait as long as its caller. */
const PROBE_MS = 2_000;

/** `/healthz`: the process lives. `/readyz`: requests are served. `/metrics`: for Prometheus. */
export function healthRoutes({ db, metrics }: { db: Database; metrics: Metrics }): Route[] {
  return [
    publicRoute({
      method: 'GET',
      path: '/healthz',
      summary: 'The process lives',
      tag: 'Operation',
      contentType: 'text/plain',
      handle: () => plain('ok\n'),
    }),
    publicRoute({
      method: 'GET',
      path: '/readyz',
      summary: 'Requests are served',
      tag: 'Operation',
      contentType: 'text/plain',
      handle: async () => {
        if (!(await isReady(db))) throw new ApiError('api.unavailable', 'The database does not answer.');
        return plain('ready\n');
      },
    }),
    publicRoute({
      method: 'GET',
      path: '/metrics',
      summary: 'Measurements for Prometheus',
      tag: 'Operation',
      contentType: 'text/plain',
      handle: async () =>
        plain(await metrics.registry.metrics(), { contentType: metrics.registry.contentType }),
    }),
  ];
}

/** The database answers and its schema is there. */
async function isReady(db: Database): Promise<boolean> {
  const probe = db
    .engine((sql) => sql.rows('SELECT 1 FROM migrations LIMIT 1'))
    .then(
      (rows) => rows.length === 1,
      () => false,
    );
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), PROBE_MS);
  try {
    return await Promise.race([probe, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
