/** What is done to all conversations that are picked in the list: a bar below it. */
import { rt } from "../../models/desk/routing-strings.ts";
import { m } from "../../models/desk/automation-strings.ts";
import { t } from "../../models/desk/strings.ts";
import { priorities } from "../../models/desk/types.ts";
import { w } from "../../models/desk/working-strings.ts";
import { Button, Spinner } from "../../ui/basics.tsx";
import * as icons from "../../ui/icons.ts";
import { Show } from "../../ui/jsx-runtime.ts";
import { type MenuItem, openMenu } from "../../ui/overlay.tsx";
import { TagChip } from "./chips.tsx";
import { pickAgent, pickNames, pickSnooze } from "./menus.tsx";
import { openMacros } from "./macros.tsx";
import { desk } from "./state.ts";

const { selection } = desk;

export function BulkBar() {
  return (
    <Show when={() => selection.picked().length > 0}>
      {() => (
        <div class="bulk" role="toolbar" aria-label={() => w().selection}>
          <div class="line">
            <strong role="status">{() => w().selected(selection.picked().length)}</strong>
            <span class="grow">{() => selection.working() ? <Spinner label={() => t().loading} /> : null}</span>
            <Button small kind="ghost" icon={icons.checks} label={() => w().selectAll} onClick={() => selection.all()} />
            <Button small kind="ghost" icon={icons.close} label={() => w().selectNone} onClick={() => selection.clear()} />
          </div>
          <div class="line">
            <span data-anchor="assign">
              <Button
                kind="outline"
                icon={icons.users}
                label={() => t().assignTo}
                popup="dialog"
                expanded={false}
                onClick={(e) => bulkAssign(e.currentTarget)}
              />
            </span>
            <span data-anchor="tags">
              <Button
                kind="outline"
                icon={icons.tag}
                label={() => w().addTags}
                popup="dialog"
                expanded={false}
                onClick={(e) => bulkTags(e.currentTarget)}
              />
            </span>
            <Show when={() => desk.teams().length > 0}>
              {() => (
                <span data-anchor="team">
                  <Button
                    kind="outline"
                    icon={icons.inbox}
                    label={() => rt().handTo}
                    popup="menu"
                    expanded={false}
                    onClick={(e) => bulkTeam(e.currentTarget)}
                  />
                </span>
              )}
            </Show>
            <span data-anchor="priority">
              <Button
                kind="outline"
                icon={icons.flag}
                label={() => t().priority}
                popup="menu"
                expanded={false}
                onClick={(e) => bulkPriority(e.currentTarget)}
              />
            </span>
            <span data-anchor="snooze">
              <Button
                kind="outline"
                icon={icons.snooze}
                label={() => t().snoozeUntil}
                popup="menu"
                expanded={false}
                onClick={(e) => bulkSnooze(e.currentTarget)}
              />
            </span>
            <span data-anchor="macro">
              <Button
                kind="outline"
                icon={icons.wand}
                label={() => m().runMacro}
                popup="dialog"
                expanded={false}
                onClick={(e) => bulkMacro(e.currentTarget)}
              />
            </span>
            <Button
              kind="outline"
              icon={icons.clock}
              label={() => t().setPending}
              onClick={() => void selection.change({ status: "pending" })}
            />
            <Button
              kind="outline"
              icon={icons.bellOff}
              label={() => desk.view().kind === "spam" ? t().notSpam : t().markSpam}
              onClick={() => void selection.change({ spam: desk.view.peek().kind !== "spam" })}
            />
            <Button
              kind="primary"
              icon={icons.check}
              label={() => t().resolve}
              onClick={() => void selection.change({ status: "resolved" })}
            />
          </div>
        </div>
      )}
    </Show>
  );
}

export function bulkTeam(at: HTMLElement): void {
  openMenu(at, rt.peek().handTo, [
    ...desk.teams.peek().map((team): MenuItem => ({
      text: team.name,
      icon: icons.users,
      run: () => void selection.change({ team: team.id }),
    })),
    { text: rt.peek().noTeam, icon: icons.inbox, run: () => void selection.change({ team: null }) },
  ]);
}

export function bulkAssign(at: HTMLElement): void {
  const inboxes = [...new Set(selection.picked.peek().map((c) => c.inbox.id))];
  pickAgent(at, {
    label: t.peek().assignTo,
    inboxes,
    queue: selection.picked.peek().some((c) => c.assignee !== null),
    pick: (agent) => void selection.change({ assign: agent }),
  });
}

export function bulkMacro(at: HTMLElement): void {
  openMacros(at, selection.picked.peek().map((c) => c.id));
}

export function bulkSnooze(at: HTMLElement): void {
  pickSnooze(at, (until) => void selection.change({ status: "snoozed", until }));
}

export function bulkPriority(at: HTMLElement): void {
  openMenu(
    at,
    t.peek().priority,
    [...priorities].reverse().map((p): MenuItem => ({ text: t.peek()[`priority${p}`], run: () => void selection.change({ priority: p }) })),
  );
}

/** What all have is taken off by choosing it, anything else is put on. */
export function bulkTags(at: HTMLElement): void {
  pickNames(at, {
    label: w.peek().addTags,
    placeholder: t.peek().findTag,
    none: t.peek().noTags,
    names: () => desk.tags().map((tag) => tag.name),
    isOn: (name) => selection.picked().every((c) => c.tags.includes(name)) && selection.picked().length > 0,
    look: (name) => <TagChip name={name} />,
    isKnown: (name) => desk.tags.peek().some((tag) => tag.name === name),
    create: (name) => t.peek().createTag(name),
    set: (name, on) => void selection.change(on ? { add_tags: [name] } : { remove_tags: [name] }),
  });
}
