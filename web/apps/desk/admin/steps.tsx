/** What a macro or a rule does: one row for each thing. */
import { m } from "../../../models/desk/automation-strings.ts";
import { kindsOf, type StepKind, stepKinds, type Steps, without } from "../../../models/desk/automation.ts";
import { duration } from "../../../models/desk/times.ts";
import { t } from "../../../models/desk/strings.ts";
import { priorities, type Priority, type Status } from "../../../models/desk/types.ts";
import { Button, freshId, Icon } from "../../../ui/basics.tsx";
import { insertAtCursor } from "../../../ui/composer.tsx";
import { lang } from "../../../ui/i18n.ts";
import * as icons from "../../../ui/icons.ts";
import { type Child, For } from "../../../ui/jsx-runtime.ts";
import { openMenu } from "../../../ui/overlay.tsx";
import { computed, signal } from "../../../ui/signals.ts";
import { ChipSet } from "../chip-set.tsx";
import { desk } from "../state.ts";

const variables = ["contact.first_name", "contact.name", "contact.email", "agent.name", "brand.name", "conversation.number"];
const stepIcons: Record<StepKind, string> = {
  assign: icons.user,
  team: icons.users,
  priority: icons.flag,
  status: icons.check,
  add_tags: icons.tag,
  remove_tags: icons.tag,
  reply: icons.reply,
  note: icons.note,
};

/** A row that only some have: the automatic answer and the webhook of rules. */
export interface MoreStep {
  id: string;
  name: () => string;
  icon: string;
  isOn: () => boolean;
  add: () => void;
  remove: () => void;
  view: () => Child;
}

/** One choice of several, without a label of its own to be seen. */
export function Pick(props: { name: () => string; value: () => string; options: () => [string, string][]; set: (v: string) => void }) {
  return (
    <select class="input" aria-label={props.name} onChange={(e) => props.set(e.currentTarget.value)}>
      {() => props.options().map(([value, label]) => <option value={value} selected={props.value() === value}>{label}</option>)}
    </select>
  );
}

/** A text with variables. */
export function TemplateField(
  props: { name: () => string; value: () => string; set: (text: string) => void; wrong: () => string | undefined; max?: number },
) {
  let area: HTMLTextAreaElement | undefined;
  const id = freshId("wrong");
  return (
    <div class="template">
      <textarea
        class="input"
        rows={4}
        maxLength={props.max ?? 4000}
        aria-label={props.name}
        aria-invalid={() => props.wrong() !== undefined}
        aria-describedby={id}
        value={props.value}
        onInput={(e) => props.set(e.currentTarget.value)}
        ref={(e) => area = e}
      />
      <span id={id}>{() => (props.wrong() ? <span class="wrong">{props.wrong()}</span> : null)}</span>
      <Button
        small
        kind="ghost"
        icon={icons.plus}
        popup="menu"
        expanded={false}
        onClick={({ currentTarget }) =>
          openMenu(
            currentTarget,
            m.peek().variables,
            variables.map((name) => ({ text: name, run: () => area && insertAtCursor(area, `{{${name}|}}`) })),
          )}
      >
        {() => m().variables}
        <span class="vh">{() => ` – ${props.name()}`}</span>
      </Button>
    </div>
  );
}

const times = [60, 240, 1440, 2880, 10_080];
/** Every person who can be given a conversation. */
export const people = () =>
  desk.agents().filter((a) => a.active).map((a) => ({ id: a.id, text: a.public_name, face: true, picture: a.picture }));

