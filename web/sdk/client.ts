/** A Matrix client for views: rooms that follow the sync loop, and the calls that people make in them. */
import type { Http } from "./http.ts";
import { Emitter } from "./ports.ts";
import { RoomStore } from "./room.ts";
import type { LinkState, SyncLoop } from "./sync.ts";
import type { MatrixEvent, SyncResponse } from "./types.ts";

export class MatrixClient {
  readonly rooms = new Map<string, RoomStore>();
  /** A room came, went, or changed. */
  readonly roomChanged = new Emitter<string>();
  #unlisten: () => void;

  constructor(readonly http: Http, readonly userId: string, readonly sync: SyncLoop) {
    this.#unlisten = sync.answers.on((answer) => this.#apply(answer));
  }

  get link(): LinkState {
    return this.sync.state;
  }

  room(roomId: string): RoomStore {
    let room = this.rooms.get(roomId);
    if (!room) {
      room = new RoomStore(roomId, this.userId);
      this.rooms.set(roomId, room);
      room.changed.on(() => this.roomChanged.emit(roomId));
    }
    return room;
  }

  close(): void {
    this.#unlisten();
    this.sync.stop();
  }

  async send(roomId: string, type: string, txn: string, content: unknown): Promise<string> {
    const path = `${rooms}/${encodeURIComponent(roomId)}/send/${encodeURIComponent(type)}/${encodeURIComponent(txn)}`;
    // One try: the send queue above decides when to come back.
    return (await this.http.put<{ event_id: string }>(path, content, { tries: 1 })).event_id;
  }

  async redact(roomId: string, eventId: string, txn: string, reason?: string): Promise<void> {
    await this.http.put(`${rooms}/${encodeURIComponent(roomId)}/redact/${encodeURIComponent(eventId)}/${txn}`, { reason });
  }

  async read(roomId: string, eventId: string): Promise<void> {
    await this.http.post(`${rooms}/${encodeURIComponent(roomId)}/receipt/m.read/${encodeURIComponent(eventId)}`, {}, { tries: 3 });
  }

  async typing(roomId: string, typing: boolean, timeout = 20_000): Promise<void> {
    const path = `${rooms}/${encodeURIComponent(roomId)}/typing/${encodeURIComponent(this.userId)}`;
    await this.http.put(path, typing ? { typing, timeout } : { typing }, { tries: 1, timeoutMs: 5000 });
  }

  /** One page of older events; false when there are none left. */
  async older(roomId: string, limit = 30, filter?: unknown): Promise<boolean> {
    const room = this.room(roomId);
    if (!room.prevBatch) return false;
    const page = await this.http.get<{ chunk: MatrixEvent[]; end?: string; state?: MatrixEvent[] }>(
      `${rooms}/${encodeURIComponent(roomId)}/messages`,
      { query: { dir: "b", from: room.prevBatch, limit, filter: filter === undefined ? undefined : JSON.stringify(filter) } },
    );
    room.prepend(page);
    return page.end !== undefined && page.chunk.length > 0;
  }

  #apply(answer: SyncResponse): void {
    for (const [roomId, part] of Object.entries(answer.rooms?.join ?? {})) this.room(roomId).apply(part);
    for (const roomId of Object.keys(answer.rooms?.leave ?? {})) {
      if (this.rooms.delete(roomId)) this.roomChanged.emit(roomId);
    }
  }
}

const rooms = "/_matrix/client/v3/rooms";

/** Says "is typing" at most every few seconds while somebody types, and "no more" when he stops. */
export class TypingNotifier {
  #last = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private tell: (typing: boolean) => Promise<void>, private now: () => number = () => Date.now()) {}

  input(empty: boolean): void {
    if (empty) return this.stop();
    if (this.now() - this.#last > 8000) {
      this.#last = this.now();
      this.#say(true);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.stop(), 6000);
  }

  stop(): void {
    clearTimeout(this.#timer);
    if (this.#last === 0) return;
    this.#last = 0;
    this.#say(false);
  }

  #say(typing: boolean): void {
    // A courtesy: when it does not arrive, it expires on the other side by itself.
    this.tell(typing).catch(() => undefined);
  }
}
