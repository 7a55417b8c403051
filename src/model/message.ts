import { type Static, Type } from 'typebox';
import { Attachment } from './attachment.ts';
import { Participant } from './participant.ts';
import { Id, OneOf, UnixSeconds } from './scalars.ts';

/** One header line as it stands in the mail, unfolded. */
export const MessageHeader = Type.Object(
  { name: Type.String(), value: Type.String() },
  { $id: 'MessageHeader' },
);
export type MessageHeader = Static<typeof MessageHeader>;

/** What of a sent mail is tracked; all false and empty when nothing is. */
export const TrackingOptions = Type.Object(
  {
    opens: Type.Boolean(),
    thread_replies: Type.Boolean(),
    links: Type.Boolean(),
    label: Type.String({ description: 'Repeated in the events of this mail' }),
  },
  { $id: 'TrackingOptions' },
);
export type TrackingOptions = Static<typeof TrackingOptions>;

/** A mail. With `fields=raw_mime` only the first three fields and `raw_mime` are given. */
export const Message = Type.Object(
  {
    id: Id(),
    object: Type.Literal('message'),
    grant_id: Type.String(),
    thread_id: Id(),
    subject: Type.String(),
    from: Type.Array(Participant),
    to: Type.Array(Participant),
    cc: Type.Array(Participant),
    bcc: Type.Array(Participant),
    reply_to: Type.Array(Participant),
    date: UnixSeconds(),
    body: Type.Optional(Type.String({ description: 'HTML; plain text is made HTML' })),
    snippet: Type.String(),
    folders: Type.Array(Id()),
    unread: Type.Boolean(),
    starred: Type.Boolean(),
    attachments: Type.Array(Attachment),
    metadata: Type.Optional(Type.Record(Type.String(), Type.String())),
    headers: Type.Optional(Type.Array(MessageHeader)),
    tracking_options: Type.Optional(TrackingOptions),
  },
  { $id: 'Message' },
);
export type Message = Static<typeof Message>;

/** A mail that is not sent yet. */
export const Draft = Type.Object({ ...Message.properties, object: Type.Literal('draft') }, { $id: 'Draft' });
export type Draft = Static<typeof Draft>;

/** The answer to `fields=raw_mime`. */
export const RawMessage = Type.Object(
  {
    id: Id(),
    object: Type.Literal('message'),
    grant_id: Type.String(),
    raw_mime: Type.String({ description: 'The mail as it came, base64url' }),
  },
  { $id: 'RawMessage' },
);
export type RawMessage = Static<typeof RawMessage>;

/** How much of a message is wanted. */
export const MessageFields = OneOf([
  'standard',
  'include_headers',
  'include_basic_headers',
  'include_tracking_options',
  'raw_mime',
]);
export type MessageFields = Static<typeof MessageFields>;
