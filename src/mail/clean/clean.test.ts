import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { textToHtml } from '../text-html.ts';
import { type CleanOptions, cleanBody } from './clean.ts';

const PLAIN: CleanOptions = {
  ignoreLinks: true,
  ignoreImages: true,
  imagesAsMarkdown: false,
  ignoreTables: true,
  removeConclusionPhrases: true,
  htmlAsMarkdown: false,
};
const MARKDOWN: CleanOptions = { ...PLAIN, htmlAsMarkdown: true, imagesAsMarkdown: true };
const EVERYTHING: CleanOptions = {
  ...MARKDOWN,
  ignoreLinks: false,
  ignoreImages: false,
  ignoreTables: false,
};
const plain = (html: string, options: Partial<CleanOptions> = {}) =>
  cleanBody(html, { ...PLAIN, ...options });
const markdown = (html: string) => cleanBody(html, EVERYTHING);
const text = (given: string, options: Partial<CleanOptions> = {}) => plain(textToHtml(given), options);

describe('plain text', () => {
  it('shows what is seen and nothing of what acts or hides', () => {
    expect(
      plain(
        '<style>p{}</style><script>alert("</p>")</script><!-- no --><div style="display:none">preheader</div><p>One&nbsp;&amp;\n two</p><p>three<br>four</p><div hidden>no</div>',
      ),
    ).toBe('One & two\n\nthree\nfour');
  });

  it('finds the words in elements that only place them, and hidden ones when nothing else is there', () => {
    const placed =
      '<div style="display:none;font-size:1px">preview</div><table><tr><td style="direction:ltr;font-size:0px;padding:20px 0"><div style="font-size:13px">Hello</div></td></tr></table>';
    expect(plain(placed)).toBe('Hello');
    expect(plain('<div style="display:none">preview</div>')).toBe('preview');
  });

  it('keeps lists and the words of links', () => {
    expect(plain('<ul><li>a<li><a href="https://x.org">b</a><ol start="3"><li>c</ol></ul><hr>end')).toBe(
      '- a\n- b\n  3. c\n\n---\n\nend',
    );
  });

  it('shows links, images and tables when they are not ignored', () => {
    const html =
      '<p>See <a href="https://x.org/a">the page</a>, <a href="https://x.org/b">https://x.org/b</a> <img src="https://x.org/i.png" alt="a picture"><img src="https://x.org/track" width="1" height="1"></p><table><tr><td>Tea</td><td>2 €</td></tr><tr><td>Milk</td><td>1 €</td></tr></table>';
    expect(plain(html)).toBe('See the page, https://x.org/b\n\nTea 2 €\nMilk 1 €');
    expect(plain(html, { ignoreLinks: false, ignoreImages: false, ignoreTables: false })).toBe(
      'See the page (https://x.org/a), https://x.org/b a picture\n\nTea | 2 €\nMilk | 1 €',
    );
    expect(plain(html, { ignoreImages: false, imagesAsMarkdown: true })).toContain(
      '![a picture](https://x.org/i.png)',
    );
    expect(plain('Hi <img alt="😀" src="cid:e">')).toBe('Hi 😀');
  });
});

describe('Markdown', () => {
  it('has the looks of the text', () => {
    expect(
      markdown('<h2>Title</h2><p>a <b>bold </b>and <i>it<b>al</b></i> <s>no</s> <code>x`y</code></p>'),
    ).toBe('## Title\n\na **bold** and *it**al*** ~~no~~ `` x`y ``');
    expect(markdown('<p>one<br>two</p><p>three</p>')).toBe('one  \ntwo\n\nthree');
    expect(markdown('<b style="font-weight:normal">not</b><blockquote>a<br>b</blockquote>c')).toBe(
      'not\n\n> a  \n> b\n\nc',
    );
    expect(markdown('<p>x</p><pre><code>if (a)\n\n  b*c</code></pre><p>y</p>')).toBe(
      'x\n\n```\nif (a)\n\n  b*c\n```\n\ny',
    );
  });

  it('has links and images that lead to where they may', () => {
    expect(markdown('<a href="https://x.org/a(b) c">t</a>')).toBe('[t](https://x.org/a%28b%29%20c)');
    expect(markdown('<a href="https://x.org/a">https://x.org/a</a>')).toBe('<https://x.org/a>');
    expect(markdown('<a href="javascript:alert(1)">t</a><img alt="i" src="data:image/png;base64,AA">')).toBe(
      'ti',
    );
    expect(markdown('<img alt="i" src="cid:1@x">')).toBe('![i](cid:1@x)');
    expect(cleanBody('<a href="https://x.org">t</a> <img alt="i" src="cid:1">', MARKDOWN)).toBe('t');
  });

  it('has tables of data, and places no others in one', () => {
    expect(
      markdown('<table><tr><th>Name</th><th>Price</th></tr><tr><td>a|b<td>1<tr><td>only</table>after'),
    ).toBe('| Name | Price |\n| --- | --- |\n| a\\|b | 1 |\n| only |\n\nafter');
    expect(markdown('<table><tr><td><p>a</p><p>b</p></td><td>c</td></tr></table>')).toBe('a\n\nb\n\nc');
    expect(markdown('<table><tr><td><table><tr><td>x</td><td>y</td></tr></table></td></tr></table>')).toBe(
      '| x | y |\n| --- | --- |',
    );
  });

  it('takes no text for Markdown', () => {
    expect(
      markdown('<p># a *b* _c_ d_e [f](g) &lt;h&gt; &amp;amp; `i` \\</p><p>===</p><p>&gt; no</p>'),
    ).toContain('\\# a \\*b\\* \\_c\\_ d_e \\[f\\](g) \\<h> \\&amp; \\`i\\` \\\\');
  });
});

