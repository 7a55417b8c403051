/** What a settled promise was resolved with; throws what it was rejected with. */
export function outcome<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}
