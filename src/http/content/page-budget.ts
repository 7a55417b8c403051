/**
 * How many bytes of mail one page may bring into memory. A page that would be larger ends early, with a
 * cursor: clients go on until there is none.
 */
export const PAGE_BUDGET_BYTES = 24 * 1024 * 1024;
