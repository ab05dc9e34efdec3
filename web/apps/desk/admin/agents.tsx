/** One agent: account, names, role, inboxes, capacity. */
import { at } from "../../../models/desk/admin-strings.ts";
import { Form } from "../../../models/desk/form.ts";
import { rt } from "../../../models/desk/routing-strings.ts";
import { t } from "../../../models/desk/strings.ts";
import type { Agent, RoleInfo } from "../../../models/desk/types.ts";
import { PictureField, Switch } from "../preferences.tsx";
import { Show } from "../../../ui/jsx-runtime.ts";
import { desk, go } from "../state.ts";
import { languageName } from "../texts.ts";
import { listOf } from "./teams.tsx";
import { FormFrame, NumberField, SelectField, SetField, TextField } from "./fields.tsx";

interface Values {
  username: string;
  password: string;
  name: string;
  public_name: string;
  email: string;
  role: string;
  capacity: number;
  languages: string[];
  skills: string;
  inboxes: string[];
  teams: string[];
  everyBrand: boolean;
  brands: string[];
  active: boolean;
}

function valuesOf(a: Agent | undefined): Values {
  return {
    username: "",
    password: "",
    name: a?.name ?? "",
    public_name: a?.public_name ?? "",
    email: a?.email ?? "",
    role: a?.role ?? "agent",
    capacity: a?.capacity ?? 5,
    languages: a?.languages ?? ["fr", "en"],
    skills: (a?.skills ?? []).join(", "),
    teams: a?.teams ?? [],
    inboxes: a?.inboxes ?? desk.inboxes.peek().map((i) => i.id),
    everyBrand: a ? a.brands === null : desk.me.peek()?.brands === null,
    brands: a?.brands ?? desk.me.peek()?.brands ?? desk.brands.peek().map((b) => b.id),
    active: a?.active ?? true,
  };
}

/** Nobody gives what he has not, and only an owner makes owners. */
function mayGive(role: RoleInfo): boolean {
  const mine = desk.permissions();
  return (role.id !== "owner" || desk.me()?.role === "owner") && role.permissions.every((p) => mine.has(p));
}
function roleHint(id: string): string {
  const role = desk.roles().find((r) => r.id === id);
  if (!role) return "";
  const built = { owner: at().roleownerHint, admin: at().roleadminHint, supervisor: at().rolesupervisorHint, agent: at().roleagentHint };
  if (role.built_in) return built[id as keyof typeof built] ?? "";
  return desk.permissionList().filter((p) => !p.always && role.permissions.includes(p.id)).map((p) => p.name).join(" · ");
}

