/** The console's model against a desk in memory: live stream, cuts, optimistic work, conflicts. */
import assert from "node:assert/strict";
import { SessionKeeper } from "../../sdk/session.ts";
import { MemoryStore } from "../../sdk/storage.ts";
import { lang } from "../../ui/i18n.ts";
import { JumpClock, SwitchNetwork, until } from "../../tools/world.ts";
import { DeskModel } from "./desk.ts";
import { conversation, message } from "./fixtures_test.ts";
import type { Agent, Author, Conversation, Item, SavedView } from "./types.ts";
import { emptyFilter } from "./views.ts";

const annaId = "@anna:s", karimId = "@karim:s";

function agent(id: string, name: string): Agent {
  return {
    id,
    name,
    public_name: name,
    email: null,
    role: "owner",
    picture: null,
    availability: "online",
    wanted_availability: "online",
    capacity: 5,
    load: 0,
    languages: ["fr"],
    skills: [],
    teams: [],
    inboxes: ["in_1"],
    brands: null,
    sees: ["in_1"],
    active: true,
    last_seen_at: null,
    created_at: 0,
  };
}
const julie: Author = { kind: "contact", id: "ct_1", name: "Julie", picture: null };
const anna: Author = { kind: "agent", id: annaId, name: "Anna", picture: null };

/** A desk that keeps a log, as the server does: a stream is the log from a position on, then what comes. */
class Desk {
  position = 100;
  log: { id: number; event: string; data: unknown }[] = [];
  conversations = new Map<string, Conversation>();
  items = new Map<string, Item[]>();
  keys = new Map<string, Item>();
  streams = new Set<ReadableStreamDefaultController<Uint8Array>>();
  sinces: (string | null)[] = [];
  down = false;
  reset = false;
  loseAnswers = 0;
  conflicts = 0;
  refuse: { status: number; body: Record<string, unknown> } | undefined;
  asked: string[] = [];
  views: SavedView[] = [];
  found: string[] = [];
  counted = 0;
  locked = new Set<string>();
  /** Searches are answered when this is over. */
  searching: Promise<void> | undefined;

  put(c: Conversation): Conversation {
    this.conversations.set(c.id, c);
    this.emit("conversation.updated", { conversation: c, created: false });
    return c;
  }
  change(id: string, change: Partial<Conversation>): Conversation {
    const c = this.conversations.get(id) as Conversation;
    return this.put({ ...c, ...change, version: c.version + 1, updated_at: c.updated_at + 1 });
  }
  say(id: string, author: Author, body: string, key: string | null = null): Item {
    const item = message(String(++this.position), author, body, 1_700_000_000_000 + this.position, key);
    this.items.set(id, [...(this.items.get(id) ?? []), item]);
    this.emit("message.created", { conversation_id: id, item });
    return item;
  }
  emit(event: string, data: unknown): void {
    this.log.push({ id: ++this.position, event, data });
    const last = this.log.at(-1);
    if (last) { for (const s of this.streams) this.frame(s, last.event, last.data, last.id); }
  }
  frame(s: ReadableStreamDefaultController<Uint8Array>, event: string, data: unknown, id?: number): void {
    s.enqueue(new TextEncoder().encode(`event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`));
  }
  cut(): void {
    for (const s of this.streams) s.error(new TypeError("cut"));
    this.streams.clear();
  }
  close(): void {
    for (const s of this.streams) s.close();
    this.streams.clear();
  }

