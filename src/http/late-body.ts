import type { FastifyReply } from 'fastify';

/** Of a body that was refused for its size, this much is still read, in bytes: more than any mail that is sent. */
const MAX_LATE_BYTES = 256 * 1024 * 1024;

/**
 * Lets a client that is still sending a refused body read the answer: closing at once would break its connection before
 * it looks (RFC 9112 9.6). What comes is thrown away, up to a limit and within the time that a request may take.
 */
export function readOn(reply: FastifyReply): void {
  const incoming = reply.request.raw;
  if (incoming.complete) return;
  reply.removeHeader('connection');
  let bytes = 0;
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_LATE_BYTES) incoming.destroy();
  });
}
