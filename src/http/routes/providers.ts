import { Type } from 'typebox';
import type { ConnectContext } from '../../connect/context.ts';
import { detectProvider } from '../../connect/detect.ts';
import { One } from '../../model/envelope.ts';
import { one } from '../answer.ts';
import { applicationRoute, type Route } from '../route.ts';

const DetectQuery = Type.Object({
  email: Type.String({ maxLength: 320, examples: ['ada@gmail.com'] }),
  all_provider_types: Type.Optional(Type.Boolean({ default: false })),
});

const Detection = Type.Object(
  {
    email_address: Type.String(),
    detected: Type.Boolean(),
    provider: Type.Optional(Type.String()),
    type: Type.Optional(Type.String()),
  },
  { $id: 'Detection' },
);

export function providerRoutes({ connect }: { connect: ConnectContext }): Route[] {
  return (['POST', 'GET'] as const).map((method) =>
    applicationRoute({
      method,
      path: '/v3/providers/detect',
      limit: 'detection',
      summary: 'Which provider an address belongs to',
      tag: 'Connect',
      differs: 'Without `all_provider_types` it tells of what can be connected here, which is IMAP.',
      query: DetectQuery,
      response: One(Detection),
      async handle({ query }) {
        return one(
          await detectProvider(connect, {
            email: query.email,
            allProviderTypes: query.all_provider_types ?? false,
          }),
        );
      },
    }),
  );
}
