/** Business hours as the form edits them. Pure. */
export interface Span {
  start: string;
  end: string;
}
export interface Exception {
  date: string;
  name: string;
  hours: Span[];
}
export interface Hours {
  id: string;
  name: string;
  time_zone: string;
  week: Span[][];
  exceptions: Exception[];
  now: { open: boolean; opens_at: number | null; closes_at: number | null; time_zone: string };
  created_at: number;
}

export const usualWeek: Span[][] = Array.from({ length: 7 }, (_, day) => day < 5 ? [{ start: "09:00", end: "18:00" }] : []);

/** A field for times knows no 24:00: the end of the day is its midnight. */
export function toField(time: string): string {
  return time === "24:00" ? "00:00" : time;
}
export function fromField(time: string, isEnd: boolean): string {
  return isEnd && time === "00:00" ? "24:00" : time;
}

/** What a day gets when a period is added: after the last one, an hour later, else a usual day. */
export function nextSpan(day: readonly Span[]): Span | undefined {
  const last = day.at(-1);
  if (!last) return { start: "09:00", end: "18:00" };
  const hour = Number(last.end.slice(0, 2));
  if (hour >= 22) return undefined;
  const two = (n: number) => String(n).padStart(2, "0");
  const start = hour + 1;
  return { start: `${two(start)}:00`, end: start < 18 ? "18:00" : `${two(Math.min(24, start + 2))}:00` };
}

/** Names of the days from Monday on. */
export function dayNames(lang: string): string[] {
  const f = new Intl.DateTimeFormat(lang, { weekday: "long", timeZone: "UTC" });
  // 5 January 1970 was a Monday.
  return Array.from({ length: 7 }, (_, day) => {
    const name = f.format((4 + day) * 86_400_000);
    return name.charAt(0).toUpperCase() + name.slice(1);
  });
}

export function timeZones(): string[] {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return [...new Set([own, "UTC", ...Intl.supportedValuesOf("timeZone")])].filter(Boolean);
}
