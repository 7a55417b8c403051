import type { SearchContext } from '../../search/native.ts';
import type { Originals } from '../content/originals.ts';
import type { Cursors } from '../pagination.ts';

/** What the routes that read mail need beside the database. */
export interface ReadParts {
  cursors: Cursors;
  originals: Originals;
  search: SearchContext;
}
