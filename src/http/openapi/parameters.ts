import type { TSchema } from 'typebox';
import { MAX_INTEGER } from '../query.ts';
import type { Route } from '../route.ts';
import type { Components, JsonSchema } from './schemas.ts';

/** A parameter object of OpenAPI 3.1. */
export interface Parameter {
  name: string;
  in: 'path' | 'query';
  required: boolean;
  description?: string;
  schema: JsonSchema;
  style?: 'form';
  explode?: boolean;
}

const GRANT_FORMS =
  'The id of the grant, bare or as `grant:<id>`, or its address, bare or as `email:<address>`; percent-encoded.';

/** `/a/:id` as OpenAPI writes it: `/a/{id}`. */
export function templateOf(path: string): string {
  return path.replace(/:([a-z_]+)/g, '{$1}');
}

/** What stands in the path of a route and in its query, with the encodings that query.ts reads. */
export function parametersOf(route: Route, components: Components): Parameter[] {
  const inPath = [...route.path.matchAll(/:([a-z_]+)/g)].map(([, name]): Parameter => {
    const description = name === 'grant_id' ? GRANT_FORMS : 'An identifier that an answer has given.';
    return {
      name: name!,
      in: 'path',
      required: true,
      description,
      schema: { type: 'string', minLength: 1 },
    };
  });
  const required = new Set(route.query?.required ?? []);
  const inQuery = Object.entries(route.query?.properties ?? {}).map(([name, property]) =>
    queryParameter(name, required.has(name), components.add(property as TSchema)),
  );
  return [...inPath, ...inQuery];
}

function queryParameter(
  name: string,
  required: boolean,
  { style, description, ...schema }: JsonSchema,
): Parameter {
  const parameter: Parameter = { name, in: 'query', required, schema };
  if (typeof description === 'string') parameter.description = description;
  if (schema.type === 'integer') schema.maximum ??= MAX_INTEGER;
  if (schema.type === 'array') return { ...parameter, style: 'form', explode: style !== 'comma' };
  return parameter;
}
