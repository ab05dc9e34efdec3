/** Dialogs, menus and other popups: what lies over the page. Native `<dialog>` and popovers keep focus, Escape and stacking right. */
import { Button, freshId, Icon, read } from "./basics.tsx";
import * as icons from "./icons.ts";
import type { Child, Value } from "./jsx-runtime.ts";
import { root } from "./signals.ts";
import { kt } from "./strings.ts";

/** Opens a modal dialog; resolves when it is closed. The focus goes back where it was. */
export function openDialog(options: { title: Value<string>; class?: string; body: (close: () => void) => Child }): Promise<void> {
  return new Promise((resolve) => {
    const back = document.activeElement, title = freshId("dialog-title");
    root((dispose) => {
      const close = () => dialog.close();
      const dialog = (
        <dialog
          class={`dialog ${options.class ?? ""}`}
          aria-labelledby={title}
          onClose={() => {
            dialog.remove();
            dispose();
            if (back instanceof HTMLElement) back.focus();
            resolve();
          }}
          onClick={(e) => {
            // A click beside the dialog lands on the dialog element itself.
            if (e.target === dialog) close();
          }}
        >
          <header>
            <h2 id={title}>{() => read(options.title)}</h2>
            <Button kind="ghost" icon={icons.close} label={() => kt().close} onClick={close} />
          </header>
          <div class="body">{options.body(close)}</div>
        </dialog>
      ) as HTMLDialogElement;
      document.body.append(dialog);
      dialog.showModal();
      const first = dialog.querySelector<HTMLElement>("[data-autofocus]") ??
        dialog.querySelector<HTMLElement>(".body input, .body textarea, .body button");
      first?.focus();
    });
  });
}

/** Asks before something that cannot be undone. */
export async function confirmDialog(options: { title: string; text: string; yes: string; danger?: boolean }): Promise<boolean> {
  let answer = false;
  await openDialog({
    title: options.title,
    body: (close) => (
      <>
        <p>{options.text}</p>
        <div class="actions">
          <Button onClick={close}>{() => kt().cancel}</Button>
          <Button
            kind={options.danger ? "danger" : "primary"}
            onClick={() => {
              answer = true;
              close();
            }}
          >
            {options.yes}
          </Button>
        </div>
      </>
    ),
  });
  return answer;
}

/** Shows a popup beside an element; light-dismissed by Escape or a click elsewhere. Answers its closing function. */
export function openPopup(
  anchor: HTMLElement,
  options: {
    class: string;
    role?: string;
    label: string;
    prefer?: "above" | "below";
    body: (close: () => void) => Child;
    onClose?: () => void;
  },
): () => void {
  return root((dispose) => {
    const close = () => {
      if (pop.matches(":popover-open")) pop.hidePopover();
    };
    const pop = (
      <div class={`pop ${options.class}`} role={options.role ?? "dialog"} aria-label={options.label} popover="auto">
        {options.body(close)}
      </div>
    ) as HTMLDivElement;
    pop.addEventListener("toggle", (e) => {
      if ((e as ToggleEvent).newState !== "closed") return;
      const inside = pop.contains(document.activeElement) || document.activeElement === document.body;
      pop.remove();
      dispose();
      if (inside) anchor.focus();
      anchor.setAttribute("aria-expanded", "false");
      options.onClose?.();
    });
    // Beside the anchor: in the same landmark, and in the same dialog, outside of which it would be inert.
    (anchor.parentElement ?? document.body).append(pop);
    pop.showPopover();
    place(pop, anchor, options.prefer ?? "below");
    anchor.setAttribute("aria-expanded", "true");
    return close;
  });
}

function place(pop: HTMLElement, anchor: HTMLElement, prefer: "above" | "below"): void {
  const a = anchor.getBoundingClientRect(), gap = 6;
  const w = pop.offsetWidth, h = pop.offsetHeight;
  const above = a.top - gap - h, below = a.bottom + gap;
  const fitsAbove = above >= 8, fitsBelow = below + h <= innerHeight - 8;
  const top = prefer === "above" ? (fitsAbove || !fitsBelow ? above : below) : (fitsBelow || !fitsAbove ? below : above);
  const rtl = getComputedStyle(anchor).direction === "rtl";
  const start = a.left + w > innerWidth - 8 || rtl ? a.right - w : a.left;
  pop.style.setProperty("top", `${Math.max(8, Math.min(top, innerHeight - h - 8))}px`);
  pop.style.setProperty("left", `${Math.max(8, Math.min(start, innerWidth - w - 8))}px`);
}

export type MenuItem = "line" | {
  text: string;
  icon?: string;
  /** Shown at the end: a shortcut, a state. */
  end?: string;
  checked?: boolean;
  danger?: boolean;
  run: () => void;
};

/** A menu with arrow keys, Home, End and first letters. */
export function openMenu(anchor: HTMLElement, label: string, items: MenuItem[]): void {
  const close = openPopup(anchor, {
    class: "menu",
    role: "menu",
    label,
    body: () =>
      items.map((item) =>
        item === "line" ? <hr /> : (
          <button
            type="button"
            role={item.checked === undefined ? "menuitem" : "menuitemradio"}
            aria-checked={item.checked}
            tabIndex={-1}
            class={item.danger ? "danger" : ""}
            onClick={() => {
              close();
              item.run();
            }}
          >
            {item.icon ? <Icon d={item.icon} /> : null}
            <span>{item.text}</span>
            {item.checked ? <Icon d={icons.check} class="end" /> : item.end ? <span class="end">{item.end}</span> : null}
          </button>
        )
      ),
  });
  const pop = document.querySelector<HTMLElement>(".pop.menu:popover-open");
  if (!pop) return;
  const all = [...pop.querySelectorAll<HTMLElement>("[role^=menuitem]")];
  pop.addEventListener("keydown", (e) => {
    const now = all.indexOf(document.activeElement as HTMLElement);
    let next: number | undefined;
    if (e.key === "ArrowDown") next = (now + 1) % all.length;
    else if (e.key === "ArrowUp") next = (now - 1 + all.length) % all.length;
    else if (e.key === "Home") next = 0;
    else if (e.key === "End") next = all.length - 1;
    else if (e.key === "Tab") close();
    else if (e.key.length === 1 && !e.ctrlKey && !e.metaKey) {
      const hit = all.findIndex((el, i) => i > now && el.textContent?.trim().toLowerCase().startsWith(e.key.toLowerCase()));
      next = hit >= 0 ? hit : undefined;
    }
    if (next === undefined) return;
    e.preventDefault();
    all[next]?.focus();
  });
  all[0]?.focus();
}

export { toast } from "./toast.tsx";