  fetch: typeof fetch = async (input, init = {}) => {
    await Promise.resolve();
    if (this.down) throw new TypeError("network error");
    const url = new URL(String(input)), path = decodeURIComponent(url.pathname).replace("/_comptoir/desk/v1", "");
    const method = init.method ?? "GET";
    this.asked.push(`${method} ${path}`);
    const body = typeof init.body === "string" ? JSON.parse(init.body) : {};
    const answer = (value: unknown, status = 200) => new Response(JSON.stringify(value), { status });
    if (path === "/stream") return this.stream(url.searchParams.get("since"), init.signal ?? undefined);
    if (path === "/me") {
      return answer({
        agent: agent(annaId, "Anna"),
        permissions: [],
        server_name: "s",
        position: this.position,
        brands: [],
        inboxes: [],
        teams: [{
          id: "tm_1",
          name: "Returns",
          strategy: "sticky",
          members: [karimId],
          hours: null,
          overflow_team: null,
          overflow_after: null,
          escalate_after: null,
          created_at: 1,
        }],
        counts: { mine: 0, unassigned: 0, all: 0, pending: 0, snoozed: 0, resolved: 0, mentions: 0, at_risk: 0, spam: 0 },
      });
    }
    if (path === "/agents") return answer({ items: [agent(annaId, "Anna"), agent(karimId, "Karim")] });
    if (path === "/conversations") return answer({ items: [...this.conversations.values()], next_cursor: null });
    if (path === "/views") return answer({ items: this.views });
    if (path === "/search") {
      await this.searching;
      const mine = url.searchParams.get("assignee") === "me";
      const found = [...this.conversations.values()].filter((one) => !mine || one.assignee?.id === annaId);
      return answer({ results: found.map((one) => ({ conversation: one, hits: [] })), contacts: [], complete: true, next_cursor: null });
    }
    if (path === "/views/counts") return answer({ counts: Object.fromEntries(this.views.map((v) => [v.id, ++this.counted])) });
    if (path.startsWith("/views/")) {
      return answer({ items: this.found.flatMap((one) => this.conversations.get(one) ?? []), next_cursor: null });
    }
    if (path === "/conversations/bulk") {
      const results = (body.ids as string[]).map((one) => {
        const refused = this.locked.has(one);
        const now = refused ? this.conversations.get(one) : this.change(one, { status: body.status });
        return { id: one, error: refused ? { code: "forbidden", detail: "A colleague has it." } : null, conversation: now };
      });
      const failed = results.filter((r) => r.error).length;
      return answer({ results, failed, done: results.length - failed, undo: "bk_1" });
    }
    if (path === "/bulk/bk_1/undo") {
      const resolved = [...this.conversations.values()].filter((one) => one.status === "resolved");
      return answer({
        results: resolved.map((one) => ({ id: one.id, error: null, conversation: this.change(one.id, { status: "open" }) })),
        done: resolved.length,
        failed: 0,
      });
    }
    const [, , id, action] = path.split("/");
    const c = this.conversations.get(id ?? "");
    if (path.startsWith("/conversations/") && c) {
      if (action === undefined) return answer(c);
      if (action === "timeline") return answer({ items: this.items.get(c.id) ?? [], more_before: false, more_after: false });
      if (this.refuse && ["take", "assign", "status", "tags"].includes(action)) {
        const { status, body } = this.refuse;
        this.refuse = undefined;
        return answer(body, status);
      }
      if (action === "take") return answer(this.change(c.id, { assignee: { id: annaId, name: "Anna", picture: null } }));
      if (action === "status") return answer(this.change(c.id, { status: body.status }));
      if (action === "assign") {
        if (new Headers(init.headers).get("if-match") !== `"${c.version}"`) {
          this.conflicts++;
          return answer({ code: "conflict", conversation: c, detail: "changed" }, 409);
        }
        const to = body.agent === null ? null : { id: body.agent, name: "Karim", picture: null };
        return answer(this.change(c.id, { assignee: to }));
      }
      if (action === "team") return answer(this.change(c.id, { team: { id: "tm_1", name: "Returns" }, assignee: null }));
      if (action === "priority") return answer(this.change(c.id, { priority: body.priority }));
      if (action === "tags") {
        const match = new Headers(init.headers).get("if-match");
        if (match !== `"${c.version}"`) return answer({ code: "conflict", conversation: c, detail: "changed" }, 409);
        return answer(this.change(c.id, { tags: body.tags }));
      }
      if (action === "messages") {
        const kept = this.keys.get(body.key);
        const item = kept ?? this.say(c.id, anna, body.body, body.key);
        this.keys.set(body.key, item);
        if (this.loseAnswers > 0) {
          this.loseAnswers--;
          throw new TypeError("cut before the answer");
        }
        return answer(item, kept ? 200 : 201);
      }
      if (action === "read") return answer({ unread: 0 });
      return answer({ viewers: [] });
    }
    if (path === "/counts") {
      return answer({ mine: 0, unassigned: 1, all: 1, pending: 0, snoozed: 0, resolved: 0, mentions: 0, at_risk: 0, spam: 0 });
    }
    return answer({ items: [], next_cursor: null });
  };

