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
