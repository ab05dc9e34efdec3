/** The wallboard asks when there is news, never in a storm. */
import assert from "node:assert/strict";
import { systemClock } from "../../sdk/ports.ts";
import { signal } from "../../ui/signals.ts";
import { type Wallboard, WallboardModel } from "./wallboard.ts";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const board = { now: 5, waiting: 1 } as Wallboard;

Deno.test("a hundred changes at once are asked about twice at most", async () => {
  const heard = signal(0);
  let asked = 0;
  const model = new WallboardModel(() => Promise.resolve({ ...board, waiting: ++asked }), systemClock, heard);
  await sleep(30);
  assert.equal(model.board.peek()?.waiting, 1);
  for (let n = 0; n < 100; n++) heard.update((n) => n + 1);
  await sleep(300);
  assert.equal(asked, 1);
  await sleep(1900);
  assert.equal(asked, 2);
  model.stop();
  heard.set(-1);
  await sleep(50);
  assert.equal(asked, 2);
});

Deno.test("what could not be asked is said to be old", async () => {
  const heard = signal(0);
  const model = new WallboardModel(() => Promise.reject(new Error("gone")), systemClock, heard);
  await sleep(30);
  assert.equal(model.stale.peek(), true);
  model.stop();
});
