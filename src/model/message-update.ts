import { type Static, Type } from 'typebox';
import { Id } from './scalars.ts';

/** Limits of metadata (contract 1.5). */
const MAX_PAIRS = 50;
const MAX_KEY_CHARS = 40;
const MAX_VALUE_CHARS = 500;

/** An application's own notes on an object: a flat map of strings. */
const Metadata = Type.Record(
  Type.String({ pattern: `^[\\s\\S]{1,${MAX_KEY_CHARS}}$` }),
  Type.String({ maxLength: MAX_VALUE_CHARS }),
  {
    maxProperties: MAX_PAIRS,
    additionalProperties: false,
    description: `At most ${MAX_PAIRS} pairs; keys of up to ${MAX_KEY_CHARS} characters, values of up to ${MAX_VALUE_CHARS}`,
  },
);

/** Most folders that a message is put into at once. */
const MAX_FOLDERS = 100;

const fields = {
  unread: Type.Optional(Type.Boolean()),
  starred: Type.Optional(Type.Boolean()),
  folders: Type.Optional(
    Type.Array(Id(), { maxItems: MAX_FOLDERS, description: 'All folders that it is to lie in, by id' }),
  ),
};

/** What may be changed of a message; what is left out stays as it is. */
export const MessageUpdate = Type.Object(
  { ...fields, metadata: Type.Optional(Metadata) },
  { $id: 'MessageUpdate' },
);
export type MessageUpdate = Static<typeof MessageUpdate>;

/** What may be changed of a thread: of each of its messages. */
export const ThreadUpdate = Type.Object(fields, { $id: 'ThreadUpdate' });
