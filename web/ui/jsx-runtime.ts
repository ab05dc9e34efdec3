/**
 * TSX straight to DOM nodes. A component is a function that runs once; what moves is a function (`{() => count()}`,
 * `class={() => …}`) and follows its signals by itself.
 *
 * Invariants: only createElement, createTextNode and setAttribute make DOM (Trusted Types stay satisfied); a prop that
 * begins with `on` is always a listener; inline style goes through the CSSOM, so it works under `style-src 'self'`.
 */
import { effect, onCleanup, type Read, root, type Signal, signal, untrack } from "./signals.ts";

export type Child = Node | string | number | boolean | null | undefined | readonly Child[] | (() => Child);
export type Value<T> = T | (() => T);
// deno-lint-ignore no-explicit-any
type Component = (props: any) => Node;

type Attr = Value<string | number | boolean | null | undefined>;
type Listeners<E> = {
  [K in keyof HTMLElementEventMap as `on${Capitalize<K>}`]?: (event: HTMLElementEventMap[K] & { currentTarget: E }) => void;
};
type Aria = { [K in `aria-${string}` | `data-${string}`]?: Attr };

export interface Style {
  [property: string]: string | undefined;
}

interface Common<E> extends Aria {
  children?: Child;
  class?: Value<string | false | null | undefined>;
  style?: Value<Style>;
  ref?: (element: E) => void;
}

type Plain =
  | "id"
  | "title"
  | "role"
  | "lang"
  | "dir"
  | "hidden"
  | "inert"
  | "tabIndex"
  | "href"
  | "hreflang"
  | "target"
  | "rel"
  | "download"
  | "src"
  | "srcObject"
  | "alt"
  | "width"
  | "height"
  | "loading"
  | "decoding"
  | "type"
  | "name"
  | "value"
  | "checked"
  | "selected"
  | "disabled"
  | "readOnly"
  | "required"
  | "placeholder"
  | "autocomplete"
  | "autocapitalize"
  | "enterkeyhint"
  | "inputmode"
  | "spellcheck"
  | "rows"
  | "maxLength"
  | "minLength"
  | "min"
  | "max"
  | "step"
  | "pattern"
  | "accept"
  | "capture"
  | "multiple"
  | "for"
  | "form"
  | "method"
  | "action"
  | "novalidate"
  | "colspan"
  | "rowspan"
  | "scope"
  | "open"
  | "controls"
  | "muted"
  | "autoplay"
  | "playsinline"
  | "loop"
  | "poster"
  | "preload"
  | "datetime"
  | "draggable"
  | "contenteditable"
  | "popover"
  | "part"
  | "label"
  | "list"
  | "size"
  | "start"
  | "allow"
  | "sandbox"
  | "referrerpolicy";

type Html<E> = Common<E> & Listeners<E> & { [K in Exclude<Plain, "srcObject">]?: Attr } & { srcObject?: Value<MediaStream | null> };
type Svg<E> = Common<E> & Listeners<E> & { [attribute: string]: unknown };

// deno-lint-ignore no-namespace
export namespace JSX {
  export type Element = Node;
  export type ElementType = keyof IntrinsicElements | Component;
  export interface ElementChildrenAttribute {
    children: unknown;
  }
  type HtmlTags = { [K in keyof HTMLElementTagNameMap]: Html<HTMLElementTagNameMap[K]> };
  type SvgTags = { [K in Exclude<keyof SVGElementTagNameMap, keyof HTMLElementTagNameMap>]: Svg<SVGElementTagNameMap[K]> };
  export interface IntrinsicElements extends HtmlTags, SvgTags {}
}

const svgTags = new Set(
  ("svg path circle rect g line polyline polygon ellipse defs linearGradient radialGradient stop text tspan use clipPath mask " +
    "filter feGaussianBlur pattern symbol animate").split(" "),
);
/** Set as properties: their attribute is only the initial value, or does not exist. */
const properties = new Set(
  ["value", "checked", "selected", "disabled", "readOnly", "muted", "srcObject", "tabIndex", "maxLength", "minLength", "indeterminate"],
);

export function jsx(type: string | Component, props: Record<string, unknown>): Node {
  // What a component reads while it is made does not make it again.
  if (typeof type === "function") return untrack(() => type(props));
  const element = svgTags.has(type) ? document.createElementNS("http://www.w3.org/2000/svg", type) : document.createElement(type);
  // Children first: a <select>'s value only sticks once its options are there.
  if ("children" in props) insert(element, props.children as Child);
  for (const name in props) {
    if (name !== "children" && name !== "ref") setProp(element, name, props[name]);
  }
  if (typeof props.ref === "function") props.ref(element);
  return element;
}
export { jsx as jsxs };

