import type { Attachment } from '../../model/attachment.ts';
import type { Folder } from '../../model/folder.ts';
import type { Message, TrackingOptions } from '../../model/message.ts';
import type { Participant } from '../../model/participant.ts';
import type { ListedFolder } from '../../store/reads/folder-rows.ts';
import type { MessageRow, StoredAttachment, StoredParticipant } from '../../store/reads/message-rows.ts';
import type { MessageText } from './bodies.ts';

/** Rows of the store as public objects: nothing that the contract does not name gets through. */

/** `tracking`: with its tracking options. */
export function toMessage(grantId: string, row: MessageRow, text: MessageText, tracking = false): Message {
  return {
    id: row.id,
    object: 'message',
    grant_id: grantId,
    thread_id: row.threadId,
    subject: row.subject,
    from: row.from.map(toParticipant),
    to: row.to.map(toParticipant),
    cc: row.cc.map(toParticipant),
    bcc: row.bcc.map(toParticipant),
    reply_to: row.replyTo.map(toParticipant),
    date: row.date,
    ...(text.body === undefined ? {} : { body: text.body }),
    snippet: row.snippet,
    folders: row.folderIds,
    unread: row.unread,
    starred: row.starred,
    attachments: row.attachments.map((attachment) => toAttachment(grantId, attachment)),
    ...(Object.keys(row.metadata).length > 0 ? { metadata: row.metadata } : {}),
    ...(text.headers ? { headers: text.headers } : {}),
    ...(tracking ? { tracking_options: UNTRACKED } : {}),
  };
}

/** Mail that was not sent from here with tracking. */
const UNTRACKED: TrackingOptions = { opens: false, thread_replies: false, links: false, label: '' };

export function toParticipant({ name, email }: StoredParticipant): Participant {
  return name ? { name, email } : { email };
}

export function toAttachment(grantId: string, stored: StoredAttachment): Attachment {
  return {
    id: stored.id,
    grant_id: grantId,
    filename: stored.filename || 'attachment',
    content_type: stored.content_type,
    size: stored.size,
    is_inline: stored.is_inline,
    ...(stored.content_id ? { content_id: stored.content_id } : {}),
    ...(stored.content_disposition ? { content_disposition: stored.content_disposition } : {}),
  };
}

export function toFolder(grantId: string, row: ListedFolder): Folder {
  const attributes = new Set([...(row.specialUse ? [row.specialUse] : []), ...row.attributes]);
  return {
    id: row.id,
    object: 'folder',
    grant_id: grantId,
    name: row.name,
    attributes: [...attributes],
    system_folder: row.specialUse !== null,
    ...(row.parentId ? { parent_id: row.parentId } : {}),
    child_count: row.childCount,
    total_count: row.totalCount,
    unread_count: row.unreadCount,
  };
}
