/**
 * One room as a client sees it: timeline with edits, reactions and redactions folded in, members, receipts, typing, and
 * the own messages that are still on their way at the end.
 *
 * Invariants: an event is shown once, by whatever way it came; an item keeps its `id` from local echo to event, so a view
 * keeps its node; an item that did not change is the same object as before.
 */
import type { OutboxItem } from "./outbox.ts";
import { Emitter } from "./ports.ts";
import type { EphemeralEvent, JoinedRoomSync, MatrixEvent } from "./types.ts";

/** Content key under which a sender of ours puts its transaction id: it finds its message again from any device. */
export const keyField = "comptoir.key";

export type ItemStatus = "waiting" | "sending" | "failed" | "sent";

export interface Reaction {
  key: string;
  senders: string[];
  /** My reaction's event, to take it back. */
  mine: string | undefined;
}

export interface TimelineItem {
  readonly id: string;
  readonly eventId: string | undefined;
  readonly type: string;
  readonly sender: string;
  readonly at: number;
  /** After edits; empty when redacted. */
  readonly content: Record<string, unknown>;
  readonly stateKey: string | undefined;
  readonly prevContent: Record<string, unknown> | undefined;
  readonly edited: boolean;
  readonly redacted: boolean;
  readonly reactions: readonly Reaction[];
  readonly status: ItemStatus;
  readonly progress: number | undefined;
  readonly error: { code: string; message: string; status: number } | undefined;
  readonly file: Blob | undefined;
}

export interface Member {
  userId: string;
  name: string | undefined;
  avatar: string | undefined;
  membership: string;
}

interface Relation {
  rel_type?: string;
  event_id?: string;
  key?: string;
}

export class RoomStore {
  readonly changed = new Emitter<void>();
  name: string | undefined;
  readonly members = new Map<string, Member>();
  readonly receipts = new Map<string, { eventId: string; at: number }>();
  typing: readonly string[] = [];
  unread = 0;
  highlights = 0;
  /** Where older events begin; undefined when all are here. */
  prevBatch: string | undefined;

  #events = new Map<string, MatrixEvent>();
  #order: string[] = [];
  #edits = new Map<string, MatrixEvent>();
  #reactions = new Map<string, MatrixEvent[]>();
  #redacted = new Set<string>();
  /** Confirmed by the answer to a send, not yet seen in sync: sync decides their place. */
  #early = new Set<string>();
  #ids = new Map<string, string>();
  #cache = new Map<string, TimelineItem>();
  #pending: readonly OutboxItem[] = [];
  #pendingCache = new WeakMap<OutboxItem, { stamp: string; item: TimelineItem }>();
  #list: readonly TimelineItem[] | undefined;

  constructor(readonly roomId: string, readonly me: string) {}

