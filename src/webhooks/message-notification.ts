import type { Message } from '../model/message.ts';
import type { DeletedMessage, MessageNotification } from '../model/notification.ts';

/** Above this many bytes of JSON a notification leaves out the body of its message (contract 8.5). */
const MAX_BYTES = 1_000_000;

/** What happened to a message, and the how-manieth time it is told. */
export interface MessageEvent {
  id: string;
  type: 'message.created' | 'message.updated' | 'message.deleted';
  applicationId: string;
  provider: string;
  /** Unix seconds. */
  time: number;
  attempt: number;
}

/** The envelope of one event of a message, as it is sent and signed (contract 8.4 to 8.6). */
export function messageNotification(
  event: MessageEvent,
  object: Message | DeletedMessage,
): MessageNotification {
  const whole: MessageNotification = {
    specversion: '1.0',
    type: event.type,
    source: `/${event.provider}/emails/realtime`,
    id: event.id,
    time: event.time,
    webhook_delivery_attempt: event.attempt,
    data: { application_id: event.applicationId, grant_id: object.grant_id, object },
  };
  if (!('body' in object) || Buffer.byteLength(JSON.stringify(whole)) <= MAX_BYTES) return whole;
  const { body: _left, ...rest } = object;
  return { ...whole, type: `${event.type}.truncated`, data: { ...whole.data, object: rest } };
}
