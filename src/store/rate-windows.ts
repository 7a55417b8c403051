import type { Sql } from './database.ts';

/** What a process wants out of one window. */
export interface WindowRequest {
  applicationId: string;
  bucket: string;
  wanted: number;
  /** How long a window is, in ms, if this request begins one. */
  lengthMs: number;
}

export interface WindowState {
  applicationId: string;
  bucket: string;
  /** All that has been asked for in this window, by every process, this request included. */
  taken: number;
  /** Until the window ends, in ms. */
  leftMs: number;
}

/**
 * Adds requests to their windows in one statement; a window begins with its first request. The clock is the
 * database's. Sort them by application and bucket, each at most once, so that two processes lock in one order.
 */
export function takeFromWindows(sql: Sql, requests: WindowRequest[]): Promise<WindowState[]> {
  // A window that ends later than one that began now could is of a clock that was set back.
  const runs = `w.ends_at > now() AND w.ends_at < excluded.ends_at + interval '5 seconds'`;
  return sql.rows<WindowState>(
    `INSERT INTO rate_windows AS w (application_id, bucket, taken, ends_at)
     SELECT r.application_id, r.bucket, r.wanted, now() + r.length_ms * interval '1 millisecond'
     FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[]) AS r (application_id, bucket, wanted, length_ms)
     ON CONFLICT (application_id, bucket) DO UPDATE SET
       taken = CASE WHEN ${runs} THEN w.taken ELSE 0 END + excluded.taken,
       ends_at = CASE WHEN ${runs} THEN w.ends_at ELSE excluded.ends_at END
     RETURNING application_id AS "applicationId", bucket, taken,
       (extract(epoch FROM ends_at - now()) * 1000)::bigint AS "leftMs"`,
    [
      requests.map((request) => request.applicationId),
      requests.map((request) => request.bucket),
      requests.map((request) => request.wanted),
      requests.map((request) => request.lengthMs),
    ],
  );
}

/** Forgets windows that ended `ms` ago, at most 1,000, and waits for nobody. */
export async function forgetWindows(sql: Sql, ms: number): Promise<void> {
  await sql.run(
    `DELETE FROM rate_windows WHERE (application_id, bucket) IN (
       SELECT application_id, bucket FROM rate_windows WHERE ends_at < now() - $1 * interval '1 millisecond'
       LIMIT 1000 FOR UPDATE SKIP LOCKED)`,
    [ms],
  );
}
