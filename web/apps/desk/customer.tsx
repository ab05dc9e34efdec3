/** Who the customer is: identity, the page he looks at, notes, earlier conversations. */
import { ApiError } from "../../sdk/http.ts";
import { ago } from "../../models/desk/times.ts";
import { ct } from "../../models/desk/customers-strings.ts";
import { formatRoute } from "../../models/desk/route.ts";
import { rp } from "../../models/desk/report-strings.ts";
import { rt } from "../../models/desk/routing-strings.ts";
import { t } from "../../models/desk/strings.ts";
import type { Contact, Conversation } from "../../models/desk/types.ts";
import { Avatar, Button, Field, Icon, Spinner } from "../../ui/basics.tsx";
import { lang, shortAge } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import { type Child, For, Show } from "../../ui/jsx-runtime.ts";
import { openDialog } from "../../ui/overlay.tsx";
import { computed, effect, type Signal, signal } from "../../ui/signals.ts";
import { AttributeFacts } from "./customers/attributes.tsx";
import { RatingMark } from "./rating.tsx";
import { desk, openConversation } from "./state.ts";
import { languageName, statusName } from "./texts.ts";

export function CustomerPane(props: { onClose?: () => void }) {
  const conversation = computed(() => desk.open()?.conversation());
  const id = computed(() => conversation()?.contact.id);
  effect(() => {
    const contact = id();
    if (contact) queueMicrotask(() => void desk.loadContact(contact));
  });
  return (
    <aside class="customer" aria-label={() => t().customer}>
      <header class="top">
        <h2>{() => t().customer}</h2>
        {props.onClose ? <Button kind="ghost" icon={icons.close} label={() => t().closeCustomer} onClick={props.onClose} /> : null}
      </header>
      {() => {
        const contact = id();
        if (contact === undefined) return null;
        return (
          <Show
            when={() => desk.contacts().has(contact)}
            fallback={() => (
              <div class="loading">
                <Spinner label={() => t().loading} />
              </div>
            )}
          >
            {() => <Details c={() => desk.contacts().get(contact) as Contact} conversation={() => conversation() as Conversation} />}
          </Show>
        );
      }}
    </aside>
  );
}

function Details({ c, conversation }: { c: () => Contact; conversation: () => Conversation }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={() => t().details}>
      <div class="who">
        <Avatar
          name={() => c().display_name}
          picture={() => c().picture}
          size="3rem"
          presence={() => (c().online ? "online" : undefined)}
        />
        <div class="grow">
          <h3>{() => c().display_name}</h3>
          <p class="sub">
            {() => (c().online ? t().onlineNow : t().lastSeen(ago(lang(), c().last_seen_at, desk.now())))}
          </p>
        </div>
        <Button small kind="ghost" icon={icons.edit} label={() => t().edit} onClick={() => void editContact(c())} />
      </div>
      <p class={() => (c().verified ? "identity yes" : "identity")}>
        {() => [<Icon d={c().verified ? icons.check : icons.info} />, c().verified ? t().verified : t().unverified]}
      </p>
      <Show when={() => c().blocked}>
        {() => (
          <p class="identity blocked">
            <Icon d={icons.alert} /> <span>{() => t().blocked}</span>
          </p>
        )}
      </Show>
      <dl>
        <Fact name={() => t().email}>
          {() => {
            const { email, email_verified } = c();
            if (!email) return <span class="none">{t().unknown}</span>;
            return [
              <a href={`mailto:${email}`}>{email}</a>,
              <span class="sub">{email_verified ? t().emailVerified : t().emailUnverified}</span>,
            ];
          }}
        </Fact>
        <Show when={() => c().phone}>
          {() => <Fact name={() => t().phone}>{() => <a href={`tel:${(c().phone ?? "").replace(/[^+\d]/g, "")}`}>{c().phone}</a>}</Fact>}
        </Show>
        <Show when={() => c().company}>
          {() => (
            <Fact name={() => t().company}>
              {() => <a href={formatRoute({ at: "customers", tab: "companies", item: c().company_id ?? undefined })}>{c().company}</a>}
            </Fact>
          )}
        </Show>
        <Show when={() => c().location}>{() => <Fact name={() => t().place}>{() => c().location}</Fact>}</Show>
        <Fact name={() => t().language}>
          {() => languageName(conversation()?.language ?? c().language ?? "") || <span class="none">{t().unknown}</span>}
        </Fact>
        <Fact name={() => t().inbox}>{() => conversation()?.inbox.name}</Fact>
        <Show when={() => conversation()?.team}>{() => <Fact name={() => rt().team}>{() => conversation()?.team?.name}</Fact>}</Show>
        <Show when={() => (conversation()?.skills.length ?? 0) > 0}>
          {() => <Fact name={() => rt().skillsNeeded}>{() => conversation()?.skills.join(", ")}</Fact>}
        </Show>
        <Fact name={() => (c().online ? t().pageNow : t().pageLast)}>
          {() => {
            const page = c().page ?? conversation()?.page;
            if (!page) return <span class="none">{t().unknown}</span>;
            const safe = /^https?:/i.test(page.url);
            const name = page.title || page.url;
            return safe
              ? <a href={page.url} target="_blank" rel="noopener noreferrer" title={page.url}>{name}</a>
              : <span title={page.url}>{name}</span>;
          }}
        </Fact>
        <Show when={() => conversation()?.rating}>
          {() => (
            <Fact name={() => rp().lastRating}>
              {() => {
                const rating = conversation()?.rating;
                return rating
                  ? [<RatingMark rating={rating} />, rating.comment ? <q class="sub" dir="auto">{rating.comment}</q> : null]
                  : null;
              }}
            </Fact>
          )}
        </Show>
        <Show when={() => c().external_id}>{() => <Fact name={() => t().externalId}>{() => c().external_id}</Fact>}</Show>
        <Fact name={() => t().firstSeen}>{() => new Intl.DateTimeFormat(lang(), { dateStyle: "long" }).format(c().first_seen_at)}</Fact>
      </dl>
      <AttributeFacts c={c} />
      <Notes c={c} />
      <History c={c} conversation={conversation} />
      <a class="whole" href={formatRoute({ at: "customers", tab: "people", item: c().id })}>
        {() => ct().openProfile} <Icon d={icons.right} />
      </a>
    </div>
  );
}

