/** One conversation as an agent works on it: timeline, drafts, what is on its way, who else is here. */
import { Outbox, type OutboxItem, tabLock } from "../../sdk/outbox.ts";
import { imageSize, upload } from "../../sdk/media.ts";
import { isPassing } from "../../sdk/http.ts";
import { token } from "../../sdk/ports.ts";
import { computed, type Read, type Signal, signal } from "../../ui/signals.ts";
import type { DeskModel } from "./desk.ts";
import { rowsOf, Timeline } from "./timeline.ts";
import type { Author, Conversation, Item, Later, Media, MessageItem, ServerDraft, Viewer } from "./types.ts";

export type Mode = "reply" | "note";
export interface Draft {
  reply: string;
  note: string;
  mode: Mode;
  /** When it was written here. */
  at?: number;
}
export interface Staged {
  id: string;
  file: File;
  /** `blob:` address of a picture. */
  preview: string | undefined;
}

const viewingEvery = 20_000;

export class ConversationModel {
  /** What leaves later, or is held. */
  readonly later: Signal<readonly Later[]> = signal<readonly Later[]>([]);
  /** An item that somebody wants to see: the timeline goes there when it can. */
  readonly wanted: Signal<string | undefined> = signal<string | undefined>(undefined);
  readonly timeline: Timeline;
  readonly conversation: Read<Conversation | undefined>;
  readonly mode: Signal<Mode> = signal<Mode>("reply");
  readonly reply = signal("");
  readonly note = signal("");
  /** Files that go with the next message. */
  readonly staged: Signal<readonly Staged[]> = signal<readonly Staged[]>([]);
  readonly echoes: Signal<readonly OutboxItem[]> = signal<readonly OutboxItem[]>([]);
  readonly rows;
  /** Colleagues who look at it too. */
  readonly viewers: Read<readonly Viewer[]>;
  readonly customerTypes: Read<boolean>;
  readonly colleaguesType: Read<readonly string[]>;
  #unreadFrom: Signal<string | undefined> = signal<string | undefined>(undefined);
  #outbox: Outbox;
  #viewTimer: ReturnType<typeof setInterval> | undefined;
  #typingTimer: ReturnType<typeof setTimeout> | undefined;
  #typingUntil = 0;
  #composing = false;
  #readUpTo: string | undefined;
  #reading: ReturnType<typeof setTimeout> | undefined;
  #draftTimer: ReturnType<typeof setTimeout> | undefined;
  #tellTimer: ReturnType<typeof setTimeout> | undefined;
  #ready: Promise<void>;

