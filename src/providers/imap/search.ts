import type { ImapFlow } from 'imapflow';
import { ProviderError } from '../provider.ts';
import type { ImapHooks, UntaggedResponse } from './connection.ts';
import { CriteriaError, type Criterion, parseCriteria } from './search-criteria.ts';
import { readUidSet } from './uid-set.ts';

/** Most UIDs that are taken from one answer: a folder of that many mails, and a server that counts without end. */
const MAX_FOUND = 1_000_000;

/** A caller's query as criteria; throws ProviderError('bad_query') with what is wrong and where. */
export function readQuery(query: string): Criterion[] {
  try {
    return parseCriteria(query);
  } catch (error) {
    if (error instanceof CriteriaError) throw new ProviderError('bad_query', error.message, { cause: error });
    throw error;
  }
}

/** UID SEARCH (RFC 9051 6.4.4). Texts go out as quoted strings or literals, never as a part of the command. */
export async function uidSearch(client: ImapFlow, criteria: Criterion[]): Promise<number[]> {
  const hooks = client as unknown as ImapHooks;
  const found: number[] = [];
  const take = (uids: number[]) => {
    for (const uid of uids) if (Number.isInteger(uid) && uid > 0 && found.length < MAX_FOUND) found.push(uid);
  };
  const attributes = criteria.map(attribute);
  // RFC 6855 3: with UTF8=ACCEPT all is UTF-8 already, and CHARSET is forbidden.
  if (hasNonAscii(criteria) && !client.enabled.has('UTF8=ACCEPT'))
    attributes.unshift({ type: 'ATOM', value: 'CHARSET' }, { type: 'ATOM', value: 'UTF-8' });
  const response = await hooks.exec('UID SEARCH', attributes, {
    untagged: {
      SEARCH: async (untagged: UntaggedResponse) => {
        take(untagged.numbers ?? (untagged.attributes ?? []).map(({ value }) => Number(value)));
      },
      // IMAP4rev2 answers with ESEARCH (RFC 9051 7.3.4).
      ESEARCH: async (untagged: UntaggedResponse) => {
        const words = (untagged.attributes ?? []).map((attribute) => attribute?.value);
        const set = words[words.indexOf('ALL') + 1];
        if (words.includes('ALL') && typeof set === 'string') take(readUidSet(set, MAX_FOUND) ?? []);
      },
    },
  });
  response.next();
  return [...new Set(found)].sort((a, b) => a - b);
}

function attribute(criterion: Criterion): unknown {
  if ('group' in criterion) return criterion.group.map(attribute);
  if ('word' in criterion) return { type: 'ATOM', value: criterion.word };
  if ('set' in criterion) return { type: 'SEQUENCE', value: criterion.set };
  if (isAscii(criterion.text)) return { type: 'STRING', value: criterion.text };
  return { type: 'LITERAL', value: Buffer.from(criterion.text) };
}

function hasNonAscii(criteria: Criterion[]): boolean {
  return criteria.some((c) => ('group' in c ? hasNonAscii(c.group) : 'text' in c && !isAscii(c.text)));
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}
