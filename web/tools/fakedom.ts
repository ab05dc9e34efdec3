/** As much of a DOM as the kit's own tests need: nodes, attributes, events. Only for tests. */
// deno-lint-ignore-file no-explicit-any
class FakeNode {
  childNodes: FakeNode[] = [];
  parentNode: FakeNode | null = null;
  constructor(readonly nodeType: number) {}

  get firstChild(): FakeNode | null {
    return this.childNodes[0] ?? null;
  }
  get nextSibling(): FakeNode | null {
    const all = this.parentNode?.childNodes;
    return all?.[all.indexOf(this) + 1] ?? null;
  }
  insertBefore(node: FakeNode, before: FakeNode | null): FakeNode {
    if (node.nodeType === 11) {
      for (const child of [...node.childNodes]) this.insertBefore(child, before);
      return node;
    }
    node.remove();
    const at = before ? this.childNodes.indexOf(before) : this.childNodes.length;
    if (at < 0) throw new Error("the node before which to insert is not here");
    this.childNodes.splice(at, 0, node);
    node.parentNode = this;
    return node;
  }
  append(...nodes: FakeNode[]): void {
    for (const node of nodes) this.insertBefore(node, null);
  }
  remove(): void {
    const all = this.parentNode?.childNodes;
    if (all) all.splice(all.indexOf(this), 1);
    this.parentNode = null;
  }
  get textContent(): string {
    return this.childNodes.map((c) => c.textContent).join("");
  }
}

class FakeText extends FakeNode {
  constructor(public data: string) {
    super(3);
  }
  override get textContent(): string {
    return this.data;
  }
}

class FakeElement extends FakeNode {
  attributes = new Map<string, string>();
  listeners = new Map<string, ((event: any) => void)[]>();
  styles = new Map<string, string>();
  style = {
    setProperty: (name: string, value: string) => void this.styles.set(name, value),
    removeProperty: (name: string) => void this.styles.delete(name),
  };
  constructor(readonly tagName: string, readonly namespace: string | undefined) {
    super(1);
  }
  setAttribute(name: string, value: string): void {
    this.attributes.set(name, value);
  }
  removeAttribute(name: string): void {
    this.attributes.delete(name);
  }
  getAttribute(name: string): string | null {
    return this.attributes.get(name) ?? null;
  }
  addEventListener(kind: string, run: (event: any) => void): void {
    this.listeners.set(kind, [...this.listeners.get(kind) ?? [], run]);
  }
  fire(kind: string): void {
    for (const run of this.listeners.get(kind) ?? []) run({ currentTarget: this, target: this });
  }
}

export type Fake = FakeElement;

/** Puts the fake under the names that the kit uses. */
export function installFakeDom(): void {
  Object.assign(globalThis, {
    Node: FakeNode,
    Text: FakeText,
    HTMLElement: FakeElement,
    document: {
      createElement: (tag: string) => new FakeElement(tag, undefined),
      createElementNS: (namespace: string, tag: string) => new FakeElement(tag, namespace),
      createTextNode: (data: string) => new FakeText(data),
      createDocumentFragment: () => new FakeNode(11),
    },
  });
}

export function fakeElement(tag = "div"): Fake {
  return new FakeElement(tag, undefined);
}