function Fact(props: { name: () => string; children: Child }) {
  return (
    <div class="fact">
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}

/** Saved when the field is left, and after a pause. */
function Notes({ c }: { c: () => Contact }) {
  const saved = signal(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let area: HTMLTextAreaElement | undefined;
  const id = c().id;
  const save = async () => {
    clearTimeout(timer);
    const notes = area?.value ?? "";
    if (notes === c().notes) return;
    const done = await desk.attempt(() => desk.saveContact(id, { notes }));
    saved.set(done);
  };
  effect(() => {
    const notes = c().notes;
    if (area && document.activeElement !== area && area.value !== notes) area.value = notes;
  });
  return (
    <Field label={() => t().notes} hint={() => (saved() ? t().saved : t().notesHint)}>
      {(tie) => (
        <textarea
          class="input"
          rows={3}
          maxLength={10000}
          {...tie}
          ref={(e) => {
            area = e;
            e.value = c().notes;
          }}
          onInput={() => {
            saved.set(false);
            clearTimeout(timer);
            timer = setTimeout(save, 1500);
          }}
          onBlur={save}
        />
      )}
    </Field>
  );
}

function History({ c, conversation }: { c: () => Contact; conversation: () => Conversation }) {
  const items: Signal<readonly string[] | undefined> = signal<readonly string[] | undefined>(undefined);
  const count = computed(() => c().conversations);
  const id = c().id;
  effect(() => {
    count();
    desk.api.history(id).then((page) => {
      desk.put(...page.items);
      items.set(page.items.map((i) => i.id));
    }, (error) => desk.ignorePassing(error));
  });
  const rows = computed(() => {
    const all = (items() ?? []).flatMap((i) => desk.conversations().get(i) ?? []);
    return all.length > 1 ? all : [];
  });
  return (
    <section class="history">
      <h3>
        {() => t().history} <span class="sub">{count}</span>
      </h3>
      <ul>
        <For each={rows} by={(r) => r.id}>
          {(r) => (
            <li>
              <button
                type="button"
                aria-current={() => (r().id === conversation()?.id ? "true" : undefined)}
                onClick={() => openConversation(r.peek().id)}
              >
                <span class="line">
                  <strong>{() => t().number(r().number)}</strong>
                  <span class={() => `state ${r().status}`}>
                    {() => (r().id === conversation()?.id ? t().thisOne : statusName(r().status))}
                  </span>
                  {() => {
                    const rating = r().rating;
                    return rating ? <RatingMark rating={rating} /> : null;
                  }}
                  <span class="time">{() => shortAge(lang(), r().last_message?.at ?? r().created_at, desk.now())}</span>
                </span>
                <span class="preview">{() => r().last_message?.preview ?? ""}</span>
              </button>
            </li>
          )}
        </For>
      </ul>
      <Show when={() => items() !== undefined && rows().length === 0}>{() => <p class="sub">{() => t().noHistory}</p>}</Show>
    </section>
  );
}

export function editContact(c: Contact): Promise<void> {
  const fields = ["name", "email", "phone", "company", "location"] as const;
  const labels = {
    name: () => t().name,
    email: () => t().email,
    phone: () => t().phone,
    company: () => t().company,
    location: () => t().place,
  };
  const values = new Map<string, HTMLInputElement>();
  const wrong = signal<Record<string, string>>({});
  const busy = signal(false);
  return openDialog({
    title: () => t().customer,
    body: (close) => (
      <form
        class="stack"
        novalidate
        onSubmit={async (e) => {
          e.preventDefault();
          const change: Record<string, string | null> = {};
          for (const name of fields) {
            const now = values.get(name)?.value.trim() || null;
            if (now !== c[name]) change[name] = now;
          }
          busy.set(true);
          try {
            if (Object.keys(change).length > 0) await desk.saveContact(c.id, change as Partial<Contact>);
            close();
          } catch (error) {
            const told = error instanceof ApiError ? error.body.errors as { field: string; detail: string }[] | undefined : undefined;
            if (told) wrong.set(Object.fromEntries(told.map((x) => [x.field, x.detail])));
            else desk.tell(desk.explain(error), true);
          } finally {
            busy.set(false);
          }
        }}
      >
        {fields.map((name) => (
          <Field label={labels[name]} wrong={() => wrong()[name]}>
            {(tie) => (
              <input
                class="input"
                type={name === "email" ? "email" : name === "phone" ? "tel" : "text"}
                autocomplete="off"
                value={c[name] ?? ""}
                {...tie}
                ref={(el) => values.set(name, el)}
              />
            )}
          </Field>
        ))}
        <div class="actions">
          <Button onClick={close}>{() => t().cancel}</Button>
          <Button kind="primary" type="submit" disabled={busy}>{() => t().save}</Button>
        </div>
      </form>
    ),
  });
}