  constructor(private desk: DeskModel, readonly id: string) {
    const { api } = desk;
    this.timeline = new Timeline((query) => api.timeline(id, query));
    this.conversation = computed(() => desk.conversations().get(id));
    this.viewers = computed(() => (desk.viewing().get(id) ?? []).filter((v) => v.agent.id !== desk.myId()));
    this.customerTypes = computed(() => desk.typing().get(id)?.contact ?? false);
    this.colleaguesType = computed(() => (desk.typing().get(id)?.agents ?? []).filter((a) => a !== desk.myId()));
    this.rows = computed(() => {
      const c = this.conversation();
      const contact = c && desk.contacts().get(c.contact.id);
      const online = c?.contact.online ? Infinity : 0;
      return rowsOf({
        items: this.timeline.items(),
        echoes: this.echoes(),
        me: this.#author(),
        readAt: c?.contact_read_at ?? 0,
        seenAt: Math.max(online, contact?.last_seen_at ?? 0),
        unreadFrom: this.#unreadFrom(),
      });
    });
    const lane = `desk/${desk.myId.peek()}/${id}`;
    this.#outbox = new Outbox({
      store: desk.store,
      lane,
      network: desk.network,
      clock: desk.clock,
      exclusive: tabLock(`comptoir:${lane}`),
      upload: (file, name, progress) =>
        upload(desk.keeper.http, file, name, { progress, ...(desk.uploader ? { uploader: desk.uploader } : {}) }),
      deliver: (item) => this.#deliver(item),
    });
    this.#outbox.changed.on(() => this.echoes.set(this.#outbox.items.map((i) => ({ ...i }))));
    this.#ready = Promise.all([this.#outbox.load(), this.#loadDraft()]).then(() => undefined);
  }

  /** Stored drafts and unsent messages are there. */
  ready(): Promise<void> {
    return this.#ready;
  }

  #author(): Author {
    const me = this.desk.me();
    return { kind: "agent", id: me?.id ?? "", name: me?.public_name ?? "", picture: me?.picture ?? null };
  }

  // Being here

  /** It is on the screen now. */
  enter(): void {
    const c = this.conversation.peek();
    if (c && c.unread > 0) this.#markUnread();
    else this.#unreadFrom.set(undefined);
    void this.timeline.load().then(() => {
      if (c && c.unread > 0 && this.#unreadFrom.peek() === undefined) this.#markUnread();
    });
    if (c && !this.desk.contacts.peek().has(c.contact.id)) void this.desk.loadContact(c.contact.id);
    if (!c) void this.desk.loadConversation(this.id);
    this.loadLater();
    clearInterval(this.#viewTimer);
    this.#viewTimer = setInterval(() => this.#tellViewing(true), viewingEvery);
    this.#tellViewing(true);
  }

  leave(): void {
    clearInterval(this.#viewTimer);
    this.#viewTimer = undefined;
    if (this.#composing) this.#stopTyping();
    this.#tellViewing(false);
    this.#unreadFrom.set(undefined);
  }

  /** Sleeping, or the link came back: what others see of us is told again. */
  refresh(): void {
    if (this.#viewTimer !== undefined) {
      this.#tellViewing(true);
      this.loadLater();
    }
    this.#outbox.wake();
  }

  #markUnread(): void {
    const unread = this.conversation.peek()?.unread ?? 0;
    let left = unread;
    const items = this.timeline.items.peek();
    for (let i = items.length - 1; i >= 0 && left > 0; i--) {
      const item = items[i];
      if (item?.kind === "message" && item.author.kind === "contact" && --left === 0) this.#unreadFrom.set(item.id);
    }
  }

  #tellViewing(viewing: boolean): void {
    this.desk.api.viewing(this.id, viewing, this.#composing).catch((error) => this.desk.ignorePassing(error));
  }

  /** The newest item is on the screen, and somebody looks at it. */
  seen(): void {
    const newest = this.timeline.newest.peek();
    if (!newest || newest.id === this.#readUpTo || this.#reading !== undefined) return;
    this.#reading = setTimeout(() => {
      this.#reading = undefined;
      const upTo = this.timeline.newest.peek()?.id;
      if (!upTo || upTo === this.#readUpTo) return;
      this.#readUpTo = upTo;
      this.desk.haveRead(this.id);
      this.desk.api.read(this.id, upTo).then(() => this.desk.haveRead(this.id), (error) => {
        this.#readUpTo = undefined;
        this.desk.ignorePassing(error);
      });
    }, 120);
  }

  // Writing

  /** The message that is answered, or that is corrected: one or the other. */
  readonly quoted: Signal<MessageItem | undefined> = signal<MessageItem | undefined>(undefined);
  readonly corrected: Signal<MessageItem | undefined> = signal<MessageItem | undefined>(undefined);
  /** What stood in the field before a correction. */
  #besides = "";

  quote(item: MessageItem): void {
    this.dropRelation();
    this.setMode("reply");
    this.quoted.set(item);
  }
  correct(item: MessageItem): void {
    this.dropRelation();
    this.setMode("reply");
    this.#besides = this.reply.peek();
    this.corrected.set(item);
    this.reply.set(item.message.body);
  }
  dropRelation(): void {
    this.quoted.set(undefined);
    if (!this.corrected.peek()) return;
    this.corrected.set(undefined);
    this.reply.set(this.#besides);
    this.#besides = "";
  }
  /** My last text here, to be corrected. */
  lastOfMine(): MessageItem | undefined {
    return this.timeline.items.peek().findLast((i): i is MessageItem => i.kind === "message" && this.mayCorrect(i));
  }
  mayCorrect(item: MessageItem): boolean {
    return this.mayDelete(item) && item.message.type === "text";
  }
  mayDelete(item: MessageItem): boolean {
    return item.author.id === this.desk.myId.peek() && item.message.event_id !== null && !item.message.redacted;
  }
  async #correct(item: MessageItem, body: string): Promise<void> {
    const done = await this.desk.attempt(async () =>
      this.timeline.apply(await this.desk.api.correct(this.id, item.message.event_id ?? "", body))
    );
    if (done && this.corrected.peek()?.id === item.id) this.dropRelation();
  }
  /** The stream says that it is gone. */
  async removeMessage(item: MessageItem): Promise<void> {
    if (this.corrected.peek()?.id === item.id) this.dropRelation();
    await this.desk.attempt(() => this.desk.api.removeMessage(this.id, item.message.event_id ?? ""));
  }

  draft(): Signal<string> {
    return this.mode.peek() === "note" ? this.note : this.reply;
  }

  async #loadDraft(): Promise<void> {
    const here = await this.desk.store.get<Draft>(this.#draftKey), there = this.desk.serverDrafts.get(this.id);
    // What was written last, on whatever device.
    const kept = there && there.updated_at > (here?.at ?? 0) ? there : here;
    if (!kept) return;
    if (this.reply.peek() === "") this.reply.set(kept.reply);
    if (this.note.peek() === "") this.note.set(kept.note);
    this.mode.set(kept.mode);
  }
  get #draftKey(): string {
    return `draft/${this.desk.myId.peek()}/${this.id}`;
  }

  setMode(mode: Mode): void {
    if (this.mode.peek() === mode) return;
    if (this.#composing) this.#stopTyping();
    this.mode.set(mode);
    this.#keepDraft();
  }

  typed(text: string): void {
    this.draft().set(text);
    if (!this.corrected.peek()) this.#keepDraft();
    // Only a reply is told to the customer; colleagues see both.
    if (text.trim() === "") {
      if (this.#composing) this.#stopTyping();
      return;
    }
    const now = this.desk.clock.now();
    if (!this.#composing) {
      this.#composing = true;
      this.#tellViewing(true);
    }
    if (this.mode.peek() === "reply" && now > this.#typingUntil) {
      this.#typingUntil = now + 10_000;
      this.desk.api.typing(this.id, true).catch((error) => this.desk.ignorePassing(error));
    }
    clearTimeout(this.#typingTimer);
    this.#typingTimer = setTimeout(() => this.#stopTyping(), 8000);
  }

  #stopTyping(): void {
    clearTimeout(this.#typingTimer);
    if (!this.#composing) return;
    this.#composing = false;
    if (this.#typingUntil > 0) this.desk.api.typing(this.id, false).catch((error) => this.desk.ignorePassing(error));
    this.#typingUntil = 0;
    this.#tellViewing(this.#viewTimer !== undefined);
  }

  #keepDraft(): void {
    clearTimeout(this.#draftTimer);
    this.#draftTimer = setTimeout(() => {
      const draft: Draft = { reply: this.reply.peek(), note: this.note.peek(), mode: this.mode.peek(), at: this.desk.clock.now() };
      const empty = draft.reply === "" && draft.note === "" && draft.mode === "reply";
      // A full store costs the draft's survival of a reload, nothing else.
      (empty ? this.desk.store.delete(this.#draftKey) : this.desk.store.set(this.#draftKey, draft)).catch(() => undefined);
      this.desk.drafts.update((all) => {
        const next = new Set(all);
        if (draft.reply.trim() === "") next.delete(this.id);
        else next.add(this.id);
        return next;
      });
    }, 250);
    clearTimeout(this.#tellTimer);
    this.#tellTimer = setTimeout(() => this.#tellDraft(), 1200);
  }

  #tellDraft(): void {
    clearTimeout(this.#tellTimer);
    this.#tellTimer = undefined;
    const draft = { reply: this.reply.peek(), note: this.note.peek(), mode: this.mode.peek(), device: this.desk.device };
    this.desk.api.keepDraft(this.id, draft).then(
      (kept) => void this.desk.serverDrafts.set(this.id, kept),
      (error) => this.desk.ignorePassing(error),
    );
  }

  /** The server's drafts came after this one was opened: the same rule. */
  async lateDraft(draft: ServerDraft): Promise<void> {
    await this.#ready;
    const here = await this.desk.store.get<Draft>(this.#draftKey);
    if (draft.updated_at > (here?.at ?? 0)) this.takeDraft(draft);
  }

  /** Another device of mine has gone on writing. What is being typed here stays. */
  takeDraft(draft: ServerDraft): void {
    if (this.#tellTimer !== undefined) return;
    this.reply.set(draft.reply);
    this.note.set(draft.note);
  }

  // Later

  loadLater(): void {
    this.desk.api.later(this.id).then((all) => this.later.set(all), (error) => this.desk.ignorePassing(error));
  }

  /** Sends what is written at a time, unless the customer writes first. */
  async sendLater(at: number): Promise<void> {
    const body = this.reply.peek().trim(), quoted = this.quoted.peek()?.message.event_id;
    if (body === "" || this.corrected.peek()) return;
    const done = await this.desk.attempt(async () => {
      const made = await this.desk.api.sendLater(this.id, { key: token(16), body, at, ...(quoted ? { reply_to: quoted } : {}) });
      this.later.update((all) => [...all.filter((l) => l.id !== made.id), made]);
    });
    if (!done) return;
    this.quoted.set(undefined);
    this.reply.set("");
    this.#keepDraft();
    this.#stopTyping();
  }

  /** Takes it back: its text is in the field again. */
  async takeBack(one: Later): Promise<void> {
    const done = await this.desk.attempt(() => this.desk.api.removeLater(one.id));
    this.loadLater();
    if (!done || one.agent.id !== this.desk.myId.peek()) return;
    this.setMode("reply");
    this.typed([one.body, this.reply.peek()].filter((part) => part.trim() !== "").join("\n"));
  }
  async sendNow(one: Later): Promise<void> {
    await this.desk.attempt(() => this.desk.api.sendLaterNow(one.id));
    this.loadLater();
  }

  stage(files: readonly File[]): void {
    this.staged.update((now) => [
      ...now,
      ...files.map((file) => ({ id: token(8), file, preview: file.type.startsWith("image/") ? URL.createObjectURL(file) : undefined })),
    ]);
  }
  unstage(id: string): void {
    const one = this.staged.peek().find((s) => s.id === id);
    if (one?.preview) URL.revokeObjectURL(one.preview);
    this.staged.update((now) => now.filter((s) => s.id !== id));
  }

  /** Sends the files, then the text; they show at once. */
  async send(): Promise<void> {
    const mode = this.mode.peek(), draft = this.draft(), body = draft.peek().trim();
    const corrected = mode === "reply" ? this.corrected.peek() : undefined;
    if (corrected) return body === "" ? undefined : this.#correct(corrected, body);
    const quoted = mode === "reply" ? this.quoted.peek()?.message.event_id ?? undefined : undefined;
    const relation = quoted === undefined ? {} : { reply_to: quoted };
    const files = mode === "reply" ? this.staged.peek() : [];
    if (body === "" && files.length === 0) return;
    draft.set("");
    if (mode === "reply") {
      this.staged.set([]);
      this.quoted.set(undefined);
    }
    this.#keepDraft();
    this.#stopTyping();
    this.#unreadFrom.set(undefined);
    if (mode === "note") {
      await this.#outbox.add({ type: "note", content: { body, mentions: this.desk.mentionsIn(body) } });
      return;
    }
    for (const { file, preview } of files) {
      const size = await imageSize(file);
      const kind = file.type.startsWith("image/") && size
        ? "image"
        : file.type.startsWith("video/")
        ? "video"
        : file.type.startsWith("audio/")
        ? "audio"
        : "file";
      const media: Media = {
        mxc: "",
        name: file.name || kind,
        mimetype: file.type || "application/octet-stream",
        size: file.size,
        width: size?.w ?? null,
        height: size?.h ?? null,
        thumbnail_mxc: null,
      };
      if (preview) URL.revokeObjectURL(preview);
      await this.#outbox.add({ type: "message", content: { kind, body: file.name || kind, media }, file, fileName: file.name || kind });
    }
    if (body === "") return;
    const seconds = this.desk.undoSeconds.peek();
    // With files the text belongs to them: it leaves when they do.
    if (seconds > 0 && files.length === 0 && (await this.#sendSoon(body, seconds, relation))) return;
    await this.#outbox.add({ type: "message", content: { kind: "text", body, ...relation } });
  }

  /** The server sends it by itself in some seconds, whatever becomes of this page. False: it could not be told. */
  async #sendSoon(body: string, seconds: number, relation: { reply_to?: string }): Promise<boolean> {
    try {
      const made = await this.desk.api.sendLater(this.id, {
        key: token(16),
        body,
        ...relation,
        delay_ms: seconds * 1000,
        if_written: "send",
      });
      this.later.update((all) => [...all.filter((l) => l.id !== made.id), made]);
      return true;
    } catch (error) {
      if (!isPassing(error)) this.desk.tell(this.desk.explain(error), true);
      return false;
    }
  }

  /** What I could still take back leaves now: what I do next counts on it. */
  async #flush(): Promise<void> {
    const soon = this.later.peek().filter((l) =>
      l.agent.id === this.desk.myId.peek() && l.state === "waiting" && l.at < this.desk.clock.now() + 61_000
    );
    for (const one of soon) await this.desk.api.sendLaterNow(one.id).catch(() => undefined); // gone by itself meanwhile
    if (soon.length > 0) this.loadLater();
  }

  /** What I have written is with the server, or cannot get there now; undefined if nothing is on its way. */
  sending(): Promise<void> | undefined {
    const soon = this.later.peek().some((l) =>
      l.agent.id === this.desk.myId.peek() && l.state === "waiting" && l.at < this.desk.clock.now() + 61_000
    );
    const leaving = this.echoes.peek().some((e) => e.state !== "failed");
    if (!soon) return leaving ? this.#outbox.settled() : undefined;
    return Promise.all([leaving ? this.#outbox.settled() : undefined, this.#flush()]).then(() => undefined);
  }

  retry(key: string): void {
    void this.#outbox.retry(key);
  }
  discard(key: string): void {
    void this.#outbox.remove(key);
  }

  async #deliver(out: OutboxItem): Promise<string> {
    const c = out.content as { kind?: string; body: string; media?: Media; url?: string; mentions?: string[]; reply_to?: string };
    const { api } = this.desk;
    let item: Item;
    if (out.type === "note") item = await api.note(this.id, { key: out.key, body: c.body, mentions: c.mentions ?? [] });
    else if (c.media && c.url) {
      const kind = (c.kind ?? "file") as "image" | "file" | "audio" | "video";
      const { name, mimetype, size, width, height } = c.media;
      const media: Partial<Media> & { mxc: string } = { mxc: c.url, name, mimetype, size };
      if (width && height) Object.assign(media, { width, height });
      item = await api.send(this.id, { key: out.key, type: kind, body: c.body, media });
    } else item = await api.send(this.id, { key: out.key, type: "text", body: c.body, ...(c.reply_to ? { reply_to: c.reply_to } : {}) });
    this.timeline.apply(item);
    return item.id;
  }

  async removeNote(note: string): Promise<void> {
    await this.desk.attempt(async () => {
      await this.desk.api.removeNote(this.id, note);
      this.timeline.removeNote(note);
    });
  }

  async older(): Promise<void> {
    try {
      await this.timeline.older();
    } catch (error) {
      if (!isPassing(error)) throw error;
      this.desk.tell(this.desk.explain(error), true);
    }
  }

  dispose(): void {
    this.leave();
    this.#outbox.stop();
    clearTimeout(this.#reading);
    if (this.#tellTimer !== undefined) this.#tellDraft();
  }
}
