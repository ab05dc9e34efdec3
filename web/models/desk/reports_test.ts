/** Reports: addresses, periods, figures, axes. */
import assert from "node:assert/strict";
import { changeText, daysOf, formatQuery, isBetterLow, longTime, numberText, parseQuery, partOf, ticks } from "./reports.ts";
import { formatRoute, parseRoute } from "./route.ts";

Deno.test("a report's address holds what was asked for", () => {
  const route = { at: "reports" as const, metric: "csat" as const, query: { range: "last90", agent: "@anna:shop", tag: "été & co" } };
  assert.deepEqual(parseRoute(formatRoute(route)), route);
  assert.deepEqual(parseRoute("#/reports/nothing"), { at: "reports", metric: "volume", query: {} });
  assert.deepEqual(parseQuery("from=2026-01-01&evil=1"), { from: "2026-01-01" });
  assert.equal(formatQuery({}), "");
});

Deno.test("ranges are whole days, today with them", () => {
  const now = new Date(2026, 2, 15, 13).getTime();
  assert.deepEqual(daysOf({}, now), { from: "2026-02-14", to: "2026-03-15" });
  assert.deepEqual(daysOf({ range: "last7" }, now), { from: "2026-03-09", to: "2026-03-15" });
  assert.deepEqual(daysOf({ range: "lastMonth" }, now), { from: "2026-02-01", to: "2026-02-28" });
  assert.deepEqual(daysOf({ range: "thisYear" }, now), { from: "2026-01-01", to: "2026-03-15" });
  assert.deepEqual(daysOf({ range: "last7", from: "2025-01-01", to: "2025-01-02" }, now), { from: "2025-01-01", to: "2025-01-02" });
});

Deno.test("numbers read as people read them", () => {
  assert.equal(longTime("en", 45_400), "45 s");
  assert.equal(longTime("en", 725_000), "12 min 05 s");
  assert.equal(longTime("en", 12_000_000), "3 h 20 min");
  assert.equal(longTime("fr", 187_200_000), "2 j 4 h");
  assert.equal(numberText("en", "permille", 876), "87.6%");
  assert.equal(numberText("en", "hundredths", 432), "4.32");
  assert.equal(numberText("en", "tenths", 345), "+34.5");
  assert.equal(numberText("en", "count", null), "–");
});

Deno.test("changes are in points for shares, else in per cent", () => {
  assert.equal(changeText("en", { unit: "permille", value: 900, previous: 850 }), "+5 pt");
  assert.equal(changeText("en", { unit: "count", value: 150, previous: 100 }), "+50%");
  assert.equal(changeText("en", { unit: "count", value: 5, previous: 0 }), undefined);
  assert.equal(changeText("en", { unit: "ms", value: null, previous: 5 }), undefined);
  assert.ok(isBetterLow("first_response", "median") && !isBetterLow("csat", "satisfied") && isBetterLow("sla", "first_broken"));
  assert.equal(partOf("csat", "score_3"), "score_3");
  assert.equal(partOf("volume", "opened"), undefined);
});

Deno.test("an axis begins at nothing and ends above all, with round figures", () => {
  assert.deepEqual(ticks("count", 0, 9), [0, 5, 10]);
  assert.deepEqual(ticks("count", 0, 0), [0, 1]);
  assert.deepEqual(ticks("ms", 0, 100_000), [0, 30_000, 60_000, 90_000, 120_000]);
  for (const highest of [1, 3, 7, 12, 99, 101, 4321, 1e6]) {
    for (const unit of ["count", "ms", "permille"] as const) {
      const all = ticks(unit, 0, highest);
      assert.ok(all[0] === 0 && (all.at(-1) ?? 0) >= highest && all.length <= 7, `${unit} ${highest}: ${all}`);
    }
  }
  const nps = ticks("tenths", -400, 300);
  assert.ok((nps[0] ?? 0) <= -400 && (nps.at(-1) ?? 0) >= 300 && nps.includes(0));
});