  stream(since: string | null, signal: AbortSignal | undefined): Response {
    this.sinces.push(since);
    let own: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (s) => {
        own = s;
        this.frame(s, "hello", { position: this.position, agents: [agent(annaId, "Anna"), agent(karimId, "Karim")], viewing: [] });
        if (this.reset) this.frame(s, "reset", { position: this.position });
        else for (const e of this.log) if (e.id > Number(since)) this.frame(s, e.event, e.data, e.id);
        this.reset = false;
        this.streams.add(s);
      },
      cancel: () => {
        if (own) this.streams.delete(own);
      },
    });
    signal?.addEventListener("abort", () => own && this.streams.delete(own));
    return new Response(body);
  }
}

async function boot(server = new Desk()) {
  lang.set("en");
  const store = new MemoryStore(), clock = new JumpClock(), network = new SwitchNetwork();
  await store.set("session", { userId: annaId, deviceId: "D", accessToken: "t" });
  const keeper = new SessionKeeper(store, { baseUrl: "http://s", fetch: server.fetch, clock });
  const desk = new DeskModel({ keeper, store, clock, network });
  const told: string[] = [];
  desk.notices.on((n) => told.push(n.text));
  await desk.start();
  await until(() => desk.stream.link() === "live", "a live stream");
  const end = async () => {
    await desk.signOut();
    await new Promise((resolve) => setTimeout(resolve, 300));
  };
  return { server, desk, store, network, told, end };
}

const bodies = (items: readonly Item[]) => items.map((i) => (i.kind === "message" ? i.message.body : i.kind));

Deno.test({
  name: "fifty cuts of the stream: every message once, in order",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const server = new Desk();
    server.put(conversation("c1"));
    const { desk, end } = await boot(server);
    const timeline = desk.model("c1").timeline;
    await timeline.load();
    const said: string[] = [];
    for (let i = 0; i < 150; i++) {
      said.push(`m${i}`);
      server.say("c1", julie, `m${i}`);
      if (i % 3 === 1) i % 2 === 0 ? server.cut() : server.close();
      if (i % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await until(() => timeline.items().length === 150, "all messages");
    assert.deepEqual(bodies(timeline.items()), said);
    assert.ok(server.sinces.length > 10, `${server.sinces.length} connections`);
    await end();
  },
});

Deno.test({
  name: "after a reset everything is fetched anew, and no gap is hidden",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const server = new Desk();
    server.put(conversation("c1"));
    server.say("c1", julie, "before");
    const { desk, end } = await boot(server);
    desk.show({ kind: "all" }, "c1");
    await until(() => desk.model("c1").timeline.loaded(), "the timeline");
    server.cut();
    server.say("c1", julie, "missed");
    server.put(conversation("c2", { waiting_since: 5 }));
    server.log = [];
    server.reset = true;
    await until(() => desk.conversations().has("c2"), "the new conversation");
    await until(() => desk.model("c1").timeline.items().length === 2, "the missed message");
    assert.equal(desk.stream.position, String(server.position));
    await end();
  },
});

