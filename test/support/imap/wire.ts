/** One client connection seen as commands in and bytes out. */
import type { Socket } from 'node:net';
import { LITERAL, type RawCommand } from './tokens.ts';

export class Wire {
  readonly socket: Socket;
  #buffer: Buffer = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
      this.#wake?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#ended = true;
      this.#wake?.();
    });
  }

  get ended(): boolean {
    return this.#ended || this.socket.destroyed;
  }

  /** The next line without its end; undefined once the client has gone. */
  async readLine(): Promise<string | undefined> {
    for (;;) {
      const end = this.#buffer.indexOf('\n');
      if (end >= 0) {
        const line = this.#buffer.toString('latin1', 0, end).replace(/\r$/, '');
        this.#buffer = this.#buffer.subarray(end + 1);
        return line;
      }
      if (!(await this.#more())) return undefined;
    }
  }

  /** The next command with its literals, asking for those that wait to be asked for. */
  async readCommand(): Promise<RawCommand | undefined> {
    let text = '';
    const literals: Buffer[] = [];
    for (;;) {
      const line = await this.readLine();
      if (line === undefined) return undefined;
      const match = /~?\{(\d+)(\+?)\}$/.exec(line);
      if (!match) return { text: text + line, literals };
      text += line.slice(0, match.index) + LITERAL;
      if (match[2] === '') await this.write('+ OK\r\n');
      const data = await this.#readBytes(Number(match[1]));
      if (!data) return undefined;
      literals.push(data);
    }
  }

  /** Writes text (latin1) or bytes; resolves when there is room for more, false once the client has gone. */
  async write(data: string | Buffer): Promise<boolean> {
    if (this.ended) return false;
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    if (this.socket.write(bytes)) return true;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.socket.off('drain', done);
        this.socket.off('close', done);
        resolve();
      };
      this.socket.once('drain', done);
      this.socket.once('close', done);
    });
    return !this.ended;
  }

  async #readBytes(count: number): Promise<Buffer | undefined> {
    while (this.#buffer.length < count) {
      if (!(await this.#more())) return undefined;
    }
    const data = Buffer.from(this.#buffer.subarray(0, count));
    this.#buffer = this.#buffer.subarray(count);
    return data;
  }

  async #more(): Promise<boolean> {
    if (this.ended) return false;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    return !this.#ended || this.#buffer.length > 0;
  }
}
