/** Plain text with its links made clickable; never any markup from a message. */
import type { Child } from "./jsx-runtime.ts";

export interface Piece {
  text: string;
  href: string | undefined;
}

const pattern = /\b(?:https?:\/\/|www\.)[^\s<>"'`]+|\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b/gi;

/** Cuts a text into plain pieces and links (http, https, e-mail). */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    let raw = match[0];
    // Punctuation after an address ends the sentence; a closing bracket belongs to it only when it opened there.
    for (;;) {
      const last = raw.at(-1) ?? "";
      const unopened = (last === ")" && !raw.includes("(")) || (last === "]" && !raw.includes("["));
      if (!/[.,;:!?…»”’*_~]/.test(last) && !unopened) break;
      raw = raw.slice(0, -1);
    }
    const href = /^https?:/i.test(raw) ? raw : /^www\./i.test(raw) ? `https://${raw}` : `mailto:${raw}`;
    if (!URL.canParse(href)) continue;
    if (match.index > at) found.push({ text: text.slice(at, match.index), href: undefined });
    found.push({ text: raw, href });
    at = match.index + raw.length;
  }
  if (at < text.length) found.push({ text: text.slice(at), href: undefined });
  return found;
}

export function linked(text: string): Child {
  return pieces(text).map((p) => p.href ? <a href={p.href} target="_blank" rel="noopener noreferrer nofollow">{p.text}</a> : p.text);
}

/** One to five emoji and nothing else: shown large. */
export function isBigEmoji(text: string): boolean {
  const t = text.trim();
  if (t === "" || t.length > 60 || /[\p{L}\p{N}]/u.test(t.replace(/[0-9#*]\ufe0f?\u20e3/g, ""))) return false;
  const parts = [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(t.replace(/\s/g, ""))];
  return parts.length <= 5 && parts.every((p) => /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3/u.test(p.segment));
}
