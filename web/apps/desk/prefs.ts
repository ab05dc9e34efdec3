/** What a person has chosen for this browser: language, appearance, alerts, keys. */
import { type Lang, lang, pickLang } from "../../ui/i18n.ts";
import { effect, type Signal, signal } from "../../ui/signals.ts";

export type Scheme = "system" | "light" | "dark";

interface Stored {
  scheme?: Scheme;
  sound?: boolean;
  notifications?: boolean;
  letters?: boolean;
  customer?: boolean;
  undo?: number;
}

const place = "comptoir:desk";

function stored(): Stored {
  try {
    return JSON.parse(localStorage.getItem(place) ?? "{}") as Stored;
  } catch {
    // Storage is blocked, or somebody else wrote there: the choices of the first visit.
    return {};
  }
}

const first = stored();
export const scheme: Signal<Scheme> = signal<Scheme>(first.scheme ?? "system");
export const sound = signal(first.sound ?? true);
export const notifications = signal(first.notifications ?? false);
/** Single letters are commands. */
export const letters = signal(first.letters ?? true);
/** For so many seconds a reply can be taken back. */
export const undoSeconds = signal(first.undo ?? 0);
/** The customer's pane is shown where there is room for it. */
export const customerShown = signal(first.customer ?? true);

function keep(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Blocked or full: the choice holds until the page is closed.
  }
}

export function chooseLang(l: Lang): void {
  lang.set(l);
  keep("comptoir:lang", l);
}

export function startPrefs(): void {
  let kept: string | null = null;
  try {
    kept = localStorage.getItem("comptoir:lang");
  } catch {
    // Blocked: the browser's languages decide.
  }
  const asked = new URLSearchParams(location.search).get("lang");
  lang.set(pickLang([asked, kept, ...navigator.languages]));
  if (asked) keep("comptoir:lang", lang.peek());
  effect(() => {
    const s = scheme();
    if (s === "system") delete document.documentElement.dataset.scheme;
    else document.documentElement.dataset.scheme = s;
  });
  effect(() => {
    keep(
      place,
      JSON.stringify({
        scheme: scheme(),
        sound: sound(),
        notifications: notifications(),
        letters: letters(),
        customer: customerShown(),
        undo: undoSeconds(),
      }),
    );
  });
}
