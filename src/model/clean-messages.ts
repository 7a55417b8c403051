import { type Static, Type } from 'typebox';
import { Message } from './message.ts';
import { Id } from './scalars.ts';

/** Messages that are cleaned in one request (contract 5.3). */
const MAX_MESSAGES = 20;

const Flag = (standard: boolean, description: string) =>
  Type.Optional(Type.Boolean({ default: standard, description }));

/** Which messages to clean, and how. */
export const CleanMessages = Type.Object(
  {
    message_id: Type.Array(Id(), { minItems: 1, maxItems: MAX_MESSAGES }),
    ignore_links: Flag(true, 'Keep the words of links and leave out where they lead'),
    ignore_images: Flag(true, 'Leave images out'),
    images_as_markdown: Type.Optional(
      Type.Boolean({
        description:
          'Write images that are not ignored as Markdown; as `html_as_markdown` says when it is absent',
      }),
    ),
    ignore_tables: Flag(true, 'Write the rows of tables as lines'),
    remove_conclusion_phrases: Flag(true, 'Leave out phrases such as "Best regards" and the name below'),
    html_as_markdown: Flag(false, 'Write Markdown rather than plain text'),
  },
  { $id: 'CleanMessages' },
);
export type CleanMessages = Static<typeof CleanMessages>;

/** A message with what its writer wrote, without quotes and signatures. */
export const CleanedMessage = Type.Object(
  {
    ...Message.properties,
    conversation: Type.String({ description: 'Plain text, or Markdown when that was asked for' }),
    email_as_markdown: Type.Optional(Type.String({ description: '`conversation` when it is Markdown' })),
  },
  { $id: 'CleanedMessage' },
);
export type CleanedMessage = Static<typeof CleanedMessage>;
