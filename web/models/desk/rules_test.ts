/** The pure rules of the console: lists, addresses, keys, times, search, timelines. */
import assert from "node:assert/strict";
import type { OutboxItem } from "../../sdk/outbox.ts";
import { best, score } from "./fuzzy.ts";
import { KeyReader, nameOf } from "./keys.ts";
import { byQueue, fits, rowsOf as listRows, step } from "./lists.ts";
import { formatRoute, parseRoute, type Route } from "./route.ts";
import { SseParser } from "./stream.ts";
import { conversation, message } from "./fixtures_test.ts";
import { ago, duration, fromLocalInput, heat, snoozeTimes, toLocalInput } from "./times.ts";
import { merge, rowsOf } from "./timeline.ts";
import type { Author, Conversation, Item, SavedView, ViewFilter } from "./types.ts";
import { emptyFilter } from "./views.ts";

const me = "@anna:s";

const known = (...all: Conversation[]) => new Map(all.map((c) => [c.id, c]));
const ids = (all: readonly { id: string }[]) => all.map((c) => c.id).join(" ");

Deno.test("the queue: by priority, then the longest wait, then the newest activity", () => {
  const last = (at: number) => ({ event_id: null, author: "agent" as const, author_name: "", type: "text", preview: "", at });
  const all = [
    conversation("c1", { last_message: last(5000) }),
    conversation("c2", { waiting_since: 3000 }),
    conversation("c3", { waiting_since: 2000 }),
    conversation("c4", { waiting_since: 9000, priority: "urgent" }),
    conversation("c5", { last_message: last(7000) }),
    conversation("c6", { waiting_since: 8000, priority: "high" }),
    conversation("c7", { waiting_since: 1000, priority: "low" }),
  ];
  assert.equal(ids([...all].sort(byQueue)), "c4 c6 c3 c2 c5 c1 c7");
});

Deno.test("a list holds what belongs to it, whoever told it", () => {
  const mine = conversation("c1", { assignee: { id: me, name: "Anna", picture: null } });
  const all = known(
    mine,
    conversation("c2"),
    conversation("c3", { status: "pending" }),
    conversation("c4", { inbox: { id: "in_2", name: "B" } }),
  );
  assert.equal(ids(listRows({ kind: "mine" }, all, [], true, me)), "c1");
  assert.equal(ids(listRows({ kind: "unassigned" }, all, [], true, me)), "c2 c4");
  assert.equal(ids(listRows({ kind: "pending" }, all, ["c1"], true, me)), "c3");
  assert.equal(ids(listRows({ kind: "inbox", inbox: "in_2" }, all, [], true, me)), "c4");
  assert.equal(ids(listRows({ kind: "search", q: "x" }, all, ["c3", "c1"], true, me)), "c3 c1");
});

const noFilter: ViewFilter = { ...emptyFilter, statuses: [] };

Deno.test("a saved view: each condition takes away what does not fit", () => {
  const c = conversation("c1", {
    tags: ["vip", "order"],
    priority: "high",
    language: "fr",
    waiting_since: 1_000_000,
    created_at: 900_000,
    assignee: { id: me, name: "Anna", picture: null },
  });
  const free = conversation("c2"), now = 1_000_000 + 10 * 60_000;
  const cases: [Partial<ViewFilter>, boolean | undefined, boolean | undefined][] = [
    [{}, true, true],
    [{ statuses: ["open"] }, true, true],
    [{ statuses: ["pending", "resolved"] }, false, false],
    [{ inboxes: ["in_1"] }, true, true],
    [{ inboxes: ["in_2"] }, false, false],
    [{ assignees: ["me"] }, true, false],
    [{ assignees: ["nobody"] }, false, true],
    [{ assignees: ["@karim:s", "nobody"] }, false, true],
    [{ assignees: [me] }, true, false],
    [{ tags: ["vip", "x"] }, true, false],
    [{ tags: ["vip", "x"], tags_rule: "all" }, false, false],
    [{ tags: ["vip", "order"], tags_rule: "all" }, true, false],
    [{ priorities: ["high", "urgent"] }, true, false],
    [{ languages: ["en"] }, false, false],
    [{ waiting_minutes: 10 }, true, false],
    [{ waiting_minutes: 11 }, false, false],
    [{ created_from: 900_000 }, true, false],
    [{ created_before: 900_000 }, false, true],
    [{ text: "lamp" }, undefined, undefined],
    [{ text: "lamp", priorities: ["high"] }, undefined, false],
  ];
  for (const [filter, first, second] of cases) {
    assert.equal(fits({ ...noFilter, ...filter }, c, me, now), first, JSON.stringify(filter));
    assert.equal(fits({ ...noFilter, ...filter }, free, me, now), second, JSON.stringify(filter));
  }
});

