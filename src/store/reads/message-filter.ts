import { quoted } from '../../mail/search/document.ts';
import {
  ADDRESS_FIELDS,
  type AddressField,
  addressKey,
  subjectKeys,
  subjectText,
} from '../../mail/search/keys.ts';
import { anyOf } from '../../mail/search/tsquery.ts';
import type { Parameters } from './parameters.ts';

/** Names and values of metadata that can be asked for (contract 1.5). */
export const METADATA_KEYS = ['key1', 'key2', 'key3', 'key4', 'key5'] as const;
export type MetadataKey = (typeof METADATA_KEYS)[number];

/** Whom a mail is from or to; one of the addresses is enough, in each field. */
export interface PeopleFilter extends Partial<Record<AddressField, string[]>> {
  anyEmail?: string[];
}

/** What a list of messages is narrowed by. All of it must hold. */
export interface MessageFilter extends PeopleFilter {
  /** The message lies in one of these. */
  folderIds?: string[];
  threadId?: string;
  unread?: boolean;
  starred?: boolean;
  hasAttachment?: boolean;
  /** Stands somewhere in the subject, whatever its case. */
  subject?: string;
  receivedAfter?: number;
  receivedBefore?: number;
  metadata?: { key: MetadataKey; value: string }[];
  /** The message is one of these, which the provider has found. */
  ids?: string[];
}

/** Keys of one subject that are asked for; more of them hardly narrow a search any further. */
const MAX_SUBJECT_KEYS = 40;

/** Tsqueries that the document of a message must answer for people and subject; none when neither is asked for. */
export function documentKeys({ subject, ...people }: PeopleFilter & { subject?: string }): string[] {
  const keys = peopleKeys(people);
  if (subject !== undefined) {
    keys.push(...subjectKeys(subjectText(subject)).slice(0, MAX_SUBJECT_KEYS).map(quoted));
  }
  return keys;
}

function peopleKeys(people: PeopleFilter): string[] {
  const keys: string[] = [];
  const add = (fields: readonly AddressField[], addresses: string[] | undefined) => {
    if (!addresses) return;
    // Nobody has the empty address: an empty list finds nothing.
    const wanted = addresses.length > 0 ? addresses : [''];
    keys.push(anyOf(fields.flatMap((field) => wanted.map((address) => quoted(addressKey(field, address))))));
  };
  for (const field of ADDRESS_FIELDS) add([field], people[field]);
  add(ADDRESS_FIELDS, people.anyEmail);
  return keys;
}

/** True when only the inverted index can find what is asked for. */
export function isSearched(filter: PeopleFilter & { subject?: string }): boolean {
  return (
    filter.subject !== undefined || filter.anyEmail !== undefined || ADDRESS_FIELDS.some((f) => filter[f])
  );
}

/**
 * The part of the filter that the row of a message answers, as conditions on `m` that each begin with AND. All but
 * `receivedBefore`: a list begins there, see `placeBelow`.
 */
export function rowConditions(filter: MessageFilter, parameters: Parameters): string {
  const conditions: string[] = [];
  // Written out rather than as values, so that the partial indexes can serve them.
  const flag = (column: string, wanted: boolean | undefined) => {
    if (wanted !== undefined) conditions.push(`AND ${wanted ? '' : 'NOT '}m.${column}`);
  };
  flag('unread', filter.unread);
  flag('starred', filter.starred);
  flag('has_attachment', filter.hasAttachment);
  if (filter.threadId !== undefined) conditions.push(`AND m.thread_id = ${parameters.add(filter.threadId)}`);
  if (filter.receivedAfter !== undefined)
    conditions.push(`AND m.date > ${parameters.add(filter.receivedAfter)}::bigint`);
  if (filter.ids !== undefined) conditions.push(`AND m.id = ANY(${parameters.add(filter.ids)}::text[])`);
  for (const { key, value } of filter.metadata ?? [])
    conditions.push(`AND m.metadata_${key} = ${parameters.add(value)}`);
  return conditions.join(' ');
}

/** The message lies in one of the folders. */
export function folderCondition(folderIds: string[] | undefined, parameters: Parameters): string {
  if (!folderIds) return '';
  return `AND EXISTS (SELECT 1 FROM message_locations l
    WHERE l.grant_id = $2 AND l.message_id = m.id AND l.folder_id = ANY(${parameters.add(folderIds)}::text[]))`;
}
