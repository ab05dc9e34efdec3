import assert from "node:assert/strict";
import { Http } from "./http.ts";
import { SessionKeeper } from "./session.ts";
import { MemoryStore } from "./storage.ts";
import { SyncLoop } from "./sync.ts";
import { mediaPath } from "./media.ts";
import { type Answer, type Asked, fakeFetch, JumpClock, SwitchNetwork, until } from "../tools/world.ts";

function loop(serve: (asked: Asked) => Answer | undefined | Promise<Answer | undefined>) {
  const fetch = fakeFetch(serve);
  const clock = new JumpClock(), network = new SwitchNetwork();
  const sync = new SyncLoop({ http: new Http({ baseUrl: "http://s", fetch, clock }), clock, network });
  return { sync, network, log: fetch.log };
}
const hang = () => new Promise<Answer>(() => undefined);

Deno.test("goes on from the last position and hands over each answer once", async () => {
  const seen: string[] = [];
  const w = loop((a) => {
    const since = Number(a.query.get("since") ?? 0);
    return since < 5 ? { body: { next_batch: String(since + 1) } } : hang();
  });
  w.sync.answers.on((a) => seen.push(a.next_batch));
  w.sync.start();
  await until(() => seen.length === 5);
  assert.deepEqual(seen, ["1", "2", "3", "4", "5"]);
  assert.equal(w.log[0]?.query.get("timeout"), "0");
  assert.equal(w.log[1]?.query.get("timeout"), "25000");
  w.sync.stop();
});

Deno.test("cut fifty times, no position is skipped", async () => {
  let calls = 0;
  const seen: string[] = [];
  const w = loop((a) => {
    const since = Number(a.query.get("since") ?? 0);
    if (since === 50) return hang();
    return ++calls % 2 === 0 ? undefined : { body: { next_batch: String(since + 1) } };
  });
  w.sync.answers.on((a) => seen.push(a.next_batch));
  w.sync.start();
  await until(() => seen.length === 50);
  assert.deepEqual(seen, Array.from({ length: 50 }, (_, i) => String(i + 1)));
  w.sync.stop();
});

Deno.test("says offline when cut, live when back", async () => {
  let up = true;
  const states: string[] = [];
  const w = loop(() => up ? (w.log.length > 1 ? hang() : { body: { next_batch: "1" } }) : undefined);
  w.sync.stateChanged.on((s) => states.push(s));
  w.sync.start();
  await until(() => w.sync.state === "live");
  up = false;
  w.network.cut();
  await until(() => w.sync.state === "offline");
  assert.deepEqual(states, ["live", "offline"]);
  w.sync.stop();
});

Deno.test("a refused token ends the loop and is told", async () => {
  let code = "";
  const w = loop(() => ({ status: 401, body: { errcode: "M_UNKNOWN_TOKEN" } }));
  w.sync.refused.on((e) => code = e.code);
  w.sync.start();
  await until(() => code !== "");
  assert.equal(code, "M_UNKNOWN_TOKEN");
  assert.equal(w.sync.state, "ended");
});

Deno.test("a session is refreshed once for many refused requests", async () => {
  let refreshes = 0;
  const fetch = fakeFetch((a) => {
    if (a.path.endsWith("/refresh")) {
      refreshes++;
      return { body: { access_token: "new", refresh_token: "r2", expires_in_ms: 1000 } };
    }
    return a.token === "new" ? { body: {} } : { status: 401, body: { errcode: "M_UNKNOWN_TOKEN", soft_logout: true } };
  });
  const store = new MemoryStore();
  await store.set("session", { userId: "@a:s", deviceId: "D", accessToken: "old", refreshToken: "r1" });
  const keeper = new SessionKeeper(store, { baseUrl: "http://s", fetch, clock: new JumpClock() });
  await keeper.restore();
  await Promise.all([keeper.http.get("/a"), keeper.http.get("/b"), keeper.http.get("/c")]);
  assert.equal(refreshes, 1);
  assert.equal((await store.get<{ refreshToken: string }>("session"))?.refreshToken, "r2");
});

Deno.test("a session that cannot be refreshed ends", async () => {
  const fetch = fakeFetch(() => ({ status: 401, body: { errcode: "M_UNKNOWN_TOKEN" } }));
  const store = new MemoryStore();
  await store.set("session", { userId: "@a:s", deviceId: "D", accessToken: "old" });
  const keeper = new SessionKeeper(store, { baseUrl: "http://s", fetch, clock: new JumpClock() });
  await keeper.restore();
  await assert.rejects(keeper.http.get("/a"));
  assert.equal(keeper.session, undefined);
  assert.equal(await store.get("session"), undefined);
});

Deno.test("addresses of media", () => {
  assert.equal(mediaPath("mxc://s.example/Ab_1-"), "/_matrix/client/v1/media/download/s.example/Ab_1-");
  assert.match(mediaPath("mxc://s/a", { width: 96, height: 96, method: "crop" }) ?? "", /thumbnail\/s\/a\?width=96&height=96&method=crop/);
  for (const bad of ["https://s/a", "mxc://s", "mxc://s/a/b", "mxc://s/../../x", ""]) assert.equal(mediaPath(bad), undefined, bad);
});
