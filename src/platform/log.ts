import { type Logger, pino } from 'pino';

export type Log = Logger;

/**
 * The structured log. It holds ids, counts and error codes, never content, addresses or secrets:
 * whoever logs passes named ids, not objects from outside.
 */
export function createLog(level: string): Log {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  );
}
