import { Type } from 'typebox';
import { showApplication, updateApplication } from '../../connect/application-settings.ts';
import { Application, ApplicationUpdate } from '../../model/application.ts';
import { One } from '../../model/envelope.ts';
import type { Database } from '../../store/database.ts';
import { one } from '../answer.ts';
import { PageQuery } from '../query.ts';
import { applicationRoute, type Route } from '../route.ts';

const SelectQuery = Type.Object({ select: PageQuery(50).select });

export function applicationRoutes({ db }: { db: Database }): Route[] {
  return [
    applicationRoute({
      method: 'GET',
      path: '/v3/applications',
      summary: 'The application that the key belongs to',
      tag: 'Applications',
      differs:
        'Without organisations above applications, `organization_id` is the application itself, and without workspaces there is no `default_workspace_id`.',
      errors: [404],
      query: SelectQuery,
      response: One(Application),
      handle: async ({ principal }) => one(await showApplication(db, principal.applicationId)),
    }),
    applicationRoute({
      method: 'PATCH',
      path: '/v3/applications',
      summary: "Change the application's branding and its other settings",
      tag: 'Applications',
      query: SelectQuery,
      body: ApplicationUpdate,
      response: Type.Object({ success: Type.Literal(true), ...One(Application).properties }),
      handle: async ({ principal, body }) =>
        one(await updateApplication(db, principal.applicationId, body), { beside: { success: true } }),
    }),
  ];
}
