import { Agent, request } from 'node:http';
import type { FuzzAnswer } from './answers.ts';
import type { FuzzRequest } from './generate.ts';

/** Longer than anything that has no mail server behind it may take, ms. */
const TIMEOUT_MS = 30_000;

/** Sends requests byte for byte as they were generated; `fetch` would mend some of them. */
export class FuzzClient {
  readonly #agent: Agent;
  readonly #origin: URL;

  constructor(origin: string, connections: number) {
    this.#origin = new URL(origin);
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  send({ operation, url, headers, body }: FuzzRequest): Promise<FuzzAnswer> {
    return new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
      const outgoing = request({
        agent: this.#agent,
        host: this.#origin.hostname,
        port: this.#origin.port,
        method: operation.method,
        path: url,
        headers: { ...headers, ...length },
        timeout: TIMEOUT_MS,
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
      outgoing.on('error', reject);
      outgoing.on('response', (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode!,
            headers: incoming.headers,
            body: Buffer.concat(chunks),
          }),
        );
      });
      outgoing.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
