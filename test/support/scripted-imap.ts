/**
 * A scripted IMAP server on loopback: it serves an in-memory mailbox well enough for real clients,
 * and lies, stalls or fails wherever a hook tells it to.
 */
import net from 'node:net';
import { Exchange, type Handler } from './imap/exchange.ts';
import { MailModel, type MessageInit, type ModelFolder, type ModelMessage } from './imap/model.ts';
import { type Command, parseCommand, Session } from './imap/session.ts';
import { DEFAULT_CAPABILITIES, type ImapSettings } from './imap/settings.ts';
import { Wire } from './imap/wire.ts';

export * as faults from './imap/faults.ts';

export interface ScriptedImapOptions {
  capabilities?: string;
  delimiter?: string;
  prefix?: string;
  /** Who may log in; by default any name with the password `pass`. */
  login?: (user: string, password: string) => boolean;
  /** The line after the connection; `false` says nothing. `* PREAUTH …` means logged in already. */
  greeting?: string | false;
  /** Whether idling clients are told of changes; default true. */
  notify?: boolean;
  /** Shared by several servers when given; else a new one with INBOX, Sent, Drafts, Trash, Junk and Archive. */
  model?: MailModel;
  port?: number;
}

interface Hook {
  command: string;
  handler: Handler;
  times: number;
}

export async function startScriptedImap(options: ScriptedImapOptions = {}): Promise<ScriptedImap> {
  const server = new ScriptedImap(options);
  await server.listen(options.port);
  return server;
}

export class ScriptedImap {
  readonly host = '127.0.0.1';
  readonly model: MailModel;
  readonly settings: ImapSettings;
  /** Live sessions, oldest first. */
  readonly sessions = new Set<Session>();
  /** Every command line received, such as `UID FETCH 1:* (UID FLAGS)` without its tag; credentials are left out. */
  readonly commands: string[] = [];
  notify: boolean;
  greeting: string | false;
  /** Connections ever accepted. */
  connections = 0;
  #port = 0;
  #hooks: Hook[] = [];
  readonly #server = net.createServer((socket) => void this.#serve(socket));
  readonly #waiters = new Set<() => void>();

