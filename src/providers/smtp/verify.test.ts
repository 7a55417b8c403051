import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { ProviderError } from '../provider.ts';
import { verifySmtpLogin } from './verify.ts';

const dialer = { resolve: async () => [{ address: '127.0.0.1', servername: undefined }] };
const open: { server: Server; sockets: Set<Socket> }[] = [];

afterEach(() => {
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

/** A server that greets and answers each line as told; what it heard is collected. */
async function script(answers: Record<string, string>, greeting = '220 hello\r\n') {
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.write(greeting);
    socket.on('data', (data) => {
      const line = String(data);
      heard.push(line);
      const word = Object.keys(answers).find((known) => line.startsWith(known));
      if (word) socket.write(answers[word]!);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({ server, sockets });
  return { port: (server.address() as AddressInfo).port, heard, sockets };
}

function login(port: number, security: 'tls' | 'starttls' | 'none', signal = new AbortController().signal) {
  return verifySmtpLogin({ host: 'x', port, security, username: 'ada', password: 'pw' }, dialer, signal);
}

const failureOf = (work: Promise<void>) =>
  work.then(
    () => undefined,
    (error: unknown) => error as ProviderError,
  );

const WITH_AUTH = '250-x\r\n250 AUTH PLAIN\r\n';

describe('an SMTP login', () => {
  it('succeeds, and leaves no connection behind', async () => {
    const server = await script({ EHLO: WITH_AUTH, AUTH: '235 welcome\r\n' });
    await login(server.port, 'none');
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  it('needs none where none is offered', async () => {
    const server = await script({ EHLO: '250 x\r\n' });
    await login(server.port, 'none');
    expect(server.heard.join()).not.toContain('AUTH');
  });

  it.each([
    ['535 5.7.8 wrong password', 'authentication'],
    ['550 account disabled', 'authentication'],
    ['454 4.7.0 password store is down', 'busy'],
    ['421 too many connections', 'busy'],
    ['502 what?', 'protocol'],
    ['538 encryption needed', 'protocol'],
  ])('refused with %s is %s, with the words', async (reply, kind) => {
    const server = await script({ EHLO: WITH_AUTH, AUTH: `${reply}\r\n` });
    expect(await failureOf(login(server.port, 'none'))).toMatchObject({
      kind,
      response: expect.stringContaining(reply),
    });
  });

  it.each([
    ['does not offer STARTTLS', { EHLO: WITH_AUTH, STARTTLS: '502 no\r\n', AUTH: '235 got it\r\n' }],
    [
      'refuses STARTTLS',
      { EHLO: `250-STARTTLS\r\n${WITH_AUTH}`, STARTTLS: '454 no\r\n', AUTH: '235 got it\r\n' },
    ],
    [
      'answers STARTTLS in plain text',
      {
        EHLO: `250-STARTTLS\r\n${WITH_AUTH}`,
        STARTTLS: '220 go\r\n235 ok\r\n',
        '\x16': 'no TLS\r\n',
        AUTH: '235\r\n',
      },
    ],
  ])('keeps the password when the server %s', async (_, answers) => {
    const server = await script(answers);
    const failure = await failureOf(login(server.port, 'starttls'));
    expect(failure?.kind).not.toBe('authentication');
    expect(failure).toBeDefined();
    expect(server.heard.join()).not.toContain('AUTH');
  });

  it('is a network matter when nobody listens, or somebody hangs up', async () => {
    expect(await failureOf(login(1, 'none'))).toMatchObject({ kind: 'network', code: 'ECONNREFUSED' });
    const server = await script({}, '');
    setTimeout(() => {
      for (const socket of server.sockets) socket.destroy();
    }, 100);
    expect(await failureOf(login(server.port, 'none'))).toMatchObject({ kind: 'network' });
  });

  it('is no login where something else answers', async () => {
    const server = await script({}, 'SSH-2.0-OpenSSH_9.2\r\n');
    expect((await failureOf(login(server.port, 'none')))?.kind).toMatch(/protocol|network/);
  });

  it('ends with the signal, and takes its socket along', async () => {
    const server = await script({ EHLO: WITH_AUTH });
    const controller = new AbortController();
    const work = failureOf(login(server.port, 'none', controller.signal));
    await expect.poll(() => server.heard.length).toBeGreaterThan(1);
    controller.abort(new Error('enough'));
    expect(await work).toMatchObject({ message: 'enough' });
    await expect.poll(() => server.sockets.size).toBe(0);
  });
});
