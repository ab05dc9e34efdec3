import assert from "node:assert/strict";
import { isQuiet, newsOf } from "./alerts.ts";
import { conversation, message } from "./fixtures_test.ts";

const customer = { kind: "contact" as const, id: "ct_1", name: "Julie", picture: null };
const karim = { kind: "agent" as const, id: "@karim:x", name: "Karim", picture: null };
const me = "@anna:x";
const ref = (id: string) => ({ id, name: id, picture: null });

Deno.test("what concerns me is told as what it is", () => {
  const said = message("5", customer, "hello"), answered = message("6", karim, "yes");
  assert.equal(newsOf(said, conversation("a", { assignee: ref(me) }), me), "message");
  assert.equal(newsOf(said, conversation("a"), me), "waiting");
  assert.equal(newsOf(said, conversation("a", { assignee: ref("@karim:x") }), me), undefined);
  assert.equal(newsOf(said, conversation("a", { assignee: ref("@karim:x"), followers: [me] }), me), "followed");
  assert.equal(newsOf(answered, conversation("a", { assignee: ref("@karim:x"), followers: [me] }), me), "followed");
  assert.equal(newsOf(answered, conversation("a", { assignee: ref("@karim:x"), followers: ["@karim:x"] }), "@karim:x"), undefined);
  assert.equal(newsOf(answered, conversation("a", { assignee: ref(me), followers: [me] }), me), undefined);
});

Deno.test("quiet hours go over midnight, by the clocks of their zone", () => {
  const quiet = { on: true, from: "22:00", to: "07:00", time_zone: "Europe/Paris" };
  const at = (time: string) => Date.parse(`2026-07-01T${time}:00Z`);
  assert.equal(isQuiet(quiet, at("20:00")), true);
  assert.equal(isQuiet(quiet, at("19:59")), false);
  assert.equal(isQuiet(quiet, at("04:59")), true);
  assert.equal(isQuiet(quiet, at("05:00")), false);
  assert.equal(isQuiet({ ...quiet, on: false }, at("23:00")), false);
  assert.equal(isQuiet({ ...quiet, from: "12:00", to: "14:00", time_zone: "UTC" }, at("13:59")), true);
  assert.equal(isQuiet({ ...quiet, from: "12:00", to: "14:00", time_zone: "UTC" }, at("14:00")), false);
});
