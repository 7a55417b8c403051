/** Clients that are slow on purpose (RS5): to send, to take, or to do anything at all. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { download } from '../../src/http/answer.ts';
import { publicRoute } from '../../src/http/route.ts';
import { startApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let open = 0;

/** Far more than the buffers between two sockets hold. */
const LARGE = 64 * 1024 * 1024;
const large = publicRoute({
  method: 'GET',
  path: '/test/large',
  summary: 'More than anyone reads',
  tag: 'Test',
  contentType: 'application/octet-stream',
  handle: () =>
    download({ 'content-type': 'application/octet-stream' }, async () => {
      const chunk = Buffer.alloc(64 * 1024);
      let left = LARGE;
      const stream = new Readable({
        read() {
          this.push(left > 0 ? chunk : null);
          left -= chunk.length;
        },
      });
      open += 1;
      stream.once('close', () => {
        open -= 1;
      });
      return { length: LARGE, stream };
    }),
});

beforeAll(async () => {
  api = await startApi({
    extraRoutes: () => [large],
    timeouts: { headers: 1_000, request: 2_000, reader: 1_000, check: 200 },
  });
});
afterAll(() => api?.close());

async function dial(text: string): Promise<Socket> {
  const socket = connect(Number(new URL(api.origin).port), '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

const LIMIT_MS = 20_000;

it('who takes nothing of an answer, or a trickle, is cut off, and what was open for it is closed', async () => {
  const request = 'GET /test/large HTTP/1.1\r\nhost: x\r\n\r\n';
  const silent = await dial(request);
  const trickling = await dial(request);
  silent.pause();
  trickling.pause();
  let ended = false;
  trickling.once('close', () => {
    ended = true;
  });
  const start = Date.now();
  while (open < 2) await sleep(10);
  while (open > 0) {
    // Below the lowest rate.
    trickling.read(100);
    await sleep(50);
    expect(Date.now() - start).toBeLessThan(LIMIT_MS);
  }
  silent.destroy();
  trickling.resume();
  while (!ended) await sleep(10);
});

it('who is steady gets all of it, in however many pauses', async () => {
  const response = await fetch(`${api.origin}/test/large`);
  let bytes = 0;
  let pauses = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > (pauses + 1) * (LARGE / 16)) {
      pauses += 1;
      await sleep(200);
    }
  }
  expect([bytes, pauses]).toEqual([LARGE, 15]);
});

it('many that say nothing, or never end their headers, are cut off, and others are answered meanwhile', async () => {
  const before = Date.now();
  const sockets = await Promise.all(
    Array.from({ length: 400 }, (_, i) => dial(i % 2 ? '' : 'GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ')),
  );
  const closed = sockets.map((socket) => once(socket.resume(), 'close'));
  expect((await api.call('/healthz')).status).toBe(200);
  await Promise.all(closed);
  expect(Date.now() - before).toBeLessThan(LIMIT_MS);
  expect((await api.call('/healthz')).status).toBe(200);
});

it('who goes on sending what was refused is cut off', async () => {
  const patient = await startApi({ timeouts: { late: 500, request: 60_000 } });
  try {
    for (const headers of [
      'content-length: 1000000000',
      'authorization: Bearer wrong\r\ncontent-length: 5000',
    ]) {
      const socket = connect(Number(new URL(patient.origin).port), '127.0.0.1');
      socket.on('error', () => {});
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      const begun = Date.now();
      const closed = once(socket, 'close');
      socket.write(
        `PUT /v3/grants/g/messages/clean HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${headers}\r\n\r\n`,
      );
      const trickle = setInterval(() => socket.write('x'), 50);
      await closed;
      clearInterval(trickle);
      expect(answer).toMatch(/^HTTP\/1.1 4(01|13) /);
      expect(Date.now() - begun).toBeLessThan(LIMIT_MS);
    }
  } finally {
    await patient.close();
  }
});
