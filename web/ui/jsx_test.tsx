import assert from "node:assert/strict";
import { type Fake, fakeElement, installFakeDom } from "../tools/fakedom.ts";
import { For, mount, Show } from "./jsx-runtime.ts";
import { signal } from "./signals.ts";

installFakeDom();

function host(): { node: Node; fake: Fake } {
  const fake = fakeElement();
  return { node: fake as unknown as Node, fake };
}
function only(fake: Fake): Fake[] {
  return fake.childNodes.filter((n) => n.nodeType === 1) as Fake[];
}

Deno.test("elements, attributes, properties and listeners", () => {
  const { node, fake } = host();
  let clicks = 0;
  mount(
    node,
    () => (
      <button type="button" class="a" aria-pressed={false} hidden={false} tabIndex={0} onClick={() => clicks++}>ok{1}{null}{false}</button>
    ),
  );
  const button = only(fake)[0];
  assert.ok(button);
  assert.equal(button.textContent, "ok1");
  assert.equal(button.getAttribute("class"), "a");
  assert.equal(button.getAttribute("aria-pressed"), "false");
  assert.equal(button.getAttribute("hidden"), null);
  assert.equal((button as unknown as { tabIndex: number }).tabIndex, 0);
  button.fire("click");
  assert.equal(clicks, 1);
});

Deno.test("drawings get their namespace", () => {
  const { node, fake } = host();
  mount(node, () => (
    <svg viewBox="0 0 1 1">
      <path d="M0 0" />
    </svg>
  ));
  assert.equal(only(fake)[0]?.namespace, "http://www.w3.org/2000/svg");
});

Deno.test("text, attributes and style follow signals", () => {
  const { node, fake } = host();
  const n = signal(1);
  mount(node, () => <p title={() => `t${n()}`} style={() => ({ "--n": String(n()) })}>{() => `n ${n()}`}</p>);
  n.set(2);
  const p = only(fake)[0];
  assert.equal(p?.textContent, "n 2");
  assert.equal(p?.getAttribute("title"), "t2");
  assert.equal(p?.styles.get("--n"), "2");
});

Deno.test("text that moves keeps its node", () => {
  const { node, fake } = host();
  const n = signal("a");
  mount(node, () => <p>{() => n()}</p>);
  const before = only(fake)[0]?.childNodes.find((c) => c.textContent === "a");
  n.set("b");
  assert.equal(before?.textContent, "b");
});

Deno.test("Show makes its child once for each time that it is true", () => {
  const { node, fake } = host();
  const n = signal(0);
  let made = 0;
  mount(node, () => (
    <Show when={() => n() > 0} fallback={() => "none"}>
      {() => {
        made++;
        return <b>{() => n()}</b>;
      }}
    </Show>
  ));
  assert.equal(fake.textContent, "none");
  n.set(1);
  n.set(2);
  assert.equal(fake.textContent, "2");
  assert.equal(made, 1);
  n.set(0);
  assert.equal(fake.textContent, "none");
});

Deno.test("For keeps the nodes of the keys that stay, in the new order", () => {
  const { node, fake } = host();
  const items = signal([{ id: 1, text: "a" }, { id: 2, text: "b" }, { id: 3, text: "c" }]);
  mount(node, () => <For each={items} by={(i: { id: number }) => i.id}>{(i) => <li>{() => i().text}</li>}</For>);
  const [a, b, c] = only(fake);
  items.set([{ id: 3, text: "c" }, { id: 4, text: "d" }, { id: 1, text: "A" }]);
  const now = only(fake);
  assert.equal(fake.textContent, "cdA");
  assert.equal(now[0], c);
  assert.equal(now[2], a);
  assert.equal(b?.parentNode, null);
});

Deno.test("For refuses two rows with one key and rows of several nodes", () => {
  const { node } = host();
  assert.throws(() => mount(node, () => <For each={() => [1, 1]} by={(n) => n}>{(n) => <i>{n}</i>}</For>), /share the key/);
  assert.throws(() =>
    mount(node, () => (
      <For each={() => [1]} by={(n) => n}>
        {() => (
          <>
            <i />
            <i />
          </>
        )}
      </For>
    )), /one element/);
});

Deno.test("For in a random order of changes shows what a fresh list shows", () => {
  let seed = 7;
  const random = (n: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  const { node, fake } = host();
  const items = signal<number[]>([]);
  mount(node, () => <For each={items} by={(n: number) => n}>{(n) => <i>{() => `${n()} `}</i>}</For>);
  for (let round = 0; round < 200; round++) {
    const next = [...items.peek()];
    for (let k = 0; k < 3; k++) {
      const what = random(3);
      if (what === 0 && next.length < 12) next.splice(random(next.length + 1), 0, 1000 + round * 3 + k);
      else if (what === 1) next.splice(random(next.length + 1), 1);
      else if (next.length > 1) next.push(...next.splice(random(next.length), 1));
    }
    items.set(next);
    assert.equal(fake.textContent, next.map((n) => `${n} `).join(""));
  }
});

Deno.test("the end of a mount ends its effects", () => {
  const { node } = host();
  const n = signal(1);
  let runs = 0;
  const end = mount(node, () => <p>{() => (runs++, n())}</p>);
  end();
  n.set(2);
  assert.equal(runs, 1);
});
