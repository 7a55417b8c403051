/**
 * docs/compatibility.md: every call of the official SDK, and what becomes of it here. It follows from the SDK, from
 * /openapi.json and from the tests; `npm run compatibility` writes it anew.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OpenApi } from '../src/http/openapi/document.ts';
import { startMailquay, type TestMailquay } from './support/mailquay.ts';
import { type Operation, operationsOf } from './support/openapi/operations.ts';
import { LOCAL, type SdkCall, sdkCalls, shapeOf } from './support/sdk-calls.ts';

const ROOT = dirname(import.meta.dirname);
const REFUSED_YET = 'Refused: not supported yet';

let mailquay: TestMailquay;

beforeAll(async () => {
  mailquay = await startMailquay();
});

afterAll(() => mailquay?.stop());

/** Tests that make a call, by the name that it has in their text. */
function testsOf(name: string, texts: Map<string, string>): string[] {
  const spelled = name.split('.').join('\\s*\\.\\s*');
  // With an object or nothing: `messages.find(` of an array takes a function.
  const call = new RegExp(`\\.${spelled}\\(\\s*[{)]`);
  return [...texts].filter(([, text]) => call.test(text)).map(([file]) => file);
}

function testTexts(): Map<string, string> {
  const files = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: ROOT }).sort();
  return new Map(files.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));
}

/** In what an operation differs, in sentences. */
function differences(operation: Operation): string[] {
  const refused = operation.parameters.filter(({ description }) => description === REFUSED_YET);
  const names = refused.map(({ name }) => `\`${name}\``).join(', ');
  return [
    ...(operation.description ? [operation.description] : []),
    ...(names ? [`Refused with 400, not supported yet: ${names}.`] : []),
  ];
}

interface Row {
  call: SdkCall;
  state: 'works' | 'differs' | 'no test' | 'not yet';
  notes: string[];
}

function rowOf(call: SdkCall, operations: Operation[], texts: Map<string, string>): Row {
  const found = call.requests.map(({ method, shape }) =>
    operations.find((o) => o.method === method && shapeOf(o.path) === shape),
  );
  const there = found.filter((operation) => operation !== undefined);
  if (there.length === 0) return { call, state: 'not yet', notes: [] };
  const tests = testsOf(call.name, texts);
  if (tests.length === 0)
    return { call, state: 'no test', notes: ['There is a route; no test makes this call.'] };
  const notes = there.flatMap(differences);
  const shown = tests.map((file) => `[${file.split('/').at(-1)}](../${file})`).join(', ');
  return { call, state: notes.length > 0 ? 'differs' : 'works', notes: [...notes, `Shown by ${shown}.`] };
}

function page(rows: Row[]): string {
  const count = (state: Row['state']) => rows.filter((row) => row.state === state).length;
  const sections = Map.groupBy(rows, ({ call }) => call.name.split('.')[0]!);
  const tables = [...sections].flatMap(([name, own]) => [
    `## ${name}`,
    '',
    '| call | request | state | |',
    '|---|---|---|---|',
    ...own.map(({ call, state, notes }) => {
      const requests = call.requests.map(({ method, shape }) => `\`${method} ${shape}\``).join(', ');
      return `| \`${call.name}\` | ${requests} | ${state} | ${notes.join(' ')} |`;
    }),
    '',
  ]);
  return [
    '# What works of the official SDK',
    '',
    'Written by `npm run compatibility` from the `nylas` SDK itself, the routes that are there and the tests; do not edit it.',
    '',
    `Of ${rows.length} calls ${count('works')} work, ${count('differs')} differ in what the table says, and ${count('not yet')} are not there yet:`,
    'they are refused with status 501 and words that name the feature.',
    `${LOCAL.map((name) => `\`${name}\``).join(', ')} makes no request: it works without a server.`,
    ...(count('no test') > 0
      ? [`For ${count('no test')} there is a route, and no test makes the call.`]
      : []),
    '',
    ...tables,
  ].join('\n');
}

it('is told in docs/compatibility.md (if not: npm run compatibility)', async () => {
  const operations = operationsOf((await mailquay.get<OpenApi>('/openapi.json')).body);
  const texts = testTexts();
  const rows = (await sdkCalls()).map((call) => rowOf(call, operations, texts));
  await expect(page(rows)).toMatchFileSnapshot(join(ROOT, 'docs', 'compatibility.md'));
});
