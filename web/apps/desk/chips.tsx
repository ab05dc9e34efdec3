/** Small marks: tags, priority, waiting time, who has a conversation. */
import { duration, heat } from "../../models/desk/times.ts";
import { rt } from "../../models/desk/routing-strings.ts";
import { t } from "../../models/desk/strings.ts";
import type { Conversation, Priority } from "../../models/desk/types.ts";
import { Icon } from "../../ui/basics.tsx";
import { hue } from "../../ui/basics.tsx";
import { lang } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import type { Child } from "../../ui/jsx-runtime.ts";
import { desk } from "./state.ts";

export function TagChip(props: { name: string; children?: Child }) {
  const colour = () => desk.tags().find((tag) => tag.name === props.name)?.colour;
  return (
    <span class="tag">
      <span
        class="spot"
        aria-hidden="true"
        style={() => ({ "background-color": colour() ?? `hsl(${hue(props.name)} 45% 50%)` })}
      />
      {props.name}
      {props.children}
    </span>
  );
}

export function PriorityMark(props: { priority: Priority; text?: boolean }) {
  const { priority } = props;
  if (priority === "none" || priority === "normal") return props.text ? <span>{() => t()[`priority${priority}`]}</span> : <span hidden />;
  const d = priority === "low" ? icons.down : priority === "high" ? icons.up : icons.alert;
  return (
    <span class={`priority ${priority}`}>
      <Icon d={d} {...(props.text ? {} : { label: () => t()[`priority${priority}`] })} />
      {props.text ? () => t()[`priority${priority}`] : null}
    </span>
  );
}

/** What is promised and due first: how long it has, or how late it is. `always`: also when it is far away. */
export function Due(props: { c: () => Conversation; always?: boolean }) {
  const shown = () => {
    const sla = props.c().sla;
    if (!sla || sla.due_at === null || (!props.always && sla.state === "ok")) return undefined;
    // The clock of the views is some seconds behind.
    const left = sla.due_at - desk.now(), late = left <= 0 || sla.state === "breached";
    const time = duration(lang(), late ? Math.max(0, -left) : left), kind = rt()[sla.kind];
    return {
      late,
      state: sla.state,
      short: late ? rt().late(time) : time,
      whole: late ? rt().lateBy(kind, time) : rt().dueIn(kind, time),
    };
  };
  return (
    <span
      class={() => {
        const it = shown();
        return it ? `wait due ${it.late ? "hot" : it.state === "warning" ? "warm" : "fine"}` : "vh";
      }}
      title={() => shown()?.whole}
    >
      {() => {
        const it = shown();
        return it ? [<Icon d={icons.flag} />, <span class="vh">{it.whole}</span>, <span aria-hidden="true">{it.short}</span>] : null;
      }}
    </span>
  );
}

/** How long the customer has been waiting; redrawn with the clock. */
export function Wait(props: { c: () => Conversation }) {
  return (
    <span
      class={() => {
        const since = props.c().waiting_since;
        return since === null ? "vh" : `wait ${heat(desk.now() - since)}`;
      }}
    >
      {() => {
        const since = props.c().waiting_since;
        if (since === null) return null;
        const time = duration(lang(), desk.now() - since);
        return [<Icon d={icons.clock} />, <span class="vh">{t().waits("")}</span>, time];
      }}
    </span>
  );
}
