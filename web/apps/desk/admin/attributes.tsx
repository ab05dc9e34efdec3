/** What is asked of customers beside name and address. */
import { ct } from "../../../models/desk/customers-strings.ts";
import { type Attribute, type AttributeKind, attributeKinds } from "../../../models/desk/customers.ts";
import { Form } from "../../../models/desk/form.ts";
import { fold } from "../../../models/desk/fuzzy.ts";
import { Show } from "../../../ui/jsx-runtime.ts";
import { desk, go } from "../state.ts";
import { FormFrame, NumberField, RemoveButton, SelectField, TextField } from "./fields.tsx";

interface Values {
  name: string;
  key: string;
  kind: AttributeKind;
  choices: string;
  position: number;
}

export function AttributeForm({ id }: { id: string }) {
  const old = desk.customers.attributes.peek().find((a) => a.key === id);
  const form = new Form<Values>({
    name: old?.name ?? "",
    key: old?.key ?? "",
    kind: old?.kind ?? "text",
    choices: (old?.choices ?? []).join("\n"),
    position: old?.position ?? desk.customers.attributes.peek().length,
  }, (error) => desk.explain(error));
  const key = () => form.values().key.trim() || keyOf(form.values().name);
  const path = (one: string) => `/attributes/${encodeURIComponent(one)}`;
  return (
    <FormFrame
      form={form}
      isNew={!old}
      title={() => old?.name ?? ct().newAttribute}
      onSave={() =>
        void form.submit(async () => {
          const { name, kind, choices, position } = form.values.peek(), one = old?.key ?? key();
          await desk.api.put<Attribute>(path(one === "" ? "_" : one), {
            name,
            kind,
            position,
            choices: kind === "list" ? choices.split("\n").map((line) => line.trim()).filter(Boolean) : [],
          });
          await desk.customers.load("attributes");
          if (!old) go({ at: "admin", page: "attributes", item: one }, true);
        })}
      more={old
        ? (
          <RemoveButton
            name={old.name}
            remove={async () => {
              await desk.attempt(async () => {
                await desk.api.remove(path(old.key));
                await desk.customers.load("attributes");
                go({ at: "admin", page: "attributes", item: undefined }, true);
              });
            }}
          />
        )
        : null}
    >
      <TextField form={form} name="name" label={() => ct().attributeName} maxLength={80} />
      {old ? null : (
        <TextField
          form={form}
          name="key"
          label={() => ct().attributeKey}
          hint={() => form.wrongWith("id") ?? `${ct().attributeKeyHint}${key() ? ` (${key()})` : ""}`}
          maxLength={60}
        />
      )}
      <SelectField form={form} name="kind" label={() => ct().kind} options={() => attributeKinds.map((k) => [k, ct().kindName(k)])} />
      <Show when={() => form.values().kind === "list"}>
        {() => <TextField form={form} name="choices" label={() => ct().choices} hint={() => ct().choicesHint} rows={5} />}
      </Show>
      <NumberField form={form} name="position" label={() => ct().position} min={0} max={10_000} />
      <p class="sub">{() => ct().attributesHelp}</p>
    </FormFrame>
  );
}

/** What programs could call it: `Montant moyen` is `montant_moyen`. */
export function keyOf(name: string): string {
  return fold(name).replace(/[^a-z0-9]+/g, "_").replace(/^[^a-z]+|_+$/g, "").slice(0, 60);
}
