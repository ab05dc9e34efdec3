/** The writing field: grows with its text, sends by Enter, takes files by paste. */
import { Button, read } from "./basics.tsx";
import * as icons from "./icons.ts";
import type { Child, Value } from "./jsx-runtime.ts";
import { computed, type Signal } from "./signals.ts";
import { kt } from "./strings.ts";

export function Composer(props: {
  text: Signal<string>;
  label: Value<string>;
  placeholder?: Value<string>;
  maxLength?: number;
  disabled?: Value<boolean>;
  before?: Child;
  after?: Child;
  onSend: (text: string) => void;
  onInput?: (text: string) => void;
  onFiles?: (files: File[]) => void;
  onKeydown?: (event: KeyboardEvent) => void;
  ref?: (area: HTMLTextAreaElement) => void;
}) {
  const empty = computed(() => props.text().trim() === "");
  const send = () => {
    const text = props.text.peek().trim();
    if (text === "" || read(props.disabled)) return;
    props.text.set("");
    props.onSend(text);
  };
  return (
    <div class="composer">
      {props.before}
      <textarea
        rows={1}
        value={props.text}
        aria-label={props.label}
        placeholder={props.placeholder ?? props.label}
        maxLength={props.maxLength ?? 8000}
        disabled={props.disabled}
        enterkeyhint="send"
        autocapitalize="sentences"
        onInput={(e) => {
          props.text.set(e.currentTarget.value);
          grow(e.currentTarget);
          props.onInput?.(e.currentTarget.value);
        }}
        onKeydown={(e) => {
          props.onKeydown?.(e);
          // While an input method composes, Enter only ends the word.
          if (e.defaultPrevented || e.key !== "Enter" || e.shiftKey || e.isComposing) return;
          e.preventDefault();
          send();
          grow(e.currentTarget);
        }}
        onPaste={(e) => {
          const files = [...(e.clipboardData?.files ?? [])];
          if (files.length === 0 || !props.onFiles) return;
          e.preventDefault();
          props.onFiles(files);
        }}
        ref={props.ref ?? (() => undefined)}
      />
      {props.after}
      <Button kind="primary" icon={icons.send} label={() => kt().send} disabled={() => empty() || !!read(props.disabled)} onClick={send} />
    </div>
  );
}

/** Where the browser does not size a field by its content itself. */
function grow(area: HTMLTextAreaElement): void {
  if (CSS.supports("field-sizing", "content")) return;
  area.style.setProperty("height", "auto");
  area.style.setProperty("height", `${area.scrollHeight}px`);
}

/** Puts text where the cursor is. */
export function insertAtCursor(area: HTMLTextAreaElement, text: string): void {
  area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
  area.focus();
}
