import assert from "node:assert/strict";
import { batch, computed, effect, onCleanup, root, signal, untrack } from "./signals.ts";

Deno.test("an effect follows what it read, and only that", () => {
  const a = signal(1), b = signal(10);
  const seen: number[] = [];
  effect(() => {
    seen.push(a() + b.peek());
  });
  a.set(2);
  b.set(20);
  assert.deepEqual(seen, [11, 12]);
});

Deno.test("setting the same value tells nobody", () => {
  const a = signal(1);
  let runs = 0;
  effect(() => {
    a();
    runs++;
  });
  a.set(1);
  assert.equal(runs, 1);
});

Deno.test("a diamond is seen once and never half changed", () => {
  const a = signal(1);
  const double = computed(() => a() * 2), triple = computed(() => a() * 3);
  const seen: string[] = [];
  effect(() => {
    seen.push(`${double()} ${triple()}`);
  });
  a.set(2);
  assert.deepEqual(seen, ["2 3", "4 6"]);
});

Deno.test("a computed value that stays the same stops the change", () => {
  const n = signal(1);
  const even = computed(() => n() % 2 === 0);
  let runs = 0;
  effect(() => {
    even();
    runs++;
  });
  n.set(3);
  n.set(5);
  assert.equal(runs, 1);
  n.set(6);
  assert.equal(runs, 2);
});

Deno.test("computed values are lazy", () => {
  let runs = 0;
  const n = signal(1);
  const c = computed(() => {
    runs++;
    return n();
  });
  n.set(2);
  assert.equal(runs, 0);
  assert.equal(c(), 2);
  assert.equal(c(), 2);
  assert.equal(runs, 1);
});

Deno.test("what a branch no longer reads no longer counts", () => {
  const which = signal(true), a = signal("a"), b = signal("b");
  let runs = 0;
  effect(() => {
    which() ? a() : b();
    runs++;
  });
  which.set(false);
  a.set("x");
  assert.equal(runs, 2);
  b.set("y");
  assert.equal(runs, 3);
});

Deno.test("a batch tells once", () => {
  const a = signal(1), b = signal(1);
  const seen: number[] = [];
  effect(() => {
    seen.push(a() + b());
  });
  batch(() => {
    a.set(2);
    b.set(2);
  });
  assert.deepEqual(seen, [2, 4]);
});

Deno.test("cleanups run before the next run and at the end", () => {
  const a = signal(1);
  const log: string[] = [];
  const end = effect(() => {
    const value = a();
    onCleanup(() => log.push(`end ${value}`));
  });
  a.set(2);
  end();
  a.set(3);
  assert.deepEqual(log, ["end 1", "end 2"]);
});

Deno.test("effects inside an effect live as long as its run", () => {
  const outer = signal(1), inner = signal(1);
  let runs = 0;
  effect(() => {
    outer();
    effect(() => {
      inner();
      runs++;
    });
  });
  outer.set(2);
  runs = 0;
  inner.set(2);
  assert.equal(runs, 1);
});

Deno.test("a root disposes what was made in it", () => {
  const a = signal(1);
  let runs = 0;
  const dispose = root((end) => {
    effect(() => {
      a();
      runs++;
    });
    return end;
  });
  dispose();
  a.set(2);
  assert.equal(runs, 1);
});

Deno.test("untrack reads without following", () => {
  const a = signal(1), b = signal(1);
  let runs = 0;
  effect(() => {
    a();
    untrack(b);
    runs++;
  });
  b.set(2);
  assert.equal(runs, 1);
});

Deno.test("an effect that fails leaves the others running", () => {
  const a = signal(1);
  let other = 0;
  effect(() => {
    if (a() === 2) throw new Error("no");
  });
  effect(() => {
    other = a();
  });
  assert.throws(() => a.set(2), /no/);
  assert.equal(other, 2);
  a.set(3);
  assert.equal(other, 3);
});

Deno.test("an endless loop is stopped", () => {
  const a = signal(1);
  assert.throws(() => effect(() => a.set(a() + 1)), /keeps changing/);
});
