import { Type } from 'typebox';
import type { ConnectContext } from '../../connect/context.ts';
import { customAuthentication } from '../../connect/custom-authentication.ts';
import { toGrantObject } from '../../connect/grant-object.ts';
import { One } from '../../model/envelope.ts';
import { Grant } from '../../model/grant.ts';
import { one } from '../answer.ts';
import { applicationRoute, type Route } from '../route.ts';

/** The service reads the fields itself, and names each by its path; here they are only told of. */
const CustomAuthentication = Type.Object({
  provider: Type.Optional(Type.Unknown({ description: 'imap' })),
  settings: Type.Optional(
    Type.Unknown({
      description:
        'imap_username, imap_password; imap_host, imap_port, imap_security, smtp_host, smtp_port, smtp_security, smtp_username, smtp_password',
    }),
  ),
  state: Type.Optional(Type.Unknown({ description: 'Echoed in the grant' })),
  scope: Type.Optional(Type.Unknown({ description: 'Kept in the grant' })),
  name: Type.Optional(Type.Unknown({ description: 'Display name' })),
});

export function connectRoutes({ connect }: { connect: ConnectContext }): Route[] {
  return [
    applicationRoute({
      method: 'POST',
      path: '/v3/connect/custom',
      body: CustomAuthentication,
      response: One(Grant),
      async handle({ principal, body, request }) {
        const grant = await customAuthentication(connect, principal.applicationId, body, {
          ip: request.ip,
          userAgent: request.headers['user-agent'] ?? null,
        });
        return one(toGrantObject(grant), { status: 201 });
      },
    }),
  ];
}
