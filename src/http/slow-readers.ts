import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Whoever takes less of what waits for it is cut off, in bytes per second; the slowest phone takes more. */
const MIN_RATE = 4 * 1024;

interface Mark {
  /** Bytes that the client's side had taken, and when, in ms. */
  taken: number;
  at: number;
}

/**
 * Cuts off clients that take their answers too slowly: each holds memory, a connection and perhaps an open download.
 * A client gets `graceMs` beyond the time that the lowest rate needs. An answer that we are slow to make is no fault of
 * the client. Ends with the server.
 */
export function cutSlowReaders(
  server: Server,
  { graceMs, checkMs }: { graceMs: number; checkMs: number },
): void {
  const marks = new Map<Socket, Mark>();
  server.on('connection', (socket: Socket) => {
    marks.set(socket, { taken: 0, at: performance.now() });
    socket.once('close', () => marks.delete(socket));
  });
  const timer = setInterval(() => {
    const now = performance.now();
    for (const [socket, mark] of marks) {
      const waiting = socket.writableLength;
      const taken = socket.bytesWritten - waiting;
      const seconds = (now - mark.at) / 1000;
      if (waiting === 0 || (taken > mark.taken && taken - mark.taken >= seconds * MIN_RATE)) {
        marks.set(socket, { taken, at: now });
      } else if (seconds * 1000 > graceMs + (waiting / MIN_RATE) * 1000) {
        socket.destroy();
      }
    }
  }, checkMs);
  timer.unref();
  server.once('close', () => clearInterval(timer));
}