Deno.test("a saved view has its own order, and keeps what only the server can judge", () => {
  const view = (filter: Partial<ViewFilter>, sort: SavedView["sort"]): SavedView => ({
    id: "vw_1",
    name: "v",
    scope: "personal",
    owner: me,
    filter: { ...noFilter, ...filter },
    sort,
    updated_at: 0,
  });
  const all = known(
    conversation("c1", { created_at: 3000, waiting_since: 3000 }),
    conversation("c2", { created_at: 1000, waiting_since: 4000 }),
    conversation("c3", { created_at: 2000, status: "resolved" }),
  );
  const rows = (v: SavedView, loaded: string[] = []) => ids(listRows({ kind: "saved", id: "vw_1" }, all, loaded, true, me, v));
  assert.equal(rows(view({}, "newest")), "c1 c3 c2");
  assert.equal(rows(view({}, "oldest")), "c2 c3 c1");
  assert.equal(rows(view({ statuses: ["open"] }, "waiting")), "c1 c2");
  assert.equal(rows(view({ text: "lamp" }, "newest"), ["c2"]), "c2");
  assert.equal(rows(view({ text: "lamp", statuses: ["resolved"] }, "newest"), ["c2"]), "");
  // Deleted, or not known yet.
  assert.equal(ids(listRows({ kind: "saved", id: "vw_1" }, all, ["c1"], true, me)), "");
});

Deno.test("at risk is what is promised and nearly due or late, the soonest first", () => {
  const sla = (state: "ok" | "warning" | "breached" | "paused", due_at: number | null) => ({
    sla: { policy: { id: "p", name: "P" }, kind: "first_response" as const, due_at, state },
  });
  const all = known(
    conversation("c1", sla("warning", 9000)),
    conversation("c2", sla("breached", 4000)),
    conversation("c3", sla("ok", 1000)),
    conversation("c4", sla("paused", null)),
    conversation("c5"),
  );
  assert.equal(ids(listRows({ kind: "at_risk" }, all, [], true, me)), "c2 c1");
});

Deno.test("while there are more pages, nothing is shown beyond the last loaded row", () => {
  const all = known(
    conversation("c1", { waiting_since: 1000 }),
    conversation("c2", { waiting_since: 2000 }),
    conversation("c3", { waiting_since: 3000 }),
    conversation("c9", { waiting_since: 9000 }),
  );
  // c9 came by the stream: rows between c2 and c9 may be unknown. c3 left the first page by nothing but time.
  assert.equal(ids(listRows({ kind: "unassigned" }, all, ["c1", "c3"], false, me)), "c1 c2 c3");
  assert.equal(ids(listRows({ kind: "unassigned" }, all, ["c1", "c3"], true, me)), "c1 c2 c3 c9");
});

Deno.test("stepping through a list stops at its ends", () => {
  const rows = [{ id: "a" }, { id: "b" }];
  assert.equal(step(rows, undefined, 1), "a");
  assert.equal(step(rows, "gone", -1), "b");
  assert.equal(step(rows, "b", 1), "b");
  assert.equal(step(rows, "b", -1), "a");
  assert.equal(step([], "b", 1), undefined);
});

