/** What the elements of mail programs mean: they name the parts that they put around what somebody writes. */

/**
 * `quote`: what the element holds is quoted. `rest`: from here on all is. `rest?`: likewise, when headers of a mail
 * stand there. `intro`: its lines introduce a quote. `signature`: it holds the signature.
 */
export type Mark = 'quote' | 'rest' | 'rest?' | 'intro' | 'signature';

/** Classes, ids and names, lower-case, of Outlook, Yahoo, Thunderbird, Spark, NetEase, Tuta, Zoho, Front, Mailbird, Airmail. */
const MARKS = new Map<string, Mark>([
  ['mail-editor-reference-message-container', 'quote'],
  ['ms-outlook-mobile-reference-message', 'quote'],
  ['moz-forward-container', 'quote'],
  ['messagereplysection', 'quote'],
  ['isreplycontent', 'quote'],
  ['tutanota_quote', 'quote'],
  ['zmail_extra', 'quote'],
  ['front-blockquote', 'quote'],
  ['history_container', 'quote'],
  ['divrplyfwdmsg', 'rest'],
  ['appendonsend', 'rest'],
  ['olk_src_body_section', 'rest'],
  ['gmail_attr', 'intro'],
  ['gmail_quote_attribution', 'intro'],
  ['moz-cite-prefix', 'intro'],
  ['airmail_ext_on', 'intro'],
  ['gmail_signature', 'signature'],
  ['gmail_signature_prefix', 'signature'],
  ['moz-signature', 'signature'],
  ['protonmail_signature_block', 'signature'],
  ['applemailsignature', 'signature'],
  ['ms-outlook-mobile-signature', 'signature'],
  ['messagesignaturesection', 'signature'],
  ['zm-_id_-sgn', 'signature'],
  ['k9mail-signature', 'signature'],
  ['front-signature', 'signature'],
  ['missive_signature', 'signature'],
  ['bloop_sign_container', 'signature'],
]);

/** Classes that make a quote of a blockquote; on the div around it they say only that a quote is inside. */
const QUOTING_CLASSES = new Set(['gmail_quote', 'protonmail_quote', 'iosymail', 'cite', 'cite2', 'clean_bq']);

/** Names looked at in one class attribute. */
const MAX_NAMES = 20;

/** What an element says about its content; null for nearly all. */
export function markOf(element: string, attributes: Map<string, string>): Mark | null {
  const id = plainName(attributes.get('id') ?? '');
  const classes = (attributes.get('class') ?? '').split(/\s/, MAX_NAMES).map(plainName);
  const name = plainName(attributes.get('name') ?? '');
  for (const word of [id, name, ...classes]) {
    const mark = MARKS.get(word);
    if (mark) return mark;
    if (word.includes('yahoo_quoted')) return 'quote';
    if (word.startsWith('ydp') && word.endsWith('signature')) return 'signature';
  }
  if (id === 'signature' || attributes.get('data-smartmail') === 'gmail_signature') return 'signature';
  if (element === 'blockquote') {
    const isReply =
      attributes.get('type')?.toLowerCase() === 'cite' ||
      attributes.get('cite')?.startsWith('mid:') ||
      classes.some((word) => QUOTING_CLASSES.has(word));
    return isReply ? 'quote' : null;
  }
  if (element !== 'div') return null;
  // GMX and web.de name it so; Outlook draws a line above the headers of what it quotes.
  if (name === 'quote') return 'quote';
  const style = (attributes.get('style') ?? '').toLowerCase().replace(/\s/g, '');
  return style.includes('border-top:solid') && style.includes('border:none') ? 'rest?' : null;
}

/** Lower-case, without the `x_` that Outlook and others put before names in mail that they show. */
function plainName(text: string): string {
  let name = text.trim().toLowerCase();
  while (name.startsWith('x_')) name = name.slice(2);
  return name;
}
