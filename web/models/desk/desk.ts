/**
 * The console's model: who I am, what I see, what changes. Everything a view shows is a signal here.
 *
 * Laws: a conversation never goes back to an older version; what I do shows at once and is taken back when the server says
 * no; after a cut the stream goes on where it was, after a reset everything is fetched anew. Never touches the DOM.
 */
import { ApiError, isPassing } from "../../sdk/http.ts";
import type { Uploader } from "../../sdk/media.ts";
import { type Clock, Emitter, type Network, token } from "../../sdk/ports.ts";
import type { SessionKeeper } from "../../sdk/session.ts";
import type { KeyValue } from "../../sdk/storage.ts";
import { batch, computed, type Read, root, type Signal, signal } from "../../ui/signals.ts";
import { Alerts, hasMention, newsOf, previewOf } from "./alerts.ts";
import { DeskApi } from "./api.ts";
import { Macros, Rules } from "./automation.ts";
import { ConversationModel } from "./conversation.ts";
import { Customers } from "./customers.ts";
import { fold } from "./fuzzy.ts";
import type { Hours } from "./hours.ts";
import { ListModel } from "./list.ts";
import { sameView, type View, viewKey } from "./lists.ts";
import { Selection } from "./selection.ts";
import { LiveStream, type StreamEvent } from "./stream.ts";
import { rt } from "./routing-strings.ts";
import { al } from "./alert-strings.ts";
import { t } from "./strings.ts";
import { Views } from "./views.ts";
import { w } from "./working-strings.ts";
import type {
  Agent,
  Availability,
  Brand,
  Canned,
  Contact,
  Conversation,
  Counts,
  Inbox,
  Item,
  PermissionInfo,
  Priority,
  RoleInfo,
  SearchFilter,
  ServerDraft,
  SLAPolicy,
  Status,
  Tag,
  Team,
  Viewer,
  Webhook,
} from "./types.ts";

export type Phase = "starting" | "signedOut" | "notAgent" | "broken" | "ready";

/** Something that is worth a sound: told to the view, which knows whether somebody looks. */
export interface News {
  kind: "message" | "waiting" | "assigned" | "mention" | "followed" | "sla";
  conversation: Conversation;
  title: string;
  text: string;
  /** For how to answer when it is on the screen already. */
  item: Item | undefined;
}

export interface Notice {
  text: string;
  bad: boolean;
  action: { text: string; run: () => void } | undefined;
}

type Patch = Partial<Conversation>;
const mostModels = 60;

export interface DeskSettings {
  keeper: SessionKeeper;
  store: KeyValue;
  clock: Clock;
  network: Network;
  uploader?: Uploader;
}

export class DeskModel {
  readonly keeper: SessionKeeper;
  readonly api: DeskApi;
  readonly store: KeyValue;
  readonly clock: Clock;
  readonly network: Network;
  readonly uploader: Uploader | undefined;