Deno.test("addresses say where one is, and back", () => {
  const all: Route[] = [
    { at: "desk", view: { kind: "mine" }, open: undefined },
    { at: "desk", view: { kind: "unassigned" }, open: "cv_1" },
    { at: "desk", view: { kind: "inbox", inbox: "in_7" }, open: "cv_1" },
    { at: "desk", view: { kind: "team", team: "tm_7" }, open: "cv_1" },
    { at: "desk", view: { kind: "saved", id: "vw_7" }, open: "cv_1" },
    { at: "desk", view: { kind: "search", q: "lampe à pied / 50 %" }, open: undefined },
    { at: "admin", page: "agents", item: "@anna:s" },
  ];
  for (const route of all) assert.deepEqual(parseRoute(formatRoute(route)), route);
  assert.deepEqual(parseRoute("#/%zz/x"), { at: "desk", view: { kind: "mine" }, open: "x" });
});

Deno.test("keys: sequences, combinations, and letters while writing", () => {
  const press = (key: string, more: Partial<{ ctrl: boolean; shift: boolean; alt: boolean }> = {}) => ({
    key,
    ctrl: false,
    meta: false,
    alt: false,
    shift: false,
    ...more,
  });
  const free = { writing: false, letters: true };
  const keys = new KeyReader();
  assert.equal(keys.press(press("j"), 0, free), "next");
  assert.equal(keys.press(press("g"), 0, free), undefined);
  assert.equal(keys.press(press("u"), 500, free), "goUnassigned");
  assert.equal(keys.press(press("u"), 600, free), "unassign");
  assert.equal(keys.press(press("g"), 1000, free), undefined);
  // Too late: a key of its own.
  assert.equal(keys.press(press("s"), 3000, free), "snooze");
  assert.equal(keys.press(press("e"), 0, { writing: true, letters: true }), undefined);
  assert.equal(keys.press(press("e"), 0, { writing: false, letters: false }), undefined);
  assert.equal(keys.press(press("Escape"), 0, { writing: true, letters: false }), "back");
  assert.equal(keys.press(press("k", { ctrl: true }), 0, { writing: true, letters: false }), "palette");
  // On a French keyboard the slash is typed with shift.
  assert.equal(keys.press(press("/", { shift: true }), 0, free), "search");
  assert.equal(nameOf(press("E", { shift: true })), "Shift+E");
  assert.equal(nameOf(press("€", { alt: true })), "");
});

Deno.test("snoozing: only times that make sense, in the person's own days", () => {
  const friday = new Date(2026, 10, 20, 10, 30).getTime();
  const times = snoozeTimes(friday);
  assert.deepEqual(times.map((c) => c.id), ["soon", "evening", "tomorrow", "monday"]);
  assert.equal(new Date(times[3]?.at ?? 0).getDay(), 1);
  assert.equal(new Date(times[3]?.at ?? 0).getHours(), 9);
  const sunday = new Date(2026, 10, 22, 20, 0).getTime();
  assert.deepEqual(snoozeTimes(sunday).map((c) => c.id), ["soon", "tomorrow"]);
  const monday = new Date(2026, 10, 23, 16, 0).getTime();
  assert.deepEqual(snoozeTimes(monday).map((c) => c.id), ["soon", "tomorrow", "monday"]);
  assert.equal(new Date(snoozeTimes(monday)[2]?.at ?? 0).getDate(), 30);
  assert.equal(fromLocalInput(toLocalInput(friday)), friday);
  assert.equal(fromLocalInput("never"), undefined);
});

Deno.test("waiting times are short and their heat is fixed", () => {
  const min = 60_000;
  assert.deepEqual([0, 4 * min, 80 * min, 120 * min, 30 * 60 * min, 72 * 60 * min].map((ms) => duration("fr", ms)), [
    "< 1 min",
    "4 min",
    "1 h 20",
    "2 h",
    "30 h",
    "3 j",
  ]);
  assert.deepEqual([4, 5, 15].map((m) => heat(m * min)), ["fine", "warm", "hot"]);
  assert.equal(ago("fr", 0, 3 * 60 * min), "il y a 3 heures");
});

