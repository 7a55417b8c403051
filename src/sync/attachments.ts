import type { ParsedAttachment } from '../mail/mime/types.ts';

/** The attachments of a message as its row keeps them: public fields, and where the bytes lie in the raw mail. */
export function attachmentRows(messageId: string, attachments: ParsedAttachment[]): unknown[] {
  return attachments.map((a) => ({
    id: `${messageId}-${a.part.replaceAll('.', '-')}`,
    filename: a.filename ?? `attachment-${a.part}`,
    content_type: a.contentType,
    size: a.size,
    is_inline: a.isInline,
    content_id: a.contentId,
    content_disposition: a.contentDisposition,
    part: a.part,
    encoding: a.encoding,
    offset: a.offset,
    length: a.length,
    sha256: a.sha256,
  }));
}
