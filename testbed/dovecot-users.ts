/** Users of a private Dovecot: one small file each, read anew by the server at every login. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';

export interface MailUser {
  username: string;
  password: string;
}

export interface Owner {
  uid: number;
  gid: number;
}

interface Entry {
  password: string;
  refusal?: string;
}

/** Dovecot's `dict` passdb and userdb over plain files: unlike a passwd-file, a change counts at once. */
export function dictConfig(usersDir: string): string {
  const value = (name: string) =>
    `key ${name} {\n  key = ${name}/%{sha1:user}\n  format = json\n}\n${name}_objects = ${name}\n`;
  return `uri = fs:posix:prefix=${usersDir}/\ndefault_pass_scheme = PLAIN\n${value('passdb')}${value('userdb')}`;
}

let serial = process.pid * 131;

export class DovecotUsers {
  readonly #dir: string;
  readonly #mailDir: string;
  readonly #owner: Owner;
  readonly #entries = new Map<string, Entry>();

  constructor(dir: string, mailDir: string, owner: Owner) {
    this.#dir = dir;
    this.#mailDir = mailDir;
    this.#owner = owner;
    for (const folder of ['', 'passdb', 'userdb']) {
      mkdirSync(`${dir}/${folder}`, { recursive: true });
      chmodSync(`${dir}/${folder}`, 0o755);
    }
  }

  /** Makes the user if need be and gives its credentials. Dovecot compares ASCII letters in lower case. */
  user(name: string, password?: string): MailUser {
    const known = this.#entries.get(checked(name));
    const entry = { ...known, password: password ?? known?.password ?? 'pass' };
    if (entry.password !== known?.password) this.#write(name, entry);
    return { username: name, password: entry.password };
  }

  /** From now on logins are refused with this reason, although the password is right. */
  refuse(name: string, reason = 'Account is disabled'): void {
    this.#write(name, { password: this.user(name).password, refusal: reason });
  }

  /** Takes a refusal back. */
  allow(name: string): void {
    this.#write(name, { password: this.user(name).password });
  }

  /** The user is unknown from now on; its mail stays on disk. */
  remove(name: string): void {
    this.#entries.delete(checked(name));
    for (const kind of ['passdb', 'userdb']) rmSync(`${this.#dir}/${kind}/${hash(name)}`, { force: true });
  }

  /** The user's home; any character of a name is made safe for a path. */
  home(name: string): string {
    return `${this.#mailDir}/${checked(name)
      .replace(/[^\w.@-]/g, '_')
      .slice(0, 40)}-${hash(name).slice(0, 8)}`;
  }

  /**
   * Who owns the user's mail files; makes the home. Each user has a system id of its own where that can be,
   * because Linux lets one id have only 128 inotify instances, and without them IDLE is told late.
   */
  owner(name: string): Owner {
    const home = this.home(name);
    if (!existsSync(home)) {
      mkdirSync(home, { recursive: true, mode: 0o700 });
      try {
        chownSync(home, 20_000 + (serial++ % 40_000), this.#owner.gid);
      } catch {
        // a container with few ids
        chownSync(home, this.#owner.uid, this.#owner.gid);
      }
    }
    const { uid, gid } = statSync(home);
    return { uid, gid };
  }

  #write(name: string, entry: Entry): void {
    this.#entries.set(checked(name), entry);
    const password = `{PLAIN.b64}${Buffer.from(entry.password).toString('base64')}`;
    const refused: Record<string, string> =
      entry.refusal === undefined ? {} : { nologin: 'yes', reason: entry.refusal };
    this.#put('passdb', name, { password, ...refused });
    this.#put('userdb', name, { ...this.owner(name), home: this.home(name) });
  }

  #put(kind: 'passdb' | 'userdb', name: string, value: Record<string, string | number>): void {
    const file = `${this.#dir}/${kind}/${hash(name)}`;
    writeFileSync(`${file}.new`, JSON.stringify(value), { mode: 0o644 });
    renameSync(`${file}.new`, file);
  }
}

function hash(name: string): string {
  return createHash('sha1').update(checked(name)).digest('hex');
}

function checked(name: string): string {
  if (name === '' || /[*\n\r\0]/.test(name)) {
    throw new Error(`not usable as a user name: ${JSON.stringify(name)}`);
  }
  return name.replace(/[A-Z]+/g, (part) => part.toLowerCase());
}
