/** Reports: what is asked for, and how numbers read. Pure but for the questions themselves. */
import type { Lang } from "../../ui/i18n.ts";
import type { Conversation } from "./types.ts";

export const metrics = ["volume", "first_response", "response", "resolution", "backlog", "sla", "csat", "nps"] as const;
export type Metric = typeof metrics[number];
export type Unit = "count" | "ms" | "permille" | "hundredths" | "tenths";
export const groupings = ["agent", "team", "inbox", "channel", "tag"] as const;
export type Grouping = typeof groupings[number];
export const steps = ["day", "week", "month"] as const;
export type Step = typeof steps[number];
export type Values = Record<string, number | null>;

export interface ReportNumber {
  key: string;
  unit: Unit;
  value: number | null;
  previous: number | null;
}
export interface ReportPart {
  start: number;
  end: number;
  values: Values;
}
export interface Report {
  metric: Metric;
  formula: string;
  start: number;
  end: number;
  previous_start: number;
  previous_end: number;
  time_zone: string;
  step: Step;
  numbers: ReportNumber[];
  series: ReportPart[];
  previous_series: ReportPart[];
}
export interface ReportGroups {
  group: Grouping;
  items: { id: string; name: string; values: Values; previous: Values }[];
}
export interface ReportLine {
  conversation: Conversation | null;
  at: number;
  case: number;
  opened_at: number;
  first_response_ms: number | null;
  first_response_open_ms: number | null;
  resolved_at: number | null;
  resolution_ms: number | null;
  resolution_open_ms: number | null;
  score: number | null;
}
export interface Recount {
  running: boolean;
  done: number;
  total: number;
  facts: number;
  cases: number;
  corrected: number;
  finished_at: number | null;
}

/** What the address holds. */
export interface ReportQuery {
  from?: string | undefined;
  to?: string | undefined;
  /** Instead of dates: they move with the days. */
  range?: string | undefined;
  step?: string | undefined;
  clock?: string | undefined;
  inbox?: string | undefined;
  team?: string | undefined;
  agent?: string | undefined;
  tag?: string | undefined;
  group?: string | undefined;
}
const known = ["from", "to", "range", "step", "clock", "inbox", "team", "agent", "tag", "group"] as const;

export function parseQuery(text: string): ReportQuery {
  const given = new URLSearchParams(text), query: ReportQuery = {};
  for (const name of known) {
    const value = given.get(name);
    if (value) query[name] = value;
  }
  return query;
}
export function formatQuery(query: ReportQuery): string {
  const out = new URLSearchParams();
  for (const name of known) if (query[name]) out.set(name, query[name]);
  return out.toString();
}

export const ranges = ["last7", "last30", "last90", "thisMonth", "lastMonth", "thisYear"] as const;
export type Range = typeof ranges[number];

function dayText(d: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}
/** First and last day of the period, in the person's own days. */
export function daysOf(query: ReportQuery, now: number): { from: string; to: string } {
  const d = new Date(now), y = d.getFullYear(), m = d.getMonth(), today = d.getDate();
  const day = (year: number, month: number, date: number) => dayText(new Date(year, month, date));
  if (query.from && query.to) return { from: query.from, to: query.to };
  switch (query.range) {
    case "last7":
      return { from: day(y, m, today - 6), to: day(y, m, today) };
    case "last90":
      return { from: day(y, m, today - 89), to: day(y, m, today) };
    case "thisMonth":
      return { from: day(y, m, 1), to: day(y, m, today) };
    case "lastMonth":
      return { from: day(y, m - 1, 1), to: day(y, m, 0) };
    case "thisYear":
      return { from: day(y, 0, 1), to: day(y, m, today) };
    default:
      return { from: day(y, m, today - 29), to: day(y, m, today) };
  }
}

