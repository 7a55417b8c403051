import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** The measurements of one process. No label ever holds an id, an address or a host. */
export interface Metrics {
  registry: Registry;
  /** Seconds by method, route template and status. */
  httpRequests: Histogram<'method' | 'route' | 'status'>;
  /** Mails taken into the store. */
  messagesStored: Counter;
  /** Mails that resist and were given up for now. */
  messagesParked: Counter;
  /** Grants that this process syncs. */
  grantsSyncing: Gauge;
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
    messagesStored: new Counter({
      name: 'mailquay_messages_stored_total',
      help: 'Mails fetched from providers and stored.',
      registers: [registry],
    }),
    messagesParked: new Counter({
      name: 'mailquay_messages_parked_total',
      help: 'Mails that could not be fetched after several attempts. They are tried again every few hours.',
      registers: [registry],
    }),
    grantsSyncing: new Gauge({
      name: 'mailquay_grants_syncing',
      help: 'Grants whose sync this process owns.',
      registers: [registry],
    }),
  };
}
