/** All tags with their colours. */
import { at } from "../../../models/desk/admin-strings.ts";
import type { Tag } from "../../../models/desk/types.ts";
import { Button, hue } from "../../../ui/basics.tsx";
import * as icons from "../../../ui/icons.ts";
import { For } from "../../../ui/jsx-runtime.ts";
import { confirmDialog } from "../../../ui/overlay.tsx";
import { signal } from "../../../ui/signals.ts";
import { TagChip } from "../chips.tsx";
import { desk } from "../state.ts";

const palette = ["#3366AA", "#AA3366", "#338855", "#B36B00", "#6A4FB3", "#B3261E", "#117788", "#5D5A53"];

export function TagsPage() {
  const name = signal("");
  const path = (tag: string) => `/tags/${encodeURIComponent(tag)}`;
  const put = (tag: string, colour: string) =>
    desk.attempt(async () => {
      await desk.api.put(path(tag), { colour });
      desk.tags.set(await desk.api.tagList());
    });
  return (
    <div class="page">
      <form
        class="line"
        onSubmit={async (e) => {
          e.preventDefault();
          const wanted = name.peek().trim();
          if (wanted === "") return;
          if (await put(wanted, palette[hue(wanted) % palette.length] ?? "#3366AA")) name.set("");
        }}
      >
        <input
          class="input"
          value={name}
          maxLength={40}
          autocomplete="off"
          placeholder={() => at().newTag}
          aria-label={() => at().newTag}
          onInput={(e) => name.set(e.currentTarget.value)}
        />
        <Button kind="primary" type="submit" icon={icons.plus} disabled={() => name().trim() === ""}>{() => at().create}</Button>
      </form>
      <ul class="tag-list">
        <For each={desk.tags} by={(tag: Tag) => tag.name} fallback={() => <p class="sub">{() => at().noTags}</p>}>
          {(tag) => (
            <li>
              <input
                type="color"
                aria-label={() => at().tagColour(tag().name)}
                title={() => at().tagColour(tag().name)}
                value={() => (tag().colour ?? "#888888").toLowerCase()}
                onChange={(e) => void put(tag.peek().name, e.currentTarget.value.toUpperCase())}
              />
              <span class="grow">
                <TagChip name={tag.peek().name} />
              </span>
              <span class="sub">{() => at().uses(tag().uses)}</span>
              <Button
                small
                kind="ghost"
                icon={icons.trash}
                label={() => `${at().remove} ${tag().name}`}
                onClick={async () => {
                  const one = tag.peek().name;
                  const yes = await confirmDialog({
                    title: at.peek().remove,
                    text: at.peek().removeAsk(one),
                    yes: at.peek().remove,
                    danger: true,
                  });
                  if (!yes) return;
                  await desk.attempt(async () => {
                    await desk.api.remove(path(one));
                    desk.tags.update((all) => all.filter((other) => other.name !== one));
                  });
                }}
              />
            </li>
          )}
        </For>
      </ul>
    </div>
  );
}
