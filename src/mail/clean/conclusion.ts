/** Phrases that end a letter, with the name below them. */

/** Lower-case, without punctuation at the end. */
const PHRASES = new Set(
  [
    'best|best regards|best wishes|kind regards|kindest regards|warm regards|warmest regards|warmly|regards|rgds|br|kr|all the best|many thanks|thanks|thanks again|thanks a lot|thanks so much|thanks in advance|thanks and regards|thanks & regards|thank you|thank you very much|thank you in advance|thank you and best regards|thx|sincerely|sincerely yours|yours sincerely|yours faithfully|yours truly|yours|respectfully|respectfully yours|cordially|cheers|with best regards|with kind regards|with best wishes|with regards|take care|talk soon|have a nice day|have a great day|have a good day|have a great weekend|have a nice weekend|love|xoxo',
    'mit freundlichen grüßen|mit freundlichen grüssen|mit freundlichem gruß|mit freundlichem gruss|mit besten grüßen|mit besten grüssen|mit herzlichen grüßen|freundliche grüße|freundliche grüsse|beste grüße|beste grüsse|besten gruß|viele grüße|viele grüsse|liebe grüße|liebe grüsse|lieben gruß|schöne grüße|herzliche grüße|herzliche grüsse|herzlichst|sonnige grüße|gruß|gruss|grüße|grüsse|hochachtungsvoll|mfg|vg|lg|bg|danke|vielen dank|besten dank|danke und gruß|vielen dank im voraus|vielen dank und viele grüße|danke im voraus|servus',
    'cordialement|bien cordialement|très cordialement|bien à vous|bien à toi|amicalement|sincèrement|salutations|sincères salutations|meilleures salutations|salutations distinguées|respectueusement|merci|merci beaucoup|merci d’avance|merci par avance|merci d’avance pour votre retour|bonne journée|belle journée|bonne soirée|à bientôt|cdt|bises|bisous',
    'saludos|saludos cordiales|un saludo|un cordial saludo|un saludo cordial|cordiales saludos|cordialmente|atentamente|atte|muy atentamente|un abrazo|abrazos|gracias|muchas gracias|gracias de antemano|gracias y saludos|quedo atento|quedo atenta|quedo a la espera',
    'atenciosamente|att|cumprimentos|com os melhores cumprimentos|melhores cumprimentos|os melhores cumprimentos|cordiais cumprimentos|obrigado|obrigada|muito obrigado|muito obrigada|grato|grata|abraço|abraços|um abraço|saudações',
    'cordiali saluti|distinti saluti|cari saluti|un caro saluto|saluti|tanti saluti|un saluto|un cordiale saluto|grazie|grazie mille|molte grazie|grazie in anticipo|grazie e saluti|buona giornata|buona serata|a presto|in fede|un abbraccio',
    'met vriendelijke groet|met vriendelijke groeten|vriendelijke groet|vriendelijke groeten|met hartelijke groet|hartelijke groet|hartelijke groeten|groet|groeten|groetjes|mvg|bedankt|alvast bedankt|dank je wel|dank u wel|hoogachtend',
    'med vänlig hälsning|med vänliga hälsningar|vänliga hälsningar|vänlig hälsning|bästa hälsningar|hälsningar|mvh|tack|tack på förhand|med venlig hilsen|venlig hilsen|de bedste hilsner|bedste hilsner|hilsen|vh|tak|på forhånd tak|med vennlig hilsen|vennlig hilsen|beste hilsen|takk|på forhånd takk|ystävällisin terveisin|parhain terveisin|terveisin|terveiset|kiitos|kiitos etukäteen|t',
    'pozdrawiam|pozdrawiam serdecznie|serdecznie pozdrawiam|z poważaniem|z wyrazami szacunku|pozdrowienia|dziękuję|dzięki|z góry dziękuję|s pozdravem|s přátelským pozdravem|děkuji|díky|předem děkuji|s pozdravom|ďakujem|üdvözlettel|tisztelettel|üdv|köszönettel|köszönöm|cu stimă|cu respect|mulțumesc|s poštovanjem|lijep pozdrav|srdačan pozdrav|hvala|lep pozdrav',
    'с уважением|с наилучшими пожеланиями|с наилучшими|всего доброго|всего хорошего|спасибо|заранее спасибо|большое спасибо|з повагою|з найкращими побажаннями|дякую|наперед дякую|с уважение|благодаря',
    'saygılarımla|saygılarımızla|iyi çalışmalar|iyi günler|sevgiler|selamlar|teşekkürler|teşekkür ederim|şimdiden teşekkürler|με εκτίμηση|φιλικά|ευχαριστώ|ευχαριστώ πολύ|χαιρετισμούς',
    'בברכה|בכבוד רב|תודה|תודה רבה|בתודה|مع أطيب التحيات|مع خالص التحيات|تحياتي|مع التحية|وتفضلوا بقبول فائق الاحترام|شكرا|شكرًا|با احترام|با تشکر|सादर|धन्यवाद|salam|hormat kami|hormat saya|terima kasih|trân trọng|thân mến|cảm ơn|xin cảm ơn|ขอแสดงความนับถือ|ขอบคุณครับ|ขอบคุณค่ะ|ด้วยความเคารพ',
    '此致|此致敬礼|敬礼|敬上|祝好|顺祝商祺|谢谢|多谢|謝謝|敬祝商祺|順頌商祺|此致敬禮|よろしくお願いします|よろしくお願いいたします|よろしくお願い致します|宜しくお願いします|宜しくお願いいたします|宜しくお願い致します|どうぞよろしくお願いいたします|以上|敬具|ありがとうございます|감사합니다|고맙습니다|감사드립니다|드림|올림',
  ].flatMap((line) => line.split('|')),
);

