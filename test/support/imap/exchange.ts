/** One command in the hands of a hook: it may answer as usual, otherwise, slowly, partly, or not at all. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command, Reply, Session } from './session.ts';

export type Handler = (exchange: Exchange) => void | Promise<void>;

export class Exchange {
  readonly command: Command;
  readonly session: Session;
  readonly #usual: () => Promise<void>;

  constructor(command: Command, session: Session, usual: () => Promise<void>) {
    this.command = command;
    this.session = session;
    this.#usual = usual;
  }

  /** Answers as if there were no hook. */
  pass(): Promise<void> {
    return this.#usual();
  }

  /** Carries the command out and gives the answer without sending it. Not for IDLE and the greeting. */
  run(): Promise<Reply> {
    return this.session.answer(this.command);
  }

  /** Carries the command out and sends the answer as `change` has altered it in place. */
  async edit(change: (reply: Reply) => void | Promise<void>): Promise<void> {
    const reply = await this.run();
    await change(reply);
    await this.send(reply);
  }

  async send(reply: Reply): Promise<void> {
    for (const line of reply.untagged) {
      if (!(await this.write(`${line}\r\n`))) return;
    }
    if (reply.tagged !== '') await this.write(`${this.command.tag} ${reply.tagged}\r\n`);
  }

  /** Writes just these bytes (text is latin1). */
  write(data: string | Buffer): Promise<boolean> {
    return this.session.wire.write(data);
  }

  ok(text = 'completed'): Promise<void> {
    return this.send({ untagged: [], tagged: `OK ${text}` });
  }

  /** Refuses, for example with `[THROTTLED] slow down`. */
  no(text: string): Promise<void> {
    return this.send({ untagged: [], tagged: `NO ${text}` });
  }

  bad(text: string): Promise<void> {
    return this.send({ untagged: [], tagged: `BAD ${text}` });
  }

  /** Says BYE and closes. */
  async bye(text = 'shutting down'): Promise<void> {
    await this.write(`* BYE ${text}\r\n`);
    this.session.wire.socket.end();
  }

  /** Closes without a word. */
  cut(): void {
    this.session.wire.socket.destroy();
  }

  /** Sends the answer up to a number of bytes, then closes. */
  async cutAfter(bytes: number): Promise<void> {
    const reply = await this.run();
    const whole = Buffer.from(
      `${reply.untagged.join('\r\n')}\r\n${this.command.tag} ${reply.tagged}\r\n`,
      'latin1',
    );
    await this.write(whole.subarray(0, bytes));
    this.session.wire.socket.end();
  }

  /** Writes slowly, some bytes at a time, until all is written or the client has gone. */
  async drip(data: string | Buffer, bytes = 1, everyMs = 1000): Promise<void> {
    const whole = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    for (let at = 0; at < whole.length; at += bytes) {
      if (!(await this.write(whole.subarray(at, at + bytes)))) return;
      await sleep(everyMs, undefined, { ref: false });
    }
  }

  /** Writes the same line again and again until the client has gone (or `limit` times). */
  async flood(line: string, limit = Number.POSITIVE_INFINITY): Promise<void> {
    const block = Buffer.from(
      `${line}\r\n`.repeat(Math.max(1, Math.floor(16_384 / (line.length + 2)))),
      'latin1',
    );
    const lines = block.length / (line.length + 2);
    for (let sent = 0; sent < limit; sent += lines) {
      if (!(await this.write(block))) return;
      await sleep(0);
    }
  }
}
