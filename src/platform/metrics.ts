import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/** The measurements of one process. No label ever holds an id, an address or a host. */
export interface Metrics {
  registry: Registry;
  /** Seconds by method, route template and status. */
  httpRequests: Histogram<'method' | 'route' | 'status'>;
}

/** A registry of its own, so that two servers in one process (tests) do not meet. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    httpRequests: new Histogram({
      name: 'mailquay_http_request_seconds',
      help: 'Time to answer a request, by method, route template and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers: [registry],
    }),
  };
}
