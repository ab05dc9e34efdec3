/** One promise: for whom it holds, and how soon. */
import { at } from "../../../models/desk/admin-strings.ts";
import { Form } from "../../../models/desk/form.ts";
import { rt } from "../../../models/desk/routing-strings.ts";
import { t } from "../../../models/desk/strings.ts";
import { priorities, type SLAPolicy } from "../../../models/desk/types.ts";
import { Show } from "../../../ui/jsx-runtime.ts";
import { Switch } from "../preferences.tsx";
import { desk, go } from "../state.ts";
import { FormFrame, NumberField, RemoveButton, SetField, TextField } from "./fields.tsx";

interface Values {
  name: string;
  position: number;
  /** Minutes; 0 promises nothing. */
  first_response: number;
  next_response: number;
  resolution: number;
  warn_at: number;
  business_hours: boolean;
  inboxes: string[];
  teams: string[];
  priorities: string[];
}

function bodyOf(v: Values): Record<string, unknown> {
  const seconds = (minutes: number) => minutes > 0 ? minutes * 60 : null;
  return {
    ...v,
    first_response: seconds(v.first_response),
    next_response: seconds(v.next_response),
    resolution: seconds(v.resolution),
  };
}

export function SLAForm({ id }: { id: string }) {
  const policy = desk.promises.peek().find((p) => p.id === id);
  const minutes = (seconds: number | null | undefined) => Math.round((seconds ?? 0) / 60);
  const form = new Form<Values>({
    name: policy?.name ?? "",
    position: policy?.position ?? desk.promises.peek().length + 1,
    first_response: policy ? minutes(policy.first_response) : 10,
    next_response: policy ? minutes(policy.next_response) : 30,
    resolution: minutes(policy?.resolution),
    warn_at: policy?.warn_at ?? 80,
    business_hours: policy?.business_hours ?? true,
    inboxes: policy?.inboxes ?? [],
    teams: policy?.teams ?? [],
    priorities: policy?.priorities ?? [],
  }, (e) => desk.explain(e));

  async function save(): Promise<void> {
    await form.submit(async () => {
      const body = bodyOf(form.values.peek());
      const made = policy
        ? await desk.api.patch<SLAPolicy>(`/sla-policies/${id}`, body)
        : await desk.api.post<SLAPolicy>("/sla-policies", body);
      desk.promises.update((all) =>
        (policy ? all.map((p) => p.id === id ? made : p) : [...all.filter((p) => p.id !== made.id), made])
          .toSorted((a, b) => a.position - b.position)
      );
      if (!policy) go({ at: "admin", page: "sla", item: made.id }, true);
    });
  }

  return (
    <FormFrame
      form={form}
      isNew={!policy}
      title={() => form.values().name || rt().newSLA}
      onSave={save}
      more={policy
        ? (
          <RemoveButton
            name={policy.name}
            remove={async () => {
              const done = await desk.attempt(() => desk.api.remove(`/sla-policies/${id}`));
              if (!done) return;
              desk.promises.update((all) => all.filter((p) => p.id !== id));
              go({ at: "admin", page: "sla", item: undefined }, true);
            }}
          />
        )
        : null}
    >
      <p class="sub">{() => rt().slaHint}</p>
      <div class="two">
        <TextField form={form} name="name" label={() => at().name} maxLength={80} />
        <NumberField form={form} name="position" label={() => rt().position} hint={() => rt().positionHint} min={0} max={100000} />
        <NumberField form={form} name="first_response" label={() => rt().firstWithin} hint={() => rt().zeroHint} min={0} max={525600} />
        <NumberField form={form} name="next_response" label={() => rt().nextWithin} hint={() => rt().zeroHint} min={0} max={525600} />
        <NumberField form={form} name="resolution" label={() => rt().resolvedWithin} hint={() => rt().zeroHint} min={0} max={525600} />
        <NumberField form={form} name="warn_at" label={() => rt().warnAt} hint={() => rt().warnAtHint} min={1} max={100} />
      </div>
      <Switch label={() => rt().openTimeOnly} on={() => form.values().business_hours} set={(on) => form.set("business_hours", on)} />
      <SetField
        form={form}
        name="priorities"
        label={() => rt().forPriorities}
        hint={() => rt().noneIsAll}
        options={() => priorities.map((p): [string, string] => [p, t()[`priority${p}`]])}
      />
      <SetField
        form={form}
        name="inboxes"
        label={() => rt().forInboxes}
        hint={() => rt().noneIsAll}
        options={() => desk.inboxes().map((i): [string, string] => [i.id, i.name])}
      />
      <Show when={() => desk.teams().length > 0}>
        {() => (
          <SetField
            form={form}
            name="teams"
            label={() => rt().forTeams}
            hint={() => rt().noneIsAll}
            options={() => desk.teams().map((team): [string, string] => [team.id, team.name])}
          />
        )}
      </Show>
    </FormFrame>
  );
}
