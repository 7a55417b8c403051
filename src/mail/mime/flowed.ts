/** format=flowed text (RFC 3676): soft-broken lines joined again. */

/** Text with soft line breaks removed; `delsp` as in the DelSp parameter. Quote marks stay. Linear. */
export function unflow(text: string, delsp: boolean): string {
  const lines = text.split('\n');
  const out: string[] = [];
  let open: string[] = []; // pieces of the paragraph being joined
  let openDepth = -1;
  const close = () => {
    if (open.length > 0) out.push(open.join(''));
    open = [];
    openDepth = -1;
  };
  for (const raw of lines) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    let depth = 0;
    while (line.charCodeAt(depth) === 0x3e) depth++;
    const content = line.charCodeAt(depth) === 0x20 ? line.slice(depth + 1) : line.slice(depth);
    if (openDepth >= 0 && (openDepth !== depth || content === '-- ')) close();
    if (openDepth < 0) open.push(depth > 0 ? `${'>'.repeat(depth)} ` : '');
    const soft = content.endsWith(' ') && content !== '-- ';
    open.push(soft && delsp ? content.slice(0, -1) : content);
    openDepth = depth;
    if (!soft) close();
  }
  close();
  return out.join('\n');
}
