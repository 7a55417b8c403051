import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dumpTables, formsOf } from '../../test/support/canary.ts';
import { Nylas } from '../../test/support/nylas.ts';
import { openTestDatabase, type TestDatabase } from '../../test/support/test-database.ts';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, startDovecot } from '../../testbed/dovecot.ts';
import { type Postfix, startPostfix } from '../../testbed/postfix.ts';
import { Authenticator } from '../http/auth.ts';
import { connectRoutes } from '../http/routes/connect.ts';
import { grantRoutes } from '../http/routes/grants.ts';
import { providerRoutes } from '../http/routes/providers.ts';
import { createServer } from '../http/server.ts';
import { readConfig } from '../platform/config.ts';
import { createEgress } from '../platform/egress.ts';
import { createMetrics } from '../platform/metrics.ts';
import { readSecrets } from '../platform/secrets.ts';
import { imapVerifier } from '../providers/imap/verify.ts';
import { ensureMasterKey } from '../store/master-keys.ts';
import { createApplication } from './applications.ts';

const PASSWORD = `canary-${randomUUID()}-p%ss "w\\rd`;

const USER = 'ada@example.org';

let database: TestDatabase;
let dataDir: string;
let app: FastifyInstance;
let origin: string;
let key: string;
let otherKey: string;
let logged = '';
let answered = '';