export function StepsField(props: {
  steps: () => Steps;
  set: (s: Steps) => void;
  wrong: (name: string) => string | undefined;
  rule?: boolean;
  more?: readonly MoreStep[];
}) {
  const { steps, set } = props;
  const allowed = stepKinds.filter((kind) => !(props.rule && kind === "reply"));
  // What has been added stays while it is still empty.
  const shown = signal<readonly string[]>([
    ...(props.more ?? []).filter((one) => one.isOn()).map((one) => one.id),
    ...kindsOf(steps()),
  ]);
  const put = (change: Partial<Steps>) => set({ ...steps(), ...change });
  const name = (kind: string) => (props.more ?? []).find((one) => one.id === kind)?.name() ?? m()[`step${kind as StepKind}`];

  function add(kind: string): void {
    const other = (props.more ?? []).find((one) => one.id === kind);
    if (other) other.add();
    else if (kind === "assign") put({ assign: props.rule ? null : "me" });
    else if (kind === "team") put({ team: desk.teams.peek()[0]?.id ?? null });
    else if (kind === "priority") put({ priority: "high" });
    else if (kind === "status") put({ status: "resolved" });
    shown.update((all) => [...all, kind]);
  }
  function remove(kind: string): void {
    const other = (props.more ?? []).find((one) => one.id === kind);
    if (other) other.remove();
    else set(without(steps(), kind as StepKind));
    shown.update((all) => all.filter((one) => one !== kind));
  }
  const tags = (kind: "add_tags" | "remove_tags") => (
    <ChipSet
      bare
      label={() => name(kind)}
      now={() => steps()[kind]}
      set={(all) => put({ [kind]: all })}
      items={() => desk.tags().map((tag) => ({ id: tag.name, text: tag.name, tag: true }))}
      create={(typed) => {
        const tag = typed.trim().toLowerCase().slice(0, 40);
        return tag === "" ? undefined : { id: tag, text: tag, tag: true };
      }}
    />
  );
  function view(kind: StepKind): Child {
    switch (kind) {
      case "assign":
        return (
          <Pick
            name={() => name(kind)}
            value={() => steps().assign ?? ""}
            set={(v) => put({ assign: v === "" ? null : v })}
            options={() => [
              ...(props.rule ? [] : [["me", m().whoRuns] as [string, string]]),
              ["", m().queue],
              ...people().map((a): [string, string] => [a.id, a.text]),
            ]}
          />
        );
      case "team":
        return (
          <Pick
            name={() => name(kind)}
            value={() => steps().team ?? ""}
            set={(v) => put({ team: v === "" ? null : v })}
            options={() => [...desk.teams().map((one): [string, string] => [one.id, one.name]), ["", m().noTeam]]}
          />
        );
      case "priority":
        return (
          <Pick
            name={() => name(kind)}
            value={() => steps().priority ?? "none"}
            set={(v) => put({ priority: v as Priority })}
            options={() => [...priorities].reverse().map((p): [string, string] => [p, t()[`priority${p}`]])}
          />
        );
      case "status":
        return (
          <span class="pair">
            <Pick
              name={() => name(kind)}
              value={() => steps().status ?? "resolved"}
              set={(v) => put({ status: v as Status, snooze_minutes: v === "snoozed" ? steps().snooze_minutes ?? 1440 : null })}
              options={() => (["resolved", "pending", "snoozed", "open"] as const).map((s): [string, string] => [s, m()[`set${s}`]])}
            />
            {() =>
              steps().status === "snoozed"
                ? (
                  <Pick
                    name={() => m().snoozeFor}
                    value={() => String(steps().snooze_minutes ?? 1440)}
                    set={(v) => put({ snooze_minutes: Number(v) })}
                    options={() =>
                      [...new Set([...times, steps().snooze_minutes ?? 1440])].sort((a, b) => a - b).map((
                        min,
                      ): [string, string] => [String(min), duration(lang(), min * 60_000)])}
                  />
                )
                : null}
          </span>
        );
      case "add_tags":
      case "remove_tags":
        return tags(kind);
      case "reply":
        return (
          <TemplateField
            name={() => name(kind)}
            value={() => steps().reply ?? ""}
            set={(text) => put({ reply: text === "" ? null : text })}
            wrong={() => props.wrong("deeds.reply")}
          />
        );
      case "note":
        return (
          <>
            <TemplateField
              name={() => name(kind)}
              value={() => steps().note ?? ""}
              set={(text) => put({ note: text === "" ? null : text })}
              wrong={() => props.wrong("deeds.note")}
            />
            <div class="told-of">
              <ChipSet
                label={() => m().mentions}
                now={() => steps().mentions}
                set={(all) => put({ mentions: all })}
                items={() => [{ id: "assignee", text: m.peek().theAssignee }, ...people()]}
              />
            </div>
          </>
        );
    }
  }

  return (
    <fieldset class="steps">
      <legend>{() => m().steps}</legend>
      <For each={computed(() => shown().map((id) => ({ id })))} by={(one: { id: string }) => one.id}>
        {(one) => {
          const { id } = one.peek(), other = (props.more ?? []).find((step) => step.id === id);
          return (
            <div class="step" role="group" aria-label={() => name(id)}>
              <span class="what">
                <Icon d={other?.icon ?? stepIcons[id as StepKind]} />
                {() => name(id)}
              </span>
              <div class="value">
                {other ? other.view() : view(id as StepKind)}
                {() => {
                  const wrong = id === "reply" || id === "note" || other ? undefined : props.wrong(`deeds.${id}`);
                  return wrong ? <span class="wrong">{wrong}</span> : null;
                }}
              </div>
              <Button small kind="ghost" icon={icons.trash} label={() => m().removeStep(name(id))} onClick={() => remove(id)} />
            </div>
          );
        }}
      </For>
      {() => (props.wrong("deeds") && shown().length === 0 ? <span class="wrong" role="alert">{props.wrong("deeds")}</span> : null)}
      <Button
        small
        kind="outline"
        icon={icons.plus}
        popup="menu"
        expanded={false}
        onClick={({ currentTarget }) =>
          openMenu(
            currentTarget,
            m.peek().addStep,
            [...(props.more ?? []).map((step) => step.id), ...allowed].filter((kind) => !shown.peek().includes(kind)).filter((kind) =>
              kind !== "team" || desk.teams.peek().length > 0
            ).map((kind) => ({
              text: name(kind),
              icon: (props.more ?? []).find((step) => step.id === kind)?.icon ?? stepIcons[kind as StepKind],
              run: () => add(kind),
            })),
          )}
      >
        {() => m().addStep}
      </Button>
    </fieldset>
  );
}
