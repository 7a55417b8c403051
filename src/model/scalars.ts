import { Type } from 'typebox';

/** Seconds since 1970 (UTC), as everywhere in the API. */
export const UnixSeconds = () => Type.Integer({ description: 'Unix seconds' });

/** An opaque identifier: its inner form is nobody's business and may change. */
export const Id = () => Type.String({ description: 'Opaque identifier' });

/** A value out of a closed list. */
export function OneOf<Values extends string[]>(values: readonly [...Values]) {
  return Type.Enum(values);
}

export const Uuid = () =>
  Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' });

/** Characters in the name of an application, a key or a service account. */
export const MAX_NAME = 100;

/** What may name one of those: one line that is not blank. */
export function isName(text: string): boolean {
  return text.trim() !== '' && text.length <= MAX_NAME && !/\p{Cc}/u.test(text);
}