Deno.test({
  name: "what I send shows at once, and once, though the answer is lost and comes again",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const server = new Desk();
    server.put(conversation("c1"));
    const { desk, end } = await boot(server);
    const model = desk.model("c1");
    await model.ready();
    await model.timeline.load();
    server.loseAnswers = 2;
    const seen: number[] = [];
    for (const text of ["one", "two", "three"]) {
      model.typed(text);
      await model.send();
      seen.push(model.rows().filter((r) => r.kind === "message").length);
      assert.equal(model.reply(), "");
    }
    assert.deepEqual(seen, [1, 2, 3]);
    await until(() => model.echoes().length === 0, "an empty queue");
    assert.deepEqual(bodies(model.timeline.items()), ["one", "two", "three"]);
    assert.equal(server.items.get("c1")?.length, 3);
    assert.equal(model.rows().filter((r) => r.kind === "message").length, 3);
    await end();
  },
});

Deno.test({
  name: "without a network messages wait and leave in order; refused ones are kept and may be tried again",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const server = new Desk();
    server.put(conversation("c1"));
    const { desk, end, network } = await boot(server);
    const model = desk.model("c1");
    await model.ready();
    server.down = true;
    server.cut();
    for (const text of ["a", "b"]) {
      model.typed(text);
      await model.send();
    }
    await until(() => desk.stream.link() === "offline", "the offline mark");
    assert.equal(model.echoes().length, 2);
    server.down = false;
    network.restore();
    await until(() => model.echoes().length === 0, "an empty queue");
    assert.deepEqual(bodies(server.items.get("c1") ?? []), ["a", "b"]);
    await end();
  },
});

Deno.test({
  name: "taking shows at once; when a colleague was faster it is told and undone",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const server = new Desk();
    server.put(conversation("c1", { waiting_since: 5 }));
    const { desk, end, told } = await boot(server);
    await until(() => desk.conversations().has("c1"), "the list");
    const won = { ...conversation("c1"), version: 9, assignee: { id: karimId, name: "Karim", picture: null } };
    server.refuse = {
      status: 409,
      body: { code: "already_taken", detail: "Karim has just taken this conversation.", winner: won.assignee, conversation: won },
    };
    server.conversations.set("c1", won);
    const taking = desk.take("c1");
    assert.equal(desk.conversations().get("c1")?.assignee?.id, annaId);
    assert.equal(await taking, false);
    assert.equal(desk.conversations().get("c1")?.assignee?.id, karimId);
    assert.deepEqual(told, ["Karim has just taken this conversation."]);
    assert.equal(await desk.take("c1", true), true);
    assert.equal(desk.conversations().get("c1")?.assignee?.id, annaId);
    await end();
  },
});

Deno.test({
  name: "an older state never replaces a newer one",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const server = new Desk();
    server.put(conversation("c1", { version: 5, status: "resolved" }));
    const { desk, end } = await boot(server);
    await until(() => desk.conversations().has("c1"), "the list");
    desk.put(conversation("c1", { version: 4, status: "open" }));
    assert.equal(desk.conversations().get("c1")?.status, "resolved");
    // Reading has no version: an answer on its way does not make it unread again, a new message does.
    desk.haveRead("c1");
    desk.put(conversation("c1", { version: 5, status: "resolved", unread: 2, message_count: 1 }));
    assert.equal(desk.conversations().get("c1")?.unread, 0);
    desk.put(conversation("c1", { version: 5, status: "resolved", unread: 1, message_count: 2, updated_at: 2000 }));
    assert.equal(desk.conversations().get("c1")?.unread, 1);
    await end();
  },
});

Deno.test({
  name: "tags of two agents in the same moment both stay",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const server = new Desk();
    server.put(conversation("c1", { tags: ["a"] }));
    const { desk, end } = await boot(server);
    await until(() => desk.conversations().has("c1"), "the list");
    const c = server.conversations.get("c1") as Conversation;
    server.conversations.set("c1", { ...c, tags: ["a", "theirs"], version: c.version + 1 });
    assert.equal(await desk.changeTags("c1", { add: "mine" }), true);
    assert.deepEqual(server.conversations.get("c1")?.tags, ["a", "theirs", "mine"]);
    assert.deepEqual(desk.conversations().get("c1")?.tags, ["a", "theirs", "mine"]);
    await end();
  },
});