Deno.test("finding: accents, starts of words, letters in order", () => {
  const names = ["Aller à la file", "Résoudre", "Reporter jusqu’à", "Réponse type", "Emma Wilson"];
  assert.equal(best("reso", names, (n) => n)[0], "Résoudre");
  assert.equal(best("wils em", names, (n) => n)[0], "Emma Wilson");
  assert.equal(best("alfi", names, (n) => n)[0], "Aller à la file");
  assert.equal(score("xyz", "Résoudre"), undefined);
  assert.equal(best("", names, (n) => n, 2).length, 2);
});

Deno.test("a stream may be cut anywhere, even within a letter", () => {
  const text = 'event: hello\ndata: {"a":"é"}\n\n: ping\n\nid: 7\nevent: x\ndata: {"b":1}\n\n';
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size < 9; size++) {
    const parser = new SseParser(), decoder = new TextDecoder(), events = [];
    for (let i = 0; i < bytes.length; i += size) events.push(...parser.push(decoder.decode(bytes.slice(i, i + size), { stream: true })));
    assert.deepEqual(events, [{ event: "hello", id: undefined, data: { a: "é" } }, { event: "x", id: "7", data: { b: 1 } }]);
  }
});

const anna: Author = { kind: "agent", id: me, name: "Anna", picture: null };
const julie: Author = { kind: "contact", id: "ct_1", name: "Julie", picture: null };
Deno.test("items are ordered by number, not by letters, and kept once", () => {
  const all = merge([message("9", julie, "a"), message("10", julie, "b")], [message("10", julie, "b2"), message("8", julie, "z")]);
  assert.equal(ids(all), "8 9 10");
  assert.equal(all[2]?.kind === "message" && all[2].message.body, "b2");
});

Deno.test("an echo becomes its item: one row, the same row", () => {
  const out = {
    key: "k1",
    lane: "l",
    order: "0",
    at: 5000,
    type: "message",
    content: { kind: "text", body: "Hi" },
    state: "sending",
    tries: 1,
  } as OutboxItem;
  const base = { me: anna, readAt: 0, seenAt: 0, unreadFrom: undefined };
  const before = rowsOf({ ...base, items: [message("1", julie, "Hello")], echoes: [out] });
  const after = rowsOf({ ...base, items: [message("1", julie, "Hello"), message("2", anna, "Hi", 6000, "k1")], echoes: [out] });
  assert.deepEqual(before.map((r) => r.kind), ["day", "message", "message"]);
  assert.deepEqual(after.map((r) => r.kind), ["day", "message", "message"]);
  assert.equal(before[2]?.id, after[2]?.id);
  assert.equal(before[2]?.kind === "message" && before[2].tick, "sending");
  assert.equal(after[2]?.kind === "message" && after[2].tick, "sent");
});

Deno.test("ticks: sent, delivered once the customer was there, read once he has read", () => {
  const items = [message("2", anna, "Hi", 2000)];
  const tick = (readAt: number, seenAt: number) => {
    const row = rowsOf({ items, echoes: [], me: anna, readAt, seenAt, unreadFrom: undefined })[1];
    return row?.kind === "message" ? row.tick : undefined;
  };
  assert.deepEqual([tick(0, 0), tick(0, 2500), tick(2000, 2500)], ["sent", "delivered", "read"]);
});

Deno.test("messages of one author stand together; days, notes and what is new part them", () => {
  const day = 86_400_000;
  const note: Item = {
    id: "4",
    at: 4000,
    author: anna,
    kind: "note",
    note: { id: "nt", body: "x", mentions: [], edited: false },
  };
  const rows = rowsOf({
    items: [message("1", julie, "a"), message("2", julie, "b"), message("3", julie, "c"), note, message("5", julie, "d", day * 3)],
    echoes: [],
    me: anna,
    readAt: 0,
    seenAt: 0,
    unreadFrom: "3",
  });
  assert.deepEqual(rows.map((r) => r.kind), ["day", "message", "message", "unread", "message", "note", "day", "message"]);
  const marks = rows.filter((r) => r.kind === "message").map((r) => `${r.first ? "f" : "-"}${r.last ? "l" : "-"}`);
  assert.deepEqual(marks, ["f-", "-l", "fl", "fl"]);
});
