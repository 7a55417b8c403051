import { Type } from 'typebox';
import type { CleanOptions } from '../../mail/clean/clean.ts';
import { CleanedMessage, CleanMessages } from '../../model/clean-messages.ts';
import { One } from '../../model/envelope.ts';
import { ApiError, invalidRequest, notFound } from '../../platform/errors.ts';
import { getMessageRows, type MessageRow } from '../../store/reads/message-rows.ts';
import { written } from '../answer.ts';
import { Bodies } from '../content/bodies.ts';
import { writeCleaned } from '../content/cleaned-json.ts';
import type { Cleaner } from '../content/cleaner.ts';
import { PageQuery } from '../query.ts';
import { grantRoute, type Route } from '../route.ts';

export function messageCleanRoutes({ cleaner }: { cleaner: Cleaner }): Route[] {
  return [
    grantRoute({
      method: 'PUT',
      path: '/v3/grants/:grant_id/messages/clean',
      summary: 'What the writers of messages wrote, without quotes and signatures',
      tag: 'Messages',
      query: Type.Object({ select: PageQuery(50).select }),
      body: CleanMessages,
      response: One(Type.Array(CleanedMessage)),
      async handle({ query, body, inGrant }) {
        const options = cleanOptions(body);
        const job = await inGrant(async (sql, scope) => {
          const ids = [...new Set(body.message_id)];
          const rows = inOrder(body.message_id, await getMessageRows(sql, scope, ids));
          const bodies = await Bodies.read(sql, scope, ids, { body: true, headers: 'none', tracking: false });
          return { scope, rows, bodies, options, names: query.select };
        });
        return written(async (requestId, signal) => ({
          pieces: writeCleaned(requestId, job, cleaner, signal),
          close: () => {},
        }));
      },
    }),
  ];
}

/** Contract 5.3; Markdown has images as Markdown, and nothing else. */
function cleanOptions(body: CleanMessages): CleanOptions {
  const htmlAsMarkdown = body.html_as_markdown ?? false;
  const imagesAsMarkdown = body.images_as_markdown ?? htmlAsMarkdown;
  if (htmlAsMarkdown && !imagesAsMarkdown) {
    throw invalidRequest('images_as_markdown', 'must not be false when html_as_markdown is true');
  }
  return {
    ignoreLinks: body.ignore_links ?? true,
    ignoreImages: body.ignore_images ?? true,
    imagesAsMarkdown,
    ignoreTables: body.ignore_tables ?? true,
    removeConclusionPhrases: body.remove_conclusion_phrases ?? true,
    htmlAsMarkdown,
  };
}

/** The rows as they were asked for; 404 when one is missing, which says whether others are there. */
function inOrder(ids: string[], found: Map<string, MessageRow>): MessageRow[] {
  if (found.size === 0) throw notFound();
  const missing = [...ids.keys()].filter((index) => !found.has(ids[index]!));
  if (missing.length > 0) {
    const which = missing.map((index) => `message_id[${index}]`).join(', ');
    throw new ApiError('api.partial_not_found_error', `Some of the messages were not found: ${which}.`, {
      field: 'message_id',
    });
  }
  return ids.map((id) => found.get(id)!);
}
