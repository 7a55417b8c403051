/** The subject fallback: which two messages belong together without saying so in their headers. */

import type { SubjectFacts } from './keys.ts';

/** Farthest apart that two messages of one subject link, in seconds. */
export const SUBJECT_WINDOW = 30 * 24 * 60 * 60;
/** Addresses that two messages must share. */
const SHARED = 2;

/**
 * Do two messages link by subject (contract-platform 9.9)? Symmetric, and only about the two: so the threads
 * that follow from it are connected components, whatever the order of arrival. True when at least one is a
 * reply or forward that names no message, the base subjects are the same and not empty, the dates are within
 * SUBJECT_WINDOW, and both share two addresses, or are notes that one address sent to itself.
 */
export function subjectLinks(a: SubjectFacts, b: SubjectFacts): boolean {
  if (a.subjectKey === null || a.subjectKey !== b.subjectKey) return false;
  if (!isLooseReply(a) && !isLooseReply(b)) return false;
  if (Math.abs(a.date - b.date) > SUBJECT_WINDOW) return false;
  if (a.participants.length === 1 && b.participants.length === 1)
    return a.participants[0] === b.participants[0];
  return share(a.participants, b.participants, SHARED);
}

/** A reply by its subject whose headers name nothing: the only kind that the fallback is for. */
export function isLooseReply(mail: SubjectFacts): boolean {
  return mail.isReply && !mail.hasReferences;
}

/** Do two sorted lists without repetitions have `want` entries in common? */
function share(a: string[], b: string[], want: number): boolean {
  let found = 0;
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const left = a[i]!;
    const right = b[j]!;
    if (left === right) {
      if (++found === want) return true;
      i++;
      j++;
    } else if (left < right) i++;
    else j++;
  }
  return false;
}
