import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

interface Peer {
  socket: net.Socket;
  text: () => string;
  ended: Promise<string>;
}

function peer(socket: net.Socket): Peer {
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk;
  });
  const ended = new Promise<string>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    socket.once('end', () => resolve('end'));
    socket.once('close', () => resolve('close'));
  });
  return { socket, text: () => text, ended };
}

describe('a fault proxy', () => {
  let server: net.Server;
  let proxy: FaultProxy;
  let accepted: Peer[];
  const clients: net.Socket[] = [];

  beforeEach(async () => {
    accepted = [];
    server = net.createServer((socket) => accepted.push(peer(socket)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await startFaultProxy({ target: { port: (server.address() as net.AddressInfo).port } });
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    for (const { socket } of accepted) socket.destroy();
    await proxy.stop();
    await new Promise((resolve) => server.close(resolve));
  });

  async function connect(): Promise<[client: Peer, served: Peer]> {
    const count = accepted.length;
    const client = peer(net.connect(proxy.port, proxy.host));
    clients.push(client.socket);
    await expect.poll(() => accepted.length).toBe(count + 1);
    return [client, accepted[count] as Peer];
  }

  test('passes bytes and ends on, and counts them', async () => {
    const [client, served] = await connect();
    const big = Buffer.alloc(5_000_000, 'x');
    client.socket.write('hello');
    served.socket.end(big);
    await expect.poll(() => served.text()).toBe('hello');
    await expect.poll(() => client.text().length).toBe(big.length);
    expect(await client.ended).toBe('end');
    client.socket.end();
    await expect.poll(() => proxy.open.size).toBe(0);
    expect(proxy.bytes).toEqual({ up: 5, down: big.length });
    expect(proxy.connections).toBe(1);
  });

  test('cuts after a number of bytes, once', async () => {
    const [first, served] = await connect();
    served.socket.write('12345');
    await expect.poll(() => first.text()).toBe('12345');
    proxy.cutAfter(7, 'down');
    served.socket.write('abc');
    served.socket.write('defghijkl');
    expect(await first.ended).toBe('end');
    expect(first.text()).toBe('12345abcdefg');
    await served.ended;
    const [second, again] = await connect();
    again.socket.write('x'.repeat(20));
    await expect.poll(() => second.text().length).toBe(20);
    proxy.cutAfter(3, 'up', { reset: true });
    second.socket.write('abcdef');
    expect(await second.ended).toBe('ECONNRESET');
  });

  test('swallows everything without an end, and lets new connections work afterwards', async () => {
    const [client, served] = await connect();
    proxy.blackhole();
    client.socket.write('lost');
    served.socket.end('lost too');
    await sleep(150);
    expect([client.text(), served.text(), client.socket.destroyed, proxy.open.size]).toEqual([
      '',
      '',
      false,
      1,
    ]);
    proxy.unblackhole();
    const [second, again] = await connect();
    again.socket.write('fresh');
    await expect.poll(() => second.text()).toBe('fresh');
    client.socket.write('still lost');
    await sleep(50);
    expect(served.text()).toBe('');
  });

  test('holds traffic behind or before a pattern, across pieces', async () => {
    const [client, served] = await connect();
    const after = proxy.pauseOn(/SELECT completed/, { direction: 'down' });
    served.socket.write('a OK SELECT comp');
    await sleep(30);
    served.socket.write('leted\r\n');
    const connection = await after.hit;
    await expect.poll(() => client.text()).toBe('a OK SELECT completed\r\n');
    client.socket.write('b FETCH');
    await sleep(80);
    expect([served.text(), connection.paused]).toEqual(['', true]);
    after.resume();
    await expect.poll(() => served.text()).toBe('b FETCH');
    const before = proxy.pauseOn('c NOOP', { before: true });
    client.socket.write('c NOOP');
    await before.hit;
    await sleep(50);
    expect(served.text()).toBe('b FETCH');
    proxy.resume();
    await expect.poll(() => served.text()).toBe('b FETCHc NOOP');
  });

  test('delays, injects, rewrites lines, refuses and resets', async () => {
    const [client, served] = await connect();
    proxy.delay(120);
    const started = Date.now();
    served.socket.write('late\n');
    await expect.poll(() => client.text(), { interval: 5 }).toBe('late\n');
    expect(Date.now() - started).toBeGreaterThanOrEqual(115);
    proxy.clear();
    proxy.inject('* 5 EXISTS\n');
    await expect.poll(() => client.text()).toBe('late\n* 5 EXISTS\n');
    const off = proxy.rewrite((line) => line.toString().replace('CONDSTORE', 'X'), { lines: true });
    served.socket.write('CAPA COND');
    await sleep(30);
    served.socket.write('STORE IDLE\nrest');
    await expect.poll(() => client.text()).toBe('late\n* 5 EXISTS\nCAPA X IDLE\n');
    off();
    served.socket.write('!\n');
    await expect.poll(() => client.text()).toBe('late\n* 5 EXISTS\nCAPA X IDLE\nrest!\n');
    proxy.resetAll();
    expect(await client.ended).toBe('ECONNRESET');
    expect(await served.ended).toBe('ECONNRESET');
    proxy.refuse();
    const refused = peer(net.connect(proxy.port, proxy.host));
    expect(await refused.ended).not.toBe('');
    expect(accepted).toHaveLength(1);
  });
});
