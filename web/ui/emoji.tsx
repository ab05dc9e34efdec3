/** The emoji picker: a popup with tabs, search and arrow keys. */
import { emojiOf, findEmoji, groups } from "./emoji-data.ts";
import { openPopup } from "./overlay.tsx";
import { signal } from "./signals.ts";
import { kt } from "./strings.ts";

const faces = { smileys: "😀", people: "👋", nature: "🌱", food: "☕", travel: "🚚", objects: "💡", symbols: "❤️" } as const;

export function openEmoji(anchor: HTMLElement, pick: (emoji: string) => void): void {
  const group = signal<keyof typeof faces>("smileys");
  const wanted = signal("");
  const close = openPopup(anchor, {
    class: "emoji",
    label: kt().emoji,
    prefer: "above",
    body: () => (
      <>
        <input
          class="input"
          type="search"
          placeholder={() => kt().searchEmoji}
          aria-label={() => kt().searchEmoji}
          onInput={(e) => wanted.set(e.currentTarget.value)}
          onKeydown={(e) => {
            if (e.key !== "ArrowDown" && e.key !== "Enter") return;
            e.preventDefault();
            const first = e.currentTarget.parentElement?.querySelector<HTMLElement>(".grid button");
            if (e.key === "Enter") first?.click();
            else first?.focus();
          }}
        />
        <div role="tablist" aria-label={() => kt().emoji} onKeydown={(e) => roam(e, e.currentTarget, 1)}>
          {groups.map((g) => (
            <button
              type="button"
              role="tab"
              aria-label={() => kt()[g]}
              title={() => kt()[g]}
              aria-selected={() => group() === g && wanted() === ""}
              tabIndex={() => group() === g ? 0 : -1}
              onClick={() => {
                group.set(g);
                wanted.set("");
              }}
              onFocus={() => group.set(g)}
            >
              {faces[g]}
            </button>
          ))}
        </div>
        <div class="grid" role="group" aria-label={() => kt()[group()]} onKeydown={(e) => roam(e, e.currentTarget, 8)}>
          {() => {
            const found = wanted() === "" ? emojiOf(group()) : findEmoji(wanted());
            if (found.length === 0) return <p class="none">{kt().noEmoji}</p>;
            return found.map((e, i) => (
              <button
                type="button"
                tabIndex={i === 0 ? 0 : -1}
                onClick={() => {
                  pick(e.char);
                  close();
                }}
              >
                {e.char}
              </button>
            ));
          }}
        </div>
      </>
    ),
  });
  document.querySelector<HTMLElement>(".pop.emoji input")?.focus();
}

/** Arrow keys move the focus among the buttons of a row or grid. */
function roam(e: KeyboardEvent, box: HTMLElement, columns: number): void {
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[e.key];
  if (!step) return;
  const all = [...box.querySelectorAll<HTMLElement>("button")];
  const next = all[all.indexOf(document.activeElement as HTMLElement) + step];
  e.preventDefault();
  if (!next) return;
  for (const b of all) b.tabIndex = b === next ? 0 : -1;
  next.focus();
}
