/** One connection through the fault proxy: two pumps that share its holds and its end. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** `up` is from the client to the target, `down` the way back. */
export type Direction = 'up' | 'down';

export interface ProxyFaults {
  delayMs: number;
  cuts: {
    bytes: number;
    direction: Direction;
    times: number;
    reset: boolean;
    counted: WeakMap<ProxyConnection, number>;
  }[];
  patterns: {
    test: (text: string) => boolean;
    direction: Direction | undefined;
    before: boolean;
    hit: (connection: ProxyConnection) => void;
    done: () => boolean;
  }[];
  rewrites: {
    change: (data: Buffer, direction: Direction, connection: ProxyConnection) => Buffer | string | undefined;
    lines: boolean;
  }[];
}

/** How much of what has passed is looked at for patterns that lie across two pieces. */
const WINDOW = 4096;

export class ProxyConnection {
  readonly id: number;
  readonly finished: Promise<void>;
  readonly bytes: Record<Direction, number> = { up: 0, down: 0 };
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #faults: ProxyFaults;
  readonly #totals: Record<Direction, number>;
  readonly #passed: Record<Direction, string> = { up: '', down: '' };
  readonly #part: Record<Direction, Buffer> = { up: Buffer.alloc(0), down: Buffer.alloc(0) };
  #gate: PromiseWithResolvers<void> | undefined;
  #swallowing = false;

  constructor(
    id: number,
    client: Socket,
    upstream: Socket,
    faults: ProxyFaults,
    totals: Record<Direction, number>,
  ) {
    this.id = id;
    this.#client = client;
    this.#upstream = upstream;
    this.#faults = faults;
    this.#totals = totals;
    for (const socket of [client, upstream]) socket.on('error', () => {});
    this.finished = Promise.all([
      this.#pump(client, upstream, 'up'),
      this.#pump(upstream, client, 'down'),
      new Promise<void>((resolve) => client.once('close', () => resolve())),
    ]).then(() => this.destroy());
  }

  /** Drops everything from now on and hides ends; both sides stay open. */
  swallow(): void {
    this.#swallowing = true;
    this.resume();
  }

  pause(): void {
    this.#gate ??= Promise.withResolvers<void>();
  }

  resume(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  get paused(): boolean {
    return this.#gate !== undefined;
  }

  inject(data: string | Buffer, direction: Direction): void {
    (direction === 'down' ? this.#client : this.#upstream).write(data);
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#upstream.resetAndDestroy();
    this.resume();
  }

  destroy(): void {
    this.#client.destroy();
    this.#upstream.destroy();
    this.resume();
  }

  async #pump(from: Socket, to: Socket, direction: Direction): Promise<void> {
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        this.bytes[direction] += chunk.length;
        this.#totals[direction] += chunk.length;
        for (const piece of this.#rewritten(chunk, direction)) {
          if (!(await this.#forward(piece, to, direction))) return;
        }
      }
      const rest = this.#part[direction];
      if (rest.length > 0) await this.#forward(rest, to, direction);
      await this.#gate?.promise;
      if (!this.#swallowing) to.end();
    } catch {
      // one side has been reset: the other learns it, unless nothing gets through
      if (!this.#swallowing) this.reset();
    }
  }

  #rewritten(chunk: Buffer, direction: Direction): Buffer[] {
    const byLine = this.#faults.rewrites.some((rewrite) => rewrite.lines);
    let pieces = [chunk];
    if (byLine || this.#part[direction].length > 0) {
      const whole = Buffer.concat([this.#part[direction], chunk]);
      pieces = byLine ? lines(whole) : [whole];
      const last = pieces.at(-1);
      const open = byLine && last !== undefined && last.at(-1) !== 0x0a;
      this.#part[direction] = open && last ? last : Buffer.alloc(0);
      if (open) pieces.pop();
    }
    return pieces.map((piece) => {
      let data = piece;
      for (const rewrite of this.#faults.rewrites) {
        const changed = rewrite.change(data, direction, this);
        if (changed !== undefined) data = Buffer.from(changed as Buffer);
      }
      return data;
    });
  }

  /** Passes one piece on under all faults; false once the connection is over. */
  async #forward(data: Buffer, to: Socket, direction: Direction): Promise<boolean> {
    const window = this.#passed[direction] + data.toString('latin1');
    const found = this.#faults.patterns.filter(
      (one) => !one.done() && (one.direction ?? direction) === direction && one.test(window),
    );
    this.#passed[direction] = found.length > 0 ? '' : window.slice(-WINDOW);
    for (const one of found) {
      if (one.before) this.#stopFor(one);
    }
    if (this.#faults.delayMs > 0) await sleep(this.#faults.delayMs);
    while (this.#gate) await this.#gate.promise;
    if (this.#swallowing) return true;
    for (const one of found) {
      // set before the write, so that nothing slips through behind it
      if (!one.before) this.#stopFor(one);
    }
    const cut = this.#cutAt(data.length, direction);
    if (cut) {
      const part = data.subarray(0, cut.at);
      if (part.length > 0) await new Promise((resolve) => to.write(part, resolve));
      if (cut.reset) this.reset();
      else {
        this.#client.end(() => this.#client.destroy());
        this.#upstream.destroy();
      }
      return false;
    }
    if (to.destroyed) return false;
    if (!to.write(data)) await drained(to);
    return !to.destroyed;
  }

  #stopFor(pattern: ProxyFaults['patterns'][number]): void {
    this.pause();
    pattern.hit(this);
  }

  #cutAt(length: number, direction: Direction): { at: number; reset: boolean } | undefined {
    for (const cut of this.#faults.cuts) {
      if (cut.direction !== direction || cut.times <= 0) continue;
      const before = cut.counted.get(this) ?? 0;
      cut.counted.set(this, before + length);
      if (before + length < cut.bytes) continue;
      cut.times--;
      return { at: cut.bytes - before, reset: cut.reset };
    }
    return undefined;
  }
}

function lines(data: Buffer): Buffer[] {
  const found: Buffer[] = [];
  let start = 0;
  for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a, start)) {
    found.push(data.subarray(start, end + 1));
    start = end + 1;
  }
  if (start < data.length) found.push(data.subarray(start));
  return found;
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.once('drain', done);
    socket.once('close', done);
  });
}
