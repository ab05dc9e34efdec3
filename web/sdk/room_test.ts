import assert from "node:assert/strict";
import type { OutboxItem } from "./outbox.ts";
import { keyField, RoomStore } from "./room.ts";
import type { MatrixEvent } from "./types.ts";

const me = "@me:s", anna = "@anna:s";
let n = 0;
function event(sender: string, content: Record<string, unknown>, more: Partial<MatrixEvent> = {}): MatrixEvent {
  n++;
  return { event_id: `$${n}`, type: "m.room.message", sender, origin_server_ts: n * 1000, content, ...more };
}
function room(...events: MatrixEvent[]): RoomStore {
  const r = new RoomStore("!r:s", me);
  r.apply({ timeline: { events } });
  return r;
}
const bodies = (r: RoomStore) => r.items.map((i) => i.content.body ?? (i.redacted ? "(gone)" : "?"));
const waiting = (key: string, body: string): OutboxItem => ({
  key,
  lane: "l",
  order: key,
  at: 1,
  type: "m.room.message",
  content: { body },
  state: "waiting",
  tries: 0,
});

Deno.test("an event is shown once, however often it comes", () => {
  const e = event(anna, { body: "a" });
  const r = room(e, e);
  r.apply({ timeline: { events: [e] } });
  r.prepend({ chunk: [e] });
  assert.deepEqual(bodies(r), ["a"]);
});

Deno.test("the local echo gives way to its event and keeps its id", () => {
  const r = room();
  r.setPending([waiting("k1", "hi")]);
  assert.deepEqual(r.items.map((i) => [i.id, i.status]), [["k1", "waiting"]]);
  r.apply({ timeline: { events: [event(me, { body: "hi", [keyField]: "k1" })] } });
  assert.deepEqual(r.items.map((i) => [i.id, i.status]), [["k1", "sent"]]);
  r.setPending([]);
  assert.equal(r.items.length, 1);
});

Deno.test("the transaction id in unsigned finds the echo too", () => {
  const r = room();
  r.setPending([waiting("k1", "hi")]);
  r.apply({ timeline: { events: [event(me, { body: "hi" }, { unsigned: { transaction_id: "k1" } })] } });
  assert.equal(r.items.length, 1);
});

Deno.test("somebody else cannot take the place of my message by its key", () => {
  const r = room(event(anna, { body: "fake", [keyField]: "k1" }));
  r.setPending([waiting("k1", "mine")]);
  assert.deepEqual(bodies(r), ["fake", "mine"]);
});

Deno.test("a confirmed message takes the place that sync gives it", () => {
  const mine = event(me, { body: "mine", [keyField]: "k1" });
  const r = room();
  r.confirm(mine, "k1");
  r.apply({ timeline: { events: [event(anna, { body: "before" }), mine, event(anna, { body: "after" })] } });
  assert.deepEqual(bodies(r), ["before", "mine", "after"]);
  assert.equal(r.items[1]?.id, "k1");
});

Deno.test("a hole in the timeline starts it anew, but not without what was just sent", () => {
  const r = room(event(anna, { body: "old" }));
  r.confirm(event(me, { body: "mine" }), "k1");
  r.apply({ timeline: { events: [event(anna, { body: "new" })], limited: true, prev_batch: "p" } });
  assert.deepEqual(bodies(r), ["mine", "new"]);
  assert.equal(r.prevBatch, "p");
});

Deno.test("older pages come before, in their order", () => {
  const [a, b, c] = [event(anna, { body: "a" }), event(anna, { body: "b" }), event(anna, { body: "c" })];
  const r = room(c);
  r.prepend({ chunk: [b, a], end: "x" });
  assert.deepEqual(bodies(r), ["a", "b", "c"]);
  assert.equal(r.prevBatch, "x");
});

Deno.test("the newest edit by the author counts, those of others do not", () => {
  const e = event(anna, { body: "one" });
  const edit = (sender: string, body: string) =>
    event(sender, { body: `* ${body}`, "m.new_content": { body }, "m.relates_to": { rel_type: "m.replace", event_id: e.event_id } });
  const r = room(e, edit(anna, "two"), edit(anna, "three"));
  assert.deepEqual(bodies(r), ["three"]);
  assert.equal(r.items[0]?.edited, true);
  const other = room(e, edit(me, "hacked"));
  assert.deepEqual(bodies(other), ["one"]);
});

Deno.test("an edit that came before its message is kept for it", () => {
  const e = event(anna, { body: "one" });
  const edit = event(anna, {
    body: "*",
    "m.new_content": { body: "two" },
    "m.relates_to": { rel_type: "m.replace", event_id: e.event_id },
  });
  const r = room(edit);
  r.prepend({ chunk: [e] });
  assert.deepEqual(bodies(r), ["two"]);
});

Deno.test("reactions are counted by key and taken back by redaction", () => {
  const e = event(anna, { body: "a" });
  const react = (sender: string) =>
    event(sender, { "m.relates_to": { rel_type: "m.annotation", event_id: e.event_id, key: "👍" } }, { type: "m.reaction" });
  const mine = react(me);
  const r = room(e, mine, react(anna));
  assert.deepEqual(r.items[0]?.reactions, [{ key: "👍", senders: [me, anna], mine: mine.event_id }]);
  r.apply({ timeline: { events: [event(me, {}, { type: "m.room.redaction", redacts: mine.event_id })] } });
  assert.deepEqual(r.items[0]?.reactions[0]?.senders, [anna]);
});

Deno.test("a redacted message has no content, in both shapes of redaction", () => {
  const a = event(anna, { body: "a" }), b = event(anna, { body: "b" });
  const r = room(
    a,
    b,
    event(anna, {}, { type: "m.room.redaction", redacts: a.event_id }),
    event(anna, { redacts: b.event_id }, { type: "m.room.redaction" }),
  );
  assert.deepEqual(r.items.map((i) => [i.redacted, i.content]), [[true, {}], [true, {}]]);
});

Deno.test("items that did not change are the same objects", () => {
  const r = room(event(anna, { body: "a" }), event(anna, { body: "b" }));
  const before = r.items;
  r.apply({ timeline: { events: [event(anna, { body: "c" })] } });
  assert.equal(r.items[0], before[0]);
  assert.equal(r.items[1], before[1]);
});

Deno.test("receipts move forward only, and read means everything before", () => {
  const [a, b] = [event(me, { body: "a" }), event(me, { body: "b" })];
  const r = room(a, b);
  const receipt = (id: string, ts: number) =>
    r.apply({ ephemeral: { events: [{ type: "m.receipt", content: { [id]: { "m.read": { [anna]: { ts } } } } }] } });
  receipt(b.event_id, 20);
  assert.ok(r.hasRead(anna, a.event_id) && r.hasRead(anna, b.event_id));
  receipt(a.event_id, 10);
  assert.ok(r.hasRead(anna, b.event_id));
});

Deno.test("typing leaves me out", () => {
  const r = room();
  r.apply({ ephemeral: { events: [{ type: "m.typing", content: { user_ids: [me, anna] } }] } });
  assert.deepEqual(r.typing, [anna]);
});

Deno.test("who has left keeps his name", () => {
  const member = (membership: string, displayname?: string) =>
    event(anna, { membership, ...(displayname ? { displayname } : {}) }, { type: "m.room.member", state_key: anna });
  const r = room(member("join", "Anna"), member("leave"));
  assert.equal(r.memberName(anna), "Anna");
  assert.equal(r.members.get(anna)?.membership, "leave");
});
