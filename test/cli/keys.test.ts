import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cli, CliHome } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';

const KEY = 'a-key-for-the-keys-test';

let home: CliHome;
let server: Cli;
let origin: string;

beforeAll(async () => {
  home = await CliHome.make();
  server = home.spawn(['start'], { MAILQUAY_API_KEY: KEY });
  origin = await server.ready();
});
afterAll(() => home?.remove());

const call = (key: string, path = '/v3/applications') =>
  fetch(origin + path, { headers: { authorization: `Bearer ${key}` } });

/** Runs a command that must succeed, and returns its lines. */
async function lines(...args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await home.run(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.trimEnd().split('\n');
}

it('makes, lists and revokes API keys while the server runs', async () => {
  const [title, value = '', hint] = await lines(
    'api-keys',
    'create',
    '--name',
    'for the test',
    '--expires-in-days',
    '2',
  );
  const [, id = ''] = /^API key "for the test" \((\S+)\) of application "Default":$/.exec(title ?? '') ?? [];
  expect(hint).toBe('It is not shown again.');
  expect((await call(value)).status).toBe(200);

  const listed = await lines('api-keys', 'list');
  expect(listed).toHaveLength(2);
  expect(listed.join('\n')).not.toContain(value);
  expect(listed.find((line) => line.startsWith(id))).toMatch(
    new RegExp(
      `^${id} {2}…${value.slice(-4)} {2}created \\d{4}-\\d\\d-\\d\\d {2}expires \\d{4}-\\d\\d-\\d\\d {2}for the test$`,
    ),
  );

  expect(await lines('api-keys', 'revoke', id)).toEqual([`API key ${id} is revoked.`]);
  await eventually(async () => expect((await call(value)).status).toBe(401), 10_000);
  expect((await call(KEY)).status).toBe(200);
  expect((await lines('api-keys', 'list')).find((line) => line.startsWith(id))).toContain('revoked');
});

it('says what it cannot do', async () => {
  const said = async (...args: string[]) => {
    const { code, stdout, stderr } = await home.run(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^mailquay: [^\n]+\n$/);
    return stderr;
  };
  expect(await said('api-keys', 'revoke', '2c9e41b5-0000-4000-8000-000000000000')).toContain('2c9e41b5');
  expect(await said('api-keys', 'revoke', 'not-an-id')).toContain('not-an-id');
  expect(await said('api-keys', 'create', '--expires-in-days', 'soon')).toMatch(/expires/);
  expect(await said('api-keys', 'list', '--app', 'nobody')).toContain('nobody');
});

it('makes applications that are blind to each other', async () => {
  const [title, value = ''] = await lines('apps', 'create', 'Second');
  const [, id = ''] = /^Application "Second" \((\S+)\), with this API key:$/.exec(title ?? '') ?? [];
  const seen = (await (await call(value)).json()) as { data: { application_id: string } };
  expect(seen.data.application_id).toBe(id);
  expect((await lines('apps', 'list')).map((line) => line.split('  ')[1])).toEqual(['Default', 'Second']);

  // The first one is meant when none is named.
  expect((await lines('api-keys', 'list')).join('\n')).toContain('environment');
  expect(await lines('api-keys', 'list', '--app', 'Second')).toHaveLength(1);
  expect(await lines('api-keys', 'list', '--app', id)).toHaveLength(1);
});

it('rotates the master key while requests go on', async () => {
  const keyFile = () => readFile(join(home.dataDir, 'master.key'), 'utf8');
  const before = await keyFile();
  const statuses: number[] = [];
  let rotating = true;
  const asking = (async () => {
    while (rotating) {
      statuses.push((await call(KEY, '/v3/grants')).status, (await call(KEY)).status);
      await sleep(25); // below the rate limit of /v3/grants
    }
  })();
  const said = await lines('keys', 'rotate');
  rotating = false;
  await asking;
  expect(said[0]).toBe('A new master key is primary; renewing secrets.');
  expect(said.at(-1)).toMatch(/^Master key \S+ is not needed any more and was forgotten\.$/);
  expect(await keyFile()).not.toBe(before);
  expect(statuses.length).toBeGreaterThan(10);
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(await lines('keys', 'status')).toEqual([
    expect.stringMatching(/^\S+ {2}primary {2}present {2}0 secrets$/),
  ]);
  expect((await call(KEY, '/v3/grants')).status).toBe(200);

  server.child.kill('SIGTERM');
  expect(await server.ended).toMatchObject({ code: 0, stderr: '' });
  server = home.spawn(['start']);
  origin = await server.ready();
  expect((await call(KEY)).status).toBe(200);
});
