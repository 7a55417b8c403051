import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';

/** Of a body that nobody waits for, this much is still read, in bytes. */
const MAX_LATE_BYTES = 64 * 1024 * 1024;

/**
 * Lets a client that is still sending when it has been answered, because its body is too large or its key is wrong, read
 * the answer: closing at once would break its connection before it looks (RFC 9112 9.6). What comes is thrown away, and
 * whoever does not come to an end within `ms` is cut off.
 */
export function readOn(incoming: IncomingMessage, ms: number): void {
  const { socket } = incoming;
  // A request without a connection is one of a test.
  if (incoming.complete || !(socket instanceof Socket)) return;
  let bytes = 0;
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_LATE_BYTES) socket.destroy();
  });
  const timer = setTimeout(() => {
    if (!incoming.complete) socket.destroy();
  }, ms);
  socket.once('close', () => clearTimeout(timer));
}
