import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Nylas } from './nylas.ts';

/** One method of the official SDK, and the requests that it makes; shapes are like `/v3/grants/:/messages/:`. */
export interface SdkCall {
  /** As a user writes it: `messages.list`. */
  name: string;
  /** Several when the mailbox may be left out. */
  requests: { method: string; shape: string }[];
}

/** A path of which only the fixed parts count, whatever its parameters are called. */
export function shapeOf(path: string): string {
  return path.replace(/:[a-z_]+|\{\w+\}/g, ':');
}

const MARK = 'parameter';
/** Not HTTP requests: they take an address of ours apart. */
export const LOCAL = ['webhooks.extractChallengeParameter'];

/**
 * Every public method of the SDK's client, found on the client itself and called once with a transport that only
 * takes notes. A method that a new version adds is found like the rest.
 */
export async function sdkCalls(): Promise<SdkCall[]> {
  const calls: SdkCall[] = [];
  const hidden = privateNames();
  for (const [path, resource] of resourcesOf(new Nylas({ apiKey: 'key', apiUri: 'http://sdk.invalid' }))) {
    for (const method of methodsOf(resource)) {
      const name = `${path}.${method}`;
      if (hidden.has(method) || LOCAL.includes(name)) continue;
      calls.push({ name, requests: await requestsOf(resource, method) });
    }
  }
  return calls;
}

interface Resource {
  [method: string]: unknown;
  apiClient: object;
}

/** Resources by the path that leads to them, `messages` and `messages.smartCompose` alike. */
function resourcesOf(parent: object, prefix = ''): [string, Resource][] {
  return Object.entries(parent).flatMap(([name, value]): [string, Resource][] => {
    if (name === 'apiClient' || typeof value !== 'object' || value === null) return [];
    const own: [string, Resource][] = 'apiClient' in value ? [[prefix + name, value as Resource]] : [];
    return [...own, ...resourcesOf(value, `${prefix}${name}.`)];
  });
}

/** What the resource itself has: the base class of all holds nothing that is called from outside. */
function methodsOf(resource: Resource): string[] {
  const base = (name: string) => /^(constructor$|_|fetchList$|listIterator$|payloadRequest$)/.test(name);
  const names = new Set<string>();
  for (let at = Object.getPrototypeOf(resource); at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) if (!base(name)) names.add(name);
  }
  return [...names];
}

/** Methods that only the types call private. */
function privateNames(): Set<string> {
  const root = dirname(dirname(fileURLToPath(import.meta.resolve('nylas'))));
  const types = join(root, 'types', 'resources');
  const text = readdirSync(types).map((file) => readFileSync(join(types, file), 'utf8'));
  return new Set([...text.join('\n').matchAll(/^\s+private (?:static )?(\w+)/gm)].map(([, name]) => name!));
}

async function requestsOf(resource: Resource, method: string): Promise<SdkCall['requests']> {
  const usual = await requestOf(resource, method, anything());
  const appWide = await requestOf(resource, method, anything(['identifier'])).catch(() => usual);
  return appWide.shape === usual.shape || appWide.shape.includes('undefined') ? [usual] : [usual, appWide];
}

async function requestOf(
  resource: Resource,
  method: string,
  argument: object,
): Promise<{ method: string; shape: string }> {
  const seen: { method: string; path: string }[] = [];
  const note = (request: { method: string; path: string }) => {
    seen.push(request);
    return { data: [] };
  };
  const client = resource.apiClient;
  Object.assign(client, {
    request: async (options: { method: string; path: string }) => note(options),
    requestRaw: async (options: { method: string; path: string }) => note(options),
    requestStream: async (options: { method: string; path: string }) => {
      note(options);
      return new ReadableStream();
    },
  });
  const result = await (resource[method] as (argument: unknown) => unknown).call(resource, argument);
  if (seen.length === 0) {
    // It only writes the address that a browser is sent to.
    const url = typeof result === 'string' ? result : (result as { url?: string } | undefined)?.url;
    if (!url) throw new Error(`the SDK's ${method} made no request`);
    seen.push({ method: 'GET', path: new URL(url).pathname });
  }
  const [request] = seen;
  return { method: request!.method, shape: request!.path.replaceAll(MARK, ':') };
}

/** An argument in which everything that a path may need is there, but for what is left out. */
function anything(leftOut: string[] = []): object {
  const known: Record<string, unknown> = {
    requestBody: {},
    queryParams: undefined,
    overrides: undefined,
    scope: undefined,
    ...Object.fromEntries(leftOut.map((name) => [name, undefined])),
    // A signer that signs nothing: the request goes no further than our notes.
    signer: {
      buildHeaders: () => ({
        headers: Object.fromEntries(
          ['kid', 'timestamp', 'nonce', 'signature'].map((h) => [`X-Nylas-${h}`, 'x']),
        ),
      }),
    },
  };
  return new Proxy(known, { get: (target, name) => (name in target ? target[name as string] : MARK) });
}
