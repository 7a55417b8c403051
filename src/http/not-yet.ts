import type { Route } from './route.ts';

/**
 * What the official SDK can call and this version does not have, by feature. An entry counts only as long as there is
 * no route for it, so whoever builds one need not come here; a test compares the list with the SDK.
 */
const FEATURES: [feature: string, ...calls: string[]][] = [
  [
    'Sending is',
    'POST /v3/grants/:grant_id/messages/send',
    'GET /v3/grants/:grant_id/messages/schedules',
    'GET /v3/grants/:grant_id/messages/schedules/:id',
    'DELETE /v3/grants/:grant_id/messages/schedules/:id',
    'POST /v3/domains/:domain/messages/send',
  ],
  [
    'Drafts are',
    'GET /v3/grants/:grant_id/drafts',
    'POST /v3/grants/:grant_id/drafts',
    'GET /v3/grants/:grant_id/drafts/:id',
    'PUT /v3/grants/:grant_id/drafts/:id',
    'DELETE /v3/grants/:grant_id/drafts/:id',
    'POST /v3/grants/:grant_id/drafts/:id',
  ],
  [
    'Uploading large attachments is',
    'POST /v3/grants/:grant_id/attachment-uploads',
    'POST /v3/grants/:grant_id/attachment-uploads/:id/complete',
  ],
  [
    'Smart compose is',
    'POST /v3/grants/:grant_id/messages/smart-compose',
    'POST /v3/grants/:grant_id/messages/:id/smart-compose',
  ],
  [
    'Hosted sign-in is',
    'GET /v3/connect/auth',
    'POST /v3/connect/token',
    'POST /v3/connect/revoke',
    'GET /v3/connect/tokeninfo',
  ],
  [
    'Connectors are',
    'GET /v3/connectors',
    'POST /v3/connectors',
    'GET /v3/connectors/:provider',
    'PUT /v3/connectors/:provider',
    'PATCH /v3/connectors/:provider',
    'DELETE /v3/connectors/:provider',
    'GET /v3/connectors/:provider/creds',
    'POST /v3/connectors/:provider/creds',
    'GET /v3/connectors/:provider/creds/:id',
    'PATCH /v3/connectors/:provider/creds/:id',
    'DELETE /v3/connectors/:provider/creds/:id',
  ],
  [
    'Webhooks are',
    'GET /v3/webhooks',
    'POST /v3/webhooks',
    'GET /v3/webhooks/:id',
    'PUT /v3/webhooks/:id',
    'DELETE /v3/webhooks/:id',
    'POST /v3/webhooks/rotate-secret/:id',
    'GET /v3/webhooks/ip-addresses',
  ],
  [
    'Calendars are',
    'GET /v3/grants/:grant_id/calendars',
    'POST /v3/grants/:grant_id/calendars',
    'GET /v3/grants/:grant_id/calendars/:id',
    'PUT /v3/grants/:grant_id/calendars/:id',
    'DELETE /v3/grants/:grant_id/calendars/:id',
    'POST /v3/grants/:grant_id/calendars/free-busy',
    'POST /v3/calendars/availability',
    'GET /v3/grants/:grant_id/events',
    'POST /v3/grants/:grant_id/events',
    'GET /v3/grants/:grant_id/events/import',
    'GET /v3/grants/:grant_id/events/:id',
    'PUT /v3/grants/:grant_id/events/:id',
    'DELETE /v3/grants/:grant_id/events/:id',
    'POST /v3/grants/:grant_id/events/:id/send-rsvp',
  ],
  [
    'Scheduling is',
    'GET /v3/grants/:grant_id/scheduling/configurations',
    'POST /v3/grants/:grant_id/scheduling/configurations',
    'GET /v3/grants/:grant_id/scheduling/configurations/:id',
    'PUT /v3/grants/:grant_id/scheduling/configurations/:id',
    'DELETE /v3/grants/:grant_id/scheduling/configurations/:id',
    'POST /v3/scheduling/bookings',
    'GET /v3/scheduling/bookings/:id',
    'PUT /v3/scheduling/bookings/:id',
    'PATCH /v3/scheduling/bookings/:id',
    'DELETE /v3/scheduling/bookings/:id',
    'POST /v3/scheduling/sessions',
    'DELETE /v3/scheduling/sessions/:id',
    'GET /v3/scheduling/availability',
  ],
  [
    'Contacts are',
    'GET /v3/grants/:grant_id/contacts',
    'POST /v3/grants/:grant_id/contacts',
    'GET /v3/grants/:grant_id/contacts/groups',
    'GET /v3/grants/:grant_id/contacts/:id',
    'PUT /v3/grants/:grant_id/contacts/:id',
    'DELETE /v3/grants/:grant_id/contacts/:id',
  ],
  [
    'Notetakers are',
    ...['/v3/grants/:grant_id/notetakers', '/v3/notetakers'].flatMap((base) => [
      `GET ${base}`,
      `POST ${base}`,
      `GET ${base}/:id`,
      `PATCH ${base}/:id`,
      `DELETE ${base}/:id/cancel`,
      `POST ${base}/:id/leave`,
      `GET ${base}/:id/media`,
    ]),
  ],
  [
    'Workspaces are',
    'GET /v3/workspaces',
    'POST /v3/workspaces',
    'GET /v3/workspaces/:id',
    'PATCH /v3/workspaces/:id',
    'DELETE /v3/workspaces/:id',
    'POST /v3/workspaces/auto-group',
    'POST /v3/workspaces/:id/manual-assign',
  ],
  [
    'Policies are',
    'GET /v3/policies',
    'POST /v3/policies',
    'GET /v3/policies/:id',
    'PUT /v3/policies/:id',
    'DELETE /v3/policies/:id',
  ],
  [
    'Rules are',
    'GET /v3/rules',
    'POST /v3/rules',
    'GET /v3/rules/:id',
    'PUT /v3/rules/:id',
    'DELETE /v3/rules/:id',
    'GET /v3/grants/:grant_id/rule-evaluations',
  ],
  [
    'Lists are',
    'GET /v3/lists',
    'POST /v3/lists',
    'GET /v3/lists/:id',
    'PUT /v3/lists/:id',
    'DELETE /v3/lists/:id',
    'GET /v3/lists/:id/items',
    'POST /v3/lists/:id/items',
    'DELETE /v3/lists/:id/items',
  ],
  [
    'Domains are',
    'GET /v3/admin/domains',
    'POST /v3/admin/domains',
    'GET /v3/admin/domains/:id',
    'PUT /v3/admin/domains/:id',
    'DELETE /v3/admin/domains/:id',
    'POST /v3/admin/domains/:id/info',
    'POST /v3/admin/domains/:id/verify',
  ],
];

