/**
 * Characters that could move a terminal's cursor, hide text or reorder it: controls, line and
 * paragraph separators, direction marks and overrides, invisible ones.
 */
const unsafe =
  /[\\\p{Cc}\p{Cs}\u{AD}\u{61C}\u{180E}\u{200B}-\u{200F}\u{2028}-\u{202E}\u{2060}-\u{206F}\u{FEFF}\u{FFF9}-\u{FFFB}\u{E0000}-\u{E007F}]/gu;

const shortForms: Readonly<Record<string, string>> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

/** Returns text that fits one line of a terminal and does nothing else there; `\n`, `\t`, `\r`, `\\` and `\u{hex}` stand for what was replaced. */
export function escapeText(text: string): string {
  return text.replaceAll(
    unsafe,
    (char) => shortForms[char] ?? `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
