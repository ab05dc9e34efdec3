/**
 * Which conversation stands in which list, and in what order. Pure. The order is the server's: by priority, then who waits
 * longest, then those who wait for nothing, newest first; lists that are not a queue: newest activity first.
 */
import { isAsked } from "./views.ts";
import type { Conversation, Counts, Priority, SavedView, ViewFilter } from "./types.ts";

export type StandingView =
  | "mine"
  | "unassigned"
  | "all"
  | "at_risk"
  | "pending"
  | "snoozed"
  | "resolved"
  | "mentions"
  | "followed"
  | "spam";
export type View =
  | { kind: StandingView }
  | { kind: "inbox"; inbox: string }
  | { kind: "team"; team: string }
  | { kind: "saved"; id: string }
  | { kind: "search"; q: string };

export const standing: readonly StandingView[] = [
  "mine",
  "unassigned",
  "all",
  "at_risk",
  "pending",
  "snoozed",
  "resolved",
  "mentions",
  "followed",
  "spam",
];

export function sameView(a: View, b: View): boolean {
  return viewKey(a) === viewKey(b);
}

export function viewKey(v: View): string {
  switch (v.kind) {
    case "inbox":
      return `inbox:${v.inbox}`;
    case "team":
      return `team:${v.team}`;
    case "saved":
      return `saved:${v.id}`;
    case "search":
      return `search:${v.q}`;
    default:
      return v.kind;
  }
}

/** Of a saved view the server has an address of its own. */
export function viewQuery(v: Exclude<View, { kind: "saved" }>): { view: string; inbox?: string; team?: string; q?: string } {
  if (v.kind === "team") return { view: "all", team: v.team };
  if (v.kind === "inbox") return { view: "all", inbox: v.inbox };
  if (v.kind === "search") return { view: "any", q: v.q };
  return { view: v.kind };
}

/** Whether the list is a queue of people who wait. */
export function isQueue(v: View, saved?: SavedView): boolean {
  if (v.kind === "saved") return saved?.sort === "waiting";
  return v.kind === "mine" || v.kind === "unassigned" || v.kind === "all" || v.kind === "inbox" || v.kind === "team";
}

/** Whether a conversation has what a filter asks for. Undefined: all that can be told here fits, the words only the server knows. */
export function fits(f: ViewFilter, c: Conversation, me: string, now: number): boolean | undefined {
  const among = <T>(wanted: readonly T[], value: T | null) => wanted.length === 0 || (value !== null && wanted.includes(value));
  const whose = c.assignee === null
    ? f.assignees.includes("nobody")
    : f.assignees.includes(c.assignee.id) || (c.assignee.id === me && f.assignees.includes("me"));
  const tagged = f.tags_rule === "all" ? f.tags.every((tag) => c.tags.includes(tag)) : f.tags.some((tag) => c.tags.includes(tag));
  const yes = !c.spam && among(f.teams, c.team?.id ?? "nobody") && among(f.statuses, c.status) && among(f.inboxes, c.inbox.id) &&
    among(f.priorities, c.priority) &&
    among(f.languages, c.language) && (f.assignees.length === 0 || whose) && (f.tags.length === 0 || tagged) &&
    (f.waiting_minutes === null || (c.waiting_since !== null && c.waiting_since <= now - f.waiting_minutes * 60_000)) &&
    (f.created_from === null || c.created_at >= f.created_from) && (f.created_before === null || c.created_at < f.created_before);
  return yes && isAsked(f) ? undefined : yes;
}

/** Undefined: only the server knows (search, mentions that were read, words of a saved view). */
export function belongs(v: View, c: Conversation, me: string, saved?: SavedView, now = 0): boolean | undefined {
  if (c.merged_into !== null) return false;
  switch (v.kind) {
    case "saved":
      return saved ? fits(saved.filter, c, me, now) : false;
    case "mine":
      return c.status === "open" && c.assignee?.id === me;
    case "unassigned":
      return c.status === "open" && c.assignee === null;
    case "all":
      return c.status === "open";
    case "at_risk":
      return c.sla?.state === "warning" || c.sla?.state === "breached";
    case "inbox":
      return c.status === "open" && c.inbox.id === v.inbox;
    case "team":
      return c.status === "open" && c.team?.id === v.team;
    case "pending":
    case "snoozed":
      return c.status === v.kind;
    case "resolved":
      return c.status === "resolved" && !c.spam;
    case "spam":
      return c.spam;
    case "mentions":
      return c.mentioned || undefined;
    case "followed":
      return c.followers.includes(me);
    case "search":
      return undefined;
  }
}

function activity(c: Conversation): number {
  return Math.max(c.last_message?.at ?? 0, c.created_at);
}

/** Which part of the queue: the lower one is served first. */
const rank: Record<Priority, number> = { urgent: 0, high: 1, none: 2, normal: 2, low: 3 };

export function byQueue(a: Conversation, b: Conversation): number {
  const part = rank[a.priority] - rank[b.priority];
  if (part !== 0) return part;
  if (a.waiting_since !== null && b.waiting_since !== null) return a.waiting_since - b.waiting_since || a.number - b.number;
  if (a.waiting_since !== null) return -1;
  if (b.waiting_since !== null) return 1;
  return activity(b) - activity(a) || a.number - b.number;
}

/** What is promised soonest. */
export function byDue(a: Conversation, b: Conversation): number {
  return (a.sla?.due_at ?? Infinity) - (b.sla?.due_at ?? Infinity) || a.number - b.number;
}

export function byNewest(a: Conversation, b: Conversation): number {
  return activity(b) - activity(a) || b.number - a.number;
}

/**
 * The rows of a list from what is known. `loaded` are the ids that the server's pages gave, `complete` whether there are no
 * more pages: while there are, what sorts after the last loaded row is left out, since rows between may be unknown.
 */
export function rowsOf(
  v: View,
  known: ReadonlyMap<string, Conversation>,
  loaded: readonly string[],
  complete: boolean,
  me: string,
  saved?: SavedView,
  now = 0,
): Conversation[] {
  if (v.kind === "search") return loaded.flatMap((id) => known.get(id) ?? []);
  const compare = v.kind === "at_risk"
    ? byDue
    : isQueue(v, saved)
    ? byQueue
    : saved?.sort === "oldest"
    ? (a: Conversation, b: Conversation) => byNewest(b, a)
    : byNewest;
  const pages = new Set(loaded);
  let last: Conversation | undefined;
  if (!complete) {
    for (const id of loaded) {
      const c = known.get(id);
      if (c && belongs(v, c, me, saved, now) !== false && (!last || compare(c, last) > 0)) last = c;
    }
  }
  const rows: Conversation[] = [];
  for (const c of known.values()) {
    const yes = belongs(v, c, me, saved, now) ?? pages.has(c.id);
    if (yes && (complete || pages.has(c.id) || (last && compare(c, last) <= 0))) rows.push(c);
  }
  return rows.sort(compare);
}

/** The neighbour of a row, or the first or last one when it is not there. */
export function step(rows: readonly { id: string }[], from: string | undefined, by: 1 | -1): string | undefined {
  const at = rows.findIndex((r) => r.id === from);
  if (at < 0) return by > 0 ? rows[0]?.id : rows.at(-1)?.id;
  return rows[Math.min(rows.length - 1, Math.max(0, at + by))]?.id;
}

export function countOf(v: View, counts: Counts | undefined): number | undefined {
  return v.kind === "inbox" || v.kind === "team" || v.kind === "search" || v.kind === "saved" || v.kind === "followed"
    ? undefined
    : counts?.[v.kind];
}