  /** Merges a sync answer's part for this room. */
  apply(sync: JoinedRoomSync): void {
    for (const e of sync.state?.events ?? []) this.#state(e);
    const timeline = sync.timeline;
    if (timeline?.limited) {
      // There is a hole before this page: what was before it comes again by `prevBatch`.
      this.#order = this.#order.filter((id) => this.#early.has(id));
      for (const id of [...this.#events.keys()]) if (!this.#early.has(id)) this.#events.delete(id);
      this.#cache.clear();
      this.prevBatch = timeline.prev_batch;
    }
    for (const e of timeline?.events ?? []) {
      if (e.state_key !== undefined) this.#state(e);
      if (this.#early.delete(e.event_id)) {
        this.#order = this.#order.filter((id) => id !== e.event_id);
        this.#events.delete(e.event_id);
      }
      this.#take(e, "end");
    }
    for (const e of sync.ephemeral?.events ?? []) this.#ephemeral(e);
    const counts = sync.unread_notifications;
    if (counts) {
      this.unread = counts.notification_count ?? 0;
      this.highlights = counts.highlight_count ?? 0;
    }
    this.#touch();
  }

  /** A page of `/messages?dir=b`: newest first. */
  prepend(page: { chunk: MatrixEvent[]; end?: string; state?: MatrixEvent[] }): void {
    for (const e of page.state ?? []) if (!this.members.has(e.state_key ?? "")) this.#state(e);
    for (const e of page.chunk) this.#take(e, "start");
    this.prevBatch = page.end;
    this.#touch();
  }

  /** The queue's items of this room, in order. */
  setPending(items: readonly OutboxItem[]): void {
    this.#pending = items;
    this.#touch();
  }

  /** Own message `key` is event `eventId`: it keeps its place and node whenever the event comes. */
  link(key: string, eventId: string): void {
    if (this.#ids.get(eventId) === key) return;
    this.#ids.set(eventId, key);
    this.#cache.delete(eventId);
    this.#touch();
  }

  /** Puts an event that the server has confirmed but sync has not brought yet. */
  confirm(event: MatrixEvent, key: string): void {
    this.#ids.set(event.event_id, key);
    if (!this.#events.has(event.event_id)) {
      this.#early.add(event.event_id);
      this.#take(event, "end");
    }
    this.#cache.delete(event.event_id);
    this.#touch();
  }

  get items(): readonly TimelineItem[] {
    this.#list ??= this.#build();
    return this.#list;
  }

  get lastEventId(): string | undefined {
    return this.#order.at(-1);
  }

  memberName(userId: string): string {
    return this.members.get(userId)?.name || userId.replace(/^@([^:]*):.*$/, "$1");
  }

  /** True when the event is in the timeline under this transaction id. */
  eventOfKey(key: string): string | undefined {
    for (const [eventId, k] of this.#ids) if (k === key && this.#events.has(eventId)) return eventId;
    return undefined;
  }

  /** True when `userId` has read the event. */
  hasRead(userId: string, eventId: string): boolean {
    const receipt = this.receipts.get(userId);
    const event = this.#events.get(eventId);
    if (!receipt || !event) return false;
    const at = this.#order.indexOf(receipt.eventId), own = this.#order.indexOf(eventId);
    if (at >= 0) return at >= own;
    return receipt.at >= event.origin_server_ts;
  }

  #touch(): void {
    this.#list = undefined;
    this.changed.emit();
  }

  #state(e: MatrixEvent): void {
    if (e.type === "m.room.member" && e.state_key !== undefined) {
      const c = e.content, membership = String(c.membership);
      const before = this.members.get(e.state_key);
      // Who has left keeps the name and picture under which he wrote.
      const gone = membership === "leave" || membership === "ban";
      this.members.set(e.state_key, {
        userId: e.state_key,
        name: typeof c.displayname === "string" ? c.displayname : gone ? before?.name : undefined,
        avatar: typeof c.avatar_url === "string" ? c.avatar_url : gone ? before?.avatar : undefined,
        membership,
      });
    } else if (e.type === "m.room.name") this.name = typeof e.content.name === "string" ? e.content.name : undefined;
  }

  #take(e: MatrixEvent, where: "start" | "end"): void {
    if (e.type === "m.room.redaction") return this.#redact(e);
    const relation = e.content["m.relates_to"] as Relation | undefined;
    if (relation?.event_id && relation.rel_type === "m.replace" && !e.unsigned?.redacted_because) return this.#edit(relation.event_id, e);
    if (relation?.event_id && relation.rel_type === "m.annotation" && e.type === "m.reaction") return this.#react(relation.event_id, e);
    const key = e.sender === this.me ? e.content[keyField] ?? e.unsigned?.transaction_id : undefined;
    if (typeof key === "string" && !this.#ids.has(e.event_id)) this.#ids.set(e.event_id, key);
    if (e.unsigned?.redacted_because) this.#redacted.add(e.event_id);
    this.#bundled(e);
    const known = this.#events.has(e.event_id);
    this.#events.set(e.event_id, e);
    this.#cache.delete(e.event_id);
    if (known) return;
    if (where === "start") this.#order.unshift(e.event_id);
    else this.#order.push(e.event_id);
  }

  /** Edits that the server folded into `unsigned`. */
  #bundled(e: MatrixEvent): void {
    const edit = e.unsigned?.["m.relations"]?.["m.replace"] as MatrixEvent | undefined;
    if (edit?.content?.["m.new_content"]) this.#edit(e.event_id, edit);
  }

  #edit(target: string, e: MatrixEvent): void {
    const before = this.#edits.get(target);
    if (before && before.origin_server_ts > e.origin_server_ts) return;
    this.#edits.set(target, e);
    this.#cache.delete(target);
  }