Deno.test({
  name: "a reply that is just leaving goes before the change that follows it",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const server = new Desk();
    server.put(conversation("c1"));
    const { desk, end } = await boot(server);
    await until(() => desk.conversations().has("c1"), "the list");
    const model = desk.model("c1");
    await model.ready();
    model.draft().set("Bonjour");
    const sent = model.send();
    assert.equal(await desk.assign("c1", karimId), true);
    await sent;
    const changes = server.asked.filter((a) => a.startsWith("POST /conversations/c1/") && /messages|assign/.test(a));
    assert.deepEqual(changes, ["POST /conversations/c1/messages", "POST /conversations/c1/assign"]);
    // Without a network neither waits for the other: the change says that it could not be made.
    server.down = true;
    model.draft().set("Encore");
    await model.send();
    assert.equal(await desk.assign("c1", null), false);
    server.down = false;
    await end();
  },
});

Deno.test({
  name: "quick changes of one conversation do not conflict with each other",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const server = new Desk();
    server.put(conversation("c1"));
    const { desk, end } = await boot(server);
    await until(() => desk.conversations().has("c1"), "the list");
    const done = await Promise.all([desk.take("c1"), desk.setPriority("c1", "urgent"), desk.assign("c1", karimId)]);
    assert.deepEqual(done, [true, true, true]);
    assert.equal(server.conflicts, 0);
    assert.equal(server.conversations.get("c1")?.assignee?.id, karimId);
    assert.equal(desk.conversations().get("c1")?.priority, "urgent");
    await end();
  },
});

Deno.test({
  name: "drafts stay with their conversation and survive a reload",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const server = new Desk();
    server.put(conversation("c1"));
    server.put(conversation("c2"));
    const { desk, end, store } = await boot(server);
    desk.model("c1").typed("half a sent");
    desk.model("c2").setMode("note");
    desk.model("c2").typed("for us");
    await until(() => desk.drafts().has("c1"), "the mark");
    const keeper = new SessionKeeper(store, { baseUrl: "http://s", fetch: server.fetch, clock: new JumpClock() });
    const again = new DeskModel({ keeper, store, clock: new JumpClock(), network: new SwitchNetwork() });
    await again.start();
    await again.model("c1").ready();
    await again.model("c2").ready();
    assert.equal(again.model("c1").reply(), "half a sent");
    assert.equal(again.model("c2").note(), "for us");
    assert.equal(again.model("c2").mode(), "note");
    again.stream.stop();
    await again.signOut();
    await end();
  },
});

Deno.test({
  name: "a mention is the whole name",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const { desk, end } = await boot();
    await until(() => desk.agents().length === 2, "the agents");
    assert.deepEqual(desk.mentionsIn("Ask @karim, please"), [karimId]);
    assert.deepEqual(desk.mentionsIn("@Karimou? or karim@example.org"), []);
    await end();
  },
});

Deno.test({
  name: "many at once: what was refused stays picked, undo brings the rest back",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const server = new Desk();
    for (let i = 1; i <= 5; i++) server.put(conversation(`c${i}`, { waiting_since: i * 1000 }));
    server.locked.add("c3");
    const { desk, told, end } = await boot(server);
    let undo: (() => void) | undefined;
    desk.notices.on((n) => undo = n.action?.run ?? undo);
    desk.show({ kind: "unassigned" }, undefined);
    await until(() => desk.list.peek().rows.peek().length === 5, "five rows");
    const { selection } = desk;
    selection.toggle("c2");
    selection.upTo("c4");
    assert.deepEqual(selection.picked.peek().map((c) => c.id), ["c2", "c3", "c4"]);
    // A colleague resolves one of them: it is no longer meant.
    server.change("c4", { status: "resolved" });
    await until(() => selection.picked.peek().length === 2, "two that are left");
    await selection.change({ status: "resolved" });
    assert.deepEqual(selection.picked.peek().map((c) => c.id), ["c3"]);
    assert.equal(server.conversations.get("c2")?.status, "resolved");
    assert.deepEqual(told.slice(-2), ["1 conversation changed.", "#3: A colleague has it."]);
    undo?.();
    await until(() => desk.conversations.peek().get("c2")?.status === "open", "undone");
    selection.all();
    assert.equal(selection.picked.peek().length, desk.list.peek().rows.peek().length);
    desk.show({ kind: "pending" }, undefined);
    desk.show({ kind: "unassigned" }, undefined);
    assert.equal(selection.active, false, "another list forgets what was picked");
    await end();
  },
});

