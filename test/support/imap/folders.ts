/** Answers about folders: LIST, STATUS, SELECT, APPEND and their changes. */
import { decodeMailboxName, encodeMailboxName } from '../../../testbed/utf7.ts';
import { fetchRow } from './fetch.ts';
import type { ModelFolder } from './model.ts';
import { openView, type Reply, type Session } from './session.ts';
import { inSet, itemsOf, type Token, textOf, toSet, wireString } from './tokens.ts';

const SPECIAL = /^\\(all|archive|drafts|flagged|junk|sent|trash|important)$/i;

export function answerList(session: Session, name: string, args: Token[]): Reply {
  const { model, delimiter } = session.settings;
  let rest = args;
  if (rest[0]?.kind === 'list') rest = rest.slice(1);
  const reference = textOf(rest[0]);
  const patterns = itemsOf(rest[1]).map((token) => `${reference}${textOf(token)}`);
  const delimiterText = wireString(delimiter || undefined);
  if (patterns.length === 1 && patterns[0] === '') {
    return { untagged: [`* ${name} (\\Noselect) ${delimiterText} ""`], tagged: `OK ${name} completed` };
  }
  const returned = itemsOf(rest[3]);
  const statusAt = returned.findIndex((token) => textOf(token).toUpperCase() === 'STATUS');
  const subscribed = returned.some((token) => textOf(token).toUpperCase() === 'SUBSCRIBED');
  const untagged: string[] = [];
  for (const folder of model.folders.values()) {
    const wireName = encodeMailboxName(folder.name);
    if (!patterns.some((pattern) => matches(pattern, wireName, delimiter))) continue;
    const shown = folder.attributes.filter((one) => session.has('SPECIAL-USE') || !SPECIAL.test(one));
    const children =
      delimiter !== '' &&
      [...model.folders.keys()].some((other) => other.startsWith(`${folder.name}${delimiter}`));
    const attributes = [...shown, children ? '\\HasChildren' : '\\HasNoChildren'];
    if (subscribed) attributes.push('\\Subscribed');
    untagged.push(`* ${name} (${attributes.join(' ')}) ${delimiterText} ${wireString(wireName)}`);
    if (statusAt >= 0 && !folder.attributes.includes('\\Noselect')) {
      untagged.push(statusLine(folder, itemsOf(returned[statusAt + 1])));
    }
  }
  return { untagged, tagged: `OK ${name} completed` };
}

function matches(pattern: string, name: string, delimiter: string): boolean {
  const source = pattern.replace(/[^\w*%]/g, '\\$&').replaceAll('*', '.*');
  const one = `[^${delimiter === '' ? '\\n' : delimiter.replace(/[^\w]/g, '\\$&')}]*`;
  return new RegExp(`^${source.replaceAll('%', one)}$`, pattern.toUpperCase() === 'INBOX' ? 'i' : '').test(
    name,
  );
}

function statusLine(folder: ModelFolder, items: Token[]): string {
  const values: Record<string, () => string | number> = {
    MESSAGES: () => folder.messages.length,
    RECENT: () => 0,
    UIDNEXT: () => folder.uidNext,
    UIDVALIDITY: () => folder.uidValidity,
    UNSEEN: () => folder.messages.filter((message) => !message.flags.has('\\Seen')).length,
    DELETED: () => folder.messages.filter((message) => message.flags.has('\\Deleted')).length,
    SIZE: () => folder.messages.reduce((sum, message) => sum + message.raw.length, 0),
    HIGHESTMODSEQ: () => folder.highestModseq,
    MAILBOXID: () => `(${folder.mailboxId})`,
  };
  const pieces = items.flatMap((token) => {
    const item = textOf(token).toUpperCase();
    const value = values[item];
    return value ? [`${item} ${value()}`] : [];
  });
  return `* STATUS ${wireString(encodeMailboxName(folder.name))} (${pieces.join(' ')})`;
}

