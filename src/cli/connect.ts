import { resolveApplication } from '../connect/applications.ts';
import { customAuthentication } from '../connect/custom-authentication.ts';
import { ensureFirstApplication } from '../connect/first-application.ts';
import { toGrantObject } from '../connect/grant-object.ts';
import type { Config } from '../platform/config.ts';
import { ApiError, StartupError } from '../platform/errors.ts';
import { openInstance } from './instance.ts';
import { showProgress } from './progress.ts';
import { ask } from './prompt.ts';
import { composeServices } from './service.ts';

/** What the command line gives; the rest is asked for, or found by the address. */
export interface ConnectArgs {
  app?: string;
  email?: string;
  username?: string;
  password?: string;
  imapHost?: string;
  imapPort?: string;
  imapSecurity?: string;
  smtpHost?: string;
  smtpPort?: string;
  smtpSecurity?: string;
  /** Return when the mailbox is connected; its first sync goes on in the running server. */
  wait: boolean;
}

/**
 * `mailquay connect`: verifies a mailbox, makes it a grant and shows its first sync. Beside a running mailquay the
 * sync runs there; otherwise here, until it is complete.
 */
export async function connect(args: ConnectArgs, config: Config, out: (line: string) => void): Promise<void> {
  const instance = await openInstance(config, { join: true });
  const { db, guest } = instance.database;
  if (!guest && !config.databaseUrl) out(`No mailquay runs on ${config.dataDir}; working on it here.`);
  const services = composeServices(instance);
  // With a database of one's own there is no telling whether a server runs: then we sync too, and leases decide who.
  const syncHere = !guest && args.wait;
  try {
    const { newKey } = await ensureFirstApplication(db, config);
    if (newKey) out(`Your first API key, shown only this once:  ${newKey}`);
    const application = await resolveApplication(db, args.app);
    const body = await readAccount(args);
    out(`Checking ${body.settings.imap_username} ...`);
    const grant = toGrantObject(
      await verify(() =>
        customAuthentication(services.connect, application.id, body, {
          ip: null,
          userAgent: 'mailquay connect',
        }),
      ),
    );
    out(`Connected. Grant ${grant.id} (${grant.email})`);
    if (!args.wait) return;
    if (syncHere) await services.start();
    await showProgress(db, { applicationId: application.id, grantId: grant.id }, out);
    out(`Read it:  GET /v3/grants/${grant.id}/messages`);
    if (syncHere) {
      out(
        config.databaseUrl
          ? 'A mailquay that runs on this database goes on from here. If none does: npm start'
          : 'mailquay is not running now. Start it with: npm start',
      );
    }
  } finally {
    await services.stop();
    await instance.database.close();
  }
}

async function readAccount(args: ConnectArgs) {
  const address = args.email ?? args.username ?? (await ask('Email address:', { flag: '--email' }));
  // Never taken from the arguments alone: others on this machine can read a command line.
  const password =
    args.password ??
    process.env.MAILQUAY_CONNECT_PASSWORD ??
    (await ask('Password (or app password):', {
      flag: '--password, or MAILQUAY_CONNECT_PASSWORD',
      secret: true,
    }));
  let { imapHost, smtpHost } = args;
  if (!imapHost && process.stdin.isTTY) {
    imapHost =
      (await ask('IMAP host (empty: find it by the address):', { flag: '--imap-host', fallback: '' })) ||
      undefined;
    if (imapHost)
      smtpHost ??=
        (await ask('SMTP host (empty: none):', { flag: '--smtp-host', fallback: '' })) || undefined;
  }
  // What was not given is left out, as in a request.
  const given = <T extends object>(fields: T): Partial<T> => JSON.parse(JSON.stringify(fields));
  return {
    provider: 'imap',
    settings: {
      imap_username: args.username ?? address,
      imap_password: password,
      ...given({
        email: address.includes('@') ? address : undefined,
        imap_host: imapHost,
        imap_port: port(args.imapPort, '--imap-port'),
        imap_security: args.imapSecurity,
        smtp_host: smtpHost,
        smtp_port: port(args.smtpPort, '--smtp-port'),
        smtp_security: args.smtpSecurity,
      }),
    },
  };
}

function port(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,5}$/.test(text)) throw new StartupError(`${flag} must be a port number, but is "${text}".`);
  return Number(text);
}

/** What the API would refuse is said in one line, with the server's own words. */
async function verify<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApiError) throw new StartupError(error.message);
    throw error;
  }
}
