import type { Readable } from 'node:stream';
import type { Bytes, Written } from '../answer.ts';

/** A message of which only the original is wanted; `names` are the selected fields. */
export interface RawItem {
  id: string;
  grantId: string;
  raw: Bytes | null;
}

/** The envelope around one or many originals. */
export function writeRaw(
  requestId: string,
  items: RawItem[] | RawItem,
  names: string[] | undefined,
  beside: Record<string, unknown> = {},
): Written {
  return {
    pieces: writeEnvelope(requestId, items, names, beside),
    close: () => {
      for (const item of Array.isArray(items) ? items : [items]) item.raw?.stream.destroy();
    },
  };
}

async function* writeEnvelope(
  requestId: string,
  items: RawItem[] | RawItem,
  names: string[] | undefined,
  beside: Record<string, unknown>,
): AsyncGenerator<string> {
  yield `{"request_id":${JSON.stringify(requestId)},"data":`;
  if (Array.isArray(items)) {
    yield '[';
    for (const [index, item] of items.entries()) {
      if (index > 0) yield ',';
      yield* writeItem(item, names);
    }
    yield ']';
  } else {
    yield* writeItem(items, names);
  }
  for (const [name, value] of Object.entries(beside)) {
    if (value !== undefined) yield `,${JSON.stringify(name)}:${JSON.stringify(value)}`;
  }
  yield '}';
}

async function* writeItem(item: RawItem, names: string[] | undefined): AsyncGenerator<string> {
  const fields = { id: item.id, object: 'message', grant_id: item.grantId };
  const shown = Object.entries(fields).filter(([name]) => !names?.length || names.includes(name));
  const start = JSON.stringify(Object.fromEntries(shown)).slice(0, -1);
  yield start;
  if (item.raw) {
    yield `${shown.length > 0 ? ',' : ''}"raw_mime":"`;
    yield* base64url(item.raw.stream);
    yield '"';
  }
  yield '}';
}

/** Base64url without padding, cut where three bytes make four characters. */
async function* base64url(stream: Readable): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const whole = bytes.length - (bytes.length % 3);
    rest = bytes.subarray(whole);
    yield bytes.toString('base64url', 0, whole);
  }
  yield rest.toString('base64url');
}
