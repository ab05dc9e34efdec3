/** What the conversation shows, line by line, from the room's items. Pure. */
import type { RoomStore, TimelineItem } from "../../sdk/room.ts";
import { dayName, type Lang } from "../../ui/i18n.ts";

export type Tick = "waiting" | "sending" | "failed" | "sent" | "delivered" | "read";

export interface MessageRow {
  kind: "message";
  id: string;
  item: TimelineItem;
  mine: boolean;
  author: string;
  authorId: string;
  /** First and last of those that one person wrote in a row. */
  first: boolean;
  last: boolean;
  tick: Tick | undefined;
}
export interface DayRow {
  kind: "day";
  id: string;
  text: string;
}
export interface SystemRow {
  kind: "system";
  id: string;
  what: "joined" | "left";
  name: string;
}
export type Row = MessageRow | DayRow | SystemRow;

export interface Scene {
  me: string;
  bot: string | undefined;
  lang: Lang;
  now: number;
  advisor: string;
}

export function agentsIn(room: RoomStore, bot: string | undefined): string[] {
  return [...room.members.values()].filter((m) => m.membership === "join" && m.userId !== room.me && m.userId !== bot).map((m) => m.userId);
}

export function tickOf(room: RoomStore, item: TimelineItem, bot: string | undefined): Tick {
  if (item.status !== "sent" || !item.eventId) return item.status;
  const eventId = item.eventId;
  const readers = [...room.receipts.keys()].filter((u) => u !== room.me && u !== bot);
  if (readers.some((u) => room.hasRead(u, eventId))) return "read";
  // In the hands of somebody who can answer.
  return agentsIn(room, bot).length > 0 ? "delivered" : "sent";
}

export function authorName(room: RoomStore, userId: string, advisor: string): string {
  return room.members.get(userId)?.name || advisor;
}

const minutes = 5 * 60_000;

export function rowsOf(room: RoomStore, scene: Scene): Row[] {
  const rows: Row[] = [];
  const days = new Set<string>();
  let day = "", before: MessageRow | undefined;
  for (const item of room.items) {
    const system = systemRow(room, item, scene);
    if (!system && item.type !== "m.room.message") continue;
    const text = dayName(scene.lang, item.at, scene.now);
    if (text !== day) {
      day = text;
      let id = `day-${new Date(item.at).toDateString()}`;
      // A clock that went back can bring a day twice.
      while (days.has(id)) id += "+";
      days.add(id);
      rows.push({ kind: "day", id, text });
      before = undefined;
    }
    if (system) {
      rows.push(system);
      before = undefined;
      continue;
    }
    const mine = item.sender === scene.me;
    const follows = before && before.item.sender === item.sender && item.at - before.item.at < minutes;
    if (follows && before) before.last = false;
    const row: MessageRow = {
      kind: "message",
      id: item.id,
      item,
      mine,
      author: mine || item.sender === scene.bot ? "" : authorName(room, item.sender, scene.advisor),
      authorId: item.sender,
      first: !follows,
      last: true,
      tick: mine ? tickOf(room, item, scene.bot) : undefined,
    };
    rows.push(row);
    before = row;
  }
  return rows;
}

/** The new rows, but those that are as before by the same object: views leave them alone. */
export function sameRows(before: readonly Row[], now: readonly Row[]): Row[] {
  const old = new Map(before.map((r) => [r.id, r]));
  return now.map((row) => {
    const was = old.get(row.id);
    return was && same(was, row) ? was : row;
  });
}

function same(a: Row, b: Row): boolean {
  const x = a as unknown as Record<string, unknown>, y = b as unknown as Record<string, unknown>;
  return Object.keys(y).every((k) => x[k] === y[k]);
}

function systemRow(room: RoomStore, item: TimelineItem, scene: Scene): SystemRow | undefined {
  if (item.type !== "m.room.member" || item.stateKey === undefined) return undefined;
  if (item.stateKey === scene.me || item.stateKey === scene.bot) return undefined;
  const was = item.prevContent?.membership, is = item.content.membership;
  const name = authorName(room, item.stateKey, scene.advisor);
  if (is === "join" && was !== "join") return { kind: "system", id: item.id, what: "joined", name };
  if (is === "leave" && was === "join") return { kind: "system", id: item.id, what: "left", name };
  return undefined;
}

/** Messages of others after my last receipt. */
export function unreadIn(room: RoomStore): number {
  const receipt = room.receipts.get(room.me);
  let n = 0;
  for (let i = room.items.length - 1; i >= 0; i--) {
    const item = room.items[i];
    if (!item) break;
    if (
      receipt && (item.eventId === receipt.eventId || (item.status === "sent" && item.at < receipt.at && !known(room, receipt.eventId)))
    ) break;
    if (item.type === "m.room.message" && item.sender !== room.me && !item.redacted) n++;
  }
  return n;
}

function known(room: RoomStore, eventId: string): boolean {
  return room.items.some((i) => i.eventId === eventId);
}
