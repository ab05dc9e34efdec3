/** Small marks: tags, priority, waiting time, who has a conversation. */
import { duration, heat } from "../../models/desk/times.ts";
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
