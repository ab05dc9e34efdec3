import assert from "node:assert/strict";
import { MemoryStore } from "../../sdk/storage.ts";
import type { MatrixEvent } from "../../sdk/types.ts";
import { lang } from "../../ui/i18n.ts";
import { type Answer, type Asked, fakeFetch, JumpClock, SwitchNetwork, until } from "../../tools/world.ts";
import { subjectOf } from "./session.ts";
import { WidgetModel } from "./widget.ts";

class LastingStore extends MemoryStore {
  override readonly lasting = true as boolean as false;
}

const anna = "@anna:s", bot = "@bot:s";

/** A server in memory that speaks the widget's part of the contract. */
class Server {
  down = false;
  online = true;
  events: MatrixEvent[] = [];
  ephemeral: { at: number; event: { type: string; content: Record<string, unknown> } }[] = [];
  sessions = 0;
  tokens = new Map<string, string>();
  resume = new Map<string, string>();
  txns = new Map<string, string>();
  posts: Asked[] = [];
  room = false;
  waiting: (() => void)[] = [];
  identity: "optional" | "required" = "optional";
  /** Takes the request in, then breaks the connection before the answer. */
  loseAnswers = 0;
  /** With the lost answer go all access tokens. */
  forgetful = false;

  put(sender: string, type: string, content: Record<string, unknown>, stateKey?: string): string {
    const id = `$${this.events.length + 1}`;
    this.events.push({
      event_id: id,
      type,
      sender,
      origin_server_ts: 1_700_000_000_000 + this.events.length * 1000,
      content,
      ...(stateKey === undefined ? {} : { state_key: stateKey }),
    });
    this.wake();
    return id;
  }
  say(event: { type: string; content: Record<string, unknown> }): void {
    this.ephemeral.push({ at: this.events.length, event });
    this.events.push({ event_id: `$tick${this.events.length}`, type: "x", sender: bot, origin_server_ts: 0, content: {} });
    this.wake();
  }
  wake(): void {
    for (const run of this.waiting.splice(0)) run();
  }
  messages(): string[] {
    return this.events.filter((e) => e.type === "m.room.message").map((e) => String(e.content.body));
  }
  once(key: string, make: () => string): string {
    const known = this.txns.get(key);
    if (known) return known;
    const id = make();
    this.txns.set(key, id);
    return id;
  }

  async serve(a: Asked): Promise<Answer | undefined> {
    if (this.down) return undefined;
    const answer = await this.answer(a);
    if (a.method !== "GET" && this.loseAnswers > 0) {
      this.loseAnswers--;
      if (this.forgetful) this.tokens.clear();
      return undefined;
    }
    return answer;
  }

  private async answer(a: Asked): Promise<Answer> {
    const w = "/_comptoir/widget/v1/";
    if (a.path === `${w}config`) return { body: this.config() };
    if (a.path === `${w}session`) {
      this.posts.push(a);
      const n = ++this.sessions;
      const identity = a.body.identity as { token?: string; hash?: string } | undefined;
      if (identity && identity.hash === "wrong") return { status: 401, body: { code: "identity_invalid", detail: "no" } };
      const known = this.resume.get(String(a.body.resume_token));
      const user = known ?? `@v-${n}:s`;
      this.tokens.set(`t${n}`, user);
      this.resume.set(`r${n}`, user);
      const contact = { id: "ct", name: null, email: null, verified: !!identity };
      return {
        body: {
          user_id: user,
          access_token: `t${n}`,
          device_id: "D",
          resume_token: `r${n}`,
          homeserver: "",
          room_id: known && this.room ? "!r:s" : null,
          conversation_id: null,
          resumed: !!known,
          contact,
        },
      };
    }
    const user = this.tokens.get(a.token ?? "");
    if (!user) return { status: 401, body: { code: "unauthorized", errcode: "M_UNKNOWN_TOKEN" } };
    if (a.path === `${w}conversations` || a.path === `${w}contact-form`) {
      this.posts.push(a);
      if (!this.room) {
        this.room = true;
        this.put(bot, "m.room.member", { membership: "join", displayname: "Maison Lumen" }, bot);
        this.put(user, "m.room.member", { membership: "join" }, user);
      }
      const content = (a.body.content ?? { msgtype: "m.text", body: a.body.message }) as Record<string, unknown>;
      const id = this.once(String(a.body.txn_id ?? a.body.key), () => this.put(user, "m.room.message", content));
      return { body: { room_id: "!r:s", conversation_id: "cv", event_id: id, created: true } };
    }
    const send = /\/send\/(.+)\/(.+)$/.exec(a.path);
    if (send?.[1] && send[2]) {
      const type = send[1];
      return { body: { event_id: this.once(`${a.token} ${send[2]}`, () => this.put(user, type, a.body)) } };
    }
    if (a.path.endsWith("/sync")) {
      const since = Number(a.query.get("since") ?? 0);
      if (since >= this.events.length && a.query.get("timeout") !== "0") await new Promise<void>((r) => this.waiting.push(r));
      const events = this.events.slice(since).filter((e) => e.type !== "x");
      const ephemeral = { events: this.ephemeral.filter((e) => e.at >= since).map((e) => e.event) };
      const join = { "!r:s": { timeline: { events }, ephemeral } };
      return { body: { next_batch: String(this.events.length), rooms: { join } } };
    }
    this.posts.push(a);
    return { status: a.path === `${w}end` ? 204 : 200, body: {} };
  }

