/**
 * The timeline of one conversation: a gap-free tail of the server's items, and what is still on its way.
 *
 * Laws: items are ordered by their number and kept once; an echo disappears exactly when the item with its key is there.
 */
import type { OutboxItem } from "../../sdk/outbox.ts";
import { computed, type Read, type Signal, signal } from "../../ui/signals.ts";
import type { Author, Item, MessageItem, NoteItem, SystemItem, TimelinePage } from "./types.ts";

export type Tick = "waiting" | "sending" | "failed" | "sent" | "delivered" | "read";

export type Row =
  | { kind: "day"; id: string; at: number }
  | { kind: "unread"; id: string }
  | { kind: "system"; id: string; item: SystemItem }
  | { kind: "note"; id: string; item: NoteItem; first: boolean; echo: OutboxItem | undefined }
  | {
    kind: "message";
    id: string;
    item: MessageItem;
    /** Written by an agent: on the right side. */
    ours: boolean;
    /** First and last of the same author in a row. */
    first: boolean;
    last: boolean;
    tick: Tick | undefined;
    echo: OutboxItem | undefined;
  };

export function numericOrder(a: { id: string }, b: { id: string }): number {
  return a.id.length - b.id.length || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

/** Two lists of items as one, ordered, each once; `newer` wins where both know an item. */
export function merge(older: readonly Item[], newer: readonly Item[]): Item[] {
  const all = new Map<string, Item>();
  for (const item of older) all.set(item.id, item);
  for (const item of newer) all.set(item.id, item);
  return [...all.values()].sort(numericOrder);
}

/** What an unsent message looks like in the timeline. */
export function echoOf(out: OutboxItem, me: Author): Item {
  const id = `echo-${out.key}`, at = out.at, author = me;
  const c = out.content as {
    body?: string;
    mentions?: string[];
    kind?: string;
    media?: MessageItem["message"]["media"];
    reply_to?: string;
  };
  if (out.type === "note") {
    return { id, at, author, kind: "note", note: { id: "", body: c.body ?? "", mentions: c.mentions ?? [], edited: false } };
  }
  return {
    id,
    at,
    author,
    kind: "message",
    message: {
      event_id: null,
      type: (c.kind ?? "text") as MessageItem["message"]["type"],
      body: c.body ?? "",
      html: null,
      media: c.media ?? null,
      edited: false,
      redacted: false,
      reply_to: c.reply_to ?? null,
      key: out.key,
    },
  };
}

function keyOf(item: Item): string | undefined {
  return item.kind === "message" ? item.message.key ?? undefined : undefined;
}

export interface RowsInput {
  items: readonly Item[];
  echoes: readonly OutboxItem[];
  me: Author;
  /** Up to when the customer has read. */
  readAt: number;
  /** Up to when his page was there. */
  seenAt: number;
  /** The first item that I had not read when I came. */
  unreadFrom: string | undefined;
}

const together = 5 * 60_000;

export function rowsOf(input: RowsInput): Row[] {
  const { items, me } = input;
  const arrived = new Set(items.map(keyOf).filter((k) => k !== undefined));
  const echoes = input.echoes.filter((e) => !arrived.has(e.key));
  const all: { item: Item; echo: OutboxItem | undefined }[] = [
    ...items.map((item) => ({ item, echo: undefined })),
    ...echoes.map((echo) => ({ item: echoOf(echo, me), echo })),
  ];
  const rows: Row[] = [];
  let day = "", before: Item | undefined;
  all.forEach(({ item, echo }, i) => {
    const date = new Date(item.at).toDateString();
    if (date !== day) {
      day = date;
      before = undefined;
      rows.push({ kind: "day", id: `day-${item.id}`, at: item.at });
    }
    if (item.id === input.unreadFrom && i > 0) {
      before = undefined;
      rows.push({ kind: "unread", id: "unread" });
    }
    const follows = before !== undefined && before.kind === item.kind && before.author.id === item.author.id &&
      item.at - before.at < together;
    // An echo and the item that it becomes share their row, so the bubble does not flicker.
    const id = (echo?.key ?? keyOf(item)) ? `m-${echo?.key ?? keyOf(item)}` : item.id;
    if (item.kind === "system") rows.push({ kind: "system", id, item });
    else if (item.kind === "note") rows.push({ kind: "note", id, item, first: !follows, echo });
    else {
      const next = all[i + 1]?.item;
      const goesOn = next?.kind === "message" && next.author.id === item.author.id && next.at - item.at < together &&
        new Date(next.at).toDateString() === day && next.id !== input.unreadFrom;
      const ours = item.author.kind !== "contact";
      rows.push({
        kind: "message",
        id,
        item,
        ours,
        first: !follows,
        last: !goesOn,
        tick: ours ? tickOf(item, echo, input) : undefined,
        echo,
      });
    }
    before = item;
  });
  return rows;
}

function tickOf(item: Item, echo: OutboxItem | undefined, input: RowsInput): Tick {
  if (echo) return echo.state === "failed" ? "failed" : echo.state === "sending" ? "sending" : "waiting";
  if (input.readAt >= item.at) return "read";
  return input.seenAt >= item.at ? "delivered" : "sent";
}

export class Timeline {
  readonly items: Signal<readonly Item[]> = signal<readonly Item[]>([]);
  readonly loaded = signal(false);
  readonly loading = signal(false);
  readonly loadingOlder = signal(false);
  readonly moreBefore = signal(false);
  readonly failed: Signal<unknown> = signal<unknown>(undefined);
  readonly newest: Read<Item | undefined> = computed(() => this.items().at(-1));
  #stale = false;

  constructor(private fetchPage: (query: { before?: string; limit?: number }) => Promise<TimelinePage>) {}

  /** Loads the newest page unless it is there. */
  async load(): Promise<void> {
    if (this.loading.peek() || (this.loaded.peek() && !this.#stale)) return;
    this.loading.set(true);
    this.failed.set(undefined);
    try {
      const stale = this.#stale;
      this.#stale = false;
      const page = await this.fetchPage({ limit: 50 });
      const first = page.items[0];
      // What was known before a long absence stays only when the new page meets it: no gap is ever hidden.
      const known = this.items.peek(), last = known.at(-1);
      const meets = !stale || !first || !page.more_before || (last !== undefined && numericOrder(last, first) >= 0);
      this.items.set(merge(meets ? known : [], page.items));
      if (!meets || !this.loaded.peek() || !stale) this.moreBefore.set(page.more_before);
      this.loaded.set(true);
    } catch (error) {
      this.#stale = this.loaded.peek();
      this.failed.set(error);
    } finally {
      this.loading.set(false);
    }
  }

  async older(): Promise<void> {
    const first = this.items.peek()[0];
    if (!first || this.loadingOlder.peek() || !this.moreBefore.peek()) return;
    this.loadingOlder.set(true);
    try {
      const page = await this.fetchPage({ before: first.id, limit: 50 });
      this.items.update((now) => merge(page.items, now));
      this.moreBefore.set(page.more_before);
    } finally {
      this.loadingOlder.set(false);
    }
  }

  /** From the stream or from an answer. Before the first page came, only what is newer than all it will bring is kept. */
  apply(item: Item): void {
    this.items.update((now) => merge(now, [item]));
  }

  removeNote(note: string): void {
    this.items.update((now) => now.filter((i) => i.kind !== "note" || i.note.id !== note));
  }

  /** What was shown stands elsewhere now, or more does here: nothing that was known is kept. */
  async anew(): Promise<void> {
    this.items.set([]);
    this.loaded.set(false);
    await this.load();
  }

  /** Events were missed: loads again what is shown, or at the next visit. */
  outdate(): void {
    this.#stale = true;
  }
}
