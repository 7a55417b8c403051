import type { CleanOptions } from '../../mail/clean/clean.ts';
import type { CleanedMessage } from '../../model/clean-messages.ts';
import type { MessageRow } from '../../store/reads/message-rows.ts';
import type { Scope } from '../../store/scope.ts';
import { select, wants } from '../select.ts';
import type { Bodies } from './bodies.ts';
import type { Cleaner } from './cleaner.ts';
import { toMessage } from './shapes.ts';

/** What is cleaned, and how. */
export interface CleanJob {
  scope: Scope;
  rows: MessageRow[];
  bodies: Bodies;
  options: CleanOptions;
  /** The selected fields. */
  names: string[] | undefined;
}

/** The envelope around cleaned messages. One at a time is in memory: a body may have many megabytes. */
export async function* writeCleaned(
  requestId: string,
  job: CleanJob,
  cleaner: Cleaner,
  signal: AbortSignal,
): AsyncGenerator<string> {
  yield `{"request_id":${JSON.stringify(requestId)},"data":[`;
  for (const [index, row] of job.rows.entries()) {
    signal.throwIfAborted();
    const message = await cleaned(job, row, cleaner);
    yield (index > 0 ? ',' : '') + JSON.stringify(select(message, job.names));
  }
  yield ']}';
}

async function cleaned(
  { scope, bodies, options, names }: CleanJob,
  row: MessageRow,
  cleaner: Cleaner,
): Promise<CleanedMessage> {
  const { body = '' } = await bodies.open(row.id);
  const conversation = await cleaner.clean(body, options);
  return {
    ...toMessage(scope.grantId, row, wants(names, 'body') ? { body } : {}, false),
    conversation,
    ...(options.htmlAsMarkdown ? { email_as_markdown: conversation } : {}),
  };
}
