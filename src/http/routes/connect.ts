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
  provider: Type.Optional(Type.Unknown({ description: 'imap', examples: ['imap'] })),
  settings: Type.Optional(
    Type.Unknown({
      description:
        'imap_username, imap_password; imap_host, imap_port, imap_security, smtp_host, smtp_port, smtp_security, smtp_username, smtp_password',
      examples: [
        { imap_username: 'ada@example.com', imap_password: 'an app password', imap_host: 'imap.example.com' },
      ],
    }),
  ),
  state: Type.Optional(Type.Unknown({ description: 'Echoed in the grant', examples: ['a42'] })),
  scope: Type.Optional(Type.Unknown({ description: 'Kept in the grant', examples: [[]] })),
  name: Type.Optional(Type.Unknown({ description: 'Display name', examples: ['Ada'] })),
});

export function connectRoutes({ connect }: { connect: ConnectContext }): Route[] {
  return [
    applicationRoute({
      method: 'POST',
      path: '/v3/connect/custom',
      summary: 'Connect a mailbox with its credentials, or renew them',
      tag: 'Connect',
      differs: 'Of the providers only `imap` can be connected yet.',
      status: 201,
      errors: [504],
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
