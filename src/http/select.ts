/** The object with only the named top-level fields; unknown names are ignored, and without names it stays whole. */
export function select<T extends object>(object: T, names: string[] | undefined): Partial<T> {
  if (!names || names.length === 0) return object;
  const wanted = new Set(names);
  return Object.fromEntries(Object.entries(object).filter(([name]) => wanted.has(name))) as Partial<T>;
}

/** Whether a field is wanted, to spare the work of reading it. */
export function wants(names: string[] | undefined, field: string): boolean {
  return !names || names.length === 0 || names.includes(field);
}
