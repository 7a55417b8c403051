/** Writes UIDs as the shortest IMAP sequence set (RFC 9051 4.1.1); takes them in any order. */
export function uidSet(uids: number[]): string {
  const sorted = [...uids].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    let j = i;
    while (j + 1 < sorted.length && sorted[j + 1] === (sorted[j] as number) + 1) j += 1;
    parts.push(i === j ? `${sorted[i]}` : `${sorted[i]}:${sorted[j]}`);
    i = j + 1;
  }
  return parts.join(',');
}

/** More than any command of ours names. */
const MAX_NAMED = 100_000;

/** Reads a set in the order in which it is written, ranges downwards too; null when it is none or has more than `most`. */
export function readUidSet(text: string, most: number = MAX_NAMED): number[] | null {
  const uids: number[] = [];
  for (const part of text.split(',')) {
    const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(part);
    if (!match) return null;
    const from = Number(match[1]);
    const to = Number(match[2] ?? match[1]);
    if (uids.length + Math.abs(to - from) >= most) return null;
    for (let uid = from; from <= to ? uid <= to : uid >= to; uid += from <= to ? 1 : -1) uids.push(uid);
  }
  return uids;
}
