import { Type } from 'typebox';
import { Application } from '../../model/application.ts';
import { One } from '../../model/envelope.ts';
import { notFound } from '../../platform/errors.ts';
import { getApplication } from '../../store/applications.ts';
import type { Database } from '../../store/database.ts';
import { one } from '../answer.ts';
import { PageQuery } from '../query.ts';
import { applicationRoute, type Route } from '../route.ts';

export function applicationRoutes({ db }: { db: Database }): Route[] {
  return [
    applicationRoute({
      method: 'GET',
      path: '/v3/applications',
      summary: 'The application that the key belongs to',
      tag: 'Applications',
      differs: 'Without organisations above applications, `organization_id` is the application itself.',
      errors: [404],
      query: Type.Object({ select: PageQuery(50).select }),
      response: One(Application),
      async handle({ principal }) {
        const found = await db.tenant(principal.applicationId, (sql) =>
          getApplication(sql, principal.applicationId),
        );
        if (!found) throw notFound();
        const application: Application = {
          application_id: found.id,
          // One instance has no organisations above its applications: each is its own.
          organization_id: found.id,
          region: found.region,
          environment: found.environment,
          branding: { name: found.name, ...found.branding },
          hosted_authentication: found.hostedAuthentication,
          callback_uris: [],
          created_at: found.createdAt,
          updated_at: found.updatedAt,
        };
        return one(application);
      },
    }),
  ];
}
