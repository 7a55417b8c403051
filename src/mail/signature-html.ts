import sanitizeHtml from 'sanitize-html';

const TAGS =
  'a abbr address b blockquote br caption center cite code col colgroup dd div dl dt em font h1 h2 h3 h4 h5 h6 hr i img li ol p pre s small span strike strong sub sup table tbody td tfoot th thead tr u ul'.split(
    ' ',
  );

/** Elements of which the content goes too: it is no text of the signature. */
const WITHOUT_CONTENT =
  'script style noscript template title textarea select option iframe object embed applet audio video canvas svg math noembed noframes xmp plaintext'.split(
    ' ',
  );

/** What dresses text and tables. Nothing that places itself over other parts of a page, and nothing that can load. */
const STYLES =
  'color background-color font font-family font-size font-style font-variant font-weight line-height letter-spacing text-align text-decoration text-indent text-transform vertical-align white-space word-break overflow-wrap width min-width max-width height min-height max-height margin margin-top margin-right margin-bottom margin-left padding padding-top padding-right padding-bottom padding-left border border-top border-right border-bottom border-left border-color border-style border-width border-collapse border-spacing border-radius display float clear table-layout list-style-type opacity'.split(
    ' ',
  );

/** No backslash, so that nothing hides in an escape, and no function but those of colours. */
const STYLE_VALUE = /^(?:[\w\s.,#%'"!/+-]|(?:rgb|hsl)a?\([\d\s.,%/]*\))*$/i;

/** Elements inside each other; a signature has a table in a table in a table. */
const MAX_DEPTH = 100;

/**
 * The HTML of a signature without what acts, loads or overlays: scripts, handlers, forms, style sheets and styles that
 * fetch. Links lead to http, https, mailto or tel; images are hosted elsewhere and come over https. Text is kept.
 */
export function sanitizeSignature(html: string): string {
  return sanitizeHtml(html, {
    allowedTags: TAGS,
    nonTextTags: WITHOUT_CONTENT,
    nestingLimit: MAX_DEPTH,
    allowedAttributes: {
      '*': ['style', 'title', 'dir', 'lang', 'align', 'valign', 'width', 'height', 'bgcolor', 'border'],
      a: ['href', 'target', 'rel'],
      font: ['color', 'face', 'size'],
      img: ['src', 'alt', 'hspace', 'vspace'],
      table: ['cellpadding', 'cellspacing', 'role'],
      td: ['colspan', 'rowspan', 'nowrap'],
      th: ['colspan', 'rowspan', 'nowrap', 'scope'],
      ol: ['start', 'type'],
    },
    allowedSchemes: ['http', 'https', 'mailto', 'tel'],
    allowedSchemesByTag: { img: ['https'] },
    allowProtocolRelative: false,
    allowedStyles: { '*': Object.fromEntries(STYLES.map((name) => [name, [STYLE_VALUE]])) },
    transformTags: {
      // A link without a scheme would lead to wherever the mail is read.
      a: (tagName, { href, ...rest }) => ({
        tagName,
        attribs:
          href !== undefined && /^\s*(https?:\/\/|mailto:|tel:)/i.test(href) ? { href, ...rest } : rest,
      }),
    },
    exclusiveFilter: ({ tag, attribs }) => tag === 'img' && !/^https:\/\/[^/\s]/i.test(attribs.src ?? ''),
  });
}
