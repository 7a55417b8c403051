/** Ready-made lies and failures for `ScriptedImap.on()`. */
import type { Exchange, Handler } from './exchange.ts';

type RowEdit = (row: string, index: number) => string | string[];

/** Changes each FETCH row; an array puts several lines in its place. */
export function editRows(change: RowEdit): Handler {
  return (exchange) =>
    exchange.edit((reply) => {
      let index = 0;
      reply.untagged = reply.untagged.flatMap((line) =>
        /^\* \d+ FETCH/.test(line) ? change(line, index++) : [line],
      );
    });
}

/** RFC822.SIZE that is not the size. */
export function wrongSize(size = 7): Handler {
  return editRows((row) => row.replace(/RFC822\.SIZE \d+/, `RFC822.SIZE ${size}`));
}

/** A BODYSTRUCTURE that parses and means nothing, or one that does not even parse. */
export function brokenBodyStructure(parsable = true): Handler {
  const broken = parsable ? '("TEXT" NIL NIL NIL NIL NIL -1 "x")' : '(("TEXT" "PLAIN" (';
  return editRows((row) => {
    const at = row.indexOf('BODYSTRUCTURE (');
    if (at < 0) return row;
    const start = at + 'BODYSTRUCTURE '.length;
    return `${row.slice(0, start)}${broken}${row.slice(endOfList(row, start))}`;
  });
}

/** Every row has the UID of the first one. */
export function duplicateUids(): Handler {
  let first: string | undefined;
  return editRows((row) => {
    first ??= /UID (\d+)/.exec(row)?.[1];
    return row.replace(/UID \d+/, `UID ${first}`);
  });
}

/** Rows without a UID (all, or those that `which` picks). */
export function withoutUid(which: (index: number) => boolean = () => true): Handler {
  return editRows((row, index) => (which(index) ? row.replace(/ ?UID \d+/, '').replace('( ', '(') : row));
}

/** Really expunges a message while a FETCH runs, and says so after `afterRows` rows. */
export function expungeDuringFetch(folder: string, uid: number, afterRows = 1): Handler {
  return (exchange) =>
    exchange.edit((reply) => {
      exchange.session.settings.model.expunge(folder, uid);
      reply.untagged.splice(afterRows, 0, ...exchange.session.changes());
    });
}

/** Puts lines before the tagged answer, such as `* VANISHED (EARLIER) 1:4294967295`. */
export function addLines(...lines: string[]): Handler {
  return (exchange) =>
    exchange.edit((reply) => {
      reply.untagged.push(...lines);
    });
}

/** Leaves out the untagged lines that match, such as `/UIDNEXT/`. */
export function dropLines(pattern: RegExp): Handler {
  return (exchange) =>
    exchange.edit((reply) => {
      reply.untagged = reply.untagged.filter((line) => !pattern.test(line));
    });
}

/** The tagged OK comes after some rows, the rest after it. */
export function earlyOk(afterRows = 1): Handler {
  return async (exchange) => {
    const reply = await exchange.run();
    await exchange.send({ untagged: reply.untagged.slice(0, afterRows), tagged: reply.tagged });
    await exchange.send({ untagged: reply.untagged.slice(afterRows), tagged: '' });
  };
}

/** `NO` with a response code: THROTTLED, OVERQUOTA, UNAVAILABLE, INUSE, AUTHENTICATIONFAILED … */
export function refuse(code: string, text = 'not now'): Handler {
  return (exchange) => exchange.no(`[${code}] ${text}`);
}

/** Changes UIDVALIDITY just before the command is answered; told to the client only when `told`. */
export function uidValidityChange(folder: string, told = true): Handler {
  return (exchange) => {
    const { model } = exchange.session.settings;
    model.changeUidValidity(folder);
    const { view } = exchange.session;
    const { uidValidity, messages } = model.folder(folder);
    if (!told && view) {
      view.uidValidity = uidValidity;
      view.rows = messages.map(({ uid, modseq }) => ({ uid, modseq }));
    }
    return exchange.edit((reply) => {
      if (told) reply.untagged.unshift(`* OK [UIDVALIDITY ${uidValidity}] changed`);
    });
  };
}

/** Waits, then answers as usual. */
export function delayed(ms: number): Handler {
  return async (exchange) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    await exchange.pass();
  };
}

/** Never answers; the connection stays open. */
export function silence(): Handler {
  return () => {};
}

export function bye(text?: string): Handler {
  return (exchange: Exchange) => exchange.bye(text);
}

export function cut(): Handler {
  return (exchange: Exchange) => exchange.cut();
}

/** Answers one byte at a time. */
export function dripping(bytes = 1, everyMs = 1000): Handler {
  return async (exchange) => {
    const reply = await exchange.run();
    const text = `${reply.untagged.join('\r\n')}\r\n${exchange.command.tag} ${reply.tagged}\r\n`;
    await exchange.drip(text, bytes, everyMs);
  };
}

/** Untagged lines without end. */
export function endlessLines(line = '* OK still here'): Handler {
  return (exchange: Exchange) => exchange.flood(line);
}

/** One line without end. */
export function endlessLine(): Handler {
  return async (exchange) => {
    await exchange.write('* OK ');
    const block = Buffer.alloc(16_384, 'x');
    while (await exchange.write(block)) await new Promise((resolve) => setImmediate(resolve));
  };
}

/** Announces a literal of 2 GB for UID 1, and sends `sent` bytes of it, or bytes without end. */
export function hugeLiteral(size = 2_147_483_648, sent = Number.POSITIVE_INFINITY): Handler {
  return async (exchange) => {
    await exchange.write(`* 1 FETCH (UID 1 BODY[] {${size}}\r\n`);
    const block = Buffer.alloc(65_536, 'x');
    for (let done = 0; done < Math.min(sent, size); done += block.length) {
      if (!(await exchange.write(block))) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
}

/** An answer with a tag that the client has not used, before the true one. */
export function forgedTag(tag = 'ZZ99'): Handler {
  return async (exchange) => {
    await exchange.write(`${tag} OK forged\r\n`);
    await exchange.pass();
  };
}

function endOfList(text: string, start: number): number {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (quoted) {
      if (character === '\\') at++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === '(') depth++;
    else if (character === ')' && --depth === 0) return at + 1;
  }
  return text.length;
}
