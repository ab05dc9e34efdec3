/** A popup with a search field and a list: colleagues, tags, canned replies. */
import { freshId } from "../../ui/basics.tsx";
import { openPopup } from "../../ui/overlay.tsx";
import { computed, effect, signal } from "../../ui/signals.ts";
import { best } from "../../models/desk/fuzzy.ts";

export interface PickerItem {
  id: string;
  /** What is searched and read aloud. */
  text: string;
  view: () => Node;
  checked?: boolean;
  pick: () => void;
}

export function openPicker(at: HTMLElement, options: {
  label: string;
  placeholder: string;
  none: string;
  items: () => readonly PickerItem[];
  /** An item made from what was typed. */
  create?: (typed: string) => PickerItem | undefined;
  /** Stays open after a choice. */
  stay?: boolean;
  prefer?: "above" | "below";
}): void {
  const typed = signal(""), active = signal(0), listId = freshId("list");
  const found = computed(() => {
    const hits = best(typed(), options.items(), (i) => i.text, 60);
    const made = typed().trim() === "" ? undefined : options.create?.(typed().trim());
    return made ? [...hits, made] : hits;
  });
  let field: HTMLInputElement | undefined;
  const close = openPopup(at, {
    class: "picker",
    label: options.label,
    prefer: options.prefer ?? "below",
    body: () => (
      <>
        <input
          class="input"
          type="text"
          role="combobox"
          autocomplete="off"
          spellcheck="false"
          placeholder={options.placeholder}
          aria-label={options.label}
          aria-expanded="true"
          aria-autocomplete="list"
          aria-controls={listId}
          aria-activedescendant={() => (found().length > 0 ? `${listId}-${active()}` : undefined)}
          ref={(e) => field = e}
          onInput={(e) => {
            typed.set(e.currentTarget.value);
            active.set(0);
          }}
          onKeydown={(e) => {
            const n = found.peek().length;
            if (e.key === "ArrowDown" && n > 0) active.update((a) => (a + 1) % n);
            else if (e.key === "ArrowUp" && n > 0) active.update((a) => (a - 1 + n) % n);
            else if (e.key === "Enter" && !e.isComposing) choose(active.peek());
            else return;
            e.preventDefault();
            document.getElementById(`${listId}-${active.peek()}`)?.scrollIntoView({ block: "nearest" });
          }}
        />
        <div id={listId} class="options" role="listbox" aria-label={options.label}>
          {() =>
            found().map((item, i) => (
              <div
                id={`${listId}-${i}`}
                role="option"
                class={() => (active() === i ? "option active" : "option")}
                aria-selected={() => (item.checked ?? active() === i)}
                onClick={() => choose(i)}
                onPointermove={() => active.set(i)}
              >
                {item.view()}
              </div>
            ))}
        </div>
        {() => (found().length === 0 ? <p class="none" role="status">{options.none}</p> : null)}
      </>
    ),
  });
  function choose(i: number): void {
    const item = found.peek()[i];
    if (!item) return;
    if (!options.stay) close();
    item.pick();
    if (options.stay && field) {
      field.value = "";
      typed.set("");
      field.focus();
    }
  }
  effect(() => {
    if (active() >= found().length) active.set(0);
  });
  field?.focus();
}