export function answerSelect(session: Session, name: string, args: Token[]): Reply {
  const readOnly = name === 'EXAMINE';
  const view = openView(session, decodeMailboxName(textOf(args[0])), readOnly);
  if (!view) return { untagged: [], tagged: 'NO [NONEXISTENT] no such mailbox' };
  const { folder } = view;
  const flags = new Set(['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft']);
  for (const message of folder.messages) for (const flag of message.flags) flags.add(flag);
  const untagged = [
    `* FLAGS (${[...flags].join(' ')})`,
    `* OK [PERMANENTFLAGS (${[...flags].join(' ')} \\*)] Flags permitted`,
    `* ${folder.messages.length} EXISTS`,
    '* 0 RECENT',
    `* OK [UIDVALIDITY ${folder.uidValidity}] UIDs valid`,
    `* OK [UIDNEXT ${folder.uidNext}] Predicted next UID`,
  ];
  if (session.has('CONDSTORE')) untagged.push(`* OK [HIGHESTMODSEQ ${folder.highestModseq}] Highest`);
  if (session.has('OBJECTID')) untagged.push(`* OK [MAILBOXID (${folder.mailboxId})] Ok`);
  const options = itemsOf(args[1]);
  if (options.some((token) => /^(CONDSTORE|QRESYNC)$/i.test(textOf(token)))) session.enabled.add('CONDSTORE');
  const at = options.findIndex((token) => textOf(token).toUpperCase() === 'QRESYNC');
  const [validity, modseq, known] = itemsOf(options[at + 1]).map(textOf);
  if (at >= 0 && Number(validity) === folder.uidValidity) {
    const gone = folder.vanished.filter((one) => one.modseq > Number(modseq)).map((one) => one.uid);
    const asked = known
      ? inSet(
          known,
          [...gone].sort((a, b) => a - b),
        )
      : new Set(gone);
    if (asked.size > 0) untagged.push(`* VANISHED (EARLIER) ${toSet([...asked])}`);
    for (const [sequence, message] of view.present()) {
      if (message.modseq > Number(modseq))
        untagged.push(fetchRow(sequence, message, ['UID', 'FLAGS', 'MODSEQ']));
    }
  }
  return { untagged, tagged: `OK [${readOnly ? 'READ-ONLY' : 'READ-WRITE'}] ${name} completed` };
}

/** Answers to the other commands about folders; undefined when it is none of them. */
export function answerFolders(session: Session, name: string, args: Token[]): Reply | undefined {
  const { model, delimiter, prefix } = session.settings;
  const folderName = decodeMailboxName(textOf(args[0]));
  const ok = (untagged: string[] = [], text = `${name} completed`): Reply => ({
    untagged,
    tagged: `OK ${text}`,
  });
  const missing: Reply = { untagged: [], tagged: 'NO [NONEXISTENT] no such mailbox' };
  switch (name) {
    case 'NAMESPACE':
      return ok([`* NAMESPACE ((${wireString(prefix)} ${wireString(delimiter || undefined)})) NIL NIL`]);
    case 'STATUS': {
      const folder = model.find(folderName);
      return folder ? ok([statusLine(folder, itemsOf(args[1]))]) : missing;
    }
    case 'CREATE':
      if (model.find(folderName)) return { untagged: [], tagged: 'NO [ALREADYEXISTS] mailbox exists' };
      return ok([], `[MAILBOXID (${model.createFolder(folderName).mailboxId})] CREATE completed`);
    case 'DELETE':
      if (!model.find(folderName)) return missing;
      model.deleteFolder(folderName);
      return ok();
    case 'RENAME':
      if (!model.find(folderName)) return missing;
      model.renameFolder(folderName, decodeMailboxName(textOf(args[1])), delimiter);
      return ok();
    case 'SUBSCRIBE':
    case 'UNSUBSCRIBE':
      return ok();
    case 'APPEND': {
      const folder = model.find(folderName);
      if (!folder) return { untagged: [], tagged: 'NO [TRYCREATE] no such mailbox' };
      const list = args.find((token) => token.kind === 'list');
      const date = args.slice(1, -1).find((token) => token.kind === 'string');
      const body = args.at(-1);
      const raw = body?.kind === 'string' ? (body.data ?? Buffer.from(body.text)) : Buffer.alloc(0);
      const internalDate = date ? new Date(textOf(date).replace(/^\s*(\d+)-(\w+)-/, '$1 $2 ')) : undefined;
      const flags = itemsOf(list).map(textOf);
      const { uid } = model.deliver(folder.name, raw, { flags, internalDate });
      return ok(
        session.changes(),
        `${session.has('UIDPLUS') ? `[APPENDUID ${folder.uidValidity} ${uid}] ` : ''}APPEND completed`,
      );
    }
    default:
      return undefined;
  }
}
