/** Where a signature begins. Lines are plain text without quotes. */

/** A signature has few lines; behind `--` in the midst of a mail there are more. */
const MAX_SIGNATURE_LINES = 30;
/** Lines of a footer that a mailing list puts below its own line of underscores. */
const MAX_FOOTER_LINES = 8;
/** How far from the end a phone's own line is looked for, in lines with text. */
const DEVICE_REACH = 5;
const MAX_DEVICE_CHARS = 100;
const MAX_DEVICE_WORDS = 14;

/** How the line begins (or ends) that a phone or a program puts below each mail. */
const DEVICE_BEGINS = [
  'sent from my ',
  'sent from mail',
  'sent from outlook',
  'sent from yahoo',
  'sent from proton',
  'sent from samsung',
  'sent from a mobile',
  'sent via ',
  'sent with ',
  'sent using ',
  'get outlook for ',
  'get bluemail for ',
  'von meinem ',
  'von mobilgerät',
  'gesendet von ',
  'gesendet mit ',
  'gesendet aus ',
  'diese nachricht wurde von meinem ',
  'holen sie sich outlook',
  'outlook für ',
  'envoyé de mon ',
  'envoyé depuis ',
  'envoyé à partir ',
  'envoyé avec ',
  'télécharger outlook',
  'obtenir outlook',
  'enviado desde ',
  'enviado con ',
  'obtener outlook',
  'enviado do ',
  'enviado a partir ',
  'enviado via ',
  'obter o outlook',
  'inviato da',
  'inviato con ',
  'scarica outlook',
  'ottieni outlook',
  'verzonden vanaf ',
  'verzonden via ',
  'verstuurd vanaf ',
  'outlook voor ',
  'skickat från ',
  'sendt fra ',
  'lähetetty ',
  'wysłano z ',
  'wysłane z ',
  'odesláno z ',
  'odoslané z ',
  'отправлено с ',
  'отправлено из ',
  'надіслано з ',
  'στάλθηκε από ',
  'trimis de pe ',
  'trimis din ',
  'dikirim dari ',
  'được gửi từ ',
  'נשלח מ',
  'أرسلت من ',
  '发自我的',
  '發自我的',
  '从我的',
  '從我的',
  '나의 iphone에서',
  '내 iphone에서',
];
const DEVICE_ENDS = ['から送信', 'gönderildi', 'küldve', '에서 보냄', '傳送', '发送'];

/** What a mail is sent from. */
const DEVICES =
  'phone|ipad|android|galaxy|samsung|huawei|honor|xiaomi|redmi|pixel|oneplus|motorola|nokia|blackberry|tablet|handy|mobil|móvil|telef|télé|celular|cellulare|teléfono|puhelim|komór|смартфон|телефон|手机|手機|휴대|outlook|mail|yahoo|proton|tuta|windows|gmx|web.de|superhuman|spark|front|missive|canary|thunderbird|k-9|zoho|edison|app'.split(
    '|',
  );

/**
 * How many of `texts` come before the signature. `texts` are the lines of one stretch that its writer wrote, a blank
 * line being empty.
 */
export function beforeSignature(texts: string[]): number {
  let end = texts.length;
  const footer = texts.findLastIndex((text) => text.length >= 20 && /^_+$/.test(text));
  if (footer >= 0 && isListFooter(texts.slice(footer + 1))) end = footer;
  const device = deviceLine(texts, end);
  if (device >= 0) end = device;
  return delimiter(texts, end);
}

/** RFC 3676 4.3, also where the space behind the dashes is lost; some write a longer dash. */
function delimiter(texts: string[], end: number): number {
  let filled = 0;
  let found = end;
  for (let at = end - 1; at >= 0 && filled <= MAX_SIGNATURE_LINES; at--) {
    const text = texts[at]!;
    if (text === '--' || text === '—' || text === '–') found = at;
    else if (text !== '') filled++;
  }
  return found;
}

/** Index of `Sent from my phone` when little follows it; -1 when there is none. */
function deviceLine(texts: string[], end: number): number {
  let seen = 0;
  for (let at = end - 1; at >= 0 && seen < DEVICE_REACH; at--) {
    const text = texts[at]!.toLowerCase();
    if (text === '') continue;
    seen++;
    if (text.length <= MAX_DEVICE_CHARS && isDeviceLine(text.replace(/^[-\s<(["]+/, ''))) return at;
  }
  return -1;
}

/** Somebody may begin a sentence with these words; it does not go on with a device or a program. */
function isDeviceLine(text: string): boolean {
  const isPhrase =
    DEVICE_BEGINS.some((words) => text.startsWith(words)) ||
    DEVICE_ENDS.some((words) => text.endsWith(words));
  return (
    isPhrase && text.split(' ').length <= MAX_DEVICE_WORDS && DEVICES.some((name) => text.includes(name))
  );
}

function isListFooter(texts: string[]): boolean {
  const filled = texts.filter((text) => text !== '');
  if (filled.length === 0 || filled.length > MAX_FOOTER_LINES) return false;
  return filled.some((text) => /https?:\/\/|mailing list|unsubscribe/i.test(text));
}