  private config() {
    const texts = { title: "L", greeting: "G", intro: "I", offline: "O", contact_form: "C", thanks: "T" };
    return {
      inbox: { key: "k", name: "Site" },
      brand: {
        id: "br",
        name: "L",
        colour: "#9a3d12",
        colour_dark: "#f2a071",
        on_colour: "#ffffff",
        on_colour_dark: "#000000",
        logo: null,
        website: null,
      },
      language: "fr",
      languages: ["fr", "en"],
      texts: { fr: texts, en: texts },
      online: this.online,
      hours: null,
      agents: [{ name: "Anna", picture: null }],
      reply_time: null,
      limits: { message_characters: 20, file_bytes: 1000, name_characters: 80, email_characters: 254 },
      identity: this.identity,
      allowed_origins: [],
      bot_user_id: bot,
    };
  }
}

function visit(server: Server, store = new LastingStore()) {
  lang.set("en");
  const network = new SwitchNetwork();
  const fetch = fakeFetch((a) => server.serve(a));
  const model = new WidgetModel({
    inbox: "k",
    baseUrl: "http://s",
    store,
    fetch,
    clock: new JumpClock(),
    network,
    uploader: () => Promise.resolve({ status: 200, body: JSON.stringify({ content_uri: "mxc://s/1" }) }),
  });
  return { model, network, store, log: fetch.log };
}
type Visit = ReturnType<typeof visit>;
const shown = (v: Visit) => v.model.rows().flatMap((r) => r.kind === "message" ? [String(r.item.content.body)] : []);
const ticks = (v: Visit) => v.model.rows().flatMap((r) => r.kind === "message" && r.mine ? [r.tick] : []);

async function started(server: Server, store?: LastingStore) {
  const v = visit(server, store);
  await v.model.start();
  return v;
}

Deno.test("nothing is asked about a visitor who has not written", async () => {
  const server = new Server();
  const v = await started(server);
  assert.equal(server.sessions, 0);
  assert.equal(v.model.started(), false);
  v.model.stop();
});

Deno.test("the first message opens the conversation, the next go into its room", async () => {
  const server = new Server();
  const v = await started(server);
  await v.model.send("one");
  await v.model.send("two");
  await until(() => server.messages().length === 2 && ticks(v).every((t) => t === "sent"));
  assert.deepEqual(server.messages(), ["one", "two"]);
  assert.equal(server.posts.filter((p) => p.path.endsWith("/conversations")).length, 1);
  await until(() => v.model.link() === "live");
  assert.deepEqual(shown(v), ["one", "two"]);
  v.model.stop();
});

Deno.test("an answer that is lost makes nothing double", async () => {
  const server = new Server();
  const v = await started(server);
  server.loseAnswers = 2;
  await v.model.send("one");
  await until(() => server.messages().length > 0 && ticks(v)[0] === "sent");
  server.loseAnswers = 3;
  await v.model.send("two");
  await until(() => server.messages().length === 2 && ticks(v).every((t) => t === "sent"));
  assert.deepEqual(server.messages(), ["one", "two"]);
  assert.deepEqual(shown(v), ["one", "two"]);
  v.model.stop();
});

Deno.test("written without network, sent after a reload, in order and once", async () => {
  const server = new Server();
  const store = new LastingStore();
  const first = await started(server, store);
  server.down = true;
  for (const text of ["1", "2", "3"]) await first.model.send(text);
  assert.deepEqual(ticks(first).map((t) => t === "waiting" || t === "sending"), [true, true, true]);
  first.model.stop();
  const again = visit(server, store);
  const starting = again.model.start();
  await until(() => shown(again).length === 3);
  server.down = false;
  again.network.restore();
  await starting;
  await until(() => server.messages().length === 3 && ticks(again).every((t) => t === "sent"));
  assert.deepEqual(server.messages(), ["1", "2", "3"]);
  again.model.stop();
});

