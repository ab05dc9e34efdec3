/** The command palette: one field for commands, conversations and customers. */
import { isAbort } from "../../sdk/ports.ts";
import { m } from "../../models/desk/automation-strings.ts";
import { best } from "../../models/desk/fuzzy.ts";
import { keysOf } from "../../models/desk/keys.ts";
import { t } from "../../models/desk/strings.ts";
import { w } from "../../models/desk/working-strings.ts";
import type { Contact, Conversation } from "../../models/desk/types.ts";
import { Avatar, Icon } from "../../ui/basics.tsx";
import * as icons from "../../ui/icons.ts";
import { type Child } from "../../ui/jsx-runtime.ts";
import { computed, root, signal } from "../../ui/signals.ts";
import { lang, shortAge } from "../../ui/i18n.ts";
import { commands, target } from "./commands.ts";
import { Keys } from "./help.tsx";
import { viewIcons } from "./rail.tsx";
import { desk, goView, openConversation } from "./state.ts";
import { statusName } from "./texts.ts";

interface Entry {
  group: "commands" | "views" | "conversations" | "contacts";
  view: () => Node;
  run: () => void;
}

export function openPalette(): void {
  if (document.querySelector("dialog.palette")) return;
  const back = document.activeElement;
  root((dispose) => {
    const typed = signal(""), active = signal(0);
    const remote = signal<{ conversations: readonly Conversation[]; contacts: readonly Contact[] }>({ conversations: [], contacts: [] });
    let timer: ReturnType<typeof setTimeout> | undefined, asking: AbortController | undefined;

    function ask(q: string): void {
      clearTimeout(timer);
      asking?.abort();
      if (q.length < 2) {
        remote.set({ conversations: [], contacts: [] });
        return;
      }
      timer = setTimeout(async () => {
        const run = asking = new AbortController();
        try {
          const [found, people] = await Promise.all([
            desk.api.conversations({ view: "any", q, limit: 8 }, run.signal),
            desk.api.contacts(q, run.signal),
          ]);
          desk.put(...found.items);
          remote.set({ conversations: found.items, contacts: people.items });
        } catch (error) {
          if (!isAbort(error)) desk.ignorePassing(error);
        }
      }, 150);
    }

    const entries = computed((): Entry[] => {
      const q = typed().trim();
      const able = commands.filter((c) => c.id !== "palette" && c.id !== "back" && c.can());
      const found = q.startsWith("#") ? [] : best(q, able, (c) => c.title(), q === "" ? 9 : 6);
      const all: Entry[] = found.map((c) => ({
        group: "commands",
        view: () => (
          <span class="entry">
            <Icon d={c.icon} />
            <span class="grow">{c.title()}</span>
            {keysOf(c.id) ? <Keys keys={keysOf(c.id) ?? ""} /> : null}
          </span>
        ),
        run: c.run,
      }));
      const done = target();
      const macros = q === "" || q.startsWith("#") || !(done || desk.selection.active)
        ? []
        : best(q, desk.macros.all(), (one) => `${m().macro} ${one.name}`, 4);
      for (const one of macros) {
        all.push({
          group: "commands",
          view: () => (
            <span class="entry">
              <Icon d={icons.wand} />
              <span class="grow one">
                {one.name} <span class="sub">{desk.macros.summary(one)}</span>
              </span>
            </span>
          ),
          run: () => void desk.macros.run(one, desk.selection.active ? desk.selection.picked.peek() : done ? [done] : []),
        });
      }
      for (const v of q === "" ? [] : best(q, desk.views.all(), (one) => one.name, 5)) {
        all.push({
          group: "views",
          view: () => (
            <span class="entry">
              <Icon d={viewIcons.saved} />
              <span class="grow">{v.name}</span>
              <span class="sub">{desk.views.counts.peek()[v.id] ?? ""}</span>
            </span>
          ),
          run: () => goView({ kind: "saved", id: v.id }),
        });
      }
      const known = best(
        q,
        [...desk.conversations.peek().values()],
        (c) => `${c.contact.display_name} #${c.number} ${c.contact.email ?? ""}`,
        5,
      );
      const ids = new Set<string>();
      for (const c of q === "" ? desk.list.peek().rows.peek().slice(0, 5) : [...known, ...remote().conversations].slice(0, 8)) {
        if (ids.has(c.id)) continue;
        ids.add(c.id);
        all.push({
          group: "conversations",
          view: () => (
            <span class="entry">
              <Avatar name={c.contact.display_name} size="1.5rem" />
              <span class="grow one">
                <strong>{c.contact.display_name}</strong>{" "}
                <span class="sub">{t.peek().number(c.number)} · {c.last_message?.preview ?? ""}</span>
              </span>
              <span class="sub">
                {c.status === "open" ? shortAge(lang.peek(), c.last_message?.at ?? c.created_at, Date.now()) : statusName(c.status)}
              </span>
            </span>
          ),
          run: () => openConversation(c.id),
        });
      }
      for (const p of remote().contacts) {
        all.push({
          group: "contacts",
          view: () => (
            <span class="entry">
              <Avatar name={p.display_name} picture={p.picture} size="1.5rem" />
              <span class="grow one">
                <strong>{p.display_name}</strong> <span class="sub">{p.email ?? p.company ?? ""}</span>
              </span>
            </span>
          ),
          run: () => void openContact(p),
        });
      }
      return all;
    });

    function choose(i: number): void {
      const entry = entries.peek()[i];
      if (!entry) return;
      dialog.close();
      // The focus has gone back first: a command works on where one was.
      queueMicrotask(entry.run);
    }
    const name = {
      commands: () => t().commands,
      views: () => w().savedViews,
      conversations: () => t().conversations,
      contacts: () => t().contacts,
    };

    const dialog = (
      <dialog
        class="dialog palette"
        aria-label={() => t().palette}
        onClose={() => {
          clearTimeout(timer);
          asking?.abort();
          dialog.remove();
          dispose();
          if (back instanceof HTMLElement) back.focus();
        }}
        onClick={(e) => {
          if (e.target === dialog) dialog.close();
        }}
      >
        <input
          class="input"
          type="text"
          role="combobox"
          autocomplete="off"
          spellcheck="false"
          aria-label={() => t().palette}
          placeholder={() => t().paletteHint}
          aria-expanded="true"
          aria-autocomplete="list"
          aria-controls="palette-list"
          aria-activedescendant={() => (entries().length > 0 ? `palette-${active()}` : undefined)}
          onInput={(e) => {
            typed.set(e.currentTarget.value);
            active.set(0);
            ask(e.currentTarget.value.trim());
          }}
          onKeydown={(e) => {
            const n = entries.peek().length;
            if (e.key === "ArrowDown" && n > 0) active.update((a) => (a + 1) % n);
            else if (e.key === "ArrowUp" && n > 0) active.update((a) => (a - 1 + n) % n);
            else if (e.key === "Enter" && !e.isComposing) choose(active.peek());
            else return;
            e.preventDefault();
            document.getElementById(`palette-${active.peek()}`)?.scrollIntoView({ block: "nearest" });
          }}
        />
        <div id="palette-list" class="options" role="listbox" aria-label={() => t().palette}>
          {() => {
            const all = entries(), out: Child[] = [];
            for (const group of ["commands", "views", "conversations", "contacts"] as const) {
              if (!all.some((e) => e.group === group)) continue;
              out.push(
                <div role="group" aria-label={name[group]}>
                  <p class="group" aria-hidden="true">{name[group]}</p>
                  {all.map((entry, i) =>
                    entry.group !== group ? null : (
                      <div
                        id={`palette-${i}`}
                        role="option"
                        class={() => (active() === i ? "option active" : "option")}
                        aria-selected={() => active() === i}
                        onClick={() => choose(i)}
                        onPointermove={() => active.set(i)}
                      >
                        {entry.view()}
                      </div>
                    )
                  )}
                </div>,
              );
            }
            return out;
          }}
        </div>
        {() => (entries().length === 0 ? <p class="none" role="status">{t().paletteNone}</p> : null)}
      </dialog>
    ) as HTMLDialogElement;
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("input")?.focus();
  });
}

export async function openContact(p: Contact): Promise<void> {
  await desk.attempt(async () => {
    const page = await desk.api.history(p.id);
    desk.put(...page.items);
    const newest = page.items[0];
    if (newest) openConversation(newest.id);
    else desk.tell(t.peek().noConversation);
  });
}
