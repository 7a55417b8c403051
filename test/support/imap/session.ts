/** The state of one client of a scripted IMAP server, and the plain answers to its commands. */
import { decodeMailboxName } from '../../../testbed/utf7.ts';
import { fetchItems, fetchRow, search } from './fetch.ts';
import { answerFolders, answerList, answerSelect } from './folders.ts';
import type { ImapSettings } from './settings.ts';
import { inSet, itemsOf, type RawCommand, type Token, textOf, tokenize, toSet } from './tokens.ts';
import { FolderView } from './view.ts';
import type { Wire } from './wire.ts';

/** What the server would answer: untagged responses without their line ends, then the tagged one's text. */
export interface Reply {
  untagged: string[];
  /** Such as `OK FETCH completed`; the tag is put in front. */
  tagged: string;
}

export interface Command {
  tag: string;
  /** In capitals, such as `UID FETCH`. */
  name: string;
  args: Token[];
  /** The line as it came, literals taken out. */
  line: string;
}

export function parseCommand(raw: RawCommand): Command {
  const [tag, first, ...rest] = tokenize(raw);
  const verb = textOf(first).toUpperCase();
  if (verb !== 'UID') return { tag: textOf(tag), name: verb, args: rest, line: raw.text };
  return {
    tag: textOf(tag),
    name: `UID ${textOf(rest[0]).toUpperCase()}`,
    args: rest.slice(1),
    line: raw.text,
  };
}

export class Session {
  readonly id: number;
  readonly wire: Wire;
  readonly settings: ImapSettings;
  user: string | undefined;
  view: FolderView | undefined;
  idling = false;
  readonly enabled = new Set<string>();

  constructor(id: number, wire: Wire, settings: ImapSettings) {
    this.id = id;
    this.wire = wire;
    this.settings = settings;
  }

  /** Untagged lines about what changed in the selected folder. */
  changes(expunges = true): string[] {
    const qresync = this.enabled.has('QRESYNC');
    return this.view?.update({ qresync, modseq: qresync || this.enabled.has('CONDSTORE'), expunges }) ?? [];
  }

  /** The plain answer to a command; the model is changed as the command says. */
  async answer(command: Command): Promise<Reply> {
    const { name, args } = command;
    const open = await this.#anyState(command);
    if (open) return open;
    if (this.user === undefined) return { untagged: [], tagged: 'NO Please log in first' };
    if (name === 'LIST' || name === 'LSUB') return answerList(this, name, args);
    if (name === 'SELECT' || name === 'EXAMINE') return answerSelect(this, name, args);
    const folders = answerFolders(this, name, args);
    if (folders) return folders;
    if (!this.view) return { untagged: [], tagged: `BAD ${name} needs a selected mailbox` };
    return this.#selected(this.view, name, args);
  }