export function Fragment(props: { children?: Child }): Node {
  const fragment = document.createDocumentFragment();
  insert(fragment, props.children);
  return fragment;
}

function setProp(element: Element, name: string, value: unknown): void {
  if (name.startsWith("on")) {
    if (value) element.addEventListener(name.slice(2).toLowerCase(), value as EventListener);
  } else if (typeof value === "function") {
    effect(() => assign(element, name, (value as () => unknown)()));
  } else assign(element, name, value);
}

function assign(element: Element, name: string, value: unknown): void {
  if (name === "style") {
    const style = (element as HTMLElement).style;
    for (const [property, v] of Object.entries(value as Style)) {
      if (v === undefined) style.removeProperty(property);
      else style.setProperty(property, v);
    }
  } else if (properties.has(name)) {
    const target = element as unknown as Record<string, unknown>;
    const next = value ?? (name === "srcObject" ? null : name === "value" ? "" : false);
    if (target[name] !== next) target[name] = next;
  } else if (name.startsWith("aria-")) {
    if (value === null || value === undefined) element.removeAttribute(name);
    else element.setAttribute(name, String(value));
  } else if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Puts a child, whatever it is, before `before` (or last). */
export function insert(parent: Node, child: Child, before: Node | null = null): void {
  if (child === null || child === undefined || typeof child === "boolean") return;
  if (typeof child === "function") moving(parent, child, before);
  else if (Array.isArray(child)) { for (const c of child as readonly Child[]) insert(parent, c, before); }
  else parent.insertBefore(child instanceof Node ? child : document.createTextNode(String(child)), before);
}

/** The part of a parent that a function fills; its borders are two empty text nodes. */
function moving(parent: Node, child: () => Child, before: Node | null): void {
  const end = border(parent, before);
  const start = border(parent, end);
  effect(() => {
    let value = child();
    while (typeof value === "function") value = value();
    const only = start.nextSibling;
    if ((typeof value === "string" || typeof value === "number") && only instanceof Text && only.nextSibling === end) {
      only.data = String(value);
      return;
    }
    clear(start, end);
    if (end.parentNode) insert(end.parentNode, value, end);
  });
}

function border(parent: Node, before: Node | null): Text {
  return parent.insertBefore(document.createTextNode(""), before);
}

function clear(start: Node, end: Node): void {
  while (start.nextSibling && start.nextSibling !== end) start.nextSibling.remove();
}

/** Shows `children()` while `when()` is truthy; made again only when the truth changes. */
export function Show(props: { when: () => unknown; children: () => Child; fallback?: () => Child }): Node {
  const shown: Signal<boolean> = signal(false);
  effect(() => shown.set(!!props.when()));
  return Fragment({ children: () => (shown() ? props.children() : props.fallback?.()) });
}

interface Row<T> {
  node: ChildNode;
  item: Signal<T>;
  index: Signal<number>;
  dispose: () => void;
}

/** A list whose rows keep their node as long as their key (`by`) stays. A row is exactly one element. */
export function For<T>(props: {
  each: () => readonly T[];
  by: (item: T) => unknown;
  children: (item: Read<T>, index: Read<number>) => Node;
  fallback?: () => Child;
}): Node {
  const fragment = document.createDocumentFragment();
  const start = border(fragment, null), end = border(fragment, null);
  let rows = new Map<unknown, Row<T>>();
  onCleanup(() => rows.forEach((row) => row.dispose()));
  effect(() => {
    const items = props.each();
    const next = new Map<unknown, Row<T>>();
    items.forEach((item, i) => {
      const key = props.by(item);
      if (next.has(key)) throw new Error(`For: two rows share the key ${String(key)}`);
      let row = rows.get(key);
      if (row) {
        row.item.set(item);
        row.index.set(i);
      } else {
        row = root((dispose) => {
          const own = signal(item), index = signal(i);
          const node = props.children(own, index);
          if (node.nodeType === 11) throw new Error("For: a row must be one element");
          return { node: node as ChildNode, item: own, index, dispose };
        });
      }
      next.set(key, row);
    });
    for (const [key, row] of rows) {
      if (next.has(key)) continue;
      row.dispose();
      row.node.remove();
    }
    const parent = end.parentNode;
    let cursor: Node | null = start.nextSibling;
    if (parent) {
      for (const row of next.values()) {
        if (row.node === cursor) cursor = cursor.nextSibling;
        else parent.insertBefore(row.node, cursor);
      }
    }
    rows = next;
  });
  if (!props.fallback) return fragment;
  const empty = props.fallback;
  return Fragment({ children: [fragment, Show({ when: () => props.each().length === 0, children: empty })] });
}

/** Mounts a view and gives back its end. */
export function mount(parent: Node, view: () => Child): () => void {
  return root((dispose) => {
    insert(parent, view());
    return dispose;
  });
}
