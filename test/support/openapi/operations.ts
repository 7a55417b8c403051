import type { OpenApi } from '../../../src/http/openapi/document.ts';

type Described = OpenApi['paths'][string][string];
export type Parameter = Described['parameters'][number];
export type Schema = Parameter['schema'];

/** One operation of the document, with what tests ask about it. */
export interface Operation extends Described {
  /** `GET /v3/grants/{grant_id}/messages`. */
  name: string;
  method: string;
  path: string;
  /** The schema of its JSON body. */
  body: Schema | undefined;
  /** How a caller proves itself: not at all, with an API key, or with a signature. */
  access: 'public' | 'key' | 'signature';
}

/** Everything that the document describes. */
export function operationsOf({ paths }: OpenApi): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([lower, described]) => {
      const method = lower.toUpperCase();
      const body = described.requestBody?.content['application/json']?.schema;
      const [security] = described.security;
      const access = !security ? 'public' : 'ApiKey' in security ? 'key' : 'signature';
      return { ...described, name: `${method} ${path}`, method, path, body, access };
    }),
  );
}

/** Which resource a path parameter names: what stands before it, `messages` in `/messages/{id}`. */
export function resourceOf(path: string, parameter: string): string {
  const before = path.slice(0, path.indexOf(`{${parameter}}`)).split('/');
  return before.at(-2) ?? '';
}

const BY_NAME: Record<string, string> = {
  in: 'folders',
  folders: 'folders',
  parent_id: 'folders',
  message_id: 'messages',
  reply_to_message_id: 'messages',
  message_ids: 'messages',
  thread_id: 'threads',
  grant_id: 'grants',
};

/** Which resource a field or a query parameter names by id: by its name, for ids end in `_id`; else undefined. */
export function resourceNamed(field: string): string | undefined {
  return BY_NAME[field] ?? (/_ids?$/.test(field) ? field.replace(/_ids?$/, 's') : undefined);
}

/** A request line's path and query, everything encoded. */
export function urlOf(path: string, ids: Record<string, string>, query: Record<string, string> = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(ids[name] ?? 'x'));
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return pairs.length > 0 ? `${filled}?${pairs.join('&')}` : filled;
}