/** A call that is known, and refused with a message that names its feature. */
export interface NotYet {
  method: Route['method'];
  path: string;
  message: string;
  /** Who gets as far as that message, as for a {@link Route}. */
  access: 'public' | 'application' | 'grant';
}

/** The calls of the list for which there is no route among these. */
export function notYetAmong(routes: Route[]): NotYet[] {
  const known = new Map(routes.map((route) => [shapeOf(route.path), route.path]));
  const there = new Set(routes.map((route) => `${route.method} ${shapeOf(route.path)}`));
  return FEATURES.flatMap(([feature, ...calls]) =>
    calls.flatMap((call): NotYet[] => {
      const [method, path] = call.split(' ') as [Route['method'], string];
      if (there.has(`${method} ${shapeOf(path)}`)) return [];
      const message = `${feature} not in this version of mailquay yet.`;
      // The router takes one spelling of a path only.
      return [{ method, path: known.get(shapeOf(path)) ?? path, message, access: accessOf(path) }];
    }),
  );
}

function accessOf(path: string): NotYet['access'] {
  if (path.startsWith('/v3/grants/:grant_id/')) return 'grant';
  // They prove themselves in ways of their own (contract 1.2), none of which exists without the feature.
  return /^\/v3\/(connect|admin)\//.test(path) ? 'public' : 'application';
}

/** A path of which only the fixed parts count, whatever its parameters are called. */
function shapeOf(path: string): string {
  return path.replace(/:[a-z_]+/g, ':');
}
