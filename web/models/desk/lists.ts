/**
 * Which conversation stands in which list, and in what order. Pure. The order is the server's: by priority, then who waits
 * longest, then those who wait for nothing, newest first; lists that are not a queue: newest activity first.
 */
import type { Conversation, Counts, Priority } from "./types.ts";

export type StandingView = "mine" | "unassigned" | "all" | "pending" | "snoozed" | "resolved" | "mentions";
export type View =
  | { kind: StandingView }
  | { kind: "inbox"; inbox: string }
  | { kind: "team"; team: string }
  | { kind: "search"; q: string };

export const standing: readonly StandingView[] = ["mine", "unassigned", "all", "pending", "snoozed", "resolved", "mentions"];

export function sameView(a: View, b: View): boolean {
  return viewKey(a) === viewKey(b);
}

export function viewKey(v: View): string {
  if (v.kind === "team") return `team:${v.team}`;
  return v.kind === "inbox" ? `inbox:${v.inbox}` : v.kind === "search" ? `search:${v.q}` : v.kind;
}

export function viewQuery(v: View): { view: string; inbox?: string; team?: string; q?: string } {
  if (v.kind === "team") return { view: "all", team: v.team };
  if (v.kind === "inbox") return { view: "all", inbox: v.inbox };
  if (v.kind === "search") return { view: "any", q: v.q };
  return { view: v.kind };
}

/** Whether the list is a queue of people who wait. */
export function isQueue(v: View): boolean {
  return v.kind === "mine" || v.kind === "unassigned" || v.kind === "all" || v.kind === "inbox" || v.kind === "team";
}

/** Undefined: only the server knows (search, mentions that were read). */
export function belongs(v: View, c: Conversation, me: string): boolean | undefined {
  switch (v.kind) {
    case "mine":
      return c.status === "open" && c.assignee?.id === me;
    case "unassigned":
      return c.status === "open" && c.assignee === null;
    case "all":
      return c.status === "open";
    case "inbox":
      return c.status === "open" && c.inbox.id === v.inbox;
    case "team":
      return c.status === "open" && c.team?.id === v.team;
    case "pending":
    case "snoozed":
    case "resolved":
      return c.status === v.kind;
    case "mentions":
      return c.mentioned || undefined;
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
): Conversation[] {
  if (v.kind === "search") return loaded.flatMap((id) => known.get(id) ?? []);
  const compare = isQueue(v) ? byQueue : byNewest;
  const pages = new Set(loaded);
  let last: Conversation | undefined;
  if (!complete) {
    for (const id of loaded) {
      const c = known.get(id);
      if (c && belongs(v, c, me) !== false && (!last || compare(c, last) > 0)) last = c;
    }
  }
  const rows: Conversation[] = [];
  for (const c of known.values()) {
    const yes = belongs(v, c, me) ?? (v.kind === "mentions" && pages.has(c.id));
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
  return v.kind === "inbox" || v.kind === "team" || v.kind === "search" ? undefined : counts?.[v.kind];
}
