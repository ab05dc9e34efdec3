/** The contact form, for when nobody is there, and the dialog for one's name and e-mail. */
import { Button, Field, Icon } from "../../ui/basics.tsx";
import * as icons from "../../ui/icons.ts";
import { Show } from "../../ui/jsx-runtime.ts";
import { openDialog } from "../../ui/overlay.tsx";
import { type Signal, signal } from "../../ui/signals.ts";
import { ft } from "../../models/widget/form-strings.ts";
import { mt } from "../../models/widget/menu-strings.ts";
import { t } from "../../models/widget/strings.ts";
import type { WidgetModel } from "../../models/widget/widget.ts";

const looksLikeEmail = (s: string) => /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(s);

export function ContactForm({ model }: { model: WidgetModel }) {
  const contact = model.contact.peek();
  const name = signal(contact?.name ?? ""), email = signal(contact?.email ?? "");
  const tried = signal(false), busy = signal(false);
  const limits = () => model.config()?.limits;
  const wrongName = () => (tried() && name().trim() === "" ? ft().needName : undefined);
  const wrongEmail = () => (tried() && !looksLikeEmail(email().trim()) ? ft().needEmail : undefined);
  const wrongMessage = () => (tried() && model.draft().trim() === "" ? ft().needMessage : undefined);
  const submit = async (form: HTMLFormElement) => {
    tried.set(true);
    if (wrongName() || wrongEmail() || wrongMessage()) {
      form.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
      return;
    }
    busy.set(true);
    const ok = await model.submitForm({ name: name.peek().trim(), email: email.peek().trim(), message: model.draft.peek().trim() });
    busy.set(false);
    if (ok) model.draft.set("");
  };
  return (
    <form
      class="form"
      novalidate
      aria-labelledby="form-title"
      onSubmit={(e) => {
        e.preventDefault();
        submit(e.currentTarget);
      }}
    >
      <h2 id="form-title">{() => model.texts()?.contact_form}</h2>
      <Show when={() => model.config()?.hours?.open === false}>{() => <p class="closed">{model.awayText}</p>}</Show>
      <p>{() => model.texts()?.offline ?? t().away}</p>
      <Field label={() => ft().name} wrong={wrongName}>
        {(tie) => <Text tie={tie} value={name} type="text" autocomplete="name" max={() => limits()?.name_characters ?? 80} />}
      </Field>
      <Field label={() => ft().email} hint={() => ft().emailHint} wrong={wrongEmail}>
        {(tie) => <Text tie={tie} value={email} type="email" autocomplete="email" max={() => limits()?.email_characters ?? 254} />}
      </Field>
      <Field label={() => ft().message} wrong={wrongMessage}>
        {(tie) => (
          <textarea
            class="input"
            rows={5}
            required
            maxLength={() => limits()?.message_characters ?? 8000}
            {...tie}
            value={model.draft}
            onInput={(e) => model.draft.set(e.currentTarget.value)}
          />
        )}
      </Field>
      <Button type="submit" kind="primary" icon={icons.send} disabled={busy}>{() => ft().sendForm}</Button>
    </form>
  );
}

type Tie = { id: string; "aria-describedby": string; "aria-invalid": () => boolean };

function Text(props: { tie: Tie; value: Signal<string>; type: string; autocomplete: string; max: () => number; required?: boolean }) {
  return (
    <input
      class="input"
      type={props.type}
      autocomplete={props.autocomplete}
      required={props.required ?? true}
      maxLength={props.max}
      {...props.tie}
      value={props.value}
      onInput={(e) => props.value.set(e.currentTarget.value)}
    />
  );
}

export function Thanks({ model }: { model: WidgetModel }) {
  return (
    <div class="thanks" role="status">
      <Icon d={icons.check} />
      <p>{() => model.texts()?.thanks}</p>
      <Show when={() => model.contact()?.email}>{() => <p>{() => t().emailNoted(model.contact()?.email ?? "")}</p>}</Show>
    </div>
  );
}

export async function openDetails(model: WidgetModel): Promise<void> {
  const contact = model.contact.peek();
  const name = signal(contact?.name ?? ""), email = signal(contact?.email ?? "");
  const tried = signal(false), busy = signal(false);
  const wrong = () => (tried() && email().trim() !== "" && !looksLikeEmail(email().trim()) ? ft().needEmail : undefined);
  await openDialog({
    title: () => mt().yourDetails,
    body: (close) => (
      <form
        class="form"
        novalidate
        onSubmit={async (e) => {
          e.preventDefault();
          tried.set(true);
          if (wrong()) return;
          busy.set(true);
          const ok = await model.saveContact({ name: name.peek().trim(), email: email.peek().trim() });
          busy.set(false);
          if (ok) close();
        }}
      >
        <Field label={() => ft().name}>
          {(tie) => <Text tie={tie} value={name} type="text" autocomplete="name" max={() => 80} required={false} />}
        </Field>
        <Field label={() => ft().email} hint={() => ft().emailHint} wrong={wrong}>
          {(tie) => <Text tie={tie} value={email} type="email" autocomplete="email" max={() => 254} required={false} />}
        </Field>
        <div class="actions">
          <Button type="submit" kind="primary" disabled={busy}>{() => ft().save}</Button>
        </div>
      </form>
    ),
  });
}
