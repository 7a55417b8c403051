import type { Route } from '../route.ts';
import { type Parameter, parametersOf, templateOf } from './parameters.ts';
import { HEADERS, responsesOf } from './responses.ts';
import { Components, type JsonSchema } from './schemas.ts';
import { schemesOf } from './security.ts';

/** An operation object of OpenAPI 3.1, with the fields that we use. */
interface Operation {
  operationId: string;
  summary: string;
  /** In what it differs from the contract. */
  description?: string;
  tags: string[];
  security: Record<string, string[]>[];
  parameters: Parameter[];
  requestBody?: { required: true; content: Record<string, { schema: JsonSchema }> };
  responses: ReturnType<typeof responsesOf>;
}

/** An OpenAPI 3.1 document, with the fields that we use. */
export interface OpenApi {
  openapi: '3.1.0';
  info: { title: string; version: string; description: string; license: object };
  servers: { url: string }[];
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, JsonSchema>;
    headers: object;
    securitySchemes: Record<string, object>;
  };
}

const DESCRIPTION = [
  'The REST API of mailquay. It follows the Nylas v3 contract; keys are in snake case, times are Unix seconds.',
  'Every path also answers OPTIONS, and HEAD where it answers GET; other methods are refused with 405.',
  'Requests that are no valid HTTP, too slow or too large in their headers are refused with 400, 408 or 431.',
].join(' ');

/** The OpenAPI document of routes: each is described by its own declaration, and by nothing else. */
export function openApiDocument(routes: Route[], version: string): OpenApi {
  const components = new Components();
  const paths: OpenApi['paths'] = {};
  const securitySchemes: Record<string, object> = {};
  for (const route of routes) {
    const template = templateOf(route.path);
    paths[template] = { ...paths[template], [route.method.toLowerCase()]: operationOf(route, components) };
    Object.assign(securitySchemes, schemesOf(route.access));
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'mailquay',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: { schemas: components.schemas, headers: HEADERS, securitySchemes },
  };
}

function operationOf(route: Route, components: Components): Operation {
  const schemes = Object.keys(schemesOf(route.access));
  const security = schemes.length > 0 ? [Object.fromEntries(schemes.map((name) => [name, []]))] : [];
  return {
    operationId: operationId(route),
    summary: route.summary,
    ...(route.differs && { description: route.differs }),
    tags: [route.tag],
    security,
    parameters: parametersOf(route, components),
    ...(route.body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: components.add(route.body) } },
      },
    }),
    responses: responsesOf(route, components),
  };
}

/** `GET /v3/grants/:grant_id/messages/:id` is `getMessagesById`; unlike a summary it never changes. */
function operationId({ method, path, access }: Route): string {
  const own = access === 'grant' ? path.replace('/v3/grants/:grant_id', '') : path.replace(/^\/v3(?=\/)/, '');
  const words = own
    .replaceAll('/:', '/by_')
    .split(/[^A-Za-z]+/)
    .filter(Boolean)
    .map((word) => word[0]!.toUpperCase() + word.slice(1));
  return method.toLowerCase() + words.join('');
}
