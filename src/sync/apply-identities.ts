import type { RemoteIdentity } from '../providers/provider.ts';
import { insertLocations, removeLocations, storedUids } from '../store/locations.ts';
import { type Candidate, findCandidates } from '../store/message-writes.ts';
import { liesElsewhere, Matcher, matchByHeader, replacedBy, SourcesFirst } from './match.ts';
import { assertFolder, inTransaction, locationOf, type Place, type Writer } from './transaction.ts';

/**
 * Gives known messages their copies in a folder by cheap identities, without fetching bodies.
 * Returns the UIDs that no stored message certainly stands for. `sourcesFirst` as in {@link applyArrivals}.
 */
export async function applyIdentities(
  writer: Writer,
  place: Place,
  identities: RemoteIdentity[],
  sourcesFirst = false,
): Promise<{ unknown: number[] }> {
  const { scope } = writer;
  return inTransaction(writer, async (sql, changes) => {
    await assertFolder(sql, writer.scope, place.folderId);
    const stored = await storedUids(
      sql,
      scope,
      place.folderId,
      place.uidValidity,
      identities.map((i) => i.uid),
    );
    const fresh = identities.filter((i) => !stored.has(i.uid));
    const candidates = await findCandidates(sql, scope, {
      fingerprints: [],
      headerDigests: fresh.flatMap((i) => i.headerDigest ?? []),
      remoteIds: fresh.flatMap((i) => i.remoteId ?? []),
    });
    const matcher = new Matcher(scope.grantId, place, candidates);
    const rivals = countDigests(fresh);
    const matched: { copy: RemoteIdentity; existing: Candidate }[] = [];
    const unknown: number[] = [];
    for (const copy of fresh) {
      const certain = copy.remoteId
        ? { remoteId: copy.remoteId, fingerprint: Buffer.alloc(0) }
        : certainByHeader(copy, candidates, rivals);
      const existing = certain && matcher.find(certain);
      if (existing) matched.push({ copy, existing });
      else unknown.push(copy.uid);
    }
    if (sourcesFirst && matched.some(({ existing }) => liesElsewhere(existing, place)))
      throw new SourcesFirst();
    await insertLocations(
      sql,
      scope,
      matched.map(({ copy, existing }) => locationOf(place, copy, existing.id, existing.date)),
    );
    for (const { copy, existing } of matched) {
      changes.count(place.folderId, 1, copy.flags.seen ? 0 : 1);
      changes.messages.add(existing.id);
    }
    changes.removed(
      await removeLocations(
        sql,
        scope,
        matched.flatMap(({ existing }) => replacedBy(existing, place)),
      ),
    );
    return { unknown };
  });
}

function countDigests(copies: RemoteIdentity[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { headerDigest } of copies) {
    if (!headerDigest) continue;
    const key = headerDigest.toString('hex');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function certainByHeader(
  copy: RemoteIdentity,
  candidates: Candidate[],
  rivals: Map<string, number>,
): Candidate | null {
  if (!copy.headerDigest || rivals.get(copy.headerDigest.toString('hex')) !== 1) return null;
  return matchByHeader(
    { headerDigest: copy.headerDigest, size: copy.size, internalDate: copy.internalDate },
    candidates,
  );
}
