/**
 * The widget's view model: what is shown and what people can do, as signals. No document here.
 *
 * Invariants: a message is in the store before it is shown as sent; it goes to the server under one key by whatever way,
 * so it is there once; nothing is asked of the server about a visitor who has not written and was not identified.
 */
import { MatrixClient, TypingNotifier } from "../../sdk/client.ts";
import { ApiError, isPassing } from "../../sdk/http.ts";
import { imageSize, MediaCache, upload, type Uploader } from "../../sdk/media.ts";
import { Outbox, type OutboxItem, tabLock } from "../../sdk/outbox.ts";
import { backoff, browserNetwork, type Clock, type Network, systemClock, token } from "../../sdk/ports.ts";
import { keyField, RoomStore } from "../../sdk/room.ts";
import type { KeyValue } from "../../sdk/storage.ts";
import { type LinkState, SyncLoop } from "../../sdk/sync.ts";
import { batch, computed, effect, type Read, type Signal, signal, untrack } from "../../ui/signals.ts";
import { byteSize, lang } from "../../ui/i18n.ts";
import type { Config, Contact, Identity, Page } from "./api.ts";
import { agentsIn, authorName, type Row, rowsOf, sameRows, unreadIn } from "./rows.ts";
import { type Visitor, VisitorSession } from "./session.ts";
import { t } from "./strings.ts";

export interface WidgetSettings {
  inbox: string;
  baseUrl: string;
  store: KeyValue;
  fetch?: typeof fetch;
  clock?: Clock;
  network?: Network;
  uploader?: Uploader;
}

const filter = {
  room: {
    timeline: { limit: 30, types: ["m.room.message", "m.room.redaction", "m.room.member"] },
    state: { types: ["m.room.member", "m.room.name"] },
    account_data: { types: [] },
  },
  presence: { types: [] },
  account_data: { types: [] },
};

export class WidgetModel {
  readonly config: Signal<Config | undefined> = signal<Config | undefined>(undefined);
  /** Why the chat cannot be used, if it cannot. */
  readonly problem: Signal<string | undefined> = signal<string | undefined>(undefined);
  /** Why the identity that the site gave was refused. It stays until another one is given: no answer of the server mends it. */
  readonly identityProblem: Signal<string | undefined> = signal<string | undefined>(undefined);
  readonly link: Signal<LinkState> = signal<LinkState>("connecting");
  /** The panel is open and the page is in sight. */
  readonly watched: Signal<boolean> = signal(false);
  readonly contact: Signal<Contact | undefined> = signal<Contact | undefined>(undefined);
  readonly draft: Signal<string> = signal("");
  readonly hasOlder: Signal<boolean> = signal(false);
  readonly loadingOlder: Signal<boolean> = signal(false);
  /** A notice for the person, with what to do. */
  readonly notice: Signal<{ text: string; bad: boolean } | undefined> = signal<{ text: string; bad: boolean } | undefined>(undefined);
  /** The contact form was sent on this visit. */
  readonly thanked: Signal<boolean> = signal(false);

  readonly rows: Read<readonly Row[]>;
  readonly unread: Read<number>;
  readonly typing: Read<string>;
  /** Who answers here: those in the conversation, or those whom the shop shows. */
  readonly faces: Read<readonly { name: string; picture: string | undefined }[]>;
  readonly started: Read<boolean>;
  /** The shop only talks with its signed-in customers, and this is none. */
  readonly needsIdentity: Read<boolean>;
  /** That nobody is there; and when the shop opens again, if it is closed. */
  readonly awayText: Read<string>;
  readonly texts: Read<Config["texts"]["en"] | undefined>;

  readonly session: VisitorSession;
  media: MediaCache;
  #room: RoomStore;
  #client: MatrixClient | undefined;
  #outbox: Outbox;
  #clock: Clock;
  #network: Network;
  #typist: TypingNotifier;
  #roomVersion = signal(0);
  #hasVisitor = signal(false);
  #subject = signal<string | undefined>(undefined);
  #pictures = new Map<string, Signal<string | undefined>>();
  #configAt = 0;
  #kept: readonly Row[] = [];
  #formKey: string | undefined;
  #receiptFor: string | undefined;
  #ends: (() => void)[] = [];

