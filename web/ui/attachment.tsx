/** Pictures and files in a conversation, and files dropped on a page. */
import { Icon, read } from "./basics.tsx";
import { byteSize, lang } from "./i18n.ts";
import * as icons from "./icons.ts";
import type { Value } from "./jsx-runtime.ts";
import { onCleanup, signal } from "./signals.ts";
import { kt } from "./strings.ts";

export function FileTile(props: { name: string; size?: number | undefined; onOpen?: () => void; busy?: Value<boolean> }) {
  const inside = (
    <>
      <Icon d={icons.file} />
      <span class="what">
        <span class="name">{props.name}</span>
        <span class="size">{() => (props.size === undefined ? "" : byteSize(lang(), props.size))}</span>
      </span>
      {() => (read(props.busy) ? <span class="spin" aria-hidden="true" /> : props.onOpen ? <Icon d={icons.download} /> : null)}
    </>
  );
  if (!props.onOpen) return <div class="tile">{inside}</div>;
  return (
    <button type="button" class="tile" aria-label={() => `${kt().download} ${props.name}`} onClick={props.onOpen}>
      {inside}
    </button>
  );
}

/** Width and height in CSS pixels for a picture of `w` × `h`, within a box; known before it loads, so nothing jumps. */
export function fitted(w: number | undefined, h: number | undefined, maxW: number, maxH: number): { width: number; height: number } {
  if (!w || !h) return { width: Math.min(maxW, 200), height: Math.min(maxH, 150) };
  const scale = Math.min(1, maxW / w, maxH / h);
  return { width: Math.max(48, Math.round(w * scale)), height: Math.max(48, Math.round(h * scale)) };
}

export function PictureTile(props: {
  src: Value<string | undefined>;
  name: string;
  width?: number | undefined;
  height?: number | undefined;
  maxWidth?: number;
  maxHeight?: number;
  onOpen: () => void;
}) {
  const size = fitted(props.width, props.height, props.maxWidth ?? 240, props.maxHeight ?? 280);
  return (
    <button
      type="button"
      class="picture"
      aria-label={() => kt().openPicture(props.name)}
      style={{ width: `${size.width}px`, "max-width": "100%", "aspect-ratio": `${size.width} / ${size.height}` }}
      onClick={props.onOpen}
    >
      {() => {
        const src = read(props.src);
        return src ? <img src={src} alt="" decoding="async" /> : null;
      }}
    </button>
  );
}

/** Saves an address (`blob:` or same origin) as a file. */
export function saveAs(url: string, name: string): void {
  const a = <a href={url} download={name} /> as HTMLAnchorElement;
  document.body.append(a);
  a.click();
  a.remove();
}

/** Follows files dragged over an element; `over` is true while they hang there. */
export function dropZone(element: HTMLElement, take: (files: File[]) => void) {
  const over = signal(false);
  let depth = 0;
  const has = (e: DragEvent) => e.dataTransfer?.types.includes("Files") ?? false;
  const on = <K extends "dragenter" | "dragover" | "dragleave" | "drop">(kind: K, run: (e: DragEvent) => void) => {
    element.addEventListener(kind, run);
    onCleanup(() => element.removeEventListener(kind, run));
  };
  on("dragenter", (e) => {
    if (!has(e)) return;
    e.preventDefault();
    over.set(++depth > 0);
  });
  on("dragover", (e) => {
    if (has(e)) e.preventDefault();
  });
  on("dragleave", (e) => {
    if (has(e)) over.set(--depth > 0);
  });
  on("drop", (e) => {
    if (!has(e)) return;
    e.preventDefault();
    depth = 0;
    over.set(false);
    const files = [...(e.dataTransfer?.files ?? [])];
    if (files.length > 0) take(files);
  });
  return over;
}