/** The number that the chart and the tables show first. */
export const leading: Record<Metric, string> = {
  volume: "opened",
  backlog: "open",
  first_response: "median",
  response: "mean",
  resolution: "median",
  sla: "kept",
  csat: "satisfied",
  nps: "nps",
};
/** The columns of a table of groups. */
export const columns: Record<Metric, readonly string[]> = {
  volume: ["opened", "new", "returning"],
  backlog: ["open"],
  first_response: ["count", "median", "mean", "mean_open"],
  response: ["replies", "mean", "mean_open"],
  resolution: ["count", "median", "mean", "mean_open"],
  sla: ["kept", "first_broken", "next_broken", "resolution_broken"],
  csat: ["satisfied", "answers", "mean", "answered"],
  nps: ["nps", "answers", "promoters", "detractors"],
};
/** Which numbers have a list of their own behind them; the others have the whole. */
export function partOf(metric: Metric, key: string): string | undefined {
  const own = [
    "new",
    "returning",
    "replies",
    "first_kept",
    "first_broken",
    "next_kept",
    "next_broken",
    "resolution_kept",
    "resolution_broken",
  ];
  if (own.includes(key) || /^score_\d$/.test(key) || ["promoters", "passives", "detractors"].includes(key)) return key;
  return metric === "csat" && key === "satisfied" ? "satisfied" : undefined;
}
/** Less is better. */
export function isBetterLow(metric: Metric, key: string): boolean {
  return metric === "first_response" && key !== "count" || metric === "resolution" && key !== "count" ||
    metric === "response" && key !== "replies" ||
    metric === "backlog" || key.endsWith("_broken") || key === "detractors" || key === "score_1" || key === "score_2";
}
/** Of a volume nobody can say what is better. */
export function isNeutral(metric: Metric, key: string): boolean {
  return metric === "volume" || ["count", "answers", "replies", "passives", "score_3"].includes(key);
}

/** `45 s`, `12 min 05 s`, `3 h 20 min`, `2 d 4 h` */
export function longTime(l: Lang, ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const two = (n: number) => String(n).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60), day = l === "fr" ? "j" : "d";
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} ${day} ${hours % 24} h`;
}
export function numberText(l: Lang, unit: Unit, value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  switch (unit) {
    case "count":
      return new Intl.NumberFormat(l).format(value);
    case "ms":
      return longTime(l, value);
    case "permille":
      return new Intl.NumberFormat(l, { style: "percent", maximumFractionDigits: 1 }).format(value / 1000);
    case "hundredths":
      return new Intl.NumberFormat(l, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(value / 100);
    case "tenths":
      return new Intl.NumberFormat(l, { minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "exceptZero" }).format(value / 10);
  }
}
/** How much it differs from the period before: shares in points, all else in per cent. */
export function changeText(l: Lang, n: { unit: Unit; value: number | null; previous: number | null }): string | undefined {
  if (n.value === null || n.previous === null) return undefined;
  const by = n.value - n.previous;
  if (n.unit === "permille" || n.unit === "tenths" || n.unit === "hundredths") {
    const size = n.unit === "hundredths" ? 100 : 10;
    const text = new Intl.NumberFormat(l, { maximumFractionDigits: n.unit === "hundredths" ? 2 : 1, signDisplay: "exceptZero" }).format(
      by / size,
    );
    return n.unit === "permille" ? `${text} pt` : text;
  }
  if (n.previous === 0) return undefined;
  return new Intl.NumberFormat(l, {
    style: "percent",
    maximumFractionDigits: Math.abs(by / n.previous) < 0.1 ? 1 : 0,
    signDisplay: "exceptZero",
  }).format(by / n.previous);
}
export function unitOf(numbers: readonly ReportNumber[], key: string): Unit {
  return numbers.find((n) => n.key === key)?.unit ?? "count";
}

/** A part's name: a day, the week of a day, a month. */
export function partName(l: Lang, step: Step, start: number, zone: string): string {
  const options: Intl.DateTimeFormatOptions = step === "month" ? { month: "short", year: "numeric" } : { day: "numeric", month: "short" };
  return new Intl.DateTimeFormat(l, { ...options, timeZone: zone }).format(start);
}
/** Round figures for an axis, from 0 to at least the highest. */
export function ticks(unit: Unit, lowest: number, highest: number): number[] {
  const scale = unit === "ms"
    ? [1000, 5000, 15_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 43_200_000, 86_400_000]
    : [];
  const low = Math.min(0, lowest), span = Math.max(1, highest) - low;
  let step = scale.find((s) => span / s <= 4);
  if (step === undefined) {
    const rough = unit === "ms" ? Math.ceil(span / 4 / 86_400_000) * 86_400_000 : span / 4;
    const ten = 10 ** Math.floor(Math.log10(rough));
    step = unit === "ms"
      ? rough
      : Math.max(1, [1, 2, 2.5, 5, 10].map((n) => n * ten).find((n) => n >= rough && (n >= 1 && Number.isInteger(n))) ?? Math.ceil(rough));
  }
  const out: number[] = [];
  for (let at = Math.floor(low / step) * step;; at += step) {
    out.push(at);
    if (at >= highest && at > low) return out;
  }
}
