/** `node testbed/main.ts up`: real mail servers with a demo user in the foreground; `down` or Ctrl-C ends them. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { testbedAvailable } from './available.ts';
import { startDovecot } from './dovecot.ts';
import { fillMaildir } from './generate.ts';
import { installTestbed } from './install.ts';
import { type Postfix, startPostfix } from './postfix.ts';

const USAGE = `usage: node testbed/main.ts up [--messages 2000] [--user demo@mailquay.example] [--password demo]
                               [--imap-port N] [--smtp-port N] [--tls]
       node testbed/main.ts down      ends a testbed started by up
       node testbed/main.ts install   installs the mail servers' packages (Debian, as root)`;
const STATE = path.join(os.tmpdir(), `mailquay-testbed-${process.getuid?.() ?? 'user'}.pid`);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      messages: { type: 'string', default: '0' },
      user: { type: 'string', default: 'demo@mailquay.example' },
      password: { type: 'string', default: 'demo' },
      'imap-port': { type: 'string' },
      'smtp-port': { type: 'string' },
      tls: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const messages = Number(values.messages);
  if (values.help || positionals.length !== 1 || !Number.isSafeInteger(messages) || messages < 0) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  switch (positionals[0]) {
    case 'up':
      return up({
        messages,
        user: values.user,
        password: values.password,
        tls: values.tls,
        imapPort: port(values['imap-port']),
        smtpPort: port(values['smtp-port']),
      });
    case 'down':
      return down();
    case 'install': {
      const { ok, reason } = await installTestbed();
      console.log(ok ? 'the testbed can run' : `no testbed: ${reason}`);
      return ok ? 0 : 1;
    }
    default:
      console.log(USAGE);
      return 2;
  }
}

function port(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

interface UpOptions {
  messages: number;
  user: string;
  password: string;
  tls: boolean;
  imapPort: number | undefined;
  smtpPort: number | undefined;
}

async function up(options: UpOptions): Promise<number> {
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
  });
  const dovecot = await startDovecot({ tls: options.tls, ports: { imap: options.imapPort } });
  let postfix: Postfix | undefined;
  try {
    const { username, password } = dovecot.user(options.user, options.password);
    const domain = username.split('@')[1] ?? 'mailquay.example';
    const { ok, reason } = testbedAvailable(['postfix']);
    if (ok)
      postfix = await startPostfix({ dovecot, domains: [domain], ports: { submission: options.smtpPort } });
    else console.log(`without SMTP: ${reason}`);
    if (options.messages > 0) await fillMaildir(dovecot, username, 'INBOX', options.messages);
    writeFileSync(STATE, String(process.pid));
    const lines = [
      `IMAP_HOST=${dovecot.host}`,
      `IMAP_PORT=${dovecot.imapPort}`,
      ...(dovecot.imapsPort ? [`IMAPS_PORT=${dovecot.imapsPort}`] : []),
      ...(postfix ? [`SMTP_HOST=${postfix.host}`, `SMTP_PORT=${postfix.submissionPort}`] : []),
      ...(postfix ? [`MX_PORT=${postfix.smtpPort}`] : []),
      `LMTP_PORT=${dovecot.lmtpPort}`,
      `MAIL_USER=${username}`,
      `MAIL_PASSWORD=${password}`,
    ];
    console.log(`${lines.join('\n')}\n# ${options.messages} mails in INBOX; Ctrl-C ends it`);
    await stopped;
  } finally {
    await postfix?.stop();
    await dovecot.stop();
    rmSync(STATE, { force: true });
  }
  return 0;
}

async function down(): Promise<number> {
  const pid = existsSync(STATE) ? Number(readFileSync(STATE, 'utf8')) : 0;
  if (!pid || !isTestbed(pid)) {
    console.log('no testbed is running');
    return 1;
  }
  process.kill(pid, 'SIGTERM');
  for (let waited = 0; waited < 10_000 && isTestbed(pid); waited += 50) await sleep(50);
  return isTestbed(pid) ? 1 : 0;
}

/** Whether that process is still a testbed and not another one that got its number. */
function isTestbed(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('testbed/main.ts');
  } catch {
    return false;
  }
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    console.error(error.message);
    process.exit(1);
  },
);
