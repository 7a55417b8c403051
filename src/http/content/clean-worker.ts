import { type CleanOptions, cleanBody } from '../../mail/clean/clean.ts';

export interface CleanTask {
  html: string;
  options: CleanOptions;
}

/** Runs in a worker thread: cleans one body. */
export default function clean({ html, options }: CleanTask): string {
  return cleanBody(html, options);
}