  async #anyState({ tag, name, args }: Command): Promise<Reply | undefined> {
    switch (name) {
      case 'CAPABILITY':
        return {
          untagged: [`* CAPABILITY ${this.settings.capabilities}`],
          tagged: 'OK CAPABILITY completed',
        };
      case 'NOOP':
      case 'CHECK':
        return { untagged: this.changes(), tagged: `OK ${name} completed` };
      case 'ID':
        return { untagged: ['* ID ("name" "scripted")'], tagged: 'OK ID completed' };
      case 'LOGOUT':
        return { untagged: ['* BYE bye'], tagged: 'OK LOGOUT completed' };
      case 'LOGIN':
        return this.#login(textOf(args[0]), textOf(args[1]));
      case 'AUTHENTICATE':
        return this.#authenticate(tag, args);
      case 'ENABLE': {
        const known = args.map((token) => textOf(token).toUpperCase()).filter((one) => this.has(one));
        for (const one of known) this.enabled.add(one);
        if (known.includes('QRESYNC')) this.enabled.add('CONDSTORE');
        return {
          untagged: [`* ENABLED${known.map((one) => ` ${one}`).join('')}`],
          tagged: 'OK ENABLE completed',
        };
      }
      default:
        return undefined;
    }
  }

  has(capability: string): boolean {
    return this.settings.capabilities.toUpperCase().split(' ').includes(capability.toUpperCase());
  }

  #login(user: string, password: string): Reply {
    if (!this.settings.login(user, password)) {
      return { untagged: [], tagged: 'NO [AUTHENTICATIONFAILED] Authentication failed.' };
    }
    this.user = user;
    return { untagged: [], tagged: `OK [CAPABILITY ${this.settings.capabilities}] Logged in` };
  }

  async #authenticate(tag: string, args: Token[]): Promise<Reply> {
    let initial = textOf(args[1]);
    if (initial === '') {
      await this.wire.write('+ \r\n');
      initial = (await this.wire.readLine()) ?? '*';
    }
    if (initial === '*') return { untagged: [], tagged: `BAD ${tag} cancelled` };
    const text = Buffer.from(initial, 'base64').toString('utf8');
    if (textOf(args[0]).toUpperCase() === 'PLAIN') {
      const [, user = '', password = ''] = text.split('\0');
      return this.#login(user, password);
    }
    const user = /user=([^\x01]*)/.exec(text)?.[1] ?? /a=([^,]*)/.exec(text)?.[1] ?? '';
    return this.#login(user, /auth=Bearer ([^\x01]*)/i.exec(text)?.[1] ?? '');
  }

  #selected(view: FolderView, name: string, args: Token[]): Reply {
    const uid = name.startsWith('UID ');
    const verb = uid ? name.slice(4) : name;
    const done = (untagged: string[], text = `OK ${name} completed`): Reply => ({
      untagged: [...untagged, ...this.changes(uid || !['FETCH', 'STORE', 'SEARCH'].includes(verb))],
      tagged: text,
    });
    const rows = [...view.present()];
    const numbers = uid ? view.uids() : view.rows.map((_, index) => index + 1);
    const named = () => {
      const set = inSet(textOf(args[0]), numbers);
      return rows.filter(([sequence, message]) => set.has(uid ? message.uid : sequence));
    };
    const { model } = this.settings;
    switch (verb) {
      case 'FETCH': {
        const modifiers = itemsOf(args[2]).map((token) => textOf(token).toUpperCase());
        const since = Number(modifiers[modifiers.indexOf('CHANGEDSINCE') + 1] ?? 0);
        const changed = modifiers.includes('CHANGEDSINCE') ? since : 0;
        const items = fetchItems(args[1], uid);
        if (changed > 0 && !items.includes('MODSEQ')) items.push('MODSEQ');
        const lines: string[] = [];
        if (modifiers.includes('VANISHED')) {
          const gone = view.folder.vanished.filter((one) => one.modseq > changed).map((one) => one.uid);
          if (gone.length > 0) lines.push(`* VANISHED (EARLIER) ${toSet(gone)}`);
        }
        for (const [sequence, message] of named()) {
          if (message.modseq <= changed) continue;
          lines.push(fetchRow(sequence, message, items));
          if (items.some((item) => item.toUpperCase() === 'FLAGS')) view.told(sequence, message);
        }
        return done(lines);
      }
      case 'SEARCH': {
        const keys = textOf(args[0]).toUpperCase() === 'RETURN' ? args.slice(2) : args;
        const found = search(keys, rows).map(([sequence, message]) => (uid ? message.uid : sequence));
        if (keys !== args) {
          const all = found.length > 0 ? ` ALL ${toSet(found)}` : '';
          return done([`* ESEARCH${uid ? ' UID' : ''}${all} COUNT ${found.length}`]);
        }
        return done([`* SEARCH${found.map((number) => ` ${number}`).join('')}`]);
      }
      case 'STORE': {
        const operation = textOf(args.find((token) => /FLAGS|LABELS/i.test(textOf(token)))).toUpperCase();
        const values = itemsOf(args.at(-1)).map(textOf);
        for (const [, message] of named()) {
          const labels = operation.includes('LABELS');
          const before = labels ? message.gmLabels : [...message.flags];
          const after = operation.startsWith('+')
            ? [...new Set([...before, ...values])]
            : operation.startsWith('-')
              ? before.filter((one) => !values.includes(one))
              : values;
          if (labels) model.setLabels(view.folder.name, message.uid, after);
          else model.setFlags(view.folder.name, message.uid, after);
        }
        return done([]);
      }
      case 'COPY':
      case 'MOVE': {
        const target = model.find(decodeMailboxName(textOf(args[1])));
        if (!target) return { untagged: [], tagged: 'NO [TRYCREATE] no such mailbox' };
        const from = named().map(([, message]) => message.uid);
        const to = from.map((one) => model.copyMessage(view.folder.name, one, target.name).uid);
        if (verb === 'MOVE') model.expunge(view.folder.name, ...from);
        const code = `[COPYUID ${target.uidValidity} ${toSet(from)} ${toSet(to)}]`;
        if (from.length === 0 || !this.has('UIDPLUS')) return done([]);
        return verb === 'MOVE' ? done([`* OK ${code} moved`]) : done([], `OK ${code} copied`);
      }
      case 'EXPUNGE':
      case 'CLOSE': {
        const among = uid ? named() : rows;
        const gone = among
          .filter(([, message]) => message.flags.has('\\Deleted'))
          .map(([, message]) => message.uid);
        if (!view.readOnly && gone.length > 0) model.expunge(view.folder.name, ...gone);
        if (verb === 'EXPUNGE') return done([]);
        this.view = undefined;
        return done([]);
      }
      case 'UNSELECT':
        this.view = undefined;
        return done([]);
      default:
        return { untagged: [], tagged: `BAD unknown command ${name}` };
    }
  }
}

/** Selects a folder for a session. */
export function openView(session: Session, name: string, readOnly: boolean): FolderView | undefined {
  const folder = session.settings.model.find(name);
  session.view =
    folder && !folder.attributes.includes('\\Noselect') ? new FolderView(folder, readOnly) : undefined;
  return session.view;
}
