import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { plain } from '../http/answer.ts';
import { publicRoute, type Route } from '../http/route.ts';
import { notFound } from '../platform/errors.ts';

const PARTS: Record<string, string> = {
  'docs.css': 'text/css; charset=utf-8',
  'docs.js': 'text/javascript; charset=utf-8',
  'element.js': 'text/javascript; charset=utf-8',
  'operation.js': 'text/javascript; charset=utf-8',
  'schema.js': 'text/javascript; charset=utf-8',
  'curl.js': 'text/javascript; charset=utf-8',
};

/** Nothing from elsewhere, nothing inline, and in no frame. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

/** `/docs`: a page that shows /openapi.json. All of it comes from this server. */
export function docsRoutes(): Route[] {
  const read = (name: string) => readFileSync(join(import.meta.dirname, 'docs', name), 'utf8');
  const page = read('docs.html');
  const parts = new Map(Object.keys(PARTS).map((name) => [name, read(name)]));
  return [
    publicRoute({
      method: 'GET',
      path: '/docs',
      summary: 'This description, to read in a browser',
      tag: 'Documentation',
      contentType: 'text/html',
      handle: () => plain(page, { contentType: 'text/html; charset=utf-8', headers: HEADERS }),
    }),
    publicRoute({
      method: 'GET',
      path: '/docs/:part',
      summary: 'Styles and scripts of the page',
      tag: 'Documentation',
      contentType: 'text/*',
      handle: ({ params }) => {
        const text = parts.get(params.part);
        if (text === undefined) throw notFound();
        return plain(text, { contentType: PARTS[params.part], headers: HEADERS });
      },
    }),
  ];
}
