import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ScriptedImap, startScriptedImap } from '../../../test/support/scripted-imap.ts';
import { connect, withDeadline } from './connection.ts';

const LONG_MS = 60_000;

let server: ScriptedImap;
beforeAll(async () => {
  server = await startScriptedImap();
});
afterAll(() => server?.stop());

const connected = () =>
  connect(
    {
      settings: {
        imap_host: '127.0.0.1',
        imap_port: server.port,
        imap_security: 'none',
        imap_username: 'ada',
      } as never,
      secret: { imap_password: 'pass' },
    },
    { resolve: async () => [{ address: '127.0.0.1', servername: undefined }] },
    AbortSignal.timeout(LONG_MS),
  );

it('a command on a connection that closes has failed, even if the library lets it wait', async () => {
  const client = await connected();
  const command = withDeadline(
    client,
    LONG_MS,
    AbortSignal.timeout(LONG_MS),
    'NOOP',
    () => new Promise(() => {}),
  );
  server.cutAll();
  await expect(command).rejects.toMatchObject({ name: 'ProviderError', kind: 'network' });

  let asked = false;
  const late = withDeadline(client, LONG_MS, AbortSignal.timeout(LONG_MS), 'NOOP', async () => {
    asked = true;
  });
  await expect(late).rejects.toMatchObject({ kind: 'network', code: 'NoConnection' });
  expect(asked).toBe(false);
});
