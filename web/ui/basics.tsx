/** Icon, Button, Avatar, Badge, Spinner, Field: the small parts of every page. */
import type { Child, Value } from "./jsx-runtime.ts";

export function read<T>(value: Value<T>): T {
  return typeof value === "function" ? (value as () => T)() : value;
}

/** Decorative by default; with a label it is a picture with a name. */
export function Icon(props: { d: Value<string>; label?: Value<string>; class?: string }) {
  return (
    <svg
      class={`icon ${props.class ?? ""}`}
      viewBox="0 0 24 24"
      role={props.label === undefined ? undefined : "img"}
      aria-hidden={props.label === undefined ? "true" : undefined}
      aria-label={props.label}
    >
      <path d={props.d} />
    </svg>
  );
}

export interface ButtonProps {
  children?: Child;
  kind?: "primary" | "outline" | "ghost" | "danger" | undefined;
  small?: boolean;
  icon?: Value<string>;
  /** The name of a button that shows only its icon. */
  label?: Value<string>;
  onClick?: (event: MouseEvent & { currentTarget: HTMLButtonElement }) => void;
  onPointerenter?: () => void;
  disabled?: Value<boolean>;
  type?: "button" | "submit";
  class?: string;
  id?: string;
  pressed?: Value<boolean>;
  expanded?: Value<boolean>;
  controls?: string;
  popup?: "menu" | "dialog" | "listbox";
  shortcut?: string;
  ref?: (element: HTMLButtonElement) => void;
}

export function Button(props: ButtonProps) {
  const names = ["btn", props.kind, props.small && "small", props.label !== undefined && !props.children && "only", props.class];
  return (
    <button
      type={props.type ?? "button"}
      id={props.id}
      class={names.filter(Boolean).join(" ")}
      aria-label={props.label}
      title={props.label}
      disabled={props.disabled}
      aria-pressed={props.pressed}
      aria-expanded={props.expanded}
      aria-controls={props.controls}
      aria-haspopup={props.popup}
      aria-keyshortcuts={props.shortcut}
      onClick={props.onClick}
      onPointerenter={props.onPointerenter}
      ref={props.ref ?? (() => undefined)}
    >
      {props.icon === undefined ? null : <Icon d={props.icon} />}
      {props.children}
    </button>
  );
}

/** A picture, or initials on a colour that always belongs to the same name. */
export function Avatar(
  props: { name: Value<string>; picture?: Value<string | null | undefined>; size?: string; presence?: Value<string | undefined> },
) {
  return (
    <span
      class="avatar"
      aria-hidden="true"
      style={() => ({ "--hue": String(hue(read(props.name))), ...(props.size ? { "--size": props.size } : {}) })}
    >
      {() => {
        const picture = read(props.picture);
        return picture ? <img src={picture} alt="" loading="lazy" decoding="async" /> : initials(read(props.name));
      }}
      {() => {
        const presence = read(props.presence);
        return presence ? <span class={`dot ${presence}`} /> : null;
      }}
    </span>
  );
}

export function initials(name: string): string {
  const words = name.trim().split(/[\s.\-_]+/).filter((w) => /[\p{L}\p{N}]/u.test(w));
  const first = words[0] ?? "?", last = words.length > 1 ? words[words.length - 1] ?? "" : "";
  return ((Array.from(first)[0] ?? "?") + (Array.from(last)[0] ?? "")).toUpperCase();
}

export function hue(name: string): number {
  let h = 7;
  for (const c of name) h = (h * 31 + (c.codePointAt(0) ?? 0)) % 3600;
  return h % 360;
}

export function Spinner(props: { label: Value<string> }) {
  return (
    <span role="status">
      <span class="spin" aria-hidden="true" style={{ display: "block" }} />
      <span class="vh">{() => read(props.label)}</span>
    </span>
  );
}

let ids = 0;
/** An id that no other element of this page has. */
export function freshId(prefix = "id"): string {
  return `${prefix}-${++ids}`;
}

/** A labelled field with its hint and its error, tied together for screen readers. */
export function Field(props: {
  label: Value<string>;
  hint?: Value<string | undefined>;
  wrong?: Value<string | undefined>;
  children: (tie: { id: string; "aria-describedby": string; "aria-invalid": () => boolean }) => Node;
}) {
  const id = freshId("field");
  const wrong = () => read(props.wrong);
  return (
    <div class="field">
      <label for={id}>{() => read(props.label)}</label>
      {props.children({ id, "aria-describedby": `${id}-help`, "aria-invalid": () => !!wrong() })}
      <span id={`${id}-help`}>
        {() => (wrong() ? <span class="wrong">{wrong()}</span> : read(props.hint) ? <span class="hint">{read(props.hint)}</span> : null)}
      </span>
    </div>
  );
}
