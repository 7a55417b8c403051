/** Ways to put a message into a mailbox: LMTP delivery and IMAP APPEND, by a bare client. */
import { LineClient, smtpData } from './line-client.ts';
import { encodeMailboxName } from './utf7.ts';

/** Delivers over LMTP, as a mail server does: the mail is new, unread, in INBOX. */
export async function lmtpDeliver(port: number, recipient: string, raw: Buffer): Promise<void> {
  const client = await LineClient.connect(port);
  try {
    await client.until(/^220/);
    await ok(client, 'LHLO testbed\r\n', '250');
    await ok(client, 'MAIL FROM:<sender@testbed.invalid>\r\n', '250');
    await ok(client, `RCPT TO:<${recipient}>\r\n`, '250');
    await ok(client, 'DATA\r\n', '354');
    await ok(client, smtpData(raw), '250');
  } finally {
    client.close();
  }
}

async function ok(client: LineClient, command: string | Buffer, code: string): Promise<void> {
  const answer = await client.smtp(command);
  if (!answer.startsWith(code)) throw new Error(`LMTP refused: ${answer}`);
}

export interface AppendOptions {
  flags?: string[];
  internalDate?: Date;
}

export interface Appended {
  uid: number;
  uidValidity: number;
}

/** Appends over IMAP; makes the folder when it is not there. */
export async function imapAppend(
  port: number,
  login: { username: string; password: string },
  folder: string,
  raw: Buffer,
  options: AppendOptions = {},
): Promise<Appended> {
  const client = await LineClient.connect(port);
  try {
    await client.until(/^\* (OK|PREAUTH)/);
    const secret = Buffer.from(`\0${login.username}\0${login.password}`).toString('base64');
    client.write('a AUTHENTICATE PLAIN\r\n');
    await client.until(/^\+/);
    client.write(`${secret}\r\n`);
    await tagged(client, 'a');
    const name = `"${encodeMailboxName(folder).replace(/["\\]/g, '\\$&')}"`;
    const flags = options.flags?.length ? ` (${options.flags.join(' ')})` : '';
    const date = options.internalDate ? ` "${imapDate(options.internalDate)}"` : '';
    for (let attempt = 0; ; attempt++) {
      client.write(`b APPEND ${name}${flags}${date} {${raw.length}}\r\n`);
      const first = (await client.until(/^(\+|b )/)).at(-1) ?? '';
      if (!first.startsWith('+')) {
        if (attempt > 0 || !first.includes('TRYCREATE')) throw new Error(`APPEND refused: ${first}`);
        client.write(`c CREATE ${name}\r\n`);
        await tagged(client, 'c');
        continue;
      }
      client.write(raw);
      client.write('\r\n');
      const answer = await tagged(client, 'b', attempt === 0);
      if (answer.includes('TRYCREATE')) {
        client.write(`c CREATE ${name}\r\n`);
        await tagged(client, 'c');
        continue;
      }
      const match = /APPENDUID (\d+) (\d+)/.exec(answer);
      return { uidValidity: Number(match?.[1] ?? 0), uid: Number(match?.[2] ?? 0) };
    }
  } finally {
    client.close();
  }
}

async function tagged(client: LineClient, tag: string, allowTryCreate = false): Promise<string> {
  const line = (await client.until(new RegExp(`^${tag} `))).at(-1) ?? '';
  if (line.startsWith(`${tag} OK`) || (allowTryCreate && line.includes('TRYCREATE'))) return line;
  throw new Error(`IMAP refused: ${line}`);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A date in IMAP's own form, in UTC: `04-Mar-2021 09:05:00 +0000`. */
export function imapDate(date: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${two(date.getUTCDate())}-${MONTHS[date.getUTCMonth()]}-${date.getUTCFullYear()}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}