describe('signatures', () => {
  const words = 'Yes, Tuesday works.';

  it.each([
    `${words}\n\n-- \nAda Byron\nAnalyst\nhttps://example.org`,
    `${words}\n\n--\nAda`,
    `${words}\n\nSent from my iPhone`,
    `${words}\n\nVon meinem iPhone gesendet`,
    `${words}\n\nGet Outlook for Android`,
    `${words}\n\niPhoneから送信`,
    `${words}\n\n_______________________________________________\nList mailing list\nlist@example.org\nhttps://lists.example.org/`,
  ])('%j goes', (given) => {
    expect(text(given)).toBe(words);
    expect(text(given, { removeConclusionPhrases: false })).toBe(words);
  });

  it.each([
    `${words}\n\n--\n${'A long story.\n'.repeat(40)}`.trim(),
    'Yes.\n\nVon meinem Garten aus sehe ich sie.',
    'Sent from my desk to yours:\na parcel\nwith tea\nand milk\nand jam\nand bread',
  ])('%j stays', (given) => {
    expect(text(given)).toBe(given);
  });
});

describe('conclusions', () => {
  it.each([
    'Best regards,\nAda',
    'Kind regards\n\nAda Byron\nAnalyst | Example Ltd\n+44 20 0000 0000',
    'Thanks!\nAda',
    'Thanks in advance,\nBest regards\nada',
    'Best, Ada',
    'Mit freundlichen Grüßen\nAda Byron',
    'Viele Grüße\nAda',
    'Mit freundlichen Grüßen / Best regards\nAda',
    'Cordialement,\nAda',
    'Un saludo,\nAda',
    'Atenciosamente,\nAda',
    'Cordiali saluti\nAda',
    'Met vriendelijke groet,\nAda',
    'Med vänliga hälsningar\nAda',
    'Pozdrawiam,\nAda',
    'С уважением,\nАда',
    'Saygılarımla,\nAda',
    'よろしくお願いいたします。',
    '此致\n敬礼',
    '감사합니다.\n에이다',
  ])('%j goes when asked', (ending) => {
    const given = `Hello Bob,\n\nYes, Tuesday works.\n\n${ending}`;
    expect(text(given)).toBe('Hello Bob,\n\nYes, Tuesday works.');
    expect(text(given, { removeConclusionPhrases: false })).toBe(given);
  });

  it('goes before a quote', () => {
    expect(text('Yes.\n\nBest,\nAda\n\nOn 15.1.2024 Bob wrote:\n> Is it?\n> Best,\n> Bob')).toBe('Yes.');
  });

  it.each(['Thanks!', 'Thanks\n\nThe order has arrived\nand it is complete', 'Best of all worlds\nand more'])(
    '%j is no conclusion',
    (given) => {
      expect(text(given)).toBe(given);
    },
  );

  it('leaves a postscript', () => {
    expect(text('Yes.\n\nBest,\nAda\n\nP.S. Bring the key.')).toBe('Yes.\n\nP.S. Bring the key.');
  });
});

describe('hostile bodies', () => {
  const PIECES = [
    '<',
    '<b>',
    '</b>',
    '<p>a',
    '<blockquote>',
    '<table><tr><td>x',
    '<ul><li>x',
    '<a href="',
    '<!--',
    '&',
    '&gt; a<br>',
    'From: a@b<br>',
    'On 1/1/2024 10:00 a<br>',
    '10:00 <a@b>:<br>',
    '-------<br>',
    '*_[`',
    '<div class="gmail_attr">x</div>',
    '<pre>\n',
    '<hr>',
    ':',
    '<img alt="a" src="b">',
  ];
  const SIZE = 1_000_000;
  /** Far above what it takes on a busy machine, far below what a square of the size would. */
  const LIMIT_MS = 8_000;

  test.each(PIECES)('a million characters of %j', (piece) => {
    const html = piece.repeat(SIZE / piece.length);
    for (const options of [PLAIN, EVERYTHING]) {
      const start = performance.now();
      cleanBody(html, options);
      expect(performance.now() - start).toBeLessThan(LIMIT_MS);
    }
  });

  test('of any kind become text that can be stored', () => {
    const part = fc.oneof(
      fc.constantFrom(
        ...PIECES,
        '</table>',
        '</td>',
        '</li>',
        '</div>',
        '<th>',
        '<br>',
        '-- ',
        'Best,',
        'wrote:',
      ),
      fc.string({ unit: 'binary-ascii', maxLength: 12 }),
      fc.string({ unit: 'grapheme', maxLength: 12 }),
    );
    const body = fc.array(part, { maxLength: 60 }).map((parts) => parts.join(''));
    const flags = fc.tuple(...Array.from({ length: 6 }, () => fc.boolean()));
    fc.assert(
      fc.property(body, flags, (html, [a, b, c, d, e, f]) => {
        const options: CleanOptions = {
          ignoreLinks: a!,
          ignoreImages: b!,
          imagesAsMarkdown: c!,
          ignoreTables: d!,
          removeConclusionPhrases: e!,
          htmlAsMarkdown: f!,
        };
        const conversation = cleanBody(html, options);
        expect(conversation.isWellFormed()).toBe(true);
        expect(conversation).not.toMatch(/\]\(javascript:/i);
      }),
      { numRuns: 1_000, seed: 12 },
    );
  });
});