  constructor(options: ScriptedImapOptions) {
    this.model = options.model ?? usualFolders(options.prefix ?? '');
    this.notify = options.notify ?? true;
    const capabilities = options.capabilities ?? DEFAULT_CAPABILITIES;
    this.greeting = options.greeting ?? `* OK [CAPABILITY ${capabilities}] scripted server ready`;
    this.settings = {
      model: this.model,
      capabilities,
      delimiter: options.delimiter ?? '/',
      prefix: options.prefix ?? '',
      login: options.login ?? ((_, password) => password === 'pass'),
    };
    this.model.onChange(() => {
      if (!this.notify) return;
      for (const session of this.sessions) if (session.idling) void this.#tell(session);
    });
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
    this.cutAll();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Ends all connections at once. */
  cutAll(): void {
    for (const session of this.sessions) session.wire.socket.destroy();
  }

  /**
   * Puts a hook on a command (`FETCH` also means `UID FETCH`; `*` is any; `GREETING` is the connection itself).
   * The newest hook wins. Gives the function that takes it off; `times` takes it off by itself.
   */
  on(command: string, handler: Handler, options: { times?: number } = {}): () => void {
    const hook: Hook = {
      command: command.toUpperCase(),
      handler,
      times: options.times ?? Number.POSITIVE_INFINITY,
    };
    this.#hooks.unshift(hook);
    return () => {
      this.#hooks = this.#hooks.filter((one) => one !== hook);
    };
  }

  /** Like `on` for the next such command only. */
  once(command: string, handler: Handler): () => void {
    return this.on(command, handler, { times: 1 });
  }

  /** Takes all hooks off. */
  clearHooks(): void {
    this.#hooks = [];
  }

  /** How many clients idle at the moment (in a folder). */
  idling(folder?: string): number {
    return [...this.sessions].filter((one) => one.idling && (!folder || one.view?.folder.name === folder))
      .length;
  }

  /** Resolves once the condition holds; looked at after each command and change. */
  async waitUntil(condition: () => boolean, limitMs = 10_000): Promise<void> {
    const end = Date.now() + limitMs;
    while (!condition()) {
      const left = end - Date.now();
      if (left <= 0)
        throw new Error(`still not so after ${limitMs} ms; last commands: ${this.commands.slice(-5)}`);
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.#waiters.delete(done);
          resolve();
        };
        const timer = setTimeout(done, Math.min(left, 100));
        this.#waiters.add(done);
      });
    }
  }

  /** Resolves once a command that matches has been received (counting from the beginning). */
  waitForCommand(pattern: RegExp, limitMs?: number): Promise<void> {
    return this.waitUntil(() => this.commands.some((line) => pattern.test(line)), limitMs);
  }

  // The mailbox while the server runs; idling clients are told unless `notify` is false.

  createFolder(name: string, attributes?: string[], uidValidity?: number): ModelFolder {
    return this.model.createFolder(name, attributes, uidValidity);
  }

  deliver(folder: string, raw: Buffer | string, init?: MessageInit): ModelMessage {
    return this.model.deliver(folder, raw, init);
  }

  expunge(folder: string, ...uids: number[]): void {
    this.model.expunge(folder, ...uids);
  }

  setFlags(folder: string, uid: number, flags: string[]): void {
    this.model.setFlags(folder, uid, flags);
  }

  moveMessage(from: string, uid: number, to: string): ModelMessage {
    return this.model.moveMessage(from, uid, to);
  }

  renameFolder(from: string, to: string, newUidValidity = false): void {
    this.model.renameFolder(from, to, this.settings.delimiter, newUidValidity);
  }

  changeUidValidity(folder: string, uidValidity?: number, firstUid?: number): void {
    this.model.changeUidValidity(folder, uidValidity, firstUid);
  }

  async #serve(socket: net.Socket): Promise<void> {
    socket.setNoDelay(true);
    const wire = new Wire(socket);
    const session = new Session(++this.connections, wire, this.settings);
    this.sessions.add(session);
    socket.on('close', () => {
      this.sessions.delete(session);
      this.#awake();
    });
    try {
      await this.#handle(session, { tag: '*', name: 'GREETING', args: [], line: '' });
      for (let raw = await wire.readCommand(); raw; raw = await wire.readCommand()) {
        if (raw.text === '') continue;
        const command = parseCommand(raw);
        this.commands.push(withoutSecrets(command));
        this.#awake();
        await this.#handle(session, command);
      }
    } catch (error) {
      if (!wire.ended) socket.destroy(error as Error);
    }
  }

  async #handle(session: Session, command: Command): Promise<void> {
    const exchange: Exchange = new Exchange(command, session, () => this.#usual(exchange));
    const hook = this.#hooks.find(
      (one) =>
        one.times > 0 &&
        (one.command === '*' ? command.name !== 'GREETING' : fits(one.command, command.name)),
    );
    if (hook) hook.times--;
    await (hook ? hook.handler(exchange) : exchange.pass());
  }

  async #usual(exchange: Exchange): Promise<void> {
    const { command, session } = exchange;
    if (command.name === 'GREETING') {
      if (this.greeting !== false && this.greeting.startsWith('* PREAUTH')) session.user = 'preauth';
      if (this.greeting !== false) await exchange.write(`${this.greeting}\r\n`);
      return;
    }
    if (command.name === 'IDLE') return this.#idle(exchange);
    await exchange.send(await exchange.run());
    if (command.name === 'LOGOUT') session.wire.socket.end();
  }

  async #idle(exchange: Exchange): Promise<void> {
    const { session } = exchange;
    await exchange.write('+ idling\r\n');
    session.idling = true;
    if (this.notify) await this.#tell(session);
    this.#awake();
    try {
      const line = await session.wire.readLine();
      if (line === undefined) return;
      await (line.toUpperCase() === 'DONE' ? exchange.ok('IDLE completed') : exchange.bad('DONE expected'));
    } finally {
      session.idling = false;
    }
  }

  async #tell(session: Session): Promise<void> {
    const lines = session.changes();
    if (lines.length > 0) await session.wire.write(`${lines.join('\r\n')}\r\n`);
  }

  #awake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }
}

function fits(hook: string, name: string): boolean {
  return hook === name || `UID ${hook}` === name;
}

function withoutSecrets(command: Command): string {
  const { name, line } = command;
  return name === 'LOGIN' || name === 'AUTHENTICATE' ? name : line.slice(line.indexOf(' ') + 1);
}

function usualFolders(prefix: string): MailModel {
  const model = new MailModel();
  model.createFolder('INBOX');
  for (const name of ['Sent', 'Drafts', 'Trash', 'Junk', 'Archive'])
    model.createFolder(`${prefix}${name}`, [`\\${name}`]);
  return model;
}
