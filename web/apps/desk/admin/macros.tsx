/** One macro: for whom it is, and what it does. */
import { at } from "../../../models/desk/admin-strings.ts";
import { m } from "../../../models/desk/automation-strings.ts";
import { type Macro, noSteps, type Steps } from "../../../models/desk/automation.ts";
import { Form } from "../../../models/desk/form.ts";
import { desk, go } from "../state.ts";
import { FormFrame, RemoveButton, SelectField, TextField } from "./fields.tsx";
import { StepsField } from "./steps.tsx";

interface Values {
  name: string;
  scope: string;
  team_id: string;
  brand_id: string;
  deeds: Steps;
}

export function MacroForm({ id }: { id: string }) {
  const macro = desk.macros.all.peek().find((one) => one.id === id);
  const form = new Form<Values>({
    name: macro?.name ?? "",
    scope: macro?.scope ?? (desk.permissions.peek().has("macros.team") ? "all" : "personal"),
    team_id: macro?.team_id ?? desk.teams.peek()[0]?.id ?? "",
    brand_id: macro ? macro.brand_id ?? "" : desk.me.peek()?.brands?.[0] ?? "",
    deeds: macro?.deeds ?? noSteps,
  }, (e) => desk.explain(e));
  const limited = () => desk.me()?.brands !== null;
  const locked = () =>
    macro !== undefined && macro.scope !== "personal" &&
    (!desk.may("macros.team") || (macro.scope === "all" && limited() && macro.brand_id === null));

  async function save(): Promise<void> {
    const v = form.values.peek();
    const body = {
      name: v.name,
      scope: v.scope,
      deeds: v.deeds,
      team_id: v.scope === "team" ? v.team_id : null,
      brand_id: v.scope === "all" && v.brand_id || null,
    };
    await form.submit(async () => {
      const made = macro ? await desk.api.patch<Macro>(`/macros/${id}`, body) : await desk.api.post<Macro>("/macros", body);
      await desk.macros.load();
      if (!macro) go({ at: "admin", page: "macros", item: made.id }, true);
    });
  }

  return (
    <FormFrame
      form={form}
      isNew={!macro}
      title={() => form.values().name || m().newMacro}
      onSave={save}
      disabled={locked}
      more={macro && !locked()
        ? (
          <RemoveButton
            name={macro.name}
            remove={async () => {
              if (!await desk.attempt(() => desk.api.remove(`/macros/${id}`))) return;
              desk.macros.all.update((all) => all.filter((one) => one.id !== id));
              go({ at: "admin", page: "macros", item: undefined }, true);
            }}
          />
        )
        : null}
    >
      <p class="sub">{() => (locked() ? at().mayNotEdit : m().macroHint)}</p>
      <div class="two">
        <TextField form={form} name="name" label={() => at().name} maxLength={80} disabled={locked} />
        <SelectField
          form={form}
          name="scope"
          label={() => m().forWhom}
          options={() =>
            desk.may("macros.team")
              ? [["all", m().forAll], ...(desk.teams().length > 0 ? [["team", m().forTeam] as ["team", string]] : []), [
                "personal",
                m().forMe,
              ]]
              : [
                ["personal", m().forMe],
                ...(locked() ? [["team", m().forTeam] as ["team", string], ["all", m().forAll] as ["all", string]] : []),
              ]}
          disabled={locked}
        />
        {() =>
          form.values().scope === "team"
            ? (
              <SelectField
                form={form}
                name="team_id"
                label={() => m().whichTeam}
                options={() => desk.teams().map((one): [string, string] => [one.id, one.name])}
                disabled={locked}
              />
            )
            : form.values().scope === "all" && desk.brands().length > 1
            ? (
              <SelectField
                form={form}
                name="brand_id"
                label={() => m().brand}
                options={() => [
                  ...(limited() && !locked() ? [] : [["", m().everyBrand] as [string, string]]),
                  ...desk.brands().map((b): [string, string] => [b.id, b.name]),
                ]}
                disabled={locked}
              />
            )
            : null}
      </div>
      <StepsField steps={() => form.values().deeds} set={(deeds) => form.set("deeds", deeds)} wrong={(name) => form.wrong()[name]} />
      <p class="sub">{() => m().defaultHint}</p>
    </FormFrame>
  );
}
