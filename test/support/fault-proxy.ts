/** A TCP proxy on loopback that cuts, delays, swallows, holds, injects and rewrites what passes through it. */
import net from 'node:net';
import { type Direction, ProxyConnection, type ProxyFaults } from './proxy/connection.ts';

export type { Direction, ProxyConnection } from './proxy/connection.ts';

export interface Target {
  host?: string;
  port: number;
}

export interface FaultProxyOptions {
  /** Where connections go; a function is asked anew for each. */
  target: Target | (() => Target);
  port?: number;
}

/** A hold that `pauseOn` has set. */
export interface Hold {
  /** Resolves with the connection once the pattern has appeared. */
  hit: Promise<ProxyConnection>;
  /** Lets the held connection go on, and takes the pattern away. */
  resume(): void;
}

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new FaultProxy(options);
  await proxy.listen(options.port);
  return proxy;
}

export class FaultProxy {
  readonly host = '127.0.0.1';
  /** Connections that are open now, oldest first. */
  readonly open = new Set<ProxyConnection>();
  /** Connections ever accepted. */
  connections = 0;
  /** Bytes that came in, per direction (`up` is towards the target), forwarded or not. */
  readonly bytes: Record<Direction, number> = { up: 0, down: 0 };
  readonly #faults: ProxyFaults = { delayMs: 0, cuts: [], patterns: [], rewrites: [] };
  readonly #target: () => Target;
  readonly #server: net.Server;
  #holes = false;
  #refusing = false;
  #port = 0;

  constructor(options: FaultProxyOptions) {
    const { target } = options;
    this.#target = typeof target === 'function' ? target : () => target;
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  get port(): number {
    return this.#port;
  }

  async listen(port = 0): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, this.host, resolve);
    });
    this.#port = (this.#server.address() as net.AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const connection of this.open) connection.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  /**
   * Passes exactly this many bytes on, then cuts: counted per connection, from now on for open ones.
   * The first connection to get there is cut, and `times` connections in all.
   */
  cutAfter(
    bytes: number,
    direction: Direction = 'down',
    options: { times?: number; reset?: boolean } = {},
  ): void {
    const { times = 1, reset = false } = options;
    this.#faults.cuts.push({ bytes, direction, times, reset, counted: new WeakMap() });
  }

  /** Each piece of data is late by this much, in both directions; 0 ends it. */
  delay(ms: number): void {
    this.#faults.delayMs = ms;
  }

  /**
   * From now on nothing gets through, and no end is told either: connections stay open on both sides.
   * New connections are accepted and hear nothing. `unblackhole` lets new ones work; the old stay dead.
   */
  blackhole(): void {
    this.#holes = true;
    for (const connection of this.open) connection.swallow();
  }

  unblackhole(): void {
    this.#holes = false;
  }

  /**
   * Holds a connection (both directions) when the pattern appears in what passes: by default just behind
   * the piece that holds it, with `before` in front of that piece. Once per call.
   */
  pauseOn(pattern: RegExp | string, options: { direction?: Direction; before?: boolean } = {}): Hold {
    const test = typeof pattern === 'string' ? (text: string) => text.includes(pattern) : matcher(pattern);
    let held: ProxyConnection | undefined;
    let cancelled = false;
    const hit = new Promise<ProxyConnection>((resolve) => {
      this.#faults.patterns.push({
        test,
        direction: options.direction,
        before: options.before ?? false,
        hit: (connection) => {
          held = connection;
          resolve(connection);
        },
        done: () => cancelled || held !== undefined,
      });
    });
    const resume = () => {
      cancelled = true;
      held?.resume();
    };
    return { hit, resume };
  }

  /** Holds all open connections at once. */
  pause(): void {
    for (const connection of this.open) connection.pause();
  }

  /** Lets all held connections go on. */
  resume(): void {
    for (const connection of this.open) connection.resume();
  }

  /** Writes bytes of our own to one side of all open connections: `down` is towards the client. */
  inject(data: string | Buffer, direction: Direction = 'down'): void {
    for (const connection of this.open) connection.inject(data, direction);
  }

  /**
   * Changes what passes: return other bytes, or nothing to leave the piece as it is. With `lines`, the function
   * gets one whole line at a time (with its end). Gives the function that ends it.
   */
  rewrite(
    change: (data: Buffer, direction: Direction, connection: ProxyConnection) => Buffer | string | undefined,
    options: { lines?: boolean } = {},
  ): () => void {
    const rewrite = { change, lines: options.lines ?? false };
    this.#faults.rewrites.push(rewrite);
    return () => {
      this.#faults.rewrites = this.#faults.rewrites.filter((one) => one !== rewrite);
    };
  }

  /** Resets (RST) all open connections on both sides. */
  resetAll(): void {
    for (const connection of this.open) connection.reset();
  }

  /** New connections are closed at once; `false` ends it. */
  refuse(refusing = true): void {
    this.#refusing = refusing;
  }

  /** Takes all faults away; what is held goes on, what is swallowed stays dead. */
  clear(): void {
    Object.assign(this.#faults, { delayMs: 0, cuts: [], patterns: [], rewrites: [] } satisfies ProxyFaults);
    this.#holes = false;
    this.#refusing = false;
    this.resume();
  }

  #accept(client: net.Socket): void {
    this.connections++;
    if (this.#refusing) {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    const { host = '127.0.0.1', port } = this.#target();
    const upstream = net.connect({ host, port, allowHalfOpen: true, noDelay: true });
    const connection = new ProxyConnection(this.connections, client, upstream, this.#faults, this.bytes);
    if (this.#holes) connection.swallow();
    this.open.add(connection);
    void connection.finished.then(() => this.open.delete(connection));
  }
}

function matcher(pattern: RegExp): (text: string) => boolean {
  const stateless = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
  return (text) => stateless.test(text);
}
