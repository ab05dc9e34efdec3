import assert from "node:assert/strict";
import { ApiError, NetworkError } from "./http.ts";
import { Outbox, type OutboxItem, type OutboxSettings } from "./outbox.ts";
import { type KeyValue, MemoryStore } from "./storage.ts";
import { JumpClock, SwitchNetwork, until } from "../tools/world.ts";

class LastingStore extends MemoryStore {
  override readonly lasting = true as boolean as false;
}

function outbox(store: KeyValue, deliver: OutboxSettings["deliver"], more: Partial<OutboxSettings> = {}) {
  return new Outbox({
    store,
    lane: "l",
    clock: new JumpClock(),
    network: new SwitchNetwork(),
    upload: () => Promise.resolve("mxc://s/1"),
    deliver,
    ...more,
  });
}
const text = (body: string) => ({ type: "m.room.message", content: { body } });

Deno.test("what is added leaves in order, one at a time", async () => {
  const got: string[] = [];
  let at = 0;
  const box = outbox(new LastingStore(), async (i) => {
    assert.equal(++at, 1);
    await new Promise((r) => setTimeout(r, 1));
    at--;
    got.push(String(i.content.body));
    return "$";
  });
  for (const n of ["1", "2", "3", "4"]) await box.add(text(n));
  await until(() => box.items.length === 0);
  assert.deepEqual(got, ["1", "2", "3", "4"]);
});

Deno.test("a lost network holds everything back, keeps the order and the key", async () => {
  const tries: string[] = [];
  let up = false;
  const box = outbox(new LastingStore(), (i) => {
    tries.push(i.key);
    return up ? Promise.resolve("$") : Promise.reject(new NetworkError("no"));
  });
  const first = await box.add(text("1")), second = await box.add(text("2"));
  await until(() => tries.length > 3);
  assert.deepEqual(new Set(tries), new Set([first.key]));
  up = true;
  await until(() => box.items.length === 0);
  assert.equal(tries.at(-1), second.key);
});

Deno.test("what is queued survives a reload, under the same key", async () => {
  const store = new LastingStore();
  const dead = outbox(store, () => new Promise(() => undefined));
  const item = await dead.add(text("1"));
  await dead.add(text("2"));
  dead.stop();
  const got: OutboxItem[] = [];
  const box = outbox(store, (i) => {
    got.push(i);
    return Promise.resolve("$");
  });
  await box.load();
  await until(() => box.items.length === 0);
  assert.deepEqual(got.map((i) => i.content.body), ["1", "2"]);
  assert.equal(got[0]?.key, item.key);
  assert.deepEqual(await store.list("outbox/"), []);
});

Deno.test("what another tab has sent is not sent again", async () => {
  const store = new LastingStore();
  const quiet = outbox(store, () => new Promise(() => undefined));
  await quiet.add(text("1"));
  quiet.stop();
  const got: string[] = [];
  const box = outbox(store, (i) => {
    got.push(i.key);
    return Promise.resolve("$");
  }, {
    exclusive: async (run) => {
      for (const { key } of await store.list("outbox/")) await store.delete(key);
      return await run();
    },
  });
  await box.load();
  await until(() => box.items.length === 0);
  assert.deepEqual(got, []);
});

Deno.test("a refusal is kept as failed, and the next goes on", async () => {
  let refuse = true;
  const got: string[] = [];
  const box = outbox(new LastingStore(), (i) => {
    if (i.content.body === "bad" && refuse) return Promise.reject(new ApiError(403, "M_FORBIDDEN", "no", undefined, {}));
    got.push(String(i.content.body));
    return Promise.resolve("$");
  });
  const bad = await box.add(text("bad"));
  await box.add(text("good"));
  await until(() => got.includes("good"));
  await until(() => bad.state === "failed");
  assert.equal(bad.error?.code, "M_FORBIDDEN");
  refuse = false;
  await box.retry(bad.key);
  await until(() => box.items.length === 0);
  assert.deepEqual(got, ["good", "bad"]);
});

Deno.test("a failed one can be taken away", async () => {
  const store = new LastingStore();
  const box = outbox(store, () => Promise.reject(new ApiError(400, "M_BAD", "no", undefined, {})));
  const item = await box.add(text("1"));
  await until(() => item.state === "failed");
  await box.remove(item.key);
  assert.equal(box.items.length, 0);
  assert.deepEqual(await store.list("outbox/"), []);
});

Deno.test("a file goes up once, then its message is tried until it arrives", async () => {
  let uploads = 0, tries = 0;
  const seen: (number | undefined)[] = [];
  const box = outbox(new LastingStore(), (i) => {
    assert.equal(i.content.url, "mxc://s/9");
    return ++tries < 3 ? Promise.reject(new NetworkError("no")) : Promise.resolve("$");
  }, {
    upload: (_f, _n, progress) => {
      uploads++;
      progress(0.5);
      return Promise.resolve("mxc://s/9");
    },
  });
  box.changed.on(() => seen.push(box.items[0]?.progress));
  await box.add({ ...text("f"), file: new Blob(["x"]), fileName: "x.txt" });
  await until(() => box.items.length === 0);
  assert.equal(uploads, 1);
  assert.equal(tries, 3);
  assert.ok(seen.includes(0.5));
});

Deno.test("a full store does not stop a message", async () => {
  const store = new LastingStore();
  store.set = () => Promise.reject(new DOMException("full", "QuotaExceededError"));
  const got: string[] = [];
  const box = outbox(store, (i) => {
    got.push(i.key);
    return Promise.resolve("$");
  });
  await box.add(text("1"));
  await until(() => box.items.length === 0);
  assert.equal(got.length, 1);
});

Deno.test("the return of the network ends the pause", async () => {
  const network = new SwitchNetwork();
  let up = false, tries = 0;
  const slow = {
    now: () => 0,
    sleep: (_ms: number, s?: AbortSignal) => new Promise<void>((_, no) => s?.addEventListener("abort", () => no(new Error()))),
  };
  const box = outbox(new LastingStore(), () => {
    tries++;
    return up ? Promise.resolve("$") : Promise.reject(new NetworkError("no"));
  }, { network, clock: slow });
  await box.add(text("1"));
  await until(() => tries === 1);
  up = true;
  network.restore();
  await until(() => box.items.length === 0);
  assert.equal(tries, 2);
});
