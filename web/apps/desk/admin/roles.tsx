/** One role: its name, and what it may. */
import { at } from "../../../models/desk/admin-strings.ts";
import { Form } from "../../../models/desk/form.ts";
import type { PermissionInfo } from "../../../models/desk/types.ts";
import { desk, go } from "../state.ts";
import { FormFrame, RemoveButton, TextField } from "./fields.tsx";

interface Values {
  name: string;
  permissions: string[];
}

export function RoleForm({ id }: { id: string }) {
  const role = desk.roles.peek().find((r) => r.id === id);
  const all = () => desk.permissionList().filter((p) => !p.always);
  const form = new Form<Values>({
    name: role?.name ?? "",
    permissions: (role?.permissions ?? ["conversations.write"]).filter((p) => all().some((one) => one.id === p)),
  }, (e) => desk.explain(e));
  const isMore = role?.permissions.some((p) => !desk.permissions.peek().has(p)) ?? false;
  const locked = !!role?.built_in || isMore;
  /** Another one that is chosen brings it along. */
  const follows = (p: PermissionInfo) =>
    all().some((other) => form.values().permissions.includes(other.id) && other.implies.includes(p.id));

  async function save(): Promise<void> {
    await form.submit(async () => {
      const body = form.values.peek();
      const made = role ? await desk.api.patch<{ id: string }>(`/roles/${id}`, body) : await desk.api.post<{ id: string }>("/roles", body);
      await desk.loadRoles();
      if (!role) go({ at: "admin", page: "roles", item: made.id }, true);
    });
  }

  return (
    <FormFrame
      form={form}
      isNew={!role}
      title={() => form.values().name || at().newRole}
      onSave={save}
      disabled={() => locked}
      more={role && !locked
        ? (
          <RemoveButton
            name={role.name}
            remove={async () => {
              if (!await desk.attempt(() => desk.api.remove(`/roles/${id}`))) return;
              desk.roles.update((list) => list.filter((r) => r.id !== id));
              go({ at: "admin", page: "roles", item: undefined }, true);
            }}
          />
        )
        : null}
    >
      {locked ? <p class="sub" tabIndex={0}>{() => (role?.built_in ? at().roleFixed : at().roleMore)}</p> : null}
      <TextField form={form} name="name" label={() => at().name} maxLength={80} disabled={() => locked} />
      <fieldset class="set">
        <legend>{() => at().permissions}</legend>
        <div class="checks column">
          {() =>
            all().map((p) => (
              <label>
                <input
                  type="checkbox"
                  name={p.id}
                  checked={() => form.values().permissions.includes(p.id) || follows(p)}
                  disabled={() => locked || follows(p) || !desk.permissions().has(p.id)}
                  onChange={(e) => {
                    const rest = form.values.peek().permissions.filter((one) => one !== p.id);
                    form.set("permissions", e.currentTarget.checked ? [...rest, p.id] : rest);
                  }}
                />
                <span>{p.name}</span>
              </label>
            ))}
        </div>
        {() => {
          const wrong = form.wrongWith("permissions");
          return wrong ? <span class="wrong">{wrong}</span> : locked ? null : <span class="hint">{at().permissionsHint}</span>;
        }}
      </fieldset>
    </FormFrame>
  );
}
