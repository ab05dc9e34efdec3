/** One team: its members and how its conversations are given out. */
import { at } from "../../../models/desk/admin-strings.ts";
import { Form } from "../../../models/desk/form.ts";
import { rt } from "../../../models/desk/routing-strings.ts";
import { strategies, type Strategy, type Team } from "../../../models/desk/types.ts";
import { desk, go } from "../state.ts";
import { FormFrame, NumberField, RemoveButton, SelectField, SetField, TextField } from "./fields.tsx";
import { hoursOptions } from "./hours.tsx";

export const strategyOptions = (): [Strategy, string][] => strategies.map((s) => [s, rt()[s]]);

interface Values {
  name: string;
  strategy: string;
  members: string[];
  hours: string;
  overflow_team: string;
  /** Minutes; 0 is never. */
  overflow_after: number;
  escalate_after: number;
}

/** As the server wants it: seconds, and null for nothing. */
function bodyOf(v: Values): Record<string, unknown> {
  const seconds = (minutes: number) => minutes > 0 ? minutes * 60 : null;
  const to = v.overflow_team || null;
  return {
    ...v,
    hours: v.hours || null,
    overflow_team: to,
    overflow_after: to === null ? null : seconds(v.overflow_after),
    escalate_after: seconds(v.escalate_after),
  };
}

export function TeamForm({ id }: { id: string }) {
  const team = desk.teams.peek().find((t) => t.id === id);
  const form = new Form<Values>({
    name: team?.name ?? "",
    strategy: team?.strategy ?? "round_robin",
    members: team?.members ?? [],
    hours: team?.hours ?? "",
    overflow_team: team?.overflow_team ?? "",
    overflow_after: Math.round((team?.overflow_after ?? 600) / 60),
    escalate_after: Math.round((team?.escalate_after ?? 0) / 60),
  }, (e) => desk.explain(e));

  async function save(): Promise<void> {
    await form.submit(async () => {
      const made = team
        ? await desk.api.patch<Team>(`/teams/${id}`, bodyOf(form.values.peek()))
        : await desk.api.post<Team>("/teams", bodyOf(form.values.peek()));
      desk.teams.update((all) => team ? all.map((t) => t.id === id ? made : t) : [...all.filter((t) => t.id !== made.id), made]);
      if (!team) go({ at: "admin", page: "teams", item: made.id }, true);
    });
  }

  return (
    <FormFrame
      form={form}
      isNew={!team}
      title={() => form.values().name || rt().newTeam}
      onSave={save}
      more={team
        ? (
          <RemoveButton
            name={team.name}
            remove={async () => {
              const done = await desk.attempt(() => desk.api.remove(`/teams/${id}`));
              if (!done) return;
              desk.teams.update((all) => all.filter((t) => t.id !== id));
              go({ at: "admin", page: "teams", item: undefined }, true);
            }}
          />
        )
        : null}
    >
      <div class="two">
        <TextField form={form} name="name" label={() => at().name} maxLength={80} />
        <SelectField form={form} name="strategy" label={() => rt().strategy} hint={() => rt().strategyHint} options={strategyOptions} />
        <SelectField
          form={form}
          name="hours"
          label={() => rt().hoursOf}
          hint={() => rt().hoursHint}
          options={() => hoursOptions(rt().hoursOfInbox)}
        />
        <NumberField form={form} name="escalate_after" label={() => rt().escalateAfter} hint={() => rt().minutesHint} min={0} max={10080} />
        <SelectField
          form={form}
          name="overflow_team"
          label={() => rt().overflowTeam}
          options={() => [
            ["", rt().noTeam],
            ...desk.teams().filter((other) => other.id !== id).map((other): [string, string] => [other.id, other.name]),
          ]}
        />
        <NumberField form={form} name="overflow_after" label={() => rt().overflowAfter} hint={() => rt().minutesHint} min={0} max={10080} />
      </div>
      <SetField
        form={form}
        name="members"
        label={() => rt().members}
        hint={() => rt().teamMembersHint}
        options={() => desk.agents().filter((a) => a.active).map((a): [string, string] => [a.id, a.public_name])}
      />
    </FormFrame>
  );
}

/** `returns, vip` to a list. */
export function listOf(text: string): string[] {
  return text.split(",").map((s) => s.trim()).filter(Boolean);
}
