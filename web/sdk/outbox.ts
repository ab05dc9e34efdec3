/**
 * The send queue. What is added is stored first, so a reload or a lost network loses nothing; it leaves in order, one at
 * a time, each under its own transaction id, so a repeated try is stored once by the server. What the server refuses for
 * good is kept and shown as failed, and those behind it go on.
 */
import { ApiError, isPassing } from "./http.ts";
import { backoff, browserNetwork, type Clock, Emitter, isAbort, type Network, systemClock, token } from "./ports.ts";
import type { KeyValue } from "./storage.ts";

export type OutboxState = "waiting" | "sending" | "failed";

export interface OutboxItem {
  /** The transaction id. */
  readonly key: string;
  readonly lane: string;
  readonly order: string;
  readonly at: number;
  readonly type: string;
  content: Record<string, unknown>;
  /** Still to upload; its address is then set as `content.url`. */
  file?: Blob | undefined;
  fileName?: string | undefined;
  state: OutboxState;
  /** 0 to 1 while a file goes up. */
  progress?: number | undefined;
  tries: number;
  error?: { code: string; message: string; status: number } | undefined;
}

export interface OutboxSettings {
  store: KeyValue;
  lane: string;
  /** Gives the file to the server; answers its `mxc:` address. */
  upload: (file: Blob, name: string, progress: (part: number) => void) => Promise<string>;
  /** Sends; answers the event's id. Must be safe to call again with the same key. */
  deliver: (item: OutboxItem) => Promise<string>;
  clock?: Clock;
  network?: Network;
  /** Keeps other tabs from sending the same item at the same time. */
  exclusive?: <T>(run: () => Promise<T>) => Promise<T>;
}

/** One tab at a time, where the browser has Web Locks; the transaction ids guard the rest. */
export function tabLock(name: string): <T>(run: () => Promise<T>) => Promise<T> {
  const locks = globalThis.navigator?.locks;
  return async (run) => {
    if (!locks) return await run();
    let begun = false;
    try {
      return await locks.request(name, () => {
        begun = true;
        return run();
      });
    } catch (error) {
      // Where a browser blocks the storage of frames, it refuses their locks as well.
      if (begun) throw error;
      return await run();
    }
  };
}

export class Outbox {
  readonly changed = new Emitter<void>();
  /** An item has left: its key and the id that the server gave it. */
  readonly sent = new Emitter<{ item: OutboxItem; eventId: string }>();
  #list: OutboxItem[] = [];
  /** Items that may leave, and whether the store really has them (it may be full). */
  #ready = new Map<string, boolean>();
  #counter = 0;
  #running = false;
  #stopped = false;
  #pause: AbortController | undefined;
  #clock: Clock;
  #unwake: () => void;

  constructor(private settings: OutboxSettings) {
    this.#clock = settings.clock ?? systemClock;
    this.#unwake = (settings.network ?? browserNetwork).onWake(() => this.wake());
  }

  get items(): readonly OutboxItem[] {
    return this.#list;
  }