Deno.test("the conversation goes on after a reload, without a new session", async () => {
  const server = new Server();
  const store = new LastingStore();
  const first = await started(server, store);
  await first.model.send("hello");
  await until(() => ticks(first)[0] === "sent");
  first.model.stop();
  server.put(anna, "m.room.member", { membership: "join", displayname: "Anna" }, anna);
  server.put(anna, "m.room.message", { msgtype: "m.text", body: "hi" });
  const v = await started(server, store);
  await until(() => shown(v).length === 2);
  assert.equal(server.sessions, 1);
  assert.deepEqual(shown(v), ["hello", "hi"]);
  assert.equal(v.model.unread(), 1);
  assert.deepEqual(v.model.rows().filter((r) => r.kind === "system").map((r) => r.kind === "system" && r.name), ["Anna"]);
  v.model.stop();
});

Deno.test("a message that arrived under an earlier session is not sent again", async () => {
  const server = new Server();
  const store = new LastingStore();
  const v = await started(server, store);
  await v.model.send("first");
  await until(() => ticks(v)[0] === "sent");
  await until(() => v.model.link() === "live");
  // Taken in, the answer lost, and then the server forgets the access token.
  server.loseAnswers = 1;
  server.forgetful = true;
  await v.model.send("second");
  await until(() => ticks(v).length === 2 && ticks(v).every((t) => t === "sent"));
  assert.deepEqual(server.messages(), ["first", "second"]);
  assert.equal(server.sessions, 2);
  assert.deepEqual(shown(v), ["first", "second"]);
  v.model.stop();
});

Deno.test("sent, delivered when an advisor is there, read when he has read", async () => {
  const server = new Server();
  const v = await started(server);
  await v.model.send("hello");
  await until(() => ticks(v)[0] === "sent");
  server.put(anna, "m.room.member", { membership: "join", displayname: "Anna" }, anna);
  await until(() => ticks(v)[0] === "delivered");
  const own = server.events.find((e) => e.content.body === "hello")?.event_id ?? "";
  server.say({ type: "m.receipt", content: { [own]: { "m.read": { [bot]: { ts: 1 } } } } });
  server.say({ type: "m.receipt", content: { [own]: { "m.read": { [anna]: { ts: 2 } } } } });
  await until(() => ticks(v)[0] === "read");
  v.model.stop();
});

Deno.test("what is seen is reported as read, once; what is not seen counts as unread", async () => {
  const server = new Server();
  const v = await started(server);
  await v.model.send("hello");
  await until(() => v.model.link() === "live" && ticks(v)[0] === "sent");
  const id = server.put(anna, "m.room.message", { msgtype: "m.text", body: "hi" });
  await until(() => v.model.unread() === 1);
  v.model.watched.set(true);
  const receipts = () => server.posts.filter((p) => p.path.includes("/receipt/m.read/"));
  await until(() => receipts().length === 1);
  assert.ok(receipts()[0]?.path.endsWith(id));
  const me = [...server.tokens.values()][0] ?? "";
  server.say({ type: "m.receipt", content: { [id]: { "m.read": { [me]: { ts: 5 } } } } });
  await until(() => v.model.unread() === 0);
  assert.equal(receipts().length, 1);
  v.model.stop();
});

Deno.test("typing shows the advisor's name, not the bot", async () => {
  const server = new Server();
  const v = await started(server);
  await v.model.send("hello");
  await until(() => v.model.link() === "live");
  server.put(anna, "m.room.member", { membership: "join", displayname: "Anna" }, anna);
  server.say({ type: "m.typing", content: { user_ids: [anna, bot] } });
  await until(() => v.model.typing() !== "");
  assert.equal(v.model.typing(), "Anna is writing…");
  server.say({ type: "m.typing", content: { user_ids: [] } });
  await until(() => v.model.typing() === "");
  v.model.stop();
});

Deno.test("too long, empty and too large are refused with what to do", async () => {
  const server = new Server();
  const v = await started(server);
  assert.equal(await v.model.send("x".repeat(21)), false);
  assert.match(v.model.notice()?.text ?? "", /20/);
  assert.equal(await v.model.send("😀".repeat(20)), true);
  await v.model.sendFiles([new File([], "none.txt")]);
  assert.match(v.model.notice()?.text ?? "", /empty/);
  await v.model.sendFiles([new File(["x".repeat(1001)], "big.txt")]);
  assert.match(v.model.notice()?.text ?? "", /too large/);
  v.model.stop();
});

Deno.test("a file is uploaded, then sent with its address", async () => {
  const server = new Server();
  const v = await started(server);
  await v.model.sendFiles([new File(["abc"], "a.txt", { type: "text/plain" })]);
  await until(() => server.messages().length === 1);
  const content = server.events.find((e) => e.type === "m.room.message")?.content;
  assert.equal(content?.url, "mxc://s/1");
  assert.equal(content?.msgtype, "m.file");
  assert.deepEqual(content?.info, { mimetype: "text/plain", size: 3 });
  v.model.stop();
});

