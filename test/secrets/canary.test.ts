import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MasterKey } from '../../src/platform/master-key.ts';
import { Database } from '../../src/store/database.ts';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { dumpTables, formsOf } from '../support/canary.ts';
import { type Cli, CliHome } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';

/** Something that occurs nowhere else, with characters that every encoding has its own way with. */
const canary = (what: string) => `${what}-${randomBytes(9).toString('hex')}`;

const USER = `${canary('user')}@example.org`;
const PASSWORD = `${canary('password')} %s "w\\rd`;
const WRONG = `${canary('wrong')}/+&=`;
const NEW_PASSWORD = `${canary('renewed')}-ä€`;
const API_KEY = canary('apikey');
const WRONG_KEY = canary('wrongkey');
/** An older master key that the environment still holds. */
const OLD_KEY = MasterKey.generate().export();
const MAIL = {
  subject: canary('subject'),
  text: canary('text'),
  html: canary('html'),
  filename: canary('file'),
  attachment: canary('attachment'),
  sender: canary('sender'),
  header: canary('header'),
  broken: canary('broken'),
  folder: canary('folder'),
};

describeWithTestbed('a mailquay that writes down everything it can (SC1)', () => {
  let dovecot: Dovecot;
  let home: CliHome;
  let server: Cli;
  let origin: string;
  let grantId: string;
  let db: Database;
  let metrics = '';
  /** Answers that are errors, with their headers. */
  let errors = '';
  /** What other commands said. */
  let said = '';

  beforeAll(async () => {
    dovecot = await startDovecot();
    dovecot.user(USER, PASSWORD);
    await dovecot.deliver(USER, mail());
    await dovecot.append(USER, MAIL.folder, mail());
    for (const raw of brokenMails()) await dovecot.append(USER, 'INBOX', raw);
    home = await CliHome.make();
    server = home.spawn(['start'], {
      MAILQUAY_LOG_LEVEL: 'trace',
      MAILQUAY_API_KEY: API_KEY,
      MAILQUAY_PREVIOUS_MASTER_KEYS: OLD_KEY,
    });
    origin = await server.ready();
    db = new Database({
      host: join(home.dataDir, 'postgres-socket'),
      user: 'mailquay',
      database: 'mailquay',
    });
  });
  afterAll(async () => {
    await db?.close();
    await home?.remove();
    await dovecot?.stop();
  });

  async function call(method: string, path: string, options: { body?: string | object; key?: string } = {}) {
    const { body, key = API_KEY } = options;
    const response = await fetch(origin + path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: typeof body === 'object' ? JSON.stringify(body) : body,
    });
    const text = await response.text();
    if (!response.ok) errors += `${text}\n${JSON.stringify([...response.headers])}\n`;
    return { status: response.status, text };
  }

  const settings = (password: string, port = dovecot.imapPort) => ({
    provider: 'imap',
    settings: {
      imap_username: USER,
      imap_password: password,
      imap_host: '127.0.0.1',
      imap_port: port,
      imap_security: 'none',
    },
  });

  it('connects, syncs, is read, and meets every kind of trouble', async () => {
    const connected = await call('POST', '/v3/connect/custom', { body: settings(PASSWORD) });
    expect(connected.status).toBe(201);
    grantId = JSON.parse(connected.text).data.id;
    const at = `/v3/grants/${grantId}`;
    const ids = await eventually(async () => {
      const { text } = await call('GET', `${at}/messages?limit=50`);
      const { data } = JSON.parse(text) as { data: { id: string; attachments: { id: string }[] }[] };
      expect(data.length).toBe(1 + brokenMails().length);
      return data;
    }, 30_000);

    // All there is to read.
    for (const { id, attachments } of ids) {
      for (const fields of ['standard', 'include_headers', 'raw_mime']) {
        await call('GET', `${at}/messages/${id}?fields=${fields}`);
      }
      for (const attachment of attachments) {
        for (const path of ['', '/download']) {
          await call('GET', `${at}/attachments/${encodeURIComponent(attachment.id)}${path}?message_id=${id}`);
        }
      }
    }
    for (const path of ['threads', 'folders']) expect((await call('GET', `${at}/${path}`)).status).toBe(200);

    // Wrong passwords, servers that are not there, wrong keys, bad input with secrets and content in every place.
    expect((await call('POST', '/v3/connect/custom', { body: settings(WRONG) })).status).toBe(401);
    expect((await call('POST', '/v3/connect/custom', { body: settings(WRONG, 1) })).status).toBe(504);
    expect((await call('PATCH', at, { body: settings(WRONG) })).status).toBeGreaterThanOrEqual(400);
    expect((await call('GET', '/v3/applications', { key: WRONG_KEY })).status).toBe(401);
    for (const body of [
      JSON.stringify(settings(WRONG)).slice(0, -1),
      { ...settings(WRONG), settings: { ...settings(WRONG).settings, imap_port: WRONG } },
      { ...settings(WRONG), settings: { imap_password: [WRONG], imap_username: { [WRONG]: 1 } } },
      { provider: WRONG, settings: WRONG },
      `"${WRONG.repeat(2)}`,
    ]) {
      expect((await call('POST', '/v3/connect/custom', { body })).status).toBe(400);
    }
    const big = { ...settings(WRONG), pad: WRONG.repeat(400_000) };
    // The answer may come before the body has been sent, and close the connection on it.
    const refused = await call('POST', '/v3/connect/custom', { body: big }).catch(() => ({ status: 413 }));
    expect(refused.status).toBe(413);
    for (const path of [
      `${at}/messages?subject=${MAIL.subject}&limit=x`,
      `${at}/messages?page_token=${MAIL.subject}`,
      `${at}/messages/${MAIL.subject}`,
      `/v3/${MAIL.subject}`,
    ]) {
      expect((await call('GET', path)).status).toBeGreaterThanOrEqual(400);
    }

    // The database goes away under a request and the sync; the mail server goes away; the password changes.
    const client = new pg.Client({
      host: join(home.dataDir, 'postgres-socket'),
      user: 'mailquay',
      database: 'mailquay',
    });
    await client.connect();
    const burst = Promise.all(Array.from({ length: 20 }, () => call('GET', `${at}/messages`)));
    await client.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()',
    );
    await client.end();
    await burst;
    await dovecot.halt();
    await eventually(async () => expect((await call('GET', '/readyz')).status).toBe(200));
    await dovecot.start();
    dovecot.user(USER, NEW_PASSWORD);
    await dovecot.kick(USER);
    await eventually(async () => {
      const { text } = await call('GET', at);
      expect(JSON.parse(text).data.grant_status).toBe('invalid');
    }, 60_000);
    expect((await call('PATCH', at, { body: settings(NEW_PASSWORD) })).status).toBe(200);
    metrics = (await call('GET', '/metrics')).text;

    // The command line beside it.
    for (const [args, env] of [
      [
        [
          'connect',
          '--email',
          USER,
          '--imap-host',
          '127.0.0.1',
          '--imap-port',
          String(dovecot.imapPort),
          '--imap-security',
          'none',
        ],
        { MAILQUAY_CONNECT_PASSWORD: WRONG },
      ],
      [['keys', 'rotate'], {}],
      [['keys', 'status'], {}],
      [['api-keys', 'list'], {}],
    ] as [string[], Record<string, string>][]) {
      const ended = await home.run(args, {
        MAILQUAY_LOG_LEVEL: 'trace',
        MAILQUAY_PREVIOUS_MASTER_KEYS: OLD_KEY,
        ...env,
      });
      said += ended.stdout + ended.stderr;
    }
  }, 180_000);

  /** Name and spellings of everything that must be nowhere. */
  const secrets = () =>
    Object.entries({ PASSWORD, WRONG, NEW_PASSWORD, API_KEY, WRONG_KEY, OLD_KEY, ...masterKeys() }).map(
      ([name, value]) => [name, formsOf(value, USER)] as const,
    );

  function masterKeys(): Record<string, string> {
    const lines = readFileSync(join(home.dataDir, 'master.key'), 'utf8').split('\n');
    return Object.fromEntries(
      lines.filter((line) => line && !line.startsWith('#')).map((line, i) => [`KEY${i}`, line]),
    );
  }

  function expectNothing(where: string, text: string | Buffer, of = secrets()): void {
    for (const [name, forms] of of) {
      const found = forms.filter((form) => text.includes(form));
      expect(found, `${where} holds ${name}`).toEqual([]);
    }
  }

  it('shows no secret in logs, errors, metrics and on other commands', () => {
    const log = server.stdout + server.stderr;
    // It did write.
    expect(log).toContain('"level":30');
    expect(log).toContain(grantId);
    expect(errors.length).toBeGreaterThan(1000);
    expect(metrics).toContain('mailquay_messages_stored_total');
    expect(said).toContain('A new master key is primary');
    for (const [where, text] of Object.entries({ log, errors, metrics, said })) expectNothing(where, text);
  });

  it('shows nothing of the mail, nor whose it is, in logs and metrics', () => {
    const content = Object.entries({ ...MAIL, USER }).map(
      ([name, value]) => [name, formsOf(value, USER)] as const,
    );
    expectNothing('log', server.stdout + server.stderr, content);
    expectNothing('metrics', metrics, content);
  });

  it('has no secret in the database, as rows and as files, nor among the blobs', async () => {
    const dump = await dumpTables(db);
    expect(dump).toContain(MAIL.subject);
    expectNothing('dump', dump);
    // Checkpointed, so that the files hold what the tables do.
    const superuser = new pg.Client({
      host: join(home.dataDir, 'postgres-socket'),
      user: 'postgres',
      database: 'mailquay',
    });
    await superuser.connect();
    await superuser.query('CHECKPOINT');
    await superuser.end();
    let files = 0;
    let subjects = 0;
    for (const file of readdirSync(home.dataDir, { recursive: true, encoding: 'utf8' })) {
      const path = join(home.dataDir, file);
      if (file === 'master.key' || !statSync(path).isFile()) continue;
      const bytes = readFileSync(path);
      files++;
      if (bytes.includes(MAIL.subject)) subjects++;
      expectNothing(file, bytes);
    }
    expect(files).toBeGreaterThan(100);
    expect(subjects).toBeGreaterThan(0);
  });

  it('hands no secret to a process that it starts, and shows none on a command line', async () => {
    const processes = home.processes();
    expect(processes.length).toBeGreaterThan(5);
    let environments = 0;
    for (const { pid, command } of processes) {
      expectNothing(`command line of ${pid}`, command);
      if (pid === server.child.pid) continue;
      const environment = await readFile(`/proc/${pid}/environ`).catch(() => Buffer.alloc(0));
      if (environment.length > 0) environments++;
      expectNothing(`environment of ${command}`, environment);
      expect(environment.toString('latin1')).not.toMatch(/MAILQUAY_|DATABASE_URL/);
    }
    expect(environments).toBeGreaterThan(2);
  });

  describe('on disk (SC6)', () => {
    const mode = (path: string) => statSync(path).mode & 0o777;

    it('lets nobody else read keys, blobs and socket', () => {
      expect(mode(join(home.dataDir, 'master.key'))).toBe(0o600);
      // As root the database runs as somebody else, who must get through, though not look around.
      expect(mode(home.dataDir) & ~0o111).toBe(0o600);
      for (const name of ['postgres', 'postgres-socket', 'blobs'])
        expect(mode(join(home.dataDir, name)), name).toBe(0o700);
      expect(mode(join(home.dataDir, 'postgres-socket', '.s.PGSQL.5432'))).toBe(0o700);
      const blobs = readdirSync(join(home.dataDir, 'blobs'), { recursive: true, encoding: 'utf8' });
      expect(blobs.length).toBeGreaterThan(2);
      for (const name of blobs) expect(mode(join(home.dataDir, 'blobs', name)) & 0o077, name).toBe(0);
      for (const name of readdirSync(home.dataDir)) {
        expect(mode(join(home.dataDir, name)) & 0o022, `${name} can be written by others`).toBe(0);
      }
    });
  });
});

