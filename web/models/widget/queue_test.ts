/** The waiting line: one question at a time, each with what is known. */
import assert from "node:assert/strict";
import type { QueueAnswer } from "./api.ts";
import { type Ask, askBy, QueueWatch } from "./queue.ts";
import type { VisitorSession } from "./session.ts";

function at(position: number | null, tag: string, state: QueueAnswer["state"] = "waiting"): QueueAnswer {
  return { state, position, wait_seconds: null, hours: null, tag };
}

function ask(steps: (QueueAnswer | undefined)[], asked: (string | undefined)[]): Ask {
  return (seen) => {
    asked.push(seen);
    return Promise.resolve(steps.shift());
  };
}

Deno.test("it follows the place, also when who served him puts him back", async () => {
  const asked: (string | undefined)[] = [];
  const watch = new QueueWatch(ask([at(3, "a"), at(1, "b"), at(null, "c", "served"), at(1, "d"), undefined], asked));
  await watch.run();
  assert.deepEqual(asked, [undefined, "a", "b", "c", "d"]);
  assert.equal(watch.now()?.tag, "d");
});

Deno.test("what is refused is not asked again, and what is stopped shows nothing more", async () => {
  const asked: (string | undefined)[] = [];
  await new QueueWatch(ask([undefined], asked)).run();
  assert.equal(asked.length, 1);
  const watch = new QueueWatch((_, cut) => new Promise((resolve) => cut.addEventListener("abort", () => resolve(at(1, "late")))));
  const run = watch.run();
  watch.stop();
  await run;
  assert.equal(watch.now(), undefined);
});

Deno.test("a broken network is asked again, a refusal is not", async () => {
  const failures: unknown[] = [new TypeError("no network"), { status: 503 }, { status: 429 }];
  const questions: unknown[] = [];
  const get = (_: string, options: { query: unknown }) => {
    questions.push(options.query);
    const next = failures.shift();
    return next ? Promise.reject(next) : Promise.resolve(at(2, "a"));
  };
  const session = { visitor: { roomId: "!r" }, http: { get }, api: { inbox: "web" } } as unknown as VisitorSession;
  const cut = new AbortController();
  assert.equal((await askBy(session, 1)("t", cut.signal))?.position, 2);
  assert.equal(questions.length, 4);
  assert.deepEqual(questions[0], { inbox: "web", seen: "t" });
  failures.push({ status: 404 });
  assert.equal(await askBy(session, 1)("t", cut.signal), undefined);
});