  readonly phase: Signal<Phase> = signal<Phase>("starting");
  readonly me: Signal<Agent | undefined> = signal<Agent | undefined>(undefined);
  readonly myId: Read<string> = computed(() => this.me()?.id ?? "");
  readonly permissions: Signal<ReadonlySet<string>> = signal<ReadonlySet<string>>(new Set());
  readonly conversations: Signal<ReadonlyMap<string, Conversation>> = signal<ReadonlyMap<string, Conversation>>(new Map());
  readonly contacts: Signal<ReadonlyMap<string, Contact>> = signal<ReadonlyMap<string, Contact>>(new Map());
  readonly agents: Signal<readonly Agent[]> = signal<readonly Agent[]>([]);
  readonly roles: Signal<readonly RoleInfo[]> = signal<readonly RoleInfo[]>([]);
  readonly webhooks: Signal<readonly Webhook[]> = signal<readonly Webhook[]>([]);
  readonly webhookEvents: Signal<readonly string[]> = signal<readonly string[]>([]);
  readonly permissionList: Signal<readonly PermissionInfo[]> = signal<readonly PermissionInfo[]>([]);
  readonly brands: Signal<readonly Brand[]> = signal<readonly Brand[]>([]);
  readonly inboxes: Signal<readonly Inbox[]> = signal<readonly Inbox[]>([]);
  readonly teams: Signal<readonly Team[]> = signal<readonly Team[]>([]);
  /** Only where they can be changed. */
  readonly promises: Signal<readonly SLAPolicy[]> = signal<readonly SLAPolicy[]>([]);
  readonly hours: Signal<readonly Hours[]> = signal<readonly Hours[]>([]);
  readonly tags: Signal<readonly Tag[]> = signal<readonly Tag[]>([]);
  readonly canned: Signal<readonly Canned[]> = signal<readonly Canned[]>([]);
  readonly counts: Signal<Counts | undefined> = signal<Counts | undefined>(undefined);
  readonly viewing: Signal<ReadonlyMap<string, readonly Viewer[]>> = signal<ReadonlyMap<string, readonly Viewer[]>>(new Map());
  readonly typing: Signal<ReadonlyMap<string, { contact: boolean; agents: string[] }>> = signal<
    ReadonlyMap<string, { contact: boolean; agents: string[] }>
  >(new Map());
  readonly drafts: Signal<ReadonlySet<string>> = signal<ReadonlySet<string>>(new Set());
  readonly openId: Signal<string | undefined> = signal<string | undefined>(undefined);
  readonly open: Read<ConversationModel | undefined> = computed(() => {
    const id = this.openId();
    return id === undefined || this.phase() !== "ready" ? undefined : this.model(id);
  });
  readonly view: Signal<View> = signal<View>({ kind: "mine" }, sameView);
  readonly list: Read<ListModel> = computed(() => this.listOf(this.view()));
  /** The row that j and k move. */
  readonly cursor: Signal<string | undefined> = signal<string | undefined>(undefined);
  /** Which of my devices this is: it does not take its own drafts back. */
  readonly device: string = token(8);
  readonly serverDrafts = new Map<string, ServerDraft>();
  /** For so long a reply can be taken back; 0 sends at once. */
  readonly undoSeconds: Signal<number> = signal(0);
  /** What every search is narrowed to, until one changes it. */
  readonly searchFilter: Signal<SearchFilter> = signal<SearchFilter>({});
  readonly views = new Views(this);
  readonly selection = new Selection(this);
  readonly customers = new Customers(this);
  readonly macros = new Macros(this);
  readonly rules = new Rules(this);
  readonly alerts = new Alerts(this);
  readonly stream: LiveStream;
  readonly news = new Emitter<News>();
  readonly notices = new Emitter<Notice>();
  /** The clock of the views: waiting times are drawn from it. */
  readonly now: Signal<number>;

  #server = new Map<string, Conversation>();
  #turns = new Map<string, Promise<void>>();
  #patches = new Map<string, Patch[]>();
  /** How many messages a conversation had when I read it last. */
  #readCount = new Map<string, number>();
  #models = new Map<string, ConversationModel>();
  #lists = new Map<string, ListModel>();
  #entered: ConversationModel | undefined;
  #countsTimer: ReturnType<typeof setTimeout> | undefined;
  #tick: ReturnType<typeof setInterval> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #startedAt: number;

  constructor(settings: DeskSettings) {
    this.keeper = settings.keeper;
    this.store = settings.store;
    this.clock = settings.clock;
    this.network = settings.network;
    this.uploader = settings.uploader;
    this.api = new DeskApi(settings.keeper.http);
    this.now = signal(this.clock.now());
    this.#startedAt = this.clock.now();
    this.stream = new LiveStream({
      open: (since, cut) => this.api.stream(since, cut),
      apply: (event) => this.apply(event),
      refused: (error) => this.#refused(error),
      clock: this.clock,
      network: this.network,
    });
    this.keeper.changed.on((session) => {
      if (!session && this.phase.peek() !== "signedOut") this.#forget();
    });
  }

  // Coming and going