function mail(): Buffer {
  return Buffer.from(
    `From: "${MAIL.sender}" <ada@example.org>\r\nTo: ${USER}\r\nSubject: ${MAIL.subject}\r\nMessage-ID: <${randomUUID()}@example.org>
X-Header: ${MAIL.header}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b

--b\r\nContent-Type: text/plain\r\n\r\n${MAIL.text}
--b\r\nContent-Type: text/html\r\n\r\n<p>${MAIL.html}</p>
--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="${MAIL.filename}"\r\nContent-Transfer-Encoding: base64

${Buffer.from(MAIL.attachment).toString('base64')}
--b--
`.replace(/\r?\n/g, '\r\n'),
  );
}

/** Mails that no parser likes. */
function brokenMails(): Buffer[] {
  const { broken } = MAIL;
  return [
    `Subject: ${broken}\0\xff\r\nContent-Type: multipart/mixed; boundary="${broken}\r\n\r\n--${broken}\r\n\r\n${broken}`,
    `${broken}: ${broken}\r\n${broken} ${broken}\r\n\r\n`,
    `Content-Type: text/html; charset=${broken}\r\nContent-Transfer-Encoding: ${broken}\r\n\r\n${broken}`,
    `From: ${`"${broken}" <`.repeat(50)}\r\nContent-Type: message/rfc822\r\n\r\nSubject: =?${broken}?Q?${broken}?=\r\n\r\n${broken}`,
  ].map((text) => Buffer.from(text, 'latin1'));
}