/** Lines with text at the end among which a conclusion is looked for. */
const REACH = 12;
/** A line of an address or a title is not longer; in characters. */
const MAX_SIGNATURE_CHARS = 90;
const MAX_NAME_CHARS = 40;
const MAX_NAME_WORDS = 4;

/**
 * The indexes of `texts` that belong to a conclusion: the phrase, the name and what else of a signature is below it.
 * `texts` are the lines of one stretch that its writer wrote, a blank line being empty.
 */
export function conclusionLines(texts: string[]): Set<number> {
  const filled = [...texts.keys()].filter((at) => texts[at] !== '');
  const near = filled.slice(-REACH);
  const last = near.findLastIndex((at) => isConclusion(texts[at]!));
  if (last < 0) return new Set();
  // Phrases may follow each other: "Thanks in advance," and "Best regards,".
  let first = last;
  while (first > 0 && isConclusion(texts[near[first - 1]!]!)) first--;
  const phrases = near.slice(first, last + 1);
  const below = near.slice(last + 1);
  const isNamed = below.length > 0 && isShortName(texts[below[0]!]!);
  // "Thanks!" before all else is an answer.
  if (near[first] === filled[0] && below.length > 0 && !below.every((at) => isName(texts[at]!)))
    return new Set();
  if (isNamed && below.every((at) => isSignatureLine(texts[at]!))) return new Set([...phrases, ...below]);
  const named = isNamed ? below.slice(0, 1) : [];
  return new Set([...phrases, ...named]);
}

function isConclusion(text: string): boolean {
  if (text.length > MAX_SIGNATURE_CHARS) return false;
  const words = normal(text);
  // In two languages at once, some write them on one line.
  if (words.split(/ ?[/|] ?/).every((part) => PHRASES.has(part))) return true;
  // "Best, Ada" and "Viele Grüße Ada": the name on the same line.
  const comma = text.search(/[,，]/);
  if (comma > 0 && PHRASES.has(normal(text.slice(0, comma)))) return isName(text.slice(comma + 1).trim());
  return false;
}

/** Lower-case without punctuation around, apostrophes as one. */
function normal(text: string): string {
  return text
    .toLowerCase()
    .replace(/[\s\u00a0]+/g, ' ')
    .replaceAll("'", '’')
    .replace(/^[\s*_~-]+|[\s,.;:!*_~、。，！-]+$/g, '');
}

function isName(text: string): boolean {
  if (text.length > MAX_NAME_CHARS || /[\d?!:@]/.test(text) || isPostscript(text)) return false;
  const words = text.split(' ').filter(Boolean);
  return (
    words.length <= MAX_NAME_WORDS && /^\P{Ll}/u.test(text) && !words.some((word) => /^\p{Ll}{4}/u.test(word))
  );
}

/** A name, also in lower case. */
function isShortName(text: string): boolean {
  return isName(text) || (text.length <= MAX_NAME_CHARS && /^[\p{L}.-]+(?: [\p{L}.-]+)?$/u.test(text));
}

/** Neither a sentence nor a postscript. */
function isSignatureLine(text: string): boolean {
  if (text.length > MAX_SIGNATURE_CHARS || isPostscript(text)) return false;
  if (/[?!:。？！]$/.test(text)) return false;
  return !(text.endsWith('.') && text.split(' ').length > 5);
}

function isPostscript(text: string): boolean {
  return /^p\.?\s?p?\.?s\b|^ps\b/i.test(text);
}
