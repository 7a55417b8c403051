import type { Readable } from 'node:stream';

/** Bytes of which the number is known. */
export interface Bytes {
  length: number;
  stream: Readable;
}

/** Text that comes piece by piece. */
export interface Written {
  pieces: AsyncIterable<string>;
  /** Lets go of what the pieces are made from; called once, also when nobody has read them. */
  close(): void;
}

/** What a route gives back; the server puts it into its envelope. */
export type Answer =
  | { kind: 'one'; data: unknown; status: number; beside: Record<string, unknown> }
  | { kind: 'page'; data: object[]; beside: Record<string, unknown> }
  | { kind: 'done'; status: number }
  | { kind: 'plain'; status: number; headers: Record<string, string>; text: string }
  | { kind: 'written'; open: (requestId: string, signal: AbortSignal) => Promise<Written> }
  | { kind: 'download'; headers: Record<string, string>; open: (signal: AbortSignal) => Promise<Bytes> };

/** One object. `beside` holds fields that stand next to `data`. */
export function one(
  data: unknown,
  options: { status?: number; beside?: Record<string, unknown> } = {},
): Answer {
  return { kind: 'one', data, status: options.status ?? 200, beside: options.beside ?? {} };
}

/** A list; `beside` is `{next_cursor}` or `{limit, offset}`. Undefined values are left out. */
export function page(data: object[], beside: Record<string, unknown> = {}): Answer {
  return { kind: 'page', data, beside };
}

/** It is done, and there is nothing to show. */
export function done(status = 200): Answer {
  return { kind: 'done', status };
}

/** Text outside of the envelope, for machines that expect a form of their own. */
export function plain(
  text: string,
  options: { status?: number; contentType?: string; headers?: Record<string, string> } = {},
): Answer {
  const contentType = options.contentType ?? 'text/plain; charset=utf-8';
  return {
    kind: 'plain',
    text,
    status: options.status ?? 200,
    headers: { 'content-type': contentType, ...options.headers },
  };
}

/**
 * Bytes. `open` is called once the headers are settled, and never for HEAD; what it throws is still answered. Its
 * signal tells that the client has gone.
 */
export function download(
  headers: Record<string, string>,
  open: (signal: AbortSignal) => Promise<Bytes>,
): Answer {
  return { kind: 'download', headers, open };
}

/** JSON that is written piece by piece because it may be large. `open` is as for {@link download}. */
export function written(open: (requestId: string, signal: AbortSignal) => Promise<Written>): Answer {
  return { kind: 'written', open };
}
