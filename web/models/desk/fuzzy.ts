/** Finding by a few letters. Pure. */

export function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/’/g, "'");
}

/**
 * How well `wanted` fits `text`; undefined when its letters are not all there in order. Starts of words and letters in a row
 * count more, gaps less. Several words may come in any order.
 */
export function score(wanted: string, text: string): number | undefined {
  const hay = fold(text);
  let sum = 0;
  for (const word of fold(wanted).split(/\s+/).filter(Boolean)) {
    const one = scoreWord(word, hay);
    if (one === undefined) return undefined;
    sum += one;
  }
  return sum - hay.length * 0.01;
}

function scoreWord(word: string, hay: string): number | undefined {
  const at = hay.indexOf(word);
  if (at >= 0) {
    // The whole word, best at the beginning of a word.
    const starts = at === 0 || /[\s\-_'(#@/.]/.test(hay[at - 1] ?? "");
    return word.length * 4 + (at === 0 ? 8 : starts ? 5 : 0);
  }
  if (word.length < 2) return undefined;
  let from = 0, sum = 0, last = -2;
  for (const letter of word) {
    const next = hay.indexOf(letter, from);
    if (next < 0) return undefined;
    if (last >= 0 && next - last > 12) return undefined;
    sum += next === last + 1 ? 3 : next === 0 || /[\s\-_'(#@/.]/.test(hay[next - 1] ?? "") ? 2.5 : 0.5;
    last = next;
    from = next + 1;
  }
  return sum;
}

export function best<T>(wanted: string, all: readonly T[], text: (item: T) => string, most = 50): T[] {
  if (wanted.trim() === "") return all.slice(0, most);
  const found: { item: T; score: number }[] = [];
  for (const item of all) {
    const s = score(wanted, text(item));
    if (s !== undefined) found.push({ item, score: s });
  }
  return found.sort((a, b) => b.score - a.score).slice(0, most).map((f) => f.item);
}
