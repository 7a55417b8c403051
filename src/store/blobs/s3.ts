import { createHash } from 'node:crypto';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { BlobMissing, type BlobRange, type BlobStore, checkKey, checkPrefix } from './blob-store.ts';
import { EMPTY_HASH, encodeStrictly, type S3Credentials, signRequest } from './signature.ts';

export interface S3Options extends S3Credentials {
  /** Endpoint and bucket, path-style, with a prefix if wanted: `https://host/bucket/prefix`. */
  url: string;
}

const ATTEMPTS = 4;
const FIRST_WAIT_MS = 200;
/** A connection on which nothing moves for so long is given up. */
const IDLE_MS = 30_000;
const DELETES_AT_ONCE = 8;

interface Sending {
  method: string;
  key?: string;
  query?: Record<string, string>;
  chunks?: Buffer[];
  headers?: Record<string, string>;
}

/** Objects in any store that speaks the S3 protocol. Every request may be repeated without harm, and is. */
export class S3BlobStore implements BlobStore {
  readonly #options: S3Options;
  readonly #base: URL;
  readonly #bucketPath: string;
  readonly #prefix: string;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(options: S3Options) {
    this.#options = options;
    this.#base = new URL(options.url);
    const [bucket, ...prefix] = this.#base.pathname.split('/').filter(Boolean).map(decodeURIComponent);
    if (!bucket) throw new Error('the S3 URL must end with the name of a bucket: https://host/bucket');
    this.#bucketPath = `/${encodeStrictly(bucket)}`;
    this.#prefix = prefix.map((part) => `${part}/`).join('');
    const pool = { keepAlive: true, maxSockets: 32 };
    this.#agent = this.#base.protocol === 'https:' ? new HttpsAgent(pool) : new HttpAgent(pool);
  }

  async put(key: string, chunks: Buffer[]): Promise<void> {
    const answer = await this.#send({ method: 'PUT', key: checkKey(key), chunks });
    await this.#finish(answer, 200);
  }

  async read(key: string, range?: BlobRange): Promise<Readable> {
    if (range?.length === 0) return this.#readNothing(key, range);
    const last = range ? range.offset + range.length - 1 : 0;
    const headers = range ? { range: `bytes=${range.offset}-${last}` } : undefined;
    const answer = await this.#send({ method: 'GET', key: checkKey(key), headers });
    if (answer.statusCode === 404 || answer.statusCode === 416) {
      answer.resume();
      throw new BlobMissing('no such object, or it ends before the range');
    }
    await this.#expect(answer, range ? 206 : 200);
    if (range && Number(answer.headers['content-length']) !== range.length) {
      answer.destroy();
      throw new BlobMissing('the object ends before the range');
    }
    return answer;
  }

  async deletePrefix(prefix: string): Promise<void> {
    const running = new Set<Promise<void>>();
    for await (const key of this.list(prefix)) {
      const one = this.#delete(key);
      running.add(one);
      one.finally(() => running.delete(one)).catch(() => {});
      if (running.size >= DELETES_AT_ONCE) await Promise.race(running);
    }
    await Promise.all(running);
  }

  async *list(prefix: string): AsyncIterable<string> {
    const path = this.#prefix + checkPrefix(prefix);
    let token: string | undefined;
    do {
      const query = { 'list-type': '2', prefix: path, ...(token ? { 'continuation-token': token } : {}) };
      const answer = await this.#send({ method: 'GET', query });
      await this.#expect(answer, 200);
      const xml = (await buffer(answer)).toString('utf8');
      for (const [, key] of xml.matchAll(/<Key>([^<]*)<\/Key>/g))
        yield unescapeXml(key!).slice(this.#prefix.length);
      const next = /<NextContinuationToken>([^<]*)<\/NextContinuationToken>/.exec(xml)?.[1];
      token = next === undefined ? undefined : unescapeXml(next);
    } while (token);
  }

  /** Ends idle connections. */
  close(): void {
    this.#agent.destroy();
  }

  async #delete(key: string): Promise<void> {
    await this.#finish(await this.#send({ method: 'DELETE', key: checkKey(key) }), 204, 200, 404);
  }

  /** A range of no bytes cannot be asked for; the object must be there all the same. */
  async #readNothing(key: string, range: BlobRange): Promise<Readable> {
    const answer = await this.#send({ method: 'HEAD', key: checkKey(key) });
    answer.resume();
    const size = Number(answer.headers['content-length']);
    if (answer.statusCode !== 200 || range.offset > size) throw new BlobMissing('no such object');
    return answer;
  }

  /** Like `#expect`, for answers without content; reads to the end, so that the connection can be used again. */
  async #finish(answer: IncomingMessage, ...statuses: number[]): Promise<void> {
    await this.#expect(answer, ...statuses);
    await buffer(answer);
  }

  async #expect(answer: IncomingMessage, ...statuses: number[]): Promise<void> {
    if (statuses.includes(answer.statusCode!)) return;
    const text = (await buffer(answer)).toString('utf8', 0, 2000);
    const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1];
    throw new Error(`the S3 store answered ${answer.statusCode} ${code ?? ''}`.trim());
  }

  /** Sends, and tries again after a broken connection or an answer that asks for patience. */
  async #send(sending: Sending): Promise<IncomingMessage> {
    const hash = sending.chunks ? hashOf(sending.chunks) : EMPTY_HASH;
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await this.#sendOnce(sending, hash);
        const status = answer.statusCode!;
        if ((status < 500 && status !== 429) || attempt === ATTEMPTS) return answer;
        answer.resume();
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
      }
      await wait(FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random()));
    }
  }

  #sendOnce(sending: Sending, payloadHash: string): Promise<IncomingMessage> {
    const url = new URL(this.#base.origin);
    const key = sending.key === undefined ? '' : `/${encodePath(this.#prefix + sending.key)}`;
    url.pathname = this.#bucketPath + key;
    url.search = Object.entries(sending.query ?? {})
      .map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(value)}`)
      .join('&');
    const signed = signRequest(this.#options, {
      method: sending.method,
      url,
      payloadHash,
      headers: sending.headers,
      now: new Date(),
    });
    const length = sending.chunks?.reduce((sum, chunk) => sum + chunk.length, 0);
    const headers = length === undefined ? signed : { ...signed, 'content-length': String(length) };
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const outgoing = request(url, {
        method: sending.method,
        headers,
        agent: this.#agent,
        timeout: IDLE_MS,
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error('the S3 store does not answer')));
      outgoing.on('error', reject);
      outgoing.on('response', resolve);
      for (const chunk of sending.chunks ?? []) outgoing.write(chunk);
      outgoing.end();
    });
  }
}

function hashOf(chunks: Buffer[]): string {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

function encodePath(path: string): string {
  return path.split('/').map(encodeStrictly).join('/');
}

function unescapeXml(text: string): string {
  const entities: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => entities[name]!);
}
