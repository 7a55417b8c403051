import { invalidRequest } from '../../platform/errors.ts';
import { METADATA_KEYS, type MetadataKey } from '../../store/reads/message-filter.ts';

const PAIR = /^(key[1-5]):(.*)$/s;
/** A comma that begins the next pair; others belong to the value. */
const BETWEEN_PAIRS = /,(?=[^,:]*:)/;

/** Reads `key1:value` or `key1:value,key2:value`; only the keys that are indexed can be asked for (contract 1.5). */
export function readMetadataPairs(texts: string[]): { key: MetadataKey; value: string }[] {
  return texts.flatMap((text) =>
    text.split(BETWEEN_PAIRS).map((pair) => {
      const [, key, value] = PAIR.exec(pair) ?? [];
      if (value === undefined) {
        throw invalidRequest(
          'metadata_pair',
          `must be key:value, and only ${METADATA_KEYS.join(', ')} can be asked for`,
        );
      }
      return { key: key as MetadataKey, value };
    }),
  );
}
