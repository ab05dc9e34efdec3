/** Choosing a macro for one conversation or many. */
import { m } from "../../models/desk/automation-strings.ts";
import * as icons from "../../ui/icons.ts";
import { Icon } from "../../ui/basics.tsx";
import { openPicker } from "./picker.tsx";
import { desk } from "./state.ts";

export function openMacros(at: HTMLElement, ids: readonly string[]): void {
  const meant = () => ids.flatMap((id) => desk.conversations.peek().get(id) ?? []);
  openPicker(at, {
    label: m.peek().runMacro,
    placeholder: m.peek().findMacro,
    none: m.peek().noMacros,
    prefer: "above",
    items: () =>
      desk.macros.all().map((macro) => ({
        id: macro.id,
        text: `${macro.name} ${desk.macros.summary(macro)}`,
        view: () => (
          <span class="person">
            <Icon d={macro.scope === "personal" ? icons.user : icons.users} />
            <span class="grow">
              <span class="name">{macro.name}</span>
              <span class="sub one">{desk.macros.summary(macro)}</span>
            </span>
          </span>
        ),
        pick: () => void desk.macros.run(macro, meant()),
      })),
  });
}
