import type { Route } from '../route.ts';

const SERVICE_ACCOUNT = ['Kid', 'Timestamp', 'Nonce', 'Signature'].map((part) => ({
  name: `ServiceAccount${part}`,
  header: `X-Nylas-${part}`,
}));

/** How a request of each kind of access proves itself; all schemes of a kind together. */
const SCHEMES: Record<string, Record<string, object>> = {
  public: {},
  application: { ApiKey: { type: 'http', scheme: 'bearer', description: 'An API key of the application.' } },
  'service-account': Object.fromEntries(
    SERVICE_ACCOUNT.map(({ name, header }) => [name, { type: 'apiKey', in: 'header', name: header }]),
  ),
};

/** The security schemes that a route asks for. */
export function schemesOf(access: Route['access']): Record<string, object> {
  const schemes = SCHEMES[access === 'grant' ? 'application' : access];
  if (!schemes) throw new Error(`no security scheme is known for ${access}`);
  return schemes;
}
