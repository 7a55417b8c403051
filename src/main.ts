import { Command, Option } from 'commander';
import { createKey, listApiKeys, revokeApiKey } from './cli/api-keys.ts';
import { createApp, listApps } from './cli/apps.ts';
import { type Instance, openInstance } from './cli/instance.ts';
import { rotateKeys, showKeys } from './cli/keys.ts';
import { createAccount, listServiceAccounts, revokeServiceAccount } from './cli/service-accounts.ts';
import { start } from './cli/start.ts';
import { readConfig } from './platform/config.ts';
import { StartupError } from './platform/errors.ts';
import { version } from './platform/version.ts';

const out = (line: string) => console.log(line);

/** Runs a command on the database of a running or resting mailquay. */
async function withInstance(
  work: (parts: Instance & { db: Instance['database']['db']; out: typeof out }) => Promise<unknown>,
) {
  const instance = await openInstance(readConfig(process.env), { join: true });
  try {
    await work({ ...instance, db: instance.database.db, out });
  } finally {
    await instance.database.close();
  }
}

const program = new Command('mailquay')
  .description('A self-hosted email platform: connect, sync, read, send and watch mail through one API.')
  .version(version(), '-v, --version')
  .showHelpAfterError();

program
  .command('start')
  .description('start database, sync and API')
  .action(() => start(readConfig(process.env), out));

program
  .command('connect')
  .description('connect a mailbox and show its first sync; asks for what is not given')
  .option('--email <address>', 'the address of the mailbox')
  .option('--username <name>', 'when the login is not the address')
  .option('--password <password>', 'better: answer the question, or set MAILQUAY_CONNECT_PASSWORD')
  .option('--imap-host <host>', 'found by the address when absent')
  .option('--imap-port <port>')
  .option('--imap-security <tls|starttls|none>', 'follows the port when absent')
  .option('--smtp-host <host>')
  .option('--smtp-port <port>')
  .option('--smtp-security <tls|starttls|none>')
  .option('--app <id or name>', 'the application that gets the grant')
  .option('--no-wait', 'do not wait for the first sync')
  .action(async (args) => (await import('./cli/connect.ts')).connect(args, readConfig(process.env), out));

const keys = program.command('keys').description('the master key that encrypts secrets at rest');
keys
  .command('rotate')
  .description('make a new master key and encrypt every secret anew, while the server runs')
  .action(() =>
    withInstance(async (parts) => {
      if (!(await rotateKeys(parts))) process.exitCode = 1;
    }),
  );
keys
  .command('status')
  .description('which master keys there are, and what needs them')
  .action(() => withInstance(showKeys));

const app = new Option('--app <id or name>', 'the application; the first one when not given');
const apiKeys = program.command('api-keys').description('API keys of an application');
apiKeys
  .command('create')
  .addOption(app)
  .option('--name <name>', 'what it is for')
  .option('--expires-in-days <days>', 'days until it ends by itself', Number)
  .action((args) => withInstance((parts) => createKey(args, parts)));
apiKeys
  .command('list')
  .addOption(app)
  .action((args) => withInstance((parts) => listApiKeys(args, parts)));
apiKeys
  .command('revoke <id>')
  .addOption(app)
  .action((id, args) => withInstance((parts) => revokeApiKey({ ...args, id }, parts)));

const serviceAccounts = program
  .command('service-accounts')
  .description('keys that sign requests to /v3/admin of an application');
serviceAccounts
  .command('create')
  .addOption(app)
  .option('--name <name>', 'what it is for')
  .action((args) => withInstance((parts) => createAccount(args, parts)));
serviceAccounts
  .command('list')
  .addOption(app)
  .action((args) => withInstance((parts) => listServiceAccounts(args, parts)));
serviceAccounts
  .command('revoke <id>')
  .addOption(app)
  .action((id, args) => withInstance((parts) => revokeServiceAccount({ ...args, id }, parts)));

const apps = program.command('apps').description('applications: tenants that are blind to each other');
apps.command('create <name>').action((name) => withInstance((parts) => createApp({ name }, parts)));
apps.command('list').action(() => withInstance(listApps));

try {
  await program.parseAsync();
} catch (error) {
  // What an operator can mend is said in one plain line; anything else keeps its stack.
  console.error(error instanceof StartupError ? `mailquay: ${error.message}` : error);
  process.exitCode = 1;
}