  #react(target: string, e: MatrixEvent): void {
    if (e.unsigned?.redacted_because || this.#redacted.has(e.event_id)) return;
    const all = this.#reactions.get(target) ?? [];
    if (all.some((r) => r.event_id === e.event_id)) return;
    this.#reactions.set(target, [...all, e]);
    this.#cache.delete(target);
  }

  #redact(e: MatrixEvent): void {
    const target = e.redacts ?? (typeof e.content.redacts === "string" ? e.content.redacts : undefined);
    if (!target) return;
    this.#redacted.add(target);
    this.#cache.delete(target);
    for (const [parent, all] of this.#reactions) {
      if (!all.some((r) => r.event_id === target)) continue;
      this.#reactions.set(parent, all.filter((r) => r.event_id !== target));
      this.#cache.delete(parent);
    }
    for (const [parent, edit] of this.#edits) {
      if (edit.event_id !== target) continue;
      this.#edits.delete(parent);
      this.#cache.delete(parent);
    }
  }

  #ephemeral(e: EphemeralEvent): void {
    if (e.type === "m.typing") {
      const users = Array.isArray(e.content.user_ids) ? e.content.user_ids.map(String) : [];
      this.typing = users.filter((u) => u !== this.me);
    } else if (e.type === "m.receipt") {
      for (const [eventId, kinds] of Object.entries(e.content as Record<string, Record<string, Record<string, { ts?: number }>>>)) {
        for (const [user, { ts }] of Object.entries({ ...kinds["m.read.private"], ...kinds["m.read"] })) {
          const before = this.receipts.get(user);
          if (!before || before.at <= (ts ?? 0)) this.receipts.set(user, { eventId, at: ts ?? 0 });
        }
      }
    }
  }

  #build(): readonly TimelineItem[] {
    const items: TimelineItem[] = [];
    const seen = new Set<string>();
    for (const eventId of this.#order) {
      const event = this.#events.get(eventId);
      if (!event) continue;
      let item = this.#cache.get(eventId);
      if (!item) this.#cache.set(eventId, item = this.#itemOf(event));
      seen.add(item.id);
      items.push(item);
    }
    for (const p of this.#pending) if (!seen.has(p.key)) items.push(this.#pendingItem(p));
    return items;
  }

  #itemOf(e: MatrixEvent): TimelineItem {
    const redacted = this.#redacted.has(e.event_id);
    const edit = this.#edits.get(e.event_id);
    const valid = edit && edit.sender === e.sender && !redacted;
    const fresh = valid ? edit.content["m.new_content"] as Record<string, unknown> | undefined : undefined;
    const groups = new Map<string, Reaction>();
    for (const r of this.#reactions.get(e.event_id) ?? []) {
      const key = (r.content["m.relates_to"] as Relation).key;
      if (!key) continue;
      const group = groups.get(key) ?? { key, senders: [], mine: undefined };
      group.senders.push(r.sender);
      if (r.sender === this.me) group.mine = r.event_id;
      groups.set(key, group);
    }
    return {
      id: this.#ids.get(e.event_id) ?? e.event_id,
      eventId: e.event_id,
      type: e.type,
      sender: e.sender,
      at: e.origin_server_ts,
      content: redacted ? {} : fresh ?? e.content,
      stateKey: e.state_key,
      prevContent: e.unsigned?.prev_content,
      edited: !!fresh,
      redacted,
      reactions: [...groups.values()],
      status: "sent",
      progress: undefined,
      error: undefined,
      file: undefined,
    };
  }

  #pendingItem(p: OutboxItem): TimelineItem {
    const stamp = `${p.state} ${p.progress} ${p.error?.code} ${"url" in p.content}`;
    const known = this.#pendingCache.get(p);
    if (known?.stamp === stamp) return known.item;
    const item: TimelineItem = {
      id: p.key,
      eventId: undefined,
      type: p.type,
      sender: this.me,
      at: p.at,
      content: p.content,
      stateKey: undefined,
      prevContent: undefined,
      edited: false,
      redacted: false,
      reactions: [],
      status: p.state,
      progress: p.progress,
      error: p.error,
      // The view goes on showing the own copy after the upload.
      file: p.file ?? known?.item.file,
    };
    this.#pendingCache.set(p, { stamp, item });
    return item;
  }
}
