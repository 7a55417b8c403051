import { type Static, Type } from 'typebox';
import { Id } from './scalars.ts';

/** A folder or label of the mailbox. `attributes` are special uses such as `\Sent` (RFC 6154). */
export const Folder = Type.Object(
  {
    id: Id(),
    object: Type.Literal('folder'),
    grant_id: Type.String(),
    name: Type.String({ description: 'With its hierarchy, as the mailbox shows it' }),
    attributes: Type.Array(Type.String()),
    system_folder: Type.Boolean(),
    parent_id: Type.Optional(Id()),
    child_count: Type.Integer({ minimum: 0 }),
    total_count: Type.Integer({ minimum: 0 }),
    unread_count: Type.Integer({ minimum: 0 }),
  },
  { $id: 'Folder' },
);
export type Folder = Static<typeof Folder>;

const MAX_NAME_CHARS = 1_024;
const fields = {
  parent_id: Type.Optional(
    Type.Union([Id(), Type.Null()], { description: 'The folder that it is below; null for the top' }),
  ),
  text_color: Type.Optional(Type.String({ description: 'Not kept: IMAP folders have no colour' })),
  background_color: Type.Optional(Type.String({ description: 'Not kept: IMAP folders have no colour' })),
};

/** A new folder. A hierarchy delimiter in the name makes it a child. */
export const FolderCreate = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: MAX_NAME_CHARS }), ...fields },
  { $id: 'FolderCreate' },
);

/** What may be changed of a folder; what is left out stays as it is. */
export const FolderUpdate = Type.Object(
  { name: Type.Optional(Type.String({ minLength: 1, maxLength: MAX_NAME_CHARS })), ...fields },
  { $id: 'FolderUpdate' },
);
