import assert from "node:assert/strict";
import { ApiError, Http, isPassing, NetworkError } from "./http.ts";
import { type Answer, fakeFetch, JumpClock } from "../tools/world.ts";

function http(answers: (Answer | undefined)[], more: Partial<ConstructorParameters<typeof Http>[0]> = {}) {
  const fetch = fakeFetch(() => answers.shift());
  const clock = new JumpClock();
  return { http: new Http({ baseUrl: "http://s/", fetch, clock, ...more }), log: fetch.log, clock };
}

Deno.test("a broken connection is tried again for what is safe to repeat", async () => {
  const w = http([undefined, { body: { a: 1 } }]);
  assert.deepEqual(await w.http.get("/x"), { a: 1 });
  assert.equal(w.log.length, 2);
});

Deno.test("a post is not repeated by itself", async () => {
  const w = http([undefined, { body: {} }]);
  await assert.rejects(w.http.post("/x"), NetworkError);
  assert.equal(w.log.length, 1);
});

Deno.test("too fast: waits as long as the server asks", async () => {
  const w = http([{ status: 429, body: { errcode: "M_LIMIT_EXCEEDED", retry_after_ms: 7000 } }, { body: {} }]);
  const before = w.clock.now();
  await w.http.get("/x");
  assert.equal(w.clock.now() - before, 7000);
});

Deno.test("Retry-After in seconds counts too", async () => {
  const w = http([{ status: 503, headers: { "retry-after": "3" } }, { body: {} }]);
  const before = w.clock.now();
  await w.http.put("/x");
  assert.equal(w.clock.now() - before, 3000);
});

Deno.test("a refusal is an error with its code, at once", async () => {
  const w = http([{ status: 403, body: { errcode: "M_FORBIDDEN", error: "no" } }]);
  await assert.rejects(w.http.get("/x"), (e) => e instanceof ApiError && e.code === "M_FORBIDDEN" && e.message === "no" && !e.passing);
  assert.equal(w.log.length, 1);
});

Deno.test("problem+json is read as well", async () => {
  const w = http([{ status: 409, body: { type: "urn:comptoir:problem:already_taken", code: "already_taken", detail: "Anna" } }]);
  await assert.rejects(w.http.post("/x"), (e) => e instanceof ApiError && e.code === "already_taken" && e.message === "Anna");
});

Deno.test("a proxy's page is as good as no answer", async () => {
  const w = http([{ body: "<html>" }, { body: "<html>" }, { body: "<html>" }]);
  await assert.rejects(w.http.get("/x"), (e) => isPassing(e));
});

Deno.test("the token goes along, but not where it is not wanted", async () => {
  const w = http([{ body: {} }, { body: {} }], { token: () => "t" });
  await w.http.get("/x");
  await w.http.get("/x", { auth: false });
  assert.deepEqual(w.log.map((a) => a.token), ["t", undefined]);
});

Deno.test("a refused token is renewed once", async () => {
  let token = "old";
  const fetch = fakeFetch((a) => a.token === "new" ? { body: { ok: true } } : { status: 401, body: { errcode: "M_UNKNOWN_TOKEN" } });
  const h = new Http({ baseUrl: "http://s", fetch, token: () => token, onUnauthorized: () => Promise.resolve((token = "new") === "new") });
  assert.deepEqual(await h.get("/x"), { ok: true });
  token = "bad";
  const never = new Http({ baseUrl: "http://s", fetch, token: () => "bad", onUnauthorized: () => Promise.resolve(true) });
  await assert.rejects(never.get("/x"), ApiError);
});

Deno.test("no answer in time is a network error", async () => {
  const fetch = fakeFetch(() => new Promise(() => undefined));
  await assert.rejects(new Http({ baseUrl: "http://s", fetch }).get("/x", { timeoutMs: 10, tries: 1 }), NetworkError);
});

Deno.test("an abort ends a request, and is told as such", async () => {
  const fetch = fakeFetch(() => new Promise(() => undefined));
  const stop = new AbortController();
  const running = new Http({ baseUrl: "http://s", fetch }).get("/x", { signal: stop.signal });
  stop.abort();
  await assert.rejects(running, (e) => e instanceof DOMException && e.name === "AbortError");
});