export function AgentForm({ id }: { id: string }) {
  const agent = desk.agents.peek().find((a) => a.id === id);
  const form = new Form<Values>(valuesOf(agent), (e) => desk.explain(e));
  const limited = desk.me.peek()?.brands !== null;
  const works = (brand: string) => form.values().everyBrand || form.values().role === "owner" || form.values().brands.includes(brand);
  // Inboxes of brands that were taken away are not sent either.
  const placed = (v: Partial<Values>) => {
    const { everyBrand: _, brands: __, inboxes, ...rest } = v, all = form.values.peek();
    const changed = v.everyBrand !== undefined || v.brands !== undefined;
    return {
      ...rest,
      ...(changed ? { brands: all.everyBrand ? null : all.brands } : {}),
      ...(inboxes || changed
        ? { inboxes: all.inboxes.filter((id) => desk.inboxes.peek().some((i) => i.id === id && works(i.brand_id))) }
        : {}),
    };
  };

  async function save(): Promise<void> {
    await form.submit(async () => {
      const put = (made: Agent) =>
        desk.agents.update((all) => all.some((a) => a.id === made.id) ? all.map((a) => a.id === made.id ? made : a) : [...all, made]);
      if (agent) {
        const { username: _, password: __, email, skills, ...others } = placed(form.difference()) as Partial<Values>;
        const rest = skills === undefined ? others : { ...others, skills: listOf(skills) };
        put(
          await desk.api.patch<Agent>(
            `/agents/${encodeURIComponent(id)}`,
            email === undefined ? rest : { ...rest, email: email.trim() || null },
          ),
        );
        return;
      }
      const { active: _, email, public_name, skills, ...rest } = placed(form.values.peek()) as Values;
      const made = await desk.api.post<Agent>("/agents", {
        ...rest,
        skills: listOf(skills),
        public_name: public_name.trim() || rest.name,
        ...(email.trim() ? { email: email.trim() } : {}),
      });
      put(made);
      go({ at: "admin", page: "agents", item: made.id }, true);
    });
  }

  return (
    <FormFrame form={form} isNew={!agent} title={() => form.values().public_name || form.values().name || at().newAgent} onSave={save}>
      {agent
        ? (
          <>
            <p class="sub">{agent.id}</p>
            <PictureField
              name={() => form.values().public_name}
              picture={() => desk.agents().find((a) => a.id === id)?.picture}
              path={`/agents/${encodeURIComponent(id)}/picture`}
              changed={(picture) => desk.agents.update((all) => all.map((a) => a.id === id ? { ...a, picture } : a))}
            />
          </>
        )
        : (
          <div class="two">
            <TextField form={form} name="username" label={() => at().username} hint={() => at().usernameHint} maxLength={100} />
            <TextField form={form} name="password" type="password" label={() => at().password} hint={() => at().passwordHint} />
          </div>
        )}
      <div class="two">
        <TextField form={form} name="public_name" label={() => at().publicName} hint={() => at().publicNameHint} maxLength={80} />
        <TextField form={form} name="name" label={() => at().colleagueName} maxLength={80} />
        <TextField form={form} name="email" type="email" label={() => at().email} maxLength={254} />
        <SelectField
          form={form}
          name="role"
          label={() => at().role}
          hint={() => roleHint(form.values().role)}
          options={() => desk.roles().filter((r) => r.id === agent?.role || mayGive(r)).map((r): [string, string] => [r.id, r.name])}
        />
        <NumberField form={form} name="capacity" label={() => at().capacity} hint={() => at().capacityHint} min={0} max={100} />
        <SetField
          form={form}
          name="languages"
          label={() => at().languages}
          options={() => [["fr", languageName("fr")], ["en", languageName("en")]]}
        />
      </div>
      <SetField
        form={form}
        name="inboxes"
        label={() => t().inboxes}
        hint={() => at().membersHint}
        options={() => desk.inboxes().filter((i) => works(i.brand_id)).map((i): [string, string] => [i.id, i.name])}
      />
      <Show when={() => desk.teams().length > 0}>
        {() => (
          <SetField
            form={form}
            name="teams"
            label={() => rt().teams}
            options={() => desk.teams().map((team): [string, string] => [team.id, team.name])}
          />
        )}
      </Show>
      <TextField form={form} name="skills" label={() => rt().skills} hint={() => rt().skillsAgentHint} maxLength={400} />
      {() =>
        form.values().role !== "owner" && (desk.brands().length > 1 || !form.values().everyBrand)
          ? (
            <div class="stack">
              {limited
                ? null
                : <Switch label={() => at().worksForAll} on={() => form.values().everyBrand} set={(on) => form.set("everyBrand", on)} />}
              {() =>
                form.values().everyBrand ? null : (
                  <SetField
                    form={form}
                    name="brands"
                    label={() => at().brands}
                    hint={() => at().brandsHint}
                    options={() => desk.brands().map((b): [string, string] => [b.id, b.name])}
                  />
                )}
            </div>
          )
          : null}
      {agent ? <Switch label={() => at().active} on={() => form.values().active} set={(on) => form.set("active", on)} /> : null}
    </FormFrame>
  );
}
