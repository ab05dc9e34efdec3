/** Short notices at the foot of the page. */
import { Button } from "./basics.tsx";
import * as icons from "./icons.ts";
import { For, mount } from "./jsx-runtime.ts";
import { signal } from "./signals.ts";
import { kt } from "./strings.ts";

interface Toast {
  id: number;
  text: string;
  bad: boolean;
  action: { text: string; run: () => void } | undefined;
}
const toasts = signal<readonly Toast[]>([]);
let toastIds = 0;
let mounted = false;

/** A short notice at the foot of the page; errors stay until closed. */
export function toast(text: string, options: { bad?: boolean; action?: { text: string; run: () => void }; ms?: number } = {}): void {
  if (!mounted) {
    mounted = true;
    mount(document.body, Toasts);
  }
  const id = ++toastIds;
  toasts.update((all) =>
    [...all.filter((t) => t.text !== text), { id, text, bad: options.bad ?? false, action: options.action }].slice(-3)
  );
  const ms = options.ms ?? (options.bad ? 0 : 6000);
  if (ms > 0) setTimeout(() => dismiss(id), ms);
}

function dismiss(id: number): void {
  toasts.update((all) => all.filter((t) => t.id !== id));
}

function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      <For each={toasts} by={(t: Toast) => t.id}>
        {(t) => (
          <div class={`toast ${t.peek().bad ? "bad" : ""}`}>
            <span>{() => t().text}</span>
            {t.peek().action
              ? (
                <Button
                  small
                  onClick={() => {
                    dismiss(t.peek().id);
                    t.peek().action?.run();
                  }}
                >
                  {t.peek().action?.text}
                </Button>
              )
              : null}
            <Button small icon={icons.close} label={() => kt().close} onClick={() => dismiss(t.peek().id)} />
          </div>
        )}
      </For>
    </div>
  );
}
