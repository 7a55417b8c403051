/** /openapi.json: it is valid, it is whole, and it is what the server does. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OpenApi } from '../../src/http/openapi/document.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { addApplication, addMailbox } from '../support/fixture.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';

let mailquay: TestMailquay;
let document: OpenApi;

beforeAll(async () => {
  mailquay = await startMailquay();
  document = (await mailquay.get<OpenApi>('/openapi.json')).body;
});

afterAll(() => mailquay?.stop());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

describe('the description', () => {
  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(
      structuredClone(document) as unknown as Record<string, unknown>,
    );
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    expect(validator.version).toBe('3.1');
  });

  it('leads nowhere that is not there', () => {
    const refs: string[] = [];
    JSON.stringify(document, (key, value) => {
      if (key === '$ref') refs.push(value as string);
      return value;
    });
    expect(refs.length).toBeGreaterThan(100);
    for (const ref of new Set(refs)) {
      const target = ref
        .slice('#/'.length)
        .split('/')
        .reduce<unknown>((node, key) => (node as Record<string, unknown>)?.[key], document);
      expect([ref, typeof target]).toEqual([ref, 'object']);
    }
  });

  it('names the public objects', () => {
    const names = ['Application', 'Attachment', 'ErrorAnswer', 'Folder', 'Grant', 'Message', 'Thread'];
    expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining(names));
  });

  it('says of each operation what it is, how to call it and how it answers', () => {
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const tags = document.tags.map((tag) => tag.name);
    for (const { path, method, operation } of operations()) {
      const at = `${method} ${path}`;
      expect([at, operation.summary]).toEqual([at, expect.stringMatching(/^\S.{5,99}[^.]$/)]);
      expect([at, tags.includes(operation.tags[0]!)]).toEqual([at, true]);
      const statuses = Object.keys(operation.responses).map(Number);
      expect([at, statuses.some((status) => status < 300), statuses.includes(400)]).toEqual([at, true, true]);
      expect([at, operation.security.length > 0]).toEqual([at, statuses.includes(401)]);
      const inTemplate = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const inPath = operation.parameters.filter((p) => p.in === 'path').map((p) => p.name);
      expect([at, inPath]).toEqual([at, inTemplate]);
    }
  });

  it('says how lists are written', () => {
    const { parameters } = document.paths['/v3/grants/{grant_id}/messages']!.get!;
    const find = (name: string) => parameters.find((parameter) => parameter.name === name);
    expect(find('from')).toMatchObject({ style: 'form', explode: true, schema: { type: 'array' } });
    expect(find('any_email')).toMatchObject({ style: 'form', explode: false, schema: { maxItems: 25 } });
    expect(find('limit')).toMatchObject({ required: false, schema: { minimum: 1, maximum: 200 } });
    expect(find('any_email')!.schema).not.toHaveProperty('style');
  });
});

describe('the server', () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api?.close());

  /** Every path and method that the router knows, in OpenAPI's notation. */
  function routingTable(): [string, string][] {
    const stack: string[] = [];
    return api.app
      .printRoutes({ commonPrefix: false })
      .split('\n')
      .flatMap((line): [string, string][] => {
        const [, indent, own, methods] = /^(.*?)[└├]── (\S*) \((.*)\)$/.exec(line) ?? [];
        if (own === undefined || indent === undefined || methods === undefined) return [];
        stack.length = indent.length / 4;
        stack.push(own);
        const path = stack.join('').replace(/:([a-z_]+)/g, '{$1}');
        return methods.split(', ').map((method): [string, string] => [path, method.toLowerCase()]);
      });
  }

  it('has no route that the description lacks, and none less', async () => {
    const app = await addApplication(api.database.db, 'one');
    const { grantId } = await addMailbox(api.database.db, app.id, 'me@example.com', []);
    const described = (await (await api.call('/openapi.json')).json()) as OpenApi;
    const table = routingTable();
    expect(table.length).toBeGreaterThan(60);
    for (const [path, method] of table) {
      if (method === 'options' || method === 'head') continue;
      const url = path.replace('{grant_id}', grantId).replace(/\{\w+\}/g, 'x');
      const { status } = await api.call(url, app.key, { method: method.toUpperCase() });
      // What is known and not there yet is refused with 501.
      const isThere = status !== 405 && status !== 501;
      const isDescribed = described.paths[path]?.[method] !== undefined;
      expect([method, path, isThere]).toEqual([method, path, isDescribed]);
    }
    const inTable = new Set(table.map(([path, method]) => `${method} ${path}`));
    for (const [path, methods] of Object.entries(described.paths)) {
      for (const method of Object.keys(methods)) expect(inTable).toContain(`${method} ${path}`);
    }
  });
});
