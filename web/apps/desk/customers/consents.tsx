/** What a customer has agreed to: what holds, and how one notes more. */
import { ct } from "../../../models/desk/customers-strings.ts";
import { type Channel, channels, type Consent } from "../../../models/desk/customers.ts";
import { Form } from "../../../models/desk/form.ts";
import { t } from "../../../models/desk/strings.ts";
import type { Contact } from "../../../models/desk/types.ts";
import { Button, Icon } from "../../../ui/basics.tsx";
import * as icons from "../../../ui/icons.ts";
import { For, Show } from "../../../ui/jsx-runtime.ts";
import { openDialog } from "../../../ui/overlay.tsx";
import { computed, effect, type Signal, signal } from "../../../ui/signals.ts";
import { SelectField, TextField } from "../admin/fields.tsx";
import { desk } from "../state.ts";
import { dateTime } from "../texts.ts";

export function ConsentList({ c }: { c: () => Contact }) {
  const all: Signal<readonly Consent[]> = signal<readonly Consent[]>([]);
  const id = c().id, version = computed(c);
  effect(() => {
    version();
    queueMicrotask(() => desk.customers.consents(id).then((now) => all.set(now), (error) => desk.ignorePassing(error)));
  });
  const note = (first?: Consent) => void noteConsent(id, first, (now) => all.set(now));
  return (
    <section class="consents" aria-label={() => ct().consents}>
      <h3>{() => ct().consents}</h3>
      <ul>
        <For each={all} by={(one: Consent) => one.id} fallback={() => <li class="sub">{() => ct().noConsents}</li>}>
          {(one) => (
            <li>
              <Icon d={one.peek().state === "given" ? icons.check : icons.close} class={one.peek().state} />
              <span class="grow">
                <span class="value">
                  {() => `${one().purpose} · ${ct().channelName(one().channel)} · ${ct()[one().state]}`}
                </span>
                <span class="sub" title={one.peek().wording}>{() => `${dateTime(one().at)} · ${one().source} · ${one().by.name}`}</span>
              </span>
              {one.peek().state === "given" && desk.permissions.peek().has("contacts.write")
                ? <Button small kind="ghost" onClick={() => note(one.peek())}>{() => ct().withdraw}</Button>
                : null}
            </li>
          )}
        </For>
      </ul>
      <Show when={() => desk.may("contacts.write")}>
        {() => <Button small kind="outline" icon={icons.plus} onClick={() => note()}>{() => ct().addConsent}</Button>}
      </Show>
    </section>
  );
}

interface Values {
  channel: Channel;
  purpose: string;
  state: Consent["state"];
  source: string;
  wording: string;
}

function noteConsent(contact: string, first: Consent | undefined, done: (all: Consent[]) => void): Promise<void> {
  const form = new Form<Values>({
    channel: first?.channel ?? "email",
    purpose: first?.purpose ?? "",
    state: first ? "withdrawn" : "given",
    source: "",
    wording: "",
  }, (error) => desk.explain(error));
  return openDialog({
    title: () => ct().consentTitle,
    body: (close) => (
      <form
        class="stack"
        novalidate
        onSubmit={async (e) => {
          e.preventDefault();
          if (await form.submit(async () => done(await desk.customers.addConsent(contact, form.values.peek())))) close();
        }}
      >
        <SelectField
          form={form}
          name="state"
          label={() => ct().consentState}
          options={() => [["given", ct().given], ["withdrawn", ct().withdrawn]]}
        />
        <SelectField
          form={form}
          name="channel"
          label={() => ct().channel}
          options={() => channels.map((one) => [one, ct().channelName(one)])}
        />
        <TextField form={form} name="purpose" label={() => ct().purpose} hint={() => ct().purposeHint} maxLength={60} />
        <TextField form={form} name="source" label={() => ct().source} hint={() => ct().sourceHint} maxLength={200} />
        <TextField form={form} name="wording" label={() => ct().wording} rows={3} maxLength={2000} />
        {() => (form.wrong()[""] ? <p class="wrong" role="alert">{form.wrong()[""]}</p> : null)}
        <p class="sub">{() => ct().consentNote}</p>
        <div class="actions">
          <Button onClick={close}>{() => t().cancel}</Button>
          <Button kind="primary" type="submit" disabled={form.busy}>{() => t().save}</Button>
        </div>
      </form>
    ),
  });
}
