/** When a snooze ends, how long somebody waits. Pure: `now` is an argument; days are the person's own. */
import type { Lang } from "../../ui/i18n.ts";

export type SnoozeChoice = "soon" | "evening" | "tomorrow" | "monday";

/** The choices that make sense now, each with its time. */
export function snoozeTimes(now: number): { id: SnoozeChoice; at: number }[] {
  const found: { id: SnoozeChoice; at: number }[] = [];
  const d = new Date(now);
  found.push({ id: "soon", at: Math.ceil((now + 60 * 60_000) / 60_000) * 60_000 });
  const evening = new Date(d.getFullYear(), d.getMonth(), d.getDate(), 17).getTime();
  if (evening - now > 2 * 60 * 60_000) found.push({ id: "evening", at: evening });
  found.push({ id: "tomorrow", at: new Date(d.getFullYear(), d.getMonth(), d.getDate() + 1, 9).getTime() });
  // On a Sunday, Monday is tomorrow.
  const toMonday = (8 - d.getDay()) % 7 || 7;
  if (toMonday > 1) found.push({ id: "monday", at: new Date(d.getFullYear(), d.getMonth(), d.getDate() + toMonday, 9).getTime() });
  return found;
}

/** The value of a `datetime-local` field, and back. */
export function toLocalInput(at: number): string {
  const d = new Date(at), two = (n: number) => String(n).padStart(2, "0");
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}`;
}
export function fromLocalInput(text: string): number | undefined {
  const at = new Date(text).getTime();
  return Number.isFinite(at) ? at : undefined;
}

/** `< 1 min`, `4 min`, `1 h 20`, `3 d` */
export function duration(l: Lang, ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / 60_000);
  if (minutes < 1) return "< 1 min";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 10) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${String(minutes % 60).padStart(2, "0")}`;
  if (hours < 48) return `${hours} h`;
  return `${Math.floor(hours / 24)} ${l === "fr" ? "j" : "d"}`;
}

/** How long a wait looks: fine, warm after 5 minutes, hot after 15. */
export function heat(ms: number): "fine" | "warm" | "hot" {
  return ms >= 15 * 60_000 ? "hot" : ms >= 5 * 60_000 ? "warm" : "fine";
}

export function whenText(l: Lang, at: number, now: number): string {
  const far = at - now > 6 * 86_400_000;
  return new Intl.DateTimeFormat(l, {
    weekday: far ? undefined : "short",
    day: far ? "numeric" : undefined,
    month: far ? "short" : undefined,
    hour: "2-digit",
    minute: "2-digit",
  }).format(at);
}

/** `2 minutes ago`, `yesterday`, `on 3 June`: the largest unit that fits. */
export function ago(l: Lang, at: number, now: number): string {
  const f = new Intl.RelativeTimeFormat(l, { numeric: "auto" });
  const minutes = Math.max(0, Math.floor((now - at) / 60_000));
  if (minutes < 1) return f.format(0, "minute");
  if (minutes < 60) return f.format(-minutes, "minute");
  if (minutes < 24 * 60) return f.format(-Math.floor(minutes / 60), "hour");
  return f.format(-Math.floor(minutes / 1440), "day");
}
