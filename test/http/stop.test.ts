import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { startMailquay } from '../support/mailquay.ts';

/** Far below the 20 s after which connections are cut when mailquay stops. */
const STOP_MS = 10_000;

it('a stop answers a request that has begun, and does not wait for its client to hang up', async () => {
  const mailquay = await startMailquay();
  const { hostname, port } = new URL(mailquay.origin);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text;
  });
  const body = '{"name":"x"}';
  socket.write(
    `PATCH /v3/applications HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${mailquay.apiKey}\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  const begun = performance.now();
  const stopped = mailquay.stop();
  await new Promise((resolve) => setTimeout(resolve, 300));
  socket.write(body.slice(5));
  await stopped;
  expect(answer).toMatch(/^HTTP\/1\.1 \d{3} /);
  expect(performance.now() - begun).toBeLessThan(STOP_MS);
  socket.destroy();
});
