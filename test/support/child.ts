/** `mailquay start` as a process of its own, with a fault point that ends or stops it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineSql } from './engine-sql.ts';
import type { TestMailquay } from './mailquay.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const API_KEY = `crash_${randomBytes(12).toString('hex')}`;
const MASTER_KEY = randomBytes(32).toString('base64');

export interface ChildOptions {
  /** As in src/platform/fault-point.ts. */
  fault?: string;
  /** One that is kept; otherwise it has one of its own for as long as it runs. */
  dataDir?: string;
  /** Added to what it starts with. */
  env?: Record<string, string>;
}

export class Child {
  readonly apiKey = API_KEY;
  origin = '';
  /** The fault point that ended or stopped it; null when none did. */
  fault: string | null = null;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  running = true;
  readonly #process: ChildProcess;
  readonly #dataDir: string;
  readonly #ready: Promise<void>;
  #said = '';

  /** Without a database's URL it starts the embedded PostgreSQL. */
  constructor(databaseUrl: string | null, options: ChildOptions = {}) {
    const { dataDir, fault, env } = options;
    this.#dataDir = dataDir ?? mkdtempSync(join(tmpdir(), 'mailquay-crash-'));
    this.#process = spawn(process.execPath, [MAIN, 'start'], {
      env: {
        PATH: process.env.PATH,
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
        ...(databaseUrl === null ? {} : { DATABASE_URL: databaseUrl }),
        MAILQUAY_DATA_DIR: this.#dataDir,
        MAILQUAY_PORT: '0',
        MAILQUAY_API_KEY: API_KEY,
        MAILQUAY_MASTER_KEY: MASTER_KEY,
        MAILQUAY_ALLOW_PRIVATE_NETWORKS: 'true',
        MAILQUAY_LOG_LEVEL: 'error',
        ...(fault ? { MAILQUAY_FAULT: fault } : {}),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ready = Promise.withResolvers<void>();
    this.#ready = ready.promise;
    this.#ready.catch(() => {});
    this.#process.stdout?.on('data', (chunk: Buffer) => {
      this.#said += chunk;
      const origin = /ready at (\S+)/.exec(this.#said)?.[1];
      if (!origin) return;
      this.origin = origin;
      ready.resolve();
    });
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.#said += chunk;
      this.fault ??= /fault point (\S+): (?:kill|stop)/.exec(this.#said)?.[1] ?? null;
    });
    this.ended = new Promise((resolve) => {
      this.#process.once('close', () => {
        this.running = false;
        if (dataDir === undefined) rmSync(this.#dataDir, { recursive: true, force: true });
        ready.reject(new Error(`mailquay ended before it was ready:\n${this.#said.slice(-2_000)}`));
        resolve();
      });
    });
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Resolves when it serves; false when it was killed before. */
  async ready(): Promise<boolean> {
    try {
      await this.#ready;
      return true;
    } catch (error) {
      if (this.fault) return false;
      throw error;
    }
  }

  /** What it has said, for the message of a failure. */
  said(): string {
    return this.#said.slice(-2_000);
  }

  async call(method: string, path: string, json?: unknown) {
    const response = await fetch(this.origin + path, {
      method,
      headers: {
        authorization: `Bearer ${API_KEY}`,
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: json === undefined ? undefined : JSON.stringify(json),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    const body: unknown = isJson ? JSON.parse(text) : undefined;
    return { status: response.status, headers: response.headers, body: body as never, text };
  }

  /** Connects a mailbox on loopback; returns its grant. */
  async connect(login: { username: string; password: string; port: number }): Promise<string> {
    const { status, body, text } = await this.call('POST', '/v3/connect/custom', {
      provider: 'imap',
      settings: {
        imap_username: login.username,
        imap_password: login.password,
        imap_host: '127.0.0.1',
        imap_port: login.port,
        imap_security: 'none',
      },
    });
    if (status !== 201) throw new Error(`connect answered ${text}`);
    return (body as { data: { id: string } }).data.id;
  }

  /** Asks it to stop, as an operator does. */
  async stop(): Promise<void> {
    this.#process.kill('SIGTERM');
    await this.ended;
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended;
  }
}

/** What the checker asks of a mailquay, when that is a process of its own; another may follow it on its database. */
export function besideChild(database: { url: string }, child: () => Child): TestMailquay {
  return {
    sql: <T>(text: string, values?: unknown[]) => engineSql<T>(database.url, text, values),
    get: (path: string) => child().call('GET', path),
  } as unknown as TestMailquay;
}
