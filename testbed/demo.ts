/** `npm run demo`: mailquay beside a real Dovecot with generated mail, and lines to paste. Ctrl-C ends both. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { showProgress } from '../src/cli/progress.ts';
import { startServer } from '../src/cli/serve.ts';
import { resolveApplication } from '../src/connect/applications.ts';
import { customAuthentication } from '../src/connect/custom-authentication.ts';
import { readConfig } from '../src/platform/config.ts';
import { StartupError } from '../src/platform/errors.ts';
import { startDovecot } from './dovecot.ts';
import { fillMaildir } from './generate.ts';
import { installTestbed } from './install.ts';

const MESSAGES = 2_000;
const USER = 'demo@mailquay.example';

async function main(): Promise<void> {
  if (process.argv.length > 2) {
    console.log(
      'npm run demo: starts mailquay with a Dovecot of generated mail, and prints lines to paste. It takes no options; MAILQUAY_PORT and MAILQUAY_API_KEY are heeded.',
    );
    return;
  }
  const { ok, reason } = await installTestbed();
  if (!ok) throw new StartupError(`The demo needs Dovecot: ${reason}`);
  const apiKey = process.env.MAILQUAY_API_KEY || `demo_${randomBytes(16).toString('hex')}`;
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'mailquay-demo-'));
  console.log('Starting Dovecot and mailquay ...');
  const dovecot = await startDovecot();
  const server = await startServer(
    readConfig({
      ...process.env,
      DATABASE_URL: '',
      MAILQUAY_API_KEY: apiKey,
      MAILQUAY_DATA_DIR: dataDir,
      MAILQUAY_ALLOW_PRIVATE_NETWORKS: 'true',
    }),
  ).catch(async (error) => {
    await dovecot.stop();
    throw error;
  });
  const stop = async () => {
    await server.stop();
    await dovecot.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  const ended = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.resolve());
  try {
    const { username, password } = dovecot.user(USER, 'demo');
    console.log(`Generating ${MESSAGES} mails ...`);
    await fillMaildir(dovecot, USER, 'INBOX', MESSAGES);
    const { connect } = server.services;
    const application = await resolveApplication(connect.db, undefined);
    const grant = await customAuthentication(
      connect,
      application.id,
      {
        provider: 'imap',
        settings: {
          imap_username: username,
          imap_password: password,
          imap_host: dovecot.host,
          imap_port: dovecot.imapPort,
          imap_security: 'none',
        },
      },
      { ip: null, userAgent: 'mailquay demo' },
    );
    await showProgress(connect.db, { applicationId: application.id, grantId: grant.id }, console.log);
    console.log(linesToPaste(server.origin, apiKey, grant.id, dovecot.lmtpPort));
    await ended.promise;
    console.log('Stopping.');
  } finally {
    await stop();
  }
}

function linesToPaste(origin: string, apiKey: string, grantId: string, lmtpPort: number): string {
  return `
The newest mails:
  curl -s -H 'Authorization: Bearer ${apiKey}' '${origin}/v3/grants/${grantId}/messages?limit=3&select=id,subject,from,snippet'

Threads and folders:
  curl -s -H 'Authorization: Bearer ${apiKey}' '${origin}/v3/grants/${grantId}/threads?limit=3&select=id,subject,message_ids'
  curl -s -H 'Authorization: Bearer ${apiKey}' '${origin}/v3/grants/${grantId}/folders'

With the official SDK (in this folder, or after npm install nylas), save as demo.mjs and run it with node:
  import Nylas from 'nylas';
  const nylas = new Nylas({ apiKey: '${apiKey}', apiUri: '${origin}' });
  const page = await nylas.messages.list({ identifier: '${grantId}', queryParams: { limit: 5 } });
  for (const message of page.data) console.log(new Date(message.date * 1000).toISOString(), message.subject);

Send a new mail into the mailbox, then list again:
  node -e 'const s=require("net").connect(${lmtpPort},"127.0.0.1",()=>s.write("LHLO demo\\r\\nMAIL FROM:<friend@example.org>\\r\\nRCPT TO:<${USER}>\\r\\nDATA\\r\\nSubject: Hello from the demo\\r\\nFrom: friend@example.org\\r\\n\\r\\nIt works.\\r\\n.\\r\\nQUIT\\r\\n")).pipe(process.stdout)'

Stop with Ctrl-C; nothing is kept.`;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof StartupError ? `mailquay: ${error.message}` : error);
  process.exitCode = 1;
}
