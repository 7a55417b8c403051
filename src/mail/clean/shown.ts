/** What of links and tables is shown, and how images are. */
export interface Shown {
  links: boolean;
  /** Also in plain text. */
  imagesAsMarkdown: boolean;
  tables: boolean;
}

/** Without characters that nobody sees; a space that does not break is a space. */
export function visible(text: string): string {
  return text.replace(/[\u200b\ufeff\u00ad]|\u034f/g, '').replace(/\u00a0/g, ' ');
}
