/** Colours that a business chooses, kept readable. */
export function luminance(hex: string): number {
  const n = parseInt(hex.slice(1), 16);
  const [r, g, b] = [n >> 16 & 255, n >> 8 & 255, n & 255].map((v) => {
    const c = v / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

export function isHex(colour: unknown): colour is string {
  return typeof colour === "string" && /^#[0-9a-f]{6}$/i.test(colour);
}

/** The text colour to put on `back`: the wished one when it can be read, else black or white. */
export function readable(back: string, wished: string | undefined): string {
  if (isHex(wished) && contrast(back, wished) >= 4.5) return wished;
  return contrast(back, "#ffffff") >= contrast(back, "#000000") ? "#ffffff" : "#000000";
}

/** Sets the brand colours of a page, for both schemes; wrong ones leave the tokens as they are. */
export function applyBrand(
  root: HTMLElement,
  brand: { colour?: unknown; on_colour?: unknown; colour_dark?: unknown; on_colour_dark?: unknown },
): void {
  if (!isHex(brand.colour)) return;
  const dark = isHex(brand.colour_dark) ? brand.colour_dark : brand.colour;
  const on = readable(brand.colour, brand.on_colour as string | undefined);
  const onDark = readable(dark, brand.on_colour_dark as string | undefined);
  root.style.setProperty("--brand", `light-dark(${brand.colour}, ${dark})`);
  root.style.setProperty("--on-brand", `light-dark(${on}, ${onDark})`);
}
