/** Business hours in the form. */
import assert from "node:assert/strict";
import { dayNames, fromField, nextSpan, toField, usualWeek } from "./hours.ts";

Deno.test("the end of a day is its midnight in a field, and 24:00 for the server", () => {
  assert.equal(toField("24:00"), "00:00");
  assert.equal(fromField("00:00", true), "24:00");
  assert.equal(fromField("00:00", false), "00:00");
  assert.equal(fromField("09:30", true), "09:30");
});

Deno.test("a period that is added comes after those that are there", () => {
  assert.deepEqual(nextSpan([]), { start: "09:00", end: "18:00" });
  assert.deepEqual(nextSpan([{ start: "09:00", end: "12:30" }]), { start: "13:00", end: "18:00" });
  assert.deepEqual(nextSpan([{ start: "09:00", end: "18:00" }]), { start: "19:00", end: "21:00" });
  assert.deepEqual(nextSpan([{ start: "09:00", end: "21:30" }]), { start: "22:00", end: "24:00" });
  assert.equal(nextSpan([{ start: "09:00", end: "22:15" }]), undefined);
});

Deno.test("weeks begin on Monday", () => {
  assert.equal(dayNames("fr")[0], "Lundi");
  assert.equal(dayNames("en")[6], "Sunday");
  assert.equal(usualWeek.filter((d) => d.length > 0).length, 5);
});