  constructor(private settings: WidgetSettings) {
    this.#clock = settings.clock ?? systemClock;
    this.#network = settings.network ?? browserNetwork;
    this.session = new VisitorSession(settings.store, () => lang.peek(), settings.inbox, {
      baseUrl: settings.baseUrl,
      ...(settings.fetch ? { fetch: settings.fetch } : {}),
      clock: this.#clock,
    });
    this.session.onChange = (now, before) => this.#follow(now, before);
    this.media = new MediaCache(this.session.http);
    this.#room = this.#newRoom("", "");
    this.#outbox = new Outbox({
      store: settings.store,
      lane: settings.inbox,
      clock: this.#clock,
      network: this.#network,
      exclusive: tabLock(`comptoir-${settings.inbox}`),
      upload: (file, name, progress) => this.#upload(file, name, progress),
      deliver: (item) => this.#deliver(item),
    });
    this.#outbox.changed.on(() => this.#room.setPending(this.#outbox.items));
    this.#outbox.sent.on(({ item, eventId }) => this.#confirm(item, eventId));
    this.#typist = new TypingNotifier((typing) => {
      const roomId = this.session.visitor?.roomId;
      return roomId && this.#client ? this.#client.typing(roomId, typing) : Promise.resolve();
    }, () => this.#clock.now());

    this.rows = computed(() => {
      this.#roomVersion();
      const scene = { me: this.#room.me, bot: this.config()?.bot_user_id, lang: lang(), now: this.#clock.now(), advisor: t().advisor };
      return this.#kept = sameRows(this.#kept, rowsOf(this.#room, scene));
    });
    this.unread = computed(() => {
      this.#roomVersion();
      return unreadIn(this.#room);
    });
    this.typing = computed(() => {
      this.#roomVersion();
      const bot = this.config()?.bot_user_id;
      const names = this.#room.typing.filter((u) => u !== bot).map((u) => authorName(this.#room, u, t().advisor));
      return names.length === 0 ? "" : names.length === 1 ? t().typingOne(names[0] ?? "") : t().typingMany;
    });
    this.faces = computed(() => {
      this.#roomVersion();
      const agents = agentsIn(this.#room, this.config()?.bot_user_id);
      if (agents.length > 0) {
        return agents.map((u) => ({ name: authorName(this.#room, u, t().advisor), picture: this.pictureOf(u)() }));
      }
      return (this.config()?.agents ?? []).map((a) => ({ name: a.name, picture: a.picture ?? undefined }));
    });
    this.started = computed(() => {
      this.#roomVersion();
      return this.#hasVisitor() && (this.session.visitor?.roomId ?? null) !== null || this.rows().some((r) => r.kind === "message");
    });
    this.needsIdentity = computed(() => this.config()?.identity === "required" && this.#subject() === undefined);
    this.awayText = computed(() => {
      const opens = this.config()?.hours?.opens_at;
      return opens ? t().closedUntil(this.whenOpen(opens)) : t().away;
    });
    this.texts = computed(() => {
      const texts = this.config()?.texts;
      return texts?.[lang()] ?? texts?.[this.config()?.language ?? "en"];
    });
  }

  /** Comes back to where the last visit ended, then asks the server. */
  async start(): Promise<void> {
    const kept = await this.settings.store.get<Config>("config");
    if (kept) this.config.set(kept);
    const begun = await this.settings.store.get<string>("draft");
    if (begun) this.draft.set(begun);
    await this.session.restore();
    await this.#outbox.load();
    this.#ends.push(effect(() => {
      const text = this.draft();
      this.settings.store.set("draft", text).catch(() => undefined);
    }));
    this.#ends.push(effect(() => {
      this.#roomVersion();
      if (this.watched()) untrack(() => this.#markRead());
    }));
    this.#ends.push(this.#network.onLost(() => this.link.set("offline")));
    this.#ends.push(this.#network.onWake(() => {
      if (!this.#client) this.link.set(this.#network.online() ? "live" : "offline");
      if (!this.config.peek()) this.refresh().catch(() => undefined);
    }));
    await this.refresh();
  }

  stop(): void {
    for (const end of this.#ends.splice(0)) end();
    this.#client?.close();
    this.#outbox.stop();
    this.#typist.stop();
  }

  /** The shop's settings: who is there now. Tries until there is an answer, unless there is one from before. */
  async refresh(): Promise<void> {
    for (let attempt = 0;; attempt++) {
      try {
        const config = await this.session.api.config(lang.peek());
        this.#configAt = this.#clock.now();
        batch(() => {
          this.config.set(config);
          this.problem.set(undefined);
          if (!this.#client) this.link.set("live");
        });
        await this.settings.store.set("config", config);
        return;
      } catch (error) {
        if (!isPassing(error)) {
          this.problem.set(this.explain(error));
          return;
        }
        if (!this.#client) this.link.set("offline");
        if (this.config.peek()) return;
        this.problem.set(t.peek().openFailed);
        await this.#clock.sleep(backoff(attempt));
        if (this.config.peek()) return;
      }
    }
  }

  /** The panel was opened. */
  opened(): void {
    // Another tab may have begun the conversation.
    if (!this.session.visitor) this.session.restore().catch(() => undefined);
    if (this.#clock.now() - this.#configAt > 30_000) this.refresh();
    this.#client?.sync.wake();
    this.#outbox.wake();
  }

  typed(text: string): void {
    this.draft.set(text);
    this.#typist.input(text.trim() === "");
  }

  /** Queues a text; false when it cannot be sent, with a notice. */
  async send(text: string): Promise<boolean> {
    const most = this.config.peek()?.limits.message_characters ?? 8000;
    if ([...text].length > most) {
      this.#tell(t.peek().tooLong(most), true);
      return false;
    }
    this.#typist.stop();
    await this.#outbox.add({ type: "m.room.message", content: { msgtype: "m.text", body: text } });
    return true;
  }

  async sendFiles(files: readonly File[]): Promise<void> {
    const most = this.config.peek()?.limits.file_bytes ?? 25 * 1024 * 1024;
    for (const file of files) {
      const name = file.name || `${t.peek().photo}.jpg`;
      if (file.size === 0) this.#tell(t.peek().emptyFile(name), true);
      else if (file.size > most) this.#tell(t.peek().tooBig(name, byteSize(lang.peek(), most)), true);
      else {
        const size = await imageSize(file);
        const kind = size ? "m.image" : file.type.startsWith("audio/") ? "m.audio" : file.type.startsWith("video/") ? "m.video" : "m.file";
        const info = { mimetype: file.type || "application/octet-stream", size: file.size, ...size };
        await this.#outbox.add({ type: "m.room.message", content: { msgtype: kind, body: name, info }, file, fileName: name });
      }
    }
  }

  retry(key: string): Promise<void> {
    return this.#outbox.retry(key);
  }

  remove(key: string): Promise<void> {
    return this.#outbox.remove(key);
  }

  async older(): Promise<void> {
    const roomId = this.session.visitor?.roomId;
    if (!roomId || !this.#client || this.loadingOlder.peek()) return;
    this.loadingOlder.set(true);
    try {
      await this.#client.older(roomId, 30, { types: filter.room.timeline.types });
    } catch (error) {
      this.#tell(this.explain(error), true);
    } finally {
      this.loadingOlder.set(false);
      this.hasOlder.set(this.#room.prevBatch !== undefined);
    }
  }

  /** Sends the contact form; true when the server has it. */
  async submitForm(form: { name: string; email: string; message: string }): Promise<boolean> {
    // One key for this message however often it is tried.
    this.#formKey ??= `f${token(20)}`;
    try {
      await this.session.ensure();
      const answer = await this.session.api.form({ ...form, key: this.#formKey, lang: lang.peek(), page: this.session.page });
      this.#formKey = undefined;
      const contact = this.contact.peek();
      if (contact) this.contact.set({ ...contact, name: form.name, email: form.email });
      await this.session.change({
        roomId: answer.room_id,
        conversationId: answer.conversation_id,
        ...(this.session.visitor ? { contact: { ...this.session.visitor.contact, name: form.name, email: form.email } } : {}),
      });
      this.thanked.set(true);
      return true;
    } catch (error) {
      this.#tell(isPassing(error) ? t.peek().formFailed : this.explain(error), true);
      return false;
    }
  }

  async saveContact(change: { name: string; email: string }): Promise<boolean> {
    try {
      await this.session.ensure();
      const { contact } = await this.session.api.me({ name: change.name || null, email: change.email || null });
      await this.session.change({ contact });
      this.#tell(t.peek().saved, false);
      return true;
    } catch (error) {
      const owned = error instanceof ApiError && error.code === "conflict";
      this.#tell(owned ? t.peek().identityOwned : isPassing(error) ? t.peek().saveFailed : this.explain(error), true);
      return false;
    }
  }

  async identify(identity: Identity): Promise<void> {
    try {
      await this.session.identify(identity);
      this.identityProblem.set(undefined);
    } catch (error) {
      // A broken network is no wrong identity: the next message asks again.
      if (!isPassing(error)) this.identityProblem.set(this.explain(error));
    }
  }

  async forget(): Promise<void> {
    const had = this.session.visitor;
    // Nothing more is asked in the name of a session that ends.
    this.#client?.close();
    try {
      await this.session.forget();
      this.identityProblem.set(undefined);
      for (const item of [...this.#outbox.items]) await this.#outbox.remove(item.key);
      this.draft.set("");
      this.thanked.set(false);
    } catch (error) {
      if (this.session.visitor) this.#follow(had, undefined);
      this.#tell(isPassing(error) ? t.peek().saveFailed : this.explain(error), true);
    }
  }

  /** Where on the site the visitor is. */
  async visit(page: Page): Promise<void> {
    this.session.page = page;
    if (!this.session.visitor) return;
    // A courtesy to the advisor: the next page tells it again.
    await this.session.api.page(page).catch(() => undefined);
  }

  /** `Monday 30 November at 09:00`, in the visitor's own time. */
  whenOpen(at: number): string {
    return new Intl.DateTimeFormat(lang(), { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" }).format(
      at,
    );
  }

  pictureOf(userId: string): Read<string | undefined> {
    const mxc = this.#room.members.get(userId)?.avatar;
    if (!mxc) {
      const name = this.#room.members.get(userId)?.name;
      const listed = this.config()?.agents.find((a) => a.name === name)?.picture;
      return computed(() => listed ?? undefined);
    }
    let found = this.#pictures.get(mxc);
    if (!found) {
      const picture: Signal<string | undefined> = signal<string | undefined>(undefined);
      this.#pictures.set(mxc, found = picture);
      // Without the picture the initials stay.
      this.media.url(mxc, { width: 96, height: 96, method: "crop" }).then((url) => picture.set(url), () => this.#pictures.delete(mxc));
    }
    return found;
  }

  explain(error: unknown): string {
    const say = t.peek();
    if (isPassing(error)) return error instanceof ApiError && error.status === 429 ? say.tooFast : say.offline;
    return error instanceof ApiError ? this.reason(error) : String(error);
  }

  /** A refusal of the server in the person's language. */
  reason(error: { code: string; message: string }): string {
    const say = t.peek();
    const known: Record<string, string> = {
      unknown_inbox: say.unknownInbox,
      origin_refused: say.originRefused,
      identity_invalid: say.identityInvalid,
      identity_required: say.identityRequired,
      M_FORBIDDEN: say.notAllowed,
      M_TOO_LARGE: say.tooLarge,
    };
    // Only our own API speaks the person's language.
    return known[error.code] ?? (/^M_|^error$/.test(error.code) || !error.message ? say.tooLate : error.message);
  }

  #tell(text: string, bad: boolean): void {
    this.notice.set({ text, bad });
  }

  #newRoom(roomId: string, me: string): RoomStore {
    const room = new RoomStore(roomId, me);
    room.changed.on(() => this.#roomVersion.update((n) => n + 1));
    return room;
  }

  /** The session changed: follow its room, or none. */
  #follow(now: Visitor | undefined, before: Visitor | undefined): void {
    this.contact.set(now?.contact);
    this.#hasVisitor.set(now !== undefined);
    this.#subject.set(now?.subject);
    if (now?.userId === before?.userId && now?.roomId === before?.roomId) return;
    const sameUser = now !== undefined && now.userId === before?.userId;
    this.#client?.close();
    this.#client = undefined;
    if (!sameUser) {
      this.media.clear();
      this.#pictures.clear();
    }
    this.#receiptFor = undefined;
    if (!now?.roomId) {
      this.#room = this.#newRoom("", now?.userId ?? "");
      this.#room.setPending(this.#outbox.items);
      this.link.set(this.#network.online() ? "live" : "offline");
      return;
    }
    const sync = new SyncLoop({ http: this.session.http, filter: this.#filterFor(now.roomId), clock: this.#clock, network: this.#network });
    const client = new MatrixClient(this.session.http, now.userId, sync);
    const room = this.#newRoom(now.roomId, now.userId);
    client.rooms.set(now.roomId, room);
    // What was just confirmed stays in sight until sync brings it.
    for (const item of sameUser ? this.#room.items : []) if (item.eventId) this.#carry(room, item.eventId);
    this.#room = room;
    this.#client = client;
    room.setPending(this.#outbox.items);
    sync.stateChanged.on((state) => this.link.set(state));
    sync.answers.on(() => this.hasOlder.set(room.prevBatch !== undefined));
    sync.refused.on((error) => this.problem.set(this.explain(error)));
    sync.start();
  }

  #carry(room: RoomStore, eventId: string): void {
    const item = this.#room.items.find((i) => i.eventId === eventId);
    if (!item) return;
    const event = { event_id: eventId, type: item.type, sender: item.sender, origin_server_ts: item.at, content: item.content };
    room.confirm(event, item.id);
  }

  #filterFor(roomId: string) {
    return { ...filter, room: { ...filter.room, rooms: [roomId] } };
  }

  async #upload(file: Blob, name: string, progress: (part: number) => void): Promise<string> {
    await this.session.ensure();
    const uploader = this.settings.uploader;
    try {
      return await upload(this.session.http, file, name, { progress, ...(uploader ? { uploader } : {}) });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      // The upload does not renew the session by itself: any call that does, then once more.
      await this.session.http.get("/_matrix/client/v3/account/whoami");
      return await upload(this.session.http, file, name, { progress, ...(uploader ? { uploader } : {}) });
    }
  }

  async #deliver(item: OutboxItem): Promise<string> {
    const visitor = await this.session.ensure();
    const content = { ...item.content, [keyField]: item.key };
    if (!visitor.roomId) {
      const answer = await this.session.api.start(item.key, content, lang.peek(), this.session.page);
      this.#answered = { key: item.key, ...answer };
      return answer.event_id;
    }
    if (item.tries > 1) {
      // It may have arrived under an earlier session: the room knows.
      const there = this.#room.eventOfKey(item.key);
      if (there) return there;
    }
    if (!this.#client) throw new Error("no client for the room");
    try {
      return await this.#client.send(visitor.roomId, item.type, item.key, content);
    } catch (error) {
      // The session was renewed under way and is somebody else's now, in another room or none.
      if (this.session.visitor && this.session.visitor.roomId !== visitor.roomId) return await this.#deliver(item);
      throw error;
    }
  }
  #answered: { key: string; room_id: string; conversation_id: string } | undefined;

  #confirm(item: OutboxItem, eventId: string): void {
    const me = this.session.visitor?.userId;
    if (!me) return;
    const answer = this.#answered?.key === item.key ? this.#answered : undefined;
    this.#answered = undefined;
    const content = { ...item.content, [keyField]: item.key };
    this.#room.confirm({ event_id: eventId, type: item.type, sender: me, origin_server_ts: item.at, content }, item.key);
    if (answer) this.session.change({ roomId: answer.room_id, conversationId: answer.conversation_id });
  }

  /** Tells the server how far the visitor has read, once for each message. */
  #markRead(): void {
    const client = this.#client, room = this.#room;
    if (!client || !room.roomId) return;
    const last = [...room.items].reverse().find((i) => i.eventId && i.type === "m.room.message" && i.sender !== room.me);
    const eventId = last?.eventId;
    if (!eventId || this.#receiptFor === eventId || room.hasRead(room.me, eventId)) return;
    this.#receiptFor = eventId;
    client.read(room.roomId, eventId).catch(() => {
      // Not told: the next change or visit tells it.
      if (this.#receiptFor === eventId) this.#receiptFor = undefined;
    });
  }
}
