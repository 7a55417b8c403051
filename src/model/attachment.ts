import { type Static, Type } from 'typebox';
import { Id } from './scalars.ts';

/** What an attachment is; its bytes are downloaded apart. */
export const Attachment = Type.Object(
  {
    id: Id(),
    grant_id: Type.String(),
    filename: Type.String(),
    content_type: Type.String({ description: 'As the mail says it' }),
    size: Type.Integer({ minimum: 0, description: 'Bytes; may include the overhead of the encoding' }),
    is_inline: Type.Boolean(),
    content_id: Type.Optional(Type.String()),
    content_disposition: Type.Optional(Type.String()),
  },
  { $id: 'Attachment' },
);
export type Attachment = Static<typeof Attachment>;