beforeAll(async () => {
  database = await openTestDatabase();
  dataDir = mkdtempSync(join(tmpdir(), 'mq-real-'));
  const secrets = readSecrets({ dataDir, masterKey: null, previousMasterKeys: [] });
  await ensureMasterKey(database.db, secrets);
  const write = (line: string) => {
    logged += line;
  };
  const log = pino({ level: 'trace' }, { write });
  const egress = createEgress({ allowPrivateNetworks: true });
  const connect = {
    db: database.db,
    secrets,
    egress,
    log,
    imap: imapVerifier(egress),
    dnsServers: ['127.0.0.1:1'],
  };
  const parts = { connect };
  const routes = [...connectRoutes(parts), ...grantRoutes(parts), ...providerRoutes(parts)];
  app = createServer({
    ...{ db: database.db, log, metrics: createMetrics(), routes },
    authenticator: new Authenticator(database.db),
    rateLimits: readConfig({}).rateLimits,
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  key = (await createApplication(database.db, 'one')).value;
  otherKey = (await createApplication(database.db, 'two')).value;
});
afterAll(async () => {
  await app?.close();
  await database?.close();
  rmSync(dataDir, { recursive: true, force: true });
});

async function call(method: string, path: string, body?: unknown, apiKey = key) {
  const response = await fetch(origin + path, {
    method,
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  answered += `${text}\n${JSON.stringify([...response.headers])}\n`;
  return { status: response.status, headers: response.headers, json: JSON.parse(text) };
}

function connectImap(settings: Record<string, unknown>, apiKey = key) {
  const body = {
    provider: 'imap',
    settings: { imap_username: 'ada@example.org', imap_password: PASSWORD, ...settings },
  };
  return call('POST', '/v3/connect/custom', body, apiKey);
}

describeWithTestbed('connecting to Dovecot and Postfix', () => {
  let dovecot: Dovecot;
  let postfix: Postfix;
  let plain: Record<string, unknown>;

  beforeAll(async () => {
    dovecot = await startDovecot({ tls: true });
    postfix = await startPostfix({ dovecot });
    dovecot.users.user('ada@example.org', PASSWORD);
    plain = { imap_host: '127.0.0.1', imap_port: dovecot.imapPort, imap_security: 'none' };
  });
  afterAll(async () => {
    await postfix?.stop();
    await dovecot?.stop();
  });

  it('works in plain text on loopback, with SMTP', async () => {
    const answer = await connectImap({
      ...plain,
      smtp_host: '127.0.0.1',
      smtp_port: postfix.submissionPort,
      smtp_security: 'none',
    });
    expect(answer.json.data ?? answer.json).toMatchObject({
      email: 'ada@example.org',
      grant_status: 'valid',
    });
    expect(answer.status).toBe(201);
    const again = await connectImap(plain);
    expect(again.json.data.id).toBe(answer.json.data.id);
  });

  it('does not trust a certificate that nobody vouches for, and calls that no wrong password', async () => {
    for (const settings of [
      { imap_host: 'localhost', imap_port: dovecot.imapsPort, imap_security: 'tls' },
      { imap_host: 'localhost', imap_port: dovecot.imapPort, imap_security: 'starttls' },
      { ...plain, smtp_host: 'localhost', smtp_port: postfix.submissionsPort, smtp_security: 'tls' },
      { ...plain, smtp_host: 'localhost', smtp_port: postfix.submissionPort, smtp_security: 'starttls' },
    ]) {
      const answer = await connectImap(settings);
      expect(answer.status).toBe(400);
      expect(answer.json.error).toMatchObject({
        type: 'api.invalid_request_error',
        message: expect.stringMatching(
          /^settings\.(imap|smtp)_host: no trusted TLS connection .*certificate/,
        ),
      });
    }
  });

  it('works with TLS and STARTTLS once the certificate is trusted, by name and by address', async () => {
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, dovecot.certificate!]);
    try {
      for (const host of ['localhost', '127.0.0.1']) {
        for (const [port, security, smtpPort] of [
          [dovecot.imapsPort, 'tls', postfix.submissionsPort],
          [dovecot.imapPort, 'starttls', postfix.submissionPort],
        ]) {
          const answer = await connectImap({
            ...{ imap_host: host, imap_port: port, imap_security: security },
            ...{ smtp_host: host, smtp_port: smtpPort, smtp_security: security },
          });
          expect(answer.json.error?.message).toBeUndefined();
          expect(answer.status).toBe(201);
        }
      }
    } finally {
      setDefaultCACertificates(before);
    }
  });

  it("passes the server's words on a wrong password, for IMAP and for SMTP", async () => {
    const imap = await connectImap({ ...plain, imap_password: `${PASSWORD}x` });
    expect(imap.status).toBe(401);
    expect(imap.json.error).toMatchObject({
      type: 'grant.invalid_authentication',
      provider_error: { type: 'imap', response: expect.stringContaining('Authentication failed') },
    });
    const smtp = await connectImap({
      ...plain,
      smtp_host: '127.0.0.1',
      smtp_port: postfix.submissionPort,
      smtp_security: 'none',
      smtp_password: `${PASSWORD}y`,
    });
    expect(smtp.status).toBe(401);
    expect(smtp.json.error.provider_error).toMatchObject({
      type: 'smtp',
      response: expect.stringMatching(/^535/),
    });
  });

  it('is seen and changed through the SDK, by its own application only', async () => {
    const nylas = new Nylas({ apiKey: key, apiUri: origin });
    const other = new Nylas({ apiKey: otherKey, apiUri: origin });
    const { data: grant } = await nylas.auth.customAuthentication({
      requestBody: {
        provider: 'imap' as never,
        settings: {
          imapUsername: 'ada@example.org',
          imapPassword: PASSWORD,
          imapHost: '127.0.0.1',
          imapPort: dovecot.imapPort,
          imapSecurity: 'none',
        },
      },
    });
    expect((await nylas.grants.find({ grantId: grant.id })).data.email).toBe('ada@example.org');
    expect((await nylas.grants.list({ queryParams: { limit: 1 } })).data).toHaveLength(1);
    expect((await other.grants.list()).data).toEqual([]);

    const listed = async (queryParams: object) =>
      (await nylas.grants.list({ queryParams })).data.map(({ id }) => id);
    const now = Math.floor(Date.now() / 1000);
    for (const filter of [
      { email: 'ADA@example.org', grantStatus: 'valid', provider: 'imap' },
      { since: now - 3_600, before: now + 3_600, ip: '127.0.0.1' },
      ...['createdAt', 'updatedAt', 'created_at', 'updated_at'].map((sortBy) => ({ sortBy, orderBy: 'asc' })),
    ]) {
      expect([filter, await listed(filter)]).toEqual([filter, [grant.id]]);
    }
    for (const filter of [
      { email: 'eve@example.org' },
      { grantStatus: 'invalid' },
      { since: now + 3_600 },
      { before: now - 3_600 },
      { ip: '192.0.2.1' },
      { workspaceId: 'x' },
      { offset: 1 },
    ]) {
      expect([filter, await listed(filter)]).toEqual([filter, []]);
    }
    await expect(listed({ sortBy: 'email' })).rejects.toMatchObject({ statusCode: 400 });

    const update = (requestBody: object) => nylas.grants.update({ grantId: grant.id, requestBody });
    expect((await update({ scope: ['mail.read'] })).data).toMatchObject({
      scope: ['mail.read'],
      settings: grant.settings,
      updatedAt: grant.updatedAt,
    });
    const settings = { imapUsername: 'ada@example.org', imapHost: '127.0.0.1', imapPort: dovecot.imapPort };
    const wrong = update({ settings: { ...settings, imapPassword: `${PASSWORD}x`, imapSecurity: 'none' } });
    await expect(wrong).rejects.toMatchObject({ statusCode: 401, type: 'grant.invalid_authentication' });
    const verified = await update({
      settings: { ...settings, imapPassword: PASSWORD, imapSecurity: 'none' },
    });
    expect(verified.data).toMatchObject({ id: grant.id, scope: ['mail.read'], grantStatus: 'valid' });
    expect(verified.data.settings).not.toHaveProperty('imapPassword');
    const exposed = await call('GET', `/v3/grants/${grant.id}?expose_aliases=true`);
    expect(exposed.json.data.email_aliases).toEqual([]);
    expect((await call('GET', `/v3/grants/${grant.id}`)).json.data).not.toHaveProperty('email_aliases');
    for (const name of ['external:x', 'grant:x']) {
      await expect(nylas.grants.find({ grantId: name })).rejects.toMatchObject({ statusCode: 404 });
    }
    await expect(nylas.grants.find({ grantId: 'me' })).rejects.toMatchObject({ statusCode: 400 });

    await expect(other.grants.find({ grantId: grant.id })).rejects.toMatchObject({ statusCode: 404 });
    await expect(other.grants.destroy({ grantId: grant.id })).rejects.toMatchObject({ statusCode: 404 });
    const detected = await nylas.auth.detectProvider({ email: 'someone@gmail.com', allProviderTypes: true });
    expect(detected.data).toMatchObject({ provider: 'google', detected: true });
    await nylas.grants.destroy({ grantId: grant.id });
    await expect(nylas.grants.find({ grantId: grant.id })).rejects.toMatchObject({ statusCode: 404 });
  });

  it('keeps passwords and API keys out of logs, answers and tables (SC1)', async () => {
    await connectImap(plain);
    await call('PATCH', '/v3/grants/ada%40example.org', {
      settings: { imap_username: 'ada@example.org', imap_password: `${PASSWORD}x`, ...plain },
    });
    await connectImap({ ...plain, imap_password: `${PASSWORD}\r\n` });
    await call('GET', '/v3/grants');
    const dump = await dumpTables(database.db);
    expect(dump).toContain('ada@example.org');
    expect(logged).toContain('mailbox authenticated');
    for (const [name, text] of Object.entries({ dump, logged, answered })) {
      for (const form of formsOf(PASSWORD, USER)) expect(text, `${name} holds ${form}`).not.toContain(form);
      for (const form of formsOf(key, USER)) expect(text, `${name} holds ${form}`).not.toContain(form);
    }
  });
}, ['dovecot', 'postfix']);

describe('servers that are no help', () => {
  it('are told apart from a wrong password', async () => {
    const closed = await connectImap({ imap_host: '127.0.0.1', imap_port: 1, imap_security: 'none' });
    expect(closed).toMatchObject({ status: 504, json: { error: { type: 'api.provider_error' } } });
    const nowhere = await connectImap({ imap_host: 'no-such-host.invalid', imap_port: 993 });
    expect(nowhere.status).toBeGreaterThanOrEqual(400);
    expect(nowhere.json.error.type).not.toBe('grant.invalid_authentication');
    const forbidden = await connectImap({ imap_host: '169.254.169.254' });
    expect(forbidden).toMatchObject({ status: 400 });
    expect(forbidden.json.error.message).toContain('settings.imap_host');
    const strange = await listen((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    const ssh = await connectImap({
      imap_host: '127.0.0.1',
      imap_port: portOf(strange),
      imap_security: 'none',
    });
    expect(ssh.status).toBe(504);
    strange.close();
  });

  it('never get a password in plain text when STARTTLS was asked for', async () => {
    let heard = '';
    const server = await listen((socket) => {
      socket.write('* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello\r\n');
      socket.on('data', (data) => {
        heard += data;
        const tag = String(data).split(' ')[0];
        socket.write(`* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n${tag} OK done\r\n`);
      });
    });
    const imap = await connectImap({
      imap_host: '127.0.0.1',
      imap_port: portOf(server),
      imap_security: 'starttls',
    });
    expect(imap.status).toBe(400);
    server.close();
    for (const form of formsOf(PASSWORD, USER)) expect(heard).not.toContain(form);
    expect(heard).not.toMatch(/LOGIN|AUTHENTICATE|^AUTH/m);
  });
});

describe('rate limits', () => {
  it('allow twenty detections a minute', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 21; i++) {
      const answer = await call('GET', '/v3/providers/detect?email=a%40gmail.com', undefined, otherKey);
      statuses.push(answer.status);
      if (answer.status === 429) {
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
        expect(answer.json.error.type).toBe('api.rate_limit_error');
      }
    }
    expect(statuses).toEqual([...Array.from({ length: 20 }, () => 200), 429]);
  });
});

async function listen(onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createTcp((socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