Deno.test("the contact form goes once, however often it is tried", async () => {
  const server = new Server();
  server.online = false;
  const v = await started(server);
  server.loseAnswers = 1;
  const form = { name: "Julie", email: "j@x.example", message: "Bonjour" };
  await v.model.submitForm(form);
  if (!v.model.thanked()) await v.model.submitForm(form);
  assert.equal(v.model.thanked(), true);
  assert.deepEqual(server.messages(), ["Bonjour"]);
  assert.equal(v.model.contact()?.email, "j@x.example");
  v.model.stop();
});

Deno.test("a signed-in customer is told to the server once, also over visits", async () => {
  const server = new Server();
  const store = new LastingStore();
  const v = await started(server, store);
  await v.model.identify({ user_id: "42", hash: "h" });
  await v.model.identify({ user_id: "42", hash: "h" });
  assert.equal(server.sessions, 1);
  v.model.stop();
  const again = await started(server, store);
  await again.model.identify({ user_id: "42", hash: "h" });
  assert.equal(server.sessions, 1);
  await again.model.identify({ user_id: "43", hash: "h" });
  assert.equal(server.sessions, 2);
  again.model.stop();
});

Deno.test("two tabs make one visitor", async () => {
  const server = new Server();
  const store = new LastingStore();
  const a = await started(server, store), b = await started(server, store);
  await a.model.send("one");
  await until(() => ticks(a)[0] === "sent");
  await b.model.send("two");
  await until(() => server.messages().length === 2);
  assert.equal(server.sessions, 1);
  await until(() => shown(a).length === 2 && shown(b).length === 2);
  a.model.stop();
  b.model.stop();
});

Deno.test("a refusal is explained in the person's language", async () => {
  const server = new Server();
  const v = await started(server);
  lang.set("fr");
  assert.equal(v.model.reason({ code: "M_UNKNOWN", message: "english words" }), "Ce message n’a pas été accepté.");
  assert.match(v.model.reason({ code: "M_FORBIDDEN", message: "english words" }), /ne pouvez pas/);
  assert.equal(v.model.reason({ code: "invalid", message: "Une phrase." }), "Une phrase.");
  lang.set("en");
  v.model.stop();
});

Deno.test("a wrong identity is said, with what to do", async () => {
  const server = new Server();
  const v = await started(server);
  await v.model.identify({ user_id: "42", hash: "wrong" });
  assert.match(v.model.identityProblem() ?? "", /Sign in again/);
  await v.model.refresh();
  assert.match(v.model.identityProblem() ?? "", /Sign in again/, "an answer of the server does not mend it");
  await v.model.identify({ user_id: "42", hash: "h" });
  assert.equal(v.model.identityProblem(), undefined);
  v.model.stop();
});

Deno.test("where an identity is required, one is asked for", async () => {
  const server = new Server();
  server.identity = "required";
  const v = await started(server);
  assert.equal(v.model.needsIdentity(), true);
  await v.model.identify({ user_id: "42", hash: "h" });
  assert.equal(v.model.needsIdentity(), false);
  v.model.stop();
});

Deno.test("forgetting leaves nothing in the browser", async () => {
  const server = new Server();
  const v = await started(server);
  await v.model.send("hello");
  await until(() => ticks(v)[0] === "sent");
  await v.model.forget();
  assert.equal(await v.store.get("visitor"), undefined);
  assert.deepEqual(await v.store.list("outbox/"), []);
  assert.deepEqual(shown(v), []);
  v.model.stop();
});

Deno.test("the draft is kept over a reload", async () => {
  const server = new Server();
  const store = new LastingStore();
  const v = await started(server, store);
  v.model.typed("half a sent");
  v.model.stop();
  const again = visit(server, store);
  // A page's proposal does not replace what somebody has begun.
  again.model.draft.set("proposal");
  await again.model.start();
  assert.equal(again.model.draft(), "half a sent");
  again.model.stop();
});

Deno.test("rows that did not change are the same objects", async () => {
  const server = new Server();
  const v = await started(server);
  await v.model.send("one");
  await until(() => ticks(v)[0] === "sent" && v.model.link() === "live");
  const before = v.model.rows();
  server.put(anna, "m.room.message", { msgtype: "m.text", body: "hi" });
  await until(() => shown(v).length === 2);
  assert.equal(v.model.rows()[0], before[0]);
  v.model.stop();
});

Deno.test("who an identity speaks of", () => {
  const jwt = (claims: unknown) => `h.${btoa(JSON.stringify(claims)).replace(/=/g, "")}.s`;
  assert.equal(subjectOf({ token: jwt({ sub: "42" }) }), "id:42");
  assert.equal(subjectOf({ user_id: "42", hash: "h" }), "id:42");
  assert.equal(subjectOf({ token: "rubbish" }), undefined);
  assert.equal(subjectOf({ token: jwt({ sub: 42 }) }), undefined);
});