  async start(): Promise<void> {
    clearTimeout(this.#retry);
    if (!(this.keeper.session ?? (await this.keeper.restore()))) {
      this.phase.set("signedOut");
      return;
    }
    try {
      await this.#load();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return this.#forget();
      if (error instanceof ApiError && error.status === 403) {
        this.phase.set("notAgent");
        return;
      }
      if (!isPassing(error)) throw error;
      this.phase.set("broken");
      this.#retry = setTimeout(() => void this.start(), 3000);
    }
  }

  async #load(): Promise<void> {
    const me = await this.api.me();
    batch(() => {
      this.me.set(me.agent);
      this.permissions.set(new Set(me.permissions));
      this.brands.set(me.brands);
      this.inboxes.set(me.inboxes);
      this.teams.set(me.teams);
      this.counts.set(me.counts);
      this.phase.set("ready");
    });
    this.#startedAt = this.clock.now();
    // From the position of the snapshot on: whatever changes while the lists load comes by the stream.
    this.stream.start(String(me.position));
    this.listOf({ kind: "mine" }).load();
    this.listOf({ kind: "unassigned" }).load();
    this.list.peek().load();
    this.#reload("tags");
    this.#reload("canned");
    this.#reload("views");
    this.#reload("hours");
    this.#reload("sla");
    if (this.permissions.peek().has("contacts.read")) this.#reload("attributes");
    this.#reload("macros");
    void this.alerts.load();
    this.api.agents().then((all) => this.agents.set(all), (error) => this.ignorePassing(error));
    try {
      for (const d of await this.api.drafts()) {
        this.serverDrafts.set(d.conversation_id, d);
        // One that is open already has looked before they came.
        void this.#models.get(d.conversation_id)?.lateDraft(d);
      }
    } catch (error) {
      this.ignorePassing(error);
    }
    const kept = await this.store.list<{ reply: string }>(`draft/${this.myId.peek()}/`);
    const there = [...this.serverDrafts.values()].filter((d) => d.reply.trim() !== "").map((d) => d.conversation_id);
    this.drafts.set(new Set([...there, ...kept.filter((d) => d.value.reply.trim() !== "").map((d) => d.key.split("/").pop() ?? "")]));
    // What an earlier visit could not send goes out now, without opening its conversation.
    for (const { value } of await this.store.list<{ lane: string }>(`outbox/desk/${this.myId.peek()}/`)) {
      this.model(value.lane.split("/").pop() ?? "");
    }
    clearInterval(this.#tick);
    this.#tick = setInterval(() => {
      this.now.set(this.clock.now());
      this.views.timePasses();
    }, 15_000);
  }

  async signIn(user: string, password: string): Promise<void> {
    await this.keeper.login(user.trim(), password, t.peek().device);
    await this.start();
  }

  async signOut(): Promise<void> {
    try {
      await this.keeper.logout();
    } catch (error) {
      // The server cannot be reached: this browser forgets all the same.
      if (!isPassing(error)) throw error;
    }
    this.#forget();
  }

  #forget(): void {
    this.stream.stop();
    clearInterval(this.#tick);
    clearTimeout(this.#countsTimer);
    this.#entered = undefined;
    for (const m of this.#models.values()) m.dispose();
    this.#models.clear();
    this.#lists.clear();
    this.views.forget();
    this.#server.clear();
    this.#patches.clear();
    this.#readCount.clear();
    batch(() => {
      this.phase.set("signedOut");
      this.me.set(undefined);
      this.conversations.set(new Map());
      this.contacts.set(new Map());
      this.counts.set(undefined);
      this.openId.set(undefined);
      this.typing.set(new Map());
      this.viewing.set(new Map());
    });
    this.keeper.session = undefined;
  }

  #refused(error: ApiError): void {
    if (error.status === 401) void this.keeper.adopt(undefined);
    else if (error.status === 403) this.phase.set("notAgent");
    else this.tell(this.explain(error), true);
  }

  // What is there

  listOf(view: View): ListModel {
    const key = viewKey(view);
    let found = this.#lists.get(key);
    if (!found) {
      found = root(() => new ListModel(this, view));
      // Searches are many; only the last few stay.
      if (this.#lists.size > 24) { for (const old of this.#lists.keys()) if (old.startsWith("search:")) this.#lists.delete(old); }
      this.#lists.set(key, found);
    }
    return found;
  }

  filterSearch(change: SearchFilter): void {
    this.searchFilter.update((now) => ({ ...now, ...change }));
    this.outdate((v) => v.kind === "search");
  }

  /** Lists of these views are fetched anew: the one that is shown at once. */
  outdate(which: (view: View) => boolean): void {
    for (const l of this.#lists.values()) if (which(l.view)) l.outdate();
    if (which(this.view.peek())) this.list.peek().load();
  }

  model(id: string): ConversationModel {
    let found = this.#models.get(id);
    if (found) this.#models.delete(id);
    else found = root(() => new ConversationModel(this, id));
    this.#models.set(id, found);
    for (const [other, model] of this.#models) {
      if (this.#models.size <= mostModels) break;
      if (other === this.openId.peek() || model.echoes.peek().length > 0) continue;
      model.dispose();
      this.#models.delete(other);
    }
    return found;
  }

  /** Replies that are just leaving go before what is done next. */
  async sendingDone(ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((id) => this.#models.get(id)?.sending()));
  }

  /** What will probably be opened next is fetched before. */
  prefetch(id: string | undefined): void {
    if (id !== undefined && this.phase.peek() === "ready") void this.model(id).timeline.load();
  }

  show(view: View, open: string | undefined): void {
    batch(() => {
      this.view.set(view);
      this.openId.set(open);
      this.selection.over(view);
      if (open !== undefined) this.cursor.set(open);
    });
    this.list.peek().load();
    const next = this.open.peek();
    if (next === this.#entered) return;
    this.#entered?.leave();
    this.#entered = next;
    next?.enter();
  }

  may(permission: string): boolean {
    return this.permissions().has(permission);
  }

  agent(id: string): Agent | undefined {
    return this.agents().find((a) => a.id === id);
  }

  nameOf(agent: string): string {
    return this.agents().find((a) => a.id === agent)?.public_name ?? agent;
  }

  /** Colleagues named by `@name` in a note. */
  mentionsIn(text: string): string[] {
    const hay = fold(text);
    return this.agents.peek().filter((a) => a.active && hasMention(hay, fold(a.public_name))).map((a) => a.id);
  }

  async loadConversation(id: string): Promise<void> {
    await this.attempt(async () => this.put(...this.customers.answered(id, await this.api.conversation(id))));
  }
  async loadContact(id: string): Promise<void> {
    try {
      this.putContact(await this.api.contact(id));
    } catch (error) {
      this.ignorePassing(error);
    }
  }

  // Changes

  /** Takes newer states of conversations; older ones are dropped. */
  put(...all: Conversation[]): void {
    if (all.length === 0) return;
    let next: Map<string, Conversation> | undefined;
    for (const fresh of all) {
      const known = this.#server.get(fresh.id);
      if (known && (known.version > fresh.version || (known.version === fresh.version && known.updated_at > fresh.updated_at))) continue;
      // It has its own again.
      if (known?.merged_into && !fresh.merged_into) queueMicrotask(() => void this.#models.get(fresh.id)?.timeline.anew());
      // An answer that was on its way while I read does not make it unread again.
      const c = (this.#readCount.get(fresh.id) ?? -1) >= fresh.message_count ? { ...fresh, unread: 0 } : fresh;
      this.#server.set(c.id, c);
      (next ??= new Map(this.conversations.peek())).set(c.id, this.#shown(c));
    }
    if (next) this.conversations.set(next);
  }

  #shown(c: Conversation): Conversation {
    const patches = this.#patches.get(c.id);
    return patches ? Object.assign({}, c, ...patches) : c;
  }
  #redraw(id: string): void {
    const c = this.#server.get(id);
    if (!c) return;
    this.conversations.set(new Map(this.conversations.peek()).set(id, this.#shown(c)));
  }
  /** A small change of what the server told, which it will tell itself in its next state. */
  #amend(id: string, change: Patch): void {
    const c = this.#server.get(id);
    if (!c) return;
    this.#server.set(id, { ...c, ...change });
    this.#redraw(id);
  }

  putContact(contact: Contact): void {
    const known = this.contacts.peek().get(contact.id);
    if (known && known.version > contact.version) return;
    this.contacts.update((all) => new Map(all).set(contact.id, contact));
    this.customers.changed(contact);
    const { id, name, display_name, email, verified, online } = contact;
    for (const c of this.#server.values()) {
      if (c.contact.id === id) this.#amend(c.id, { contact: { id, name, display_name, email, verified, online } });
    }
  }

  haveRead(id: string): void {
    const c = this.#server.get(id);
    if (c) this.#readCount.set(id, c.message_count);
    if (c && (c.unread > 0 || c.mentioned)) this.#amend(id, { unread: 0, mentioned: false });
    if (c?.mentioned) this.#countSoon();
  }

  /** Grows with what changes who waits and who is there. */
  readonly heard: Signal<number> = signal(0);

  /** One event of the stream. */
  apply({ event, data }: StreamEvent): void {
    if (["hello", "reset", "conversation.updated", "agent.updated", "settings.updated"].includes(event)) this.heard.update((n) => n + 1);
    // deno-lint-ignore no-explicit-any
    const d = data as any;
    switch (event) {
      case "hello":
        this.#hello(d);
        break;
      case "reset":
        this.#reset();
        break;
      case "conversation.updated":
        this.#conversationUpdated(d.conversation as Conversation);
        break;
      case "message.created":
      case "note.created":
      case "system.created":
        this.#itemCreated(d.conversation_id, d.item as Item);
        break;
      case "message.updated":
        this.#models.get(d.conversation_id)?.timeline.apply(d.item as Item);
        break;
      case "note.deleted":
        this.#models.get(d.conversation_id)?.timeline.removeNote(d.note);
        break;
      case "contact.updated":
        this.putContact(d.contact as Contact);
        break;
      case "agent.updated":
        this.#agentUpdated(d.agent as Agent);
        break;
      case "settings.updated":
        this.#reload(d.what);
        break;
      case "read":
        if (d.by === "contact") {
          const c = this.#server.get(d.conversation_id);
          if (c && (c.contact_read_at ?? 0) < d.at) this.#amend(c.id, { contact_read_at: d.at });
        } else if (d.agent === this.myId.peek()) this.haveRead(d.conversation_id);
        break;
      case "typing":
        this.typing.update((all) => {
          const next = new Map(all);
          if (d.contact || d.agents.length > 0) next.set(d.conversation_id, { contact: d.contact, agents: d.agents });
          else next.delete(d.conversation_id);
          return next;
        });
        break;
      case "later":
        this.#models.get(d.conversation_id)?.loadLater();
        if (d.held && d.agent === this.myId.peek()) this.#held(d.conversation_id);
        break;
      case "notifications":
        this.alerts.take(d);
        break;
      case "draft":
        this.#draftCame(d);
        break;
      case "viewing":
        this.viewing.update((all) => new Map(all).set(d.conversation_id, d.viewers));
        break;
      case "contact.presence":
        this.#presence(d.contact_id, d.online);
        break;
    }
  }

  #draftCame({ draft, device }: { draft: ServerDraft; device: string | null }): void {
    this.serverDrafts.set(draft.conversation_id, draft);
    if (device === this.device) return;
    this.#models.get(draft.conversation_id)?.takeDraft(draft);
    this.drafts.update((all) => {
      const next = new Set(all);
      if (draft.reply.trim() === "") next.delete(draft.conversation_id);
      else next.add(draft.conversation_id);
      return next;
    });
  }

  /** A message of mine did not leave: the customer wrote first. */
  #held(id: string): void {
    const c = this.#server.get(id);
    this.tell(w.peek().laterHeld(c ? `${c.contact.display_name} (#${c.number})` : id), true);
  }

  #hello(d: { agents: Agent[]; viewing: { conversation: string; viewers: Viewer[] }[] }): void {
    this.agents.set(d.agents);
    const me = d.agents.find((a) => a.id === this.myId.peek());
    if (me) this.me.set(me);
    this.viewing.set(new Map(d.viewing.map((v) => [v.conversation, v.viewers])));
    this.typing.set(new Map());
    if (this.stream.connections > 1) {
      // What is not in the durable log (presence, receipts) may have changed while we were away.
      const open = this.openId.peek();
      if (open) this.api.conversation(open).then((c) => this.put(c), (error) => this.ignorePassing(error));
    }
    this.#countSoon();
    for (const m of this.#models.values()) m.refresh();
  }

  #reset(): void {
    for (const m of this.#models.values()) m.timeline.outdate();
    for (const l of this.#lists.values()) l.outdate();
    this.#entered?.timeline.load();
    this.list.peek().load();
    for (const what of ["brands", "inboxes", "tags", "canned", "views", "macros"]) this.#reload(what);
    const open = this.openId.peek();
    if (open) void this.loadConversation(open);
  }

  #conversationUpdated(c: Conversation): void {
    const before = this.#server.get(c.id), me = this.myId.peek();
    this.put(c);
    this.#countSoon();
    this.views.changed();
    if (c.updated_at < this.#startedAt - 60_000) return;
    if (c.spam) return;
    const came = c.assignee?.id === me && before?.assignee?.id !== me && !this.#patches.has(c.id) && c.status === "open";
    if (came && before) this.#tellNews("assigned", c, t.peek().newsAssigned, undefined);
    else if (!before && c.assignee === null && c.status === "open" && c.waiting_since) {
      this.#tellNews("waiting", c, t.peek().newsWaiting(c.contact.display_name), undefined);
    }
  }

  #itemCreated(id: string, item: Item): void {
    if (item.kind === "system" && item.system.type === "merge") void this.#models.get(id)?.timeline.anew();
    else this.#models.get(id)?.timeline.apply(item);
    if (item.kind === "message" && item.author.kind === "contact" && this.typing.peek().get(id)?.contact) {
      // What he was writing is here.
      const agents = this.typing.peek().get(id)?.agents ?? [];
      this.typing.update((all) => new Map(all).set(id, { contact: false, agents }));
    }
    if (item.at < this.#startedAt - 60_000) return;
    const c = this.#server.get(id), me = this.myId.peek();
    if (!c || c.spam) return;
    const kind = newsOf(item, c, me);
    if (kind === undefined) return;
    const who = kind === "sla" ? c.contact.display_name : item.author.name;
    const title = kind === "mention" ? t.peek().newsMention(who) : kind === "followed" ? al.peek().newsFollowed(who) : who;
    this.#tellNews(kind, c, title, item);
  }

  #tellNews(kind: News["kind"], conversation: Conversation, title: string, item: Item | undefined): void {
    const text = item ? previewOf(item) : conversation.last_message?.preview ?? conversation.contact.display_name;
    this.news.emit({ kind, conversation, title, text: text || conversation.last_message?.preview || "", item });
  }

  #agentUpdated(agent: Agent): void {
    this.agents.update((all) => all.some((a) => a.id === agent.id) ? all.map((a) => a.id === agent.id ? agent : a) : [...all, agent]);
    if (agent.id !== this.myId.peek()) return;
    const before = this.me.peek();
    this.me.set(agent);
    const standing = (a: Agent) => JSON.stringify([a.role, a.inboxes, a.brands, a.sees]);
    if (before && standing(before) !== standing(agent)) this.#standAnew();
  }

  /** What I may do or see has changed. */
  #standAnew(): void {
    const done = (error: unknown) => this.ignorePassing(error);
    this.api.me().then((me) => {
      this.permissions.set(new Set(me.permissions));
      this.brands.set(me.brands);
      this.inboxes.set(me.inboxes);
    }, done);
    this.api.agents().then((all) => this.agents.set(all), done);
    for (const l of this.#lists.values()) l.outdate();
    this.list.peek().load();
  }

  async loadWebhooks(): Promise<void> {
    const { items, events } = await this.api.get<{ items: Webhook[]; events: string[] }>("/webhooks");
    batch(() => {
      this.webhookEvents.set(events);
      this.webhooks.set(items);
    });
  }

  /** For administration only: fetched when it is opened, and kept up to date from then on. */
  async loadRoles(): Promise<void> {
    const { items, permissions } = await this.api.roles();
    batch(() => {
      this.roles.set(items);
      this.permissionList.set(permissions);
    });
  }

  #presence(contact: string, online: boolean): void {
    for (const c of this.#server.values()) {
      if (c.contact.id === contact && c.contact.online !== online) this.#amend(c.id, { contact: { ...c.contact, online } });
    }
    const known = this.contacts.peek().get(contact);
    if (known && known.online !== online) {
      const last_seen_at = Math.max(known.last_seen_at, this.clock.now());
      this.contacts.update((all) => new Map(all).set(contact, { ...known, online, last_seen_at }));
    }
  }

  #reload(what: string): void {
    const done = (error: unknown) => this.ignorePassing(error);
    if (what === "sla") {
      if (this.permissions.peek().has("settings.manage")) this.api.promises().then((all) => this.promises.set(all), done);
    } else if (what === "hours") {
      if (this.permissions.peek().has("settings.manage")) this.api.hours().then((all) => this.hours.set(all), done);
    } else if (what === "attributes" || what === "segments") void this.customers.load(what);
    else if (what === "tags") this.api.tagList().then((all) => this.tags.set(all), done);
    else if (what === "canned") this.api.canned().then((all) => this.canned.set(all), done);
    else if (what === "teams") {
      this.api.teams().then((all) => this.teams.set(all), done);
    } else if (what === "brands") this.api.brands().then((all) => this.brands.set(all), done);
    else if (what === "views") void this.views.load();
    else if (what === "macros") void this.macros.load();
    else if (what === "rules") this.rules.changed();
    else if (what === "webhooks") {
      if (this.webhookEvents.peek().length > 0) this.loadWebhooks().catch(done);
    } else if (what === "roles") {
      if (this.roles.peek().length > 0) this.loadRoles().catch(done);
      this.#standAnew();
    } else if (what === "inboxes") {
      this.api.inboxes().then((all) => this.inboxes.set(all), done);
      for (const l of this.#lists.values()) l.outdate();
      this.list.peek().load();
    }
  }

  #countSoon(): void {
    if (this.#countsTimer !== undefined) return;
    this.#countsTimer = setTimeout(() => {
      this.#countsTimer = undefined;
      if (this.phase.peek() !== "ready") return;
      this.api.counts().then((counts) => this.counts.set(counts), (error) => this.ignorePassing(error));
    }, 250);
  }

  // Doing

  tell(text: string, bad = false, action?: Notice["action"]): void {
    this.notices.emit({ text, bad, action });
  }

  /** The server's own words when it has some, else ours. */
  explain(error: unknown): string {
    const texts = t.peek();
    if (error instanceof ApiError) {
      if (error.status === 429) return texts.tooFast;
      if (error.status >= 500) return texts.serverTrouble;
      const fields = (error.body.errors as { detail: string }[] | undefined)?.map((e) => e.detail).join(" ");
      return fields || error.message || texts.serverTrouble;
    }
    return isPassing(error) ? texts.noNetwork : String(error);
  }

  /** For work that is done again by itself (presence, counts): a lost network is no news, anything else is a defect. */
  ignorePassing(error: unknown): void {
    if (isPassing(error)) return;
    // The session has ended, or what was meant is gone: the model hears of that elsewhere.
    if (error instanceof ApiError && [401, 403, 404].includes(error.status)) return;
    throw error;
  }

  async attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof ApiError) && !isPassing(error)) throw error;
      this.tell(this.explain(error), true);
      return false;
    }
  }

  /** Shows the change now, asks the server, keeps its answer or goes back. */
  async #act(id: string, patch: Patch, ask: () => Promise<Conversation>, refused?: (error: ApiError) => boolean): Promise<boolean> {
    this.#patches.set(id, [...(this.#patches.get(id) ?? []), patch]);
    this.#redraw(id);
    const settle = () => {
      const left = (this.#patches.get(id) ?? []).filter((p) => p !== patch);
      if (left.length > 0) this.#patches.set(id, left);
      else this.#patches.delete(id);
    };
    // One change of a conversation after the other: the next one goes by the version that this one makes. A reply that is just
    // leaving goes first as well: whether the customer still waits decides about what follows it.
    const previous = this.#turns.get(id), sending = this.#models.get(id)?.sending();
    const asked = previous || sending ? Promise.all([previous, sending]).then(ask) : ask();
    const turn = asked.then(() => undefined, () => undefined);
    this.#turns.set(id, turn);
    turn.then(() => this.#turns.get(id) === turn && this.#turns.delete(id));
    try {
      const answer = await asked;
      settle();
      this.put(answer);
      this.#redraw(id);
      this.#countSoon();
      return true;
    } catch (error) {
      settle();
      const now = error instanceof ApiError ? error.body.conversation as Conversation | undefined : undefined;
      if (now) this.put(now);
      this.#redraw(id);
      if (error instanceof ApiError && refused?.(error)) return false;
      if (!(error instanceof ApiError) && !isPassing(error)) throw error;
      this.tell(this.explain(error), true);
      return false;
    }
  }

  #myRef() {
    const me = this.me.peek();
    return me ? { id: me.id, name: me.public_name, picture: me.picture } : null;
  }

  take(id: string, force = false): Promise<boolean> {
    return this.#act(id, { assignee: this.#myRef() }, () => this.api.take(id, force), (error) => {
      if (error.code !== "already_taken") return false;
      this.tell(error.message, true, { text: t.peek().takeOver, run: () => void this.take(id, true) });
      return true;
    });
  }

  /** Takes the one who waits longest. Gives its id. */
  async takeNext(): Promise<string | undefined> {
    const list = this.listOf({ kind: "unassigned" });
    await list.load();
    const first = list.rows.peek()[0];
    if (!first) {
      this.tell(t.peek().nobodyWaits);
      return undefined;
    }
    return (await this.take(first.id)) ? first.id : undefined;
  }

  async assign(id: string, agent: string | null): Promise<boolean> {
    // As it is shown, with what I have just done to it.
    const before = this.conversations.peek().get(id);
    const isAsSeen = (c: Conversation | undefined) => c?.assignee?.id === before?.assignee?.id && c?.status === before?.status;
    const to = agent === null ? null : this.agents.peek().find((a) => a.id === agent);
    const ref = to ? { id: to.id, name: to.public_name, picture: to.picture } : null;
    const patch = agent === null ? { assignee: null } : { assignee: ref };
    const ask = async () => {
      try {
        const current = this.#server.get(id);
        return await this.api.assign(id, agent, isAsSeen(current) ? current?.version : before?.version);
      } catch (error) {
        const now = error instanceof ApiError && error.code === "conflict"
          ? error.body.conversation as Conversation | undefined
          : undefined;
        // It only grew by a message: what I saw about who has it still holds.
        if (now && isAsSeen(now)) {
          return await this.api.assign(id, agent, now.version);
        }
        throw error;
      }
    };
    const done = await this.#act(id, patch, ask, (error) => {
      const now = error.code === "conflict" ? error.body.conversation as Conversation | undefined : undefined;
      if (!now) return false;
      this.tell(now.assignee ? t.peek().nowWith(now.assignee.name) : t.peek().changedMeanwhile, true);
      return true;
    });
    if (done) this.tell(ref ? t.peek().assignedTo(ref.name) : t.peek().backInQueue);
    return done;
  }

  async setStatus(id: string, status: Status, until?: number, quiet = false): Promise<boolean> {
    const before = this.#server.get(id);
    const now = this.clock.now();
    const patch: Patch = {
      status,
      snoozed_until: status === "snoozed" ? until ?? null : null,
      resolved_at: status === "resolved" ? now : null,
      ...(status === "open" || status === "snoozed" ? {} : { waiting_since: null }),
    };
    const done = await this.#act(id, patch, () => this.api.status(id, status, until));
    if (done && !quiet && before && before.status !== status) {
      const texts = t.peek();
      const text = { open: texts.reopened, pending: texts.nowPending, snoozed: texts.nowSnoozed, resolved: texts.nowResolved }[status];
      const back = { status: before.status, until: before.snoozed_until ?? undefined };
      // A time that is over cannot be set again.
      const undo = back.status !== "snoozed" || (back.until ?? 0) > now;
      this.tell(text, false, undo ? { text: texts.undo, run: () => void this.setStatus(id, back.status, back.until, true) } : undefined);
    }
    return done;
  }

  async setSpam(id: string, spam: boolean, quiet = false): Promise<boolean> {
    const patch: Patch = spam ? { spam, status: "resolved", waiting_since: null } : { spam };
    const done = await this.#act(id, patch, () => this.api.spam(id, spam));
    if (done && !quiet) {
      const texts = t.peek();
      this.tell(spam ? texts.nowSpam : texts.noLongerSpam, false, { text: texts.undo, run: () => void this.setSpam(id, !spam, true) });
    }
    return done;
  }

  setPriority(id: string, priority: Priority): Promise<boolean> {
    return this.#act(id, { priority }, () => this.api.priority(id, priority));
  }

  async setTeam(id: string, team: string | null): Promise<boolean> {
    const to = this.teams.peek().find((t) => t.id === team);
    const c = this.conversations.peek().get(id);
    const leaves = to && c?.assignee && !to.members.includes(c.assignee.id);
    const patch: Patch = { team: to ? { id: to.id, name: to.name } : null, ...(leaves ? { assignee: null } : {}) };
    const done = await this.#act(id, patch, () => this.api.team(id, team));
    if (done) this.tell(to ? rt.peek().toTeam(to.name) : rt.peek().outOfTeam);
    return done;
  }

  setSkills(id: string, skills: string[]): Promise<boolean> {
    return this.#act(id, { skills }, () => this.api.skills(id, skills));
  }

  /** Adds and removes; a colleague's tags of the same moment stay. */
  changeTags(id: string, change: { add?: string; remove?: string }): Promise<boolean> {
    const next = (tags: readonly string[]) => {
      const kept = tags.filter((tag) => tag !== change.remove);
      return change.add && !kept.includes(change.add) ? [...kept, change.add] : kept;
    };
    const ask = async () => {
      let c = this.#server.get(id) ?? await this.api.conversation(id);
      for (let tries = 0;; tries++) {
        try {
          return await this.api.tags(id, next(c.tags), c.version);
        } catch (error) {
          const now = error instanceof ApiError && error.code === "conflict"
            ? error.body.conversation as Conversation | undefined
            : undefined;
          if (!now || tries >= 4) throw error;
          c = now;
        }
      }
    };
    return this.#act(id, { tags: next(this.conversations.peek().get(id)?.tags ?? []) }, ask);
  }

  setLanguage(id: string, language: string): Promise<boolean> {
    return this.#act(id, { language }, () => this.api.language(id, language));
  }

  async saveContact(id: string, change: Partial<Contact>): Promise<void> {
    this.putContact(await this.api.saveContact(id, change));
  }

  async setAvailability(availability: Availability): Promise<void> {
    const before = this.me.peek();
    if (before) this.me.set({ ...before, wanted_availability: availability, availability });
    const done = await this.attempt(async () => this.me.set(await this.api.availability(availability)));
    if (!done && before) this.me.set(before);
  }
}