Deno.test({
  name: "a saved view lives: conversations come and go, words are asked again, a change of its filter too",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const server = new Desk();
    const view: SavedView = {
      id: "vw_1",
      name: "VIP",
      scope: "personal",
      owner: annaId,
      filter: { ...emptyFilter, tags: ["vip"] },
      sort: "waiting",
      updated_at: 1,
    };
    server.views = [view];
    server.put(conversation("c1", { tags: ["vip"] }));
    server.put(conversation("c2"));
    server.found = ["c1"];
    const { desk, end } = await boot(server);
    const rows = () => desk.list.peek().rows.peek().map((c) => c.id).join(" ");
    await until(() => desk.views.all.peek().length === 1 && desk.views.counts.peek().vw_1 !== undefined, "views with counts");
    desk.show({ kind: "saved", id: "vw_1" }, undefined);
    await until(() => rows() === "c1", "the view's conversations");
    const counted = desk.views.counts.peek().vw_1 ?? 0;
    server.change("c2", { tags: ["vip"] });
    await until(() => rows() === "c1 c2", "one came");
    server.change("c1", { tags: [] });
    await until(() => rows() === "c2", "one went");
    await until(() => (desk.views.counts.peek().vw_1 ?? 0) > counted, "counted anew");
    server.views = [{ ...view, filter: { ...view.filter, tags: [], text: "lamp" }, updated_at: 2 }];
    server.found = ["c1"];
    server.emit("settings.updated", { what: "views" });
    await until(() => rows() === "c1", "the words that only the server knows");
    server.found = ["c1", "c2"];
    server.change("c2", { priority: "high" });
    await until(() => rows().length === 5, "asked again");
    await end();
  },
});

Deno.test({
  name: "handing to a team shows at once that who is no member loses it, and lists it with the team",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const server = new Desk();
    server.put(conversation("c1", { assignee: { id: annaId, name: "Anna", picture: null } }));
    const { desk, told, end } = await boot(server);
    await desk.listOf({ kind: "all" }).load();
    const done = desk.setTeam("c1", "tm_1");
    assert.equal(desk.conversations().get("c1")?.assignee, null);
    assert.equal(await done, true);
    const list = desk.listOf({ kind: "team", team: "tm_1" });
    await list.load();
    assert.deepEqual(list.rows().map((c) => c.id), ["c1"]);
    assert.deepEqual(told, ["Handed to Returns."]);
    await end();
  },
});

Deno.test({
  name: "a filter that changes while an answer is on its way is asked for as well",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const server = new Desk();
    server.put(conversation("c1", { assignee: { id: annaId, name: "Anna", picture: null } }));
    server.put(conversation("c2"));
    const { desk, end } = await boot(server);
    let answerThem = () => {};
    server.searching = new Promise((resolve) => answerThem = resolve);
    desk.show({ kind: "search", q: "lamp" }, undefined);
    void desk.list.peek().load();
    await until(() => server.asked.includes("GET /search"), "a search");
    desk.filterSearch({ assignee: "me" });
    answerThem();
    const rows = () => desk.list.peek().rows().map((c) => c.id);
    await until(() => rows().length === 1, "the search that was asked for last");
    assert.deepEqual(rows(), ["c1"]);
    assert.equal(server.asked.filter((a) => a === "GET /search").length, 2);
    await end();
  },
});
