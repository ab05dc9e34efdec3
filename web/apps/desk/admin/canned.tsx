/** One canned reply. */
import { at } from "../../../models/desk/admin-strings.ts";
import { Form } from "../../../models/desk/form.ts";
import type { Canned } from "../../../models/desk/types.ts";
import { Button } from "../../../ui/basics.tsx";
import { insertAtCursor } from "../../../ui/composer.tsx";
import { desk, go } from "../state.ts";
import { languageName } from "../texts.ts";
import { FormFrame, RemoveButton, SelectField, TextField } from "./fields.tsx";

const variables = ["contact.first_name", "contact.name", "contact.email", "agent.name", "brand.name", "conversation.number"];

interface Values {
  shortcut: string;
  title: string;
  language: string;
  scope: string;
  brand_id: string;
  body: string;
}

export function CannedForm({ id }: { id: string }) {
  const reply = desk.canned.peek().find((c) => c.id === id);
  const form = new Form<Values>({
    shortcut: reply?.shortcut ?? "",
    title: reply?.title ?? "",
    language: reply?.language ?? "",
    scope: reply?.scope ?? (desk.permissions.peek().has("canned.team") ? "team" : "personal"),
    brand_id: reply ? reply.brand_id ?? "" : desk.me.peek()?.brands?.[0] ?? "",
    body: reply?.body ?? "",
  }, (e) => desk.explain(e));
  const limited = () => desk.me()?.brands !== null;
  const locked = () => reply?.scope === "team" && (!desk.may("canned.team") || (limited() && reply.brand_id === null));
  let area: HTMLTextAreaElement | undefined;

  async function save(): Promise<void> {
    const v = form.values.peek();
    const body = {
      ...v,
      shortcut: v.shortcut.trim().replace(/^\//, ""),
      language: v.language || null,
      brand_id: v.scope === "team" && v.brand_id || null,
    };
    await form.submit(async () => {
      const made = reply ? await desk.api.patch<Canned>(`/canned/${id}`, body) : await desk.api.post<Canned>("/canned", body);
      desk.canned.update((all) => reply ? all.map((c) => c.id === id ? made : c) : [...all.filter((c) => c.id !== made.id), made]);
      if (!reply) go({ at: "admin", page: "canned", item: made.id }, true);
    });
  }

  return (
    <FormFrame
      form={form}
      isNew={!reply}
      title={() => (form.values().shortcut ? `/${form.values().shortcut}` : at().newCanned)}
      onSave={save}
      disabled={locked}
      more={reply && !locked()
        ? (
          <RemoveButton
            name={`/${reply.shortcut}`}
            remove={async () => {
              const done = await desk.attempt(() => desk.api.remove(`/canned/${id}`));
              if (!done) return;
              desk.canned.update((all) => all.filter((c) => c.id !== id));
              go({ at: "admin", page: "canned", item: undefined }, true);
            }}
          />
        )
        : null}
    >
      {locked() ? <p class="sub">{() => at().mayNotEdit}</p> : null}
      <div class="two">
        <TextField
          form={form}
          name="shortcut"
          label={() => at().shortcut}
          hint={() => at().shortcutHint}
          maxLength={40}
          disabled={locked}
        />
        <TextField form={form} name="title" label={() => at().title} maxLength={120} disabled={locked} />
        <SelectField
          form={form}
          name="language"
          label={() => at().language}
          options={() => [["", at().anyLanguage], ["fr", languageName("fr")], ["en", languageName("en")]]}
          disabled={locked}
        />
        <SelectField
          form={form}
          name="scope"
          label={() => at().scope}
          options={() =>
            desk.may("canned.team")
              ? [["team", at().team], ["personal", at().personal]]
              : [["personal", at().personal], ...(locked() ? [["team", at().team] as ["team", string]] : [])]}
          disabled={() => reply !== undefined}
        />
        {() =>
          form.values().scope === "team" && desk.brands().length + (limited() ? 0 : 1) > 2
            ? (
              <SelectField
                form={form}
                name="brand_id"
                label={() => at().brand}
                options={() => [
                  ...(limited() && !locked() ? [] : [["", at().everyBrand] as [string, string]]),
                  ...desk.brands().map((b): [string, string] => [b.id, b.name]),
                ]}
                disabled={locked}
              />
            )
            : null}
      </div>
      <TextField
        form={form}
        name="body"
        label={() => at().body}
        rows={8}
        disabled={locked}
        ref={(e) => area = e as HTMLTextAreaElement}
      />
      <p class="variables">
        <span class="sub">{() => at().variables}</span>
        {variables.map((name) => (
          <Button small kind="outline" disabled={locked} onClick={() => area && insertAtCursor(area, `{{${name}}}`)}>{name}</Button>
        ))}
      </p>
    </FormFrame>
  );
}
