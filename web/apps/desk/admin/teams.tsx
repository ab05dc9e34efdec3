/** One team: its members and how its conversations are given out. */
import { at } from "../../../models/desk/admin-strings.ts";
import { Form } from "../../../models/desk/form.ts";
import { rt } from "../../../models/desk/routing-strings.ts";
import { strategies, type Strategy, type Team } from "../../../models/desk/types.ts";
import { desk, go } from "../state.ts";
import { FormFrame, RemoveButton, SelectField, SetField, TextField } from "./fields.tsx";

export const strategyOptions = (): [Strategy, string][] => strategies.map((s) => [s, rt()[s]]);

export function TeamForm({ id }: { id: string }) {
  const team = desk.teams.peek().find((t) => t.id === id);
  const form = new Form<{ name: string; strategy: string; members: string[] }>({
    name: team?.name ?? "",
    strategy: team?.strategy ?? "round_robin",
    members: team?.members ?? [],
  }, (e) => desk.explain(e));

  async function save(): Promise<void> {
    await form.submit(async () => {
      const made = team
        ? await desk.api.patch<Team>(`/teams/${id}`, form.difference())
        : await desk.api.post<Team>("/teams", form.values.peek());
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
