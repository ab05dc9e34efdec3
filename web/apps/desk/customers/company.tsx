/** A company: what is known of it, who works for it, what was talked about with them. */
import { ct } from "../../../models/desk/customers-strings.ts";
import type { Company, Pages } from "../../../models/desk/customers.ts";
import { Form } from "../../../models/desk/form.ts";
import { formatRoute } from "../../../models/desk/route.ts";
import { t } from "../../../models/desk/strings.ts";
import { w } from "../../../models/desk/working-strings.ts";
import type { Contact, Conversation } from "../../../models/desk/types.ts";
import { Avatar, Button, Spinner } from "../../../ui/basics.tsx";
import { lang, shortAge } from "../../../ui/i18n.ts";
import * as icons from "../../../ui/icons.ts";
import { For, Show } from "../../../ui/jsx-runtime.ts";
import { confirmDialog } from "../../../ui/overlay.tsx";
import { type Signal, signal } from "../../../ui/signals.ts";
import { FormFrame, SelectField, TextField } from "../admin/fields.tsx";
import { desk, go } from "../state.ts";
import { statusName } from "../texts.ts";
import { PagesFoot } from "./customers.tsx";

interface Values {
  name: string;
  domain: string;
  website: string;
  phone: string;
  notes: string;
  brand_id: string;
}
const valuesOf = (c: Company | undefined): Values => ({
  name: c?.name ?? "",
  domain: c?.domain ?? "",
  website: c?.website ?? "",
  phone: c?.phone ?? "",
  notes: c?.notes ?? "",
  brand_id: c?.brand_id ?? desk.brands.peek()[0]?.id ?? "",
});

/** A new one, or the head of a company's page. */
export function CompanyForm(props: { company?: Signal<Company | undefined> }) {
  const company = props.company?.peek();
  const form = new Form<Values>(valuesOf(company), (error) => desk.explain(error));
  return (
    <FormFrame
      form={form}
      isNew={!company}
      title={() => company ? props.company?.()?.name ?? "" : ct().newCompany}
      disabled={() => !desk.may("contacts.write")}
      onSave={() =>
        void form.submit(async () => {
          const now = props.company?.peek();
          if (now) {
            props.company?.set(await desk.customers.saveCompany(now, form.difference()));
            return;
          }
          const made = await desk.customers.addCompany(form.values.peek());
          go({ at: "customers", tab: "companies", item: made.id }, true);
        })}
      more={company && desk.permissions.peek().has("contacts.write")
        ? (
          <Button
            kind="ghost"
            icon={icons.trash}
            onClick={async () => {
              const yes = await confirmDialog({
                title: w.peek().remove,
                text: ct.peek().removeCompanyAsk(company.name),
                yes: w.peek().remove,
                danger: true,
              });
              if (yes && await desk.attempt(() => desk.customers.removeCompany(company.id))) {
                go({ at: "customers", tab: "companies", item: undefined }, true);
              }
            }}
          >
            {() => w().remove}
          </Button>
        )
        : null}
    >
      <TextField form={form} name="name" label={() => ct().segmentName} maxLength={120} />
      {!company && desk.brands.peek().length > 1
        ? <SelectField form={form} name="brand_id" label={() => ct().brand} options={() => desk.brands().map((b) => [b.id, b.name])} />
        : null}
      <div class="two">
        <TextField form={form} name="domain" label={() => ct().domain} hint={() => ct().domainHint} maxLength={253} />
        <TextField form={form} name="website" label={() => ct().website} type="url" maxLength={2000} />
        <TextField form={form} name="phone" label={() => ct().phone} type="tel" maxLength={40} />
      </div>
      <TextField form={form} name="notes" label={() => ct().notes} rows={3} />
    </FormFrame>
  );
}

export function CompanyPage({ id }: { id: string }) {
  const company: Signal<Company | undefined> = signal<Company | undefined>(undefined);
  const gone = signal(false);
  desk.customers.company(id).then((c) => company.set(c), (error) => {
    gone.set(true);
    desk.ignorePassing(error);
  });
  const people = desk.customers.companyContacts(id), talks = desk.customers.companyConversations(id);
  void people.load();
  void talks.load();
  return (
    <Show
      when={() => company() !== undefined}
      fallback={() => <div class="choose">{() => gone() ? <p role="alert">{ct().cannotLoad}</p> : <Spinner label={t().loading} />}</div>}
    >
      {() => (
        <article class="profile company">
          <CompanyForm company={company} />
          <div class="columns even">
            <section aria-label={() => ct().peopleOf}>
              <h3>{() => ct().peopleOf}</h3>
              <ul class="links">
                <For each={people.items} by={(c: Contact) => c.id}>
                  {(c) => (
                    <li>
                      <a href={formatRoute({ at: "customers", tab: "people", item: c.peek().id })}>
                        <Avatar name={() => c().display_name} picture={() => c().picture} size="2rem" />
                        <span class="grow">
                          <span class="name one">{() => c().display_name}</span>
                          <span class="sub one">{() => c().email ?? c().phone ?? ""}</span>
                        </span>
                      </a>
                    </li>
                  )}
                </For>
              </ul>
              <PagesFoot pages={people} none={() => ct().nobodyHere} />
            </section>
            <section aria-label={() => ct().conversations}>
              <h3>{() => ct().conversations}</h3>
              <Talks pages={talks} />
            </section>
          </div>
        </article>
      )}
    </Show>
  );
}

export function Talks({ pages }: { pages: Pages<Conversation> }) {
  return (
    <>
      <ul class="links">
        <For each={pages.items} by={(c: Conversation) => c.id}>
          {(c) => {
            const now = () => desk.conversations().get(c.peek().id) ?? c();
            return (
              <li>
                <a href={formatRoute({ at: "desk", view: { kind: "all" }, open: c.peek().id })}>
                  <span class="grow">
                    <span class="line">
                      <span class="name">#{c.peek().number} · {() => now().contact.display_name}</span>
                      <span class={() => `state ${now().status}`}>{() => statusName(now().status)}</span>
                    </span>
                    <span class="sub one">{() => now().last_message?.preview ?? ""}</span>
                  </span>
                  <span class="time">{() => shortAge(lang(), now().last_message?.at ?? now().created_at, desk.now())}</span>
                </a>
              </li>
            );
          }}
        </For>
      </ul>
      <PagesFoot pages={pages} none={() => ct().noTalks} />
    </>
  );
}
