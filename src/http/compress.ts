import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const gzipAsync = promisify(gzip);

/** Below this a gzip header costs more than it saves. */
const MIN_BYTES = 200;

/** Whether Accept-Encoding allows gzip (RFC 9110, 12.5.3). */
export function acceptsGzip(header: string | undefined): boolean {
  let any = false;
  for (const part of (header ?? '').toLowerCase().split(',')) {
    const [coding, ...parameters] = part.split(';').map((s) => s.trim());
    const refused = parameters.some((p) => /^q=0(\.0*)?$/.test(p));
    if (coding === 'gzip' || coding === 'x-gzip') return !refused;
    if (coding === '*' && !refused) any = true;
  }
  return any;
}

/** The text gzipped off the event loop, or null when it is too short to gain. */
export async function compressed(text: string): Promise<Buffer | null> {
  if (Buffer.byteLength(text) < MIN_BYTES) return null;
  return gzipAsync(text);
}
