/**
 * Texts in French and English. A catalogue does not compile unless both languages have the same keys, and functions with
 * the same parameters. Dates, numbers and plurals come from Intl. Never touches the DOM.
 */
import { computed, type Read, type Signal, signal } from "./signals.ts";

export type Lang = "en" | "fr";
export const langs: readonly Lang[] = ["en", "fr"];

// deno-lint-ignore no-explicit-any
type Text = string | ((...args: any[]) => string);
export type Messages = { [key: string]: Text };
type Same<T extends Messages> = { [K in keyof T]: T[K] extends (...args: infer A) => string ? (...args: A) => string : string };
export type Catalogue<T extends Messages> = { en: T; fr: Same<T> };

/** Checks, at compile time, that the languages say the same things. */
export function catalogue<T extends Messages>(texts: { en: T; fr: NoInfer<Same<T>> }): Catalogue<T> {
  return texts;
}

/** The language now. Views read it, so a switch redraws every text. */
export const lang: Signal<Lang> = signal<Lang>("en");

/** The texts of a catalogue in the current language: `t().send`. */
export function texts<T extends Messages>(c: Catalogue<T>): Read<Same<T>> {
  return computed(() => c[lang()] as Same<T>);
}

/** The best of our languages for what a browser or a page asks (`fr-CA`, `en;q=0.8`, …). */
export function pickLang(wanted: readonly (string | null | undefined)[]): Lang {
  for (const one of wanted) {
    const base = one?.trim().toLowerCase().split(/[-_;]/)[0];
    if (base === "fr" || base === "en") return base;
  }
  return "en";
}

/** One form for each plural category; French counts 0 as singular, English as plural. */
export function plural(l: Lang, n: number, one: string, other: string): string {
  const rule = new Intl.PluralRules(l).select(n);
  return (rule === "one" ? one : other).replace("#", new Intl.NumberFormat(l).format(n));
}

/** The visitor's own variety of a language (`en-GB`, `fr-CA`), for dates. */
function region(l: Lang): string {
  return globalThis.navigator?.languages?.find((own) => own.toLowerCase().startsWith(l)) ?? l;
}

/** `14:05` */
export function clockTime(l: Lang, at: number): string {
  return new Intl.DateTimeFormat(region(l), { timeStyle: "short" }).format(at);
}

/** `today`, `yesterday`, `Monday`, `3 June`, `3 June 2024`, in the language's words. */
export function dayName(l: Lang, at: number, now: number): string {
  const days = Math.round((midnight(now) - midnight(at)) / 86_400_000);
  if (days === 0 || days === 1) return capital(new Intl.RelativeTimeFormat(l, { numeric: "auto" }).format(-days, "day"));
  if (days > 1 && days < 7) return capital(new Intl.DateTimeFormat(region(l), { weekday: "long" }).format(at));
  const year = new Date(at).getFullYear() === new Date(now).getFullYear() ? undefined : "numeric";
  return new Intl.DateTimeFormat(region(l), { day: "numeric", month: "long", year }).format(at);
}

/** `now`, `5 min`, `3 h`, then the day: for lists. */
export function shortAge(l: Lang, at: number, now: number): string {
  const minutes = Math.floor((now - at) / 60_000);
  if (minutes < 1) return l === "fr" ? "à l’instant" : "now";
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60 && midnight(at) === midnight(now)) return clockTime(l, at);
  if (minutes < 7 * 24 * 60) return new Intl.DateTimeFormat(region(l), { weekday: "short" }).format(at);
  return new Intl.DateTimeFormat(region(l), { day: "numeric", month: "short" }).format(at);
}

/** `2.4 MB`, `2,4 Mo` */
export function byteSize(l: Lang, bytes: number): string {
  const units = l === "fr" ? ["o", "ko", "Mo", "Go"] : ["B", "kB", "MB", "GB"];
  let size = bytes, unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${new Intl.NumberFormat(l, { maximumFractionDigits: size < 10 && unit > 0 ? 1 : 0 }).format(size)}\u00a0${units[unit]}`;
}

export function dateTime(l: Lang, at: number): string {
  return new Intl.DateTimeFormat(region(l), { dateStyle: "full", timeStyle: "short" }).format(at);
}

function midnight(at: number): number {
  const d = new Date(at);
  return new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
}

function capital(s: string): string {
  return s.charAt(0).toUpperCase() + s.slice(1);
}
