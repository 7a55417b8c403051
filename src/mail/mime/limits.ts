/**
 * Caps of the MIME parser. A mail past a cap is still returned, cut off, with the reason in `parseError`.
 * They bound time and memory for hostile mail (reliability.md IN1); real mail stays far below them.
 */

/** Open multiparts inside each other. Real mail rarely passes 6. */
export const MAX_DEPTH = 50;
/** Parts (multiparts and leaves) in one mail. */
export const MAX_PARTS = 1_000;
/** Bytes kept of one header block; the rest of the block is skipped. */
export const MAX_HEADER_BYTES = 1024 * 1024;
/** Header fields kept of one header block. */
export const MAX_HEADERS = 2_000;
/** Decoded bytes of text parts, in all, per mail. */
export const MAX_TEXT_BYTES = 8 * 1024 * 1024;
/** Addresses kept of one address header (the recipients of a mail past it are list bombs). */
export const MAX_ADDRESSES = 2_000;
/** Ids kept of References and of In-Reply-To: the first half and the last half. */
export const MAX_REFERENCES = 200;
/** Bytes of one delimiter line. RFC 2046 allows 70; lines are at most 998 (RFC 5322 2.1.1). */
export const MAX_BOUNDARY_LINE = 1_000;
/** Characters of an attachment name: 255 is what file systems accept. */
export const MAX_FILENAME = 255;
/** Characters of a Content-ID. */
export const MAX_CONTENT_ID = 998;
/** Characters of visible text in a snippet. */
export const SNIPPET_LENGTH = 100;
/** Bytes looked at when the subject of an attached mail names it. */
export const MAX_EMBEDDED_HEADER = 64 * 1024;
