/** A set of many possible things as chips. */
import { w } from "../../models/desk/working-strings.ts";
import { Avatar, Button, freshId, Icon } from "../../ui/basics.tsx";
import * as icons from "../../ui/icons.ts";
import { For } from "../../ui/jsx-runtime.ts";
import { computed } from "../../ui/signals.ts";
import { TagChip } from "./chips.tsx";
import { openPicker, type PickerItem } from "./picker.tsx";
import { nameWithYou } from "./texts.ts";

export interface Choice {
  id: string;
  text: string;
  face?: boolean;
  picture?: string | null;
  tag?: boolean;
}

/** A set of many possible things: those that are in it, and a field to add one. */
export function ChipSet(props: {
  label: () => string;
  now: () => readonly string[];
  set: (all: string[]) => void;
  items: () => Choice[];
  /** The name stands elsewhere. */
  bare?: boolean;
  /** Something that is not among them, made of what was typed. */
  create?: (typed: string) => Choice | undefined;
}) {
  const id = freshId("chips");
  const name = (one: string) => props.items().find((i) => i.id === one)?.text ?? one;
  return (
    <div class="chip-set" role="group" aria-labelledby={id}>
      <span class={props.bare ? "vh" : "name"} id={id}>{props.label}</span>
      <div class="chips">
        <For each={computed(() => props.now().map((one) => ({ id: one })))} by={(c: { id: string }) => c.id}>
          {(c) => {
            const one = c.peek().id;
            return (
              <span class="chip on">
                {() => name(one)}
                <button
                  type="button"
                  class="x"
                  aria-label={() => w().removeOne(name(one))}
                  onClick={() => props.set(props.now().filter((v) => v !== one))}
                >
                  ×
                </button>
              </span>
            );
          }}
        </For>
        <Button
          small
          kind="outline"
          icon={icons.plus}
          popup="dialog"
          expanded={false}
          onClick={({ currentTarget }) =>
            openPicker(currentTarget, {
              label: w.peek().addTo(props.label()),
              placeholder: w.peek().find,
              none: w.peek().nothingFits,
              items: () =>
                props.items().filter((i) => !props.now().includes(i.id)).map((i): PickerItem => ({
                  id: i.id,
                  text: i.text,
                  view: () => (
                    <span class="person">
                      {i.face ? <Avatar name={i.text} picture={i.picture ?? null} size="1.5rem" /> : null}
                      <span class="grow">
                        {i.tag ? <TagChip name={i.text} /> : i.face ? nameWithYou({ id: i.id, name: i.text }) : i.text}
                      </span>
                    </span>
                  ),
                  pick: () => props.set([...props.now(), i.id]),
                })),
              ...(props.create
                ? {
                  create: (typed: string) => {
                    const made = props.create?.(typed);
                    if (!made || props.now().includes(made.id) || props.items().some((i) => i.id === made.id)) return undefined;
                    return {
                      id: "new",
                      text: made.text,
                      view: () => (
                        <span class="person">
                          <Icon d={icons.plus} />
                          <span>{made.text}</span>
                        </span>
                      ),
                      pick: () => props.set([...props.now(), made.id]),
                    };
                  },
                }
                : {}),
            })}
        >
          {() => props.now().length === 0 ? w().anyOf : w().add}
          <span class="vh">{() => ` – ${props.label()}`}</span>
        </Button>
      </div>
    </div>
  );
}
