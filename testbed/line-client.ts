/** A bare line protocol client (IMAP, LMTP, SMTP) that shares no code with the clients under test. */
import net from 'node:net';

export class LineClient {
  readonly #socket: net.Socket;
  #buffer = '';
  #closed: Error | undefined;
  #wake: (() => void) | undefined;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.#buffer += chunk;
      this.#wake?.();
    });
    const end = (error?: Error) => {
      this.#closed ??= error ?? new Error('connection closed');
      this.#wake?.();
    };
    socket.on('error', end);
    socket.on('close', () => end());
    socket.setTimeout(30_000, () => socket.destroy(new Error('no answer in 30 s')));
  }

  static connect(port: number): Promise<LineClient> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.once('error', reject);
      socket.once('connect', () => resolve(new LineClient(socket)));
    });
  }

  write(data: string | Buffer): void {
    this.#socket.write(data);
  }

  /** Reads lines up to the first one that matches and gives all of them. */
  async until(pattern: RegExp): Promise<string[]> {
    const lines: string[] = [];
    for (;;) {
      for (let at = this.#buffer.indexOf('\r\n'); at >= 0; at = this.#buffer.indexOf('\r\n')) {
        const line = this.#buffer.slice(0, at);
        this.#buffer = this.#buffer.slice(at + 2);
        lines.push(line);
        if (pattern.test(line)) return lines;
      }
      if (this.#closed) throw new Error(`${this.#closed.message}, after: ${lines.slice(-3).join(' | ')}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends one SMTP or LMTP command and gives the last line of its answer. */
  async smtp(command: string | Buffer): Promise<string> {
    this.write(command);
    return (await this.until(/^\d{3}( |$)/)).at(-1) ?? '';
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** A message made ready for SMTP's DATA: CRLF, dots stuffed, the ending dot added. */
export function smtpData(raw: Buffer): Buffer {
  const text = raw.toString('latin1').replace(/\r?\n/g, '\r\n').replace(/^\./gm, '..');
  return Buffer.from(`${text}${text.endsWith('\r\n') ? '' : '\r\n'}.\r\n`, 'latin1');
}