  /** What was left by the last visit; call once, before adding. */
  async load(): Promise<void> {
    const stored = await this.settings.store.list<OutboxItem>(this.#prefix);
    this.#list = stored.map(({ value }) => ({ ...value, state: value.state === "failed" ? "failed" : "waiting" }));
    for (const item of this.#list) this.#ready.set(item.key, true);
    this.changed.emit();
    this.wake();
  }

  async add(
    message: { type: string; content: Record<string, unknown>; file?: Blob | undefined; fileName?: string | undefined },
  ): Promise<OutboxItem> {
    const at = this.#clock.now();
    const order = `${String(at).padStart(15, "0")}-${String(this.#counter++).padStart(6, "0")}`;
    const item: OutboxItem = { ...message, key: `w${token(20)}`, lane: this.settings.lane, order, at, state: "waiting", tries: 0 };
    this.#list = [...this.#list, item];
    this.changed.emit();
    await this.#keep(item);
    this.wake();
    return item;
  }

  /** Tries again what had failed. */
  async retry(key: string): Promise<void> {
    const item = this.#list.find((i) => i.key === key);
    if (!item || item.state !== "failed") return;
    this.#change(item, { state: "waiting", error: undefined, tries: 0 });
    await this.#keep(item);
    this.wake();
  }

  /** Gives up on an item; one that is just leaving stays. */
  async remove(key: string): Promise<void> {
    const item = this.#list.find((i) => i.key === key);
    if (!item || item.state === "sending") return;
    await this.#drop(item);
  }

  /** An item turned out to be on the server already. */
  async settle(key: string, eventId: string): Promise<void> {
    const item = this.#list.find((i) => i.key === key);
    if (!item) return;
    await this.#drop(item);
    this.sent.emit({ item, eventId });
  }

  /** Resolves when nothing is on its way: all has left, was refused, or waits for the network. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => this.#stopped || this.#pause !== undefined || this.#list.every((i) => i.state === "failed");
      if (done()) return resolve();
      const off = this.changed.on(() => {
        if (!done()) return;
        off();
        resolve();
      });
    });
  }

  /** Goes on now: something was added, or the network is back. */
  wake(): void {
    this.#pause?.abort();
    if (!this.#running && !this.#stopped) this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#unwake();
    this.#pause?.abort();
    this.changed.emit();
  }

  get #prefix(): string {
    return `outbox/${this.settings.lane}/`;
  }
  #path(item: OutboxItem): string {
    return this.#prefix + item.order;
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      for (;;) {
        const item = this.#list.find((i) => i.state === "waiting" && this.#ready.has(i.key));
        if (!item || this.#stopped) return;
        await (this.settings.exclusive ?? ((run) => run()))(() => this.#send(item));
      }
    } finally {
      this.#running = false;
    }
  }

  async #send(item: OutboxItem): Promise<void> {
    const { store } = this.settings;
    const stored = await store.get<OutboxItem>(this.#path(item));
    if (!this.#list.includes(item)) return;
    // Another tab has sent it in the meantime.
    if (!stored && this.#ready.get(item.key)) return await this.#drop(item);
    this.#change(item, { state: "sending", tries: item.tries + 1 });
    try {
      if (item.file) {
        const url = await this.settings.upload(item.file, item.fileName ?? "file", (progress) => this.#change(item, { progress }));
        this.#change(item, { content: { ...item.content, url }, file: undefined, progress: 1 });
      }
      // Stored with its count of tries, so that a later visit knows that this one may have arrived.
      await this.#keep(item);
      const eventId = await this.settings.deliver(item);
      // Told first: the message goes from here to the timeline without a moment in neither.
      this.sent.emit({ item, eventId });
      await this.#drop(item);
    } catch (error) {
      if (isPassing(error) || isAbort(error)) {
        const asked = error instanceof ApiError ? error.retryAfterMs : undefined;
        this.#pause = new AbortController();
        this.#change(item, { state: "waiting" });
        await this.#clock.sleep(asked ?? backoff(item.tries - 1, 500, 15_000), this.#pause.signal).catch(() => undefined);
        this.#pause = undefined;
        return;
      }
      const refused = error instanceof ApiError ? error : undefined;
      this.#change(item, {
        state: "failed",
        error: {
          code: refused?.code ?? "error",
          message: error instanceof Error ? error.message : String(error),
          status: refused?.status ?? 0,
        },
      });
      await this.#keep(item);
    }
  }

  /** Stores an item as it is now. A full or blocked store does not stop a message from leaving while the page is open. */
  async #keep(item: OutboxItem): Promise<void> {
    const kept = await this.settings.store.set(this.#path(item), { ...item, state: item.state === "failed" ? "failed" : "waiting" })
      .then(() => true, () => false);
    this.#ready.set(item.key, kept);
  }

  #change(item: OutboxItem, values: Partial<OutboxItem>): void {
    Object.assign(item, values);
    this.changed.emit();
  }

  async #drop(item: OutboxItem): Promise<void> {
    this.#list = this.#list.filter((i) => i !== item);
    this.#ready.delete(item.key);
    this.changed.emit();
    await this.settings.store.delete(this.#path(item));
  }
}
