import assert from "node:assert/strict";
import { kindsOf, noSteps, stepKinds, type Steps, without } from "./automation.ts";

const all: Steps = {
  assign: null,
  team: "tm_1",
  status: "snoozed",
  snooze_minutes: 60,
  priority: "high",
  add_tags: ["a"],
  remove_tags: ["b"],
  reply: "hello",
  note: "see",
  mentions: ["assignee"],
};

Deno.test("what is done is found, and nothing else", () => {
  assert.deepEqual(kindsOf(noSteps), []);
  assert.deepEqual(kindsOf(all), [...stepKinds]);
  assert.deepEqual(kindsOf({ ...noSteps, assign: null }), ["assign"]);
});

Deno.test("taking each away leaves the others", () => {
  for (const kind of stepKinds) assert.deepEqual(kindsOf(without(all, kind)), stepKinds.filter((k) => k !== kind));
  assert.deepEqual(stepKinds.reduce(without, all), noSteps);
});
