/** Everything about one customer: who he is, by what he is known, what there was so far. */
import { ct } from "../../../models/desk/customers-strings.ts";
import { type Entry, type EntryKind, entryKinds, type Identity, type Merge, type Pages } from "../../../models/desk/customers.ts";
import { formatRoute } from "../../../models/desk/route.ts";
import { t } from "../../../models/desk/strings.ts";
import { w } from "../../../models/desk/working-strings.ts";
import { ago } from "../../../models/desk/times.ts";
import type { Contact } from "../../../models/desk/types.ts";
import { token } from "../../../sdk/ports.ts";
import { Avatar, Button, Field, Icon, Spinner } from "../../../ui/basics.tsx";
import { lang } from "../../../ui/i18n.ts";
import * as icons from "../../../ui/icons.ts";
import { type Child, For, Show } from "../../../ui/jsx-runtime.ts";
import { confirmDialog, openDialog, openMenu } from "../../../ui/overlay.tsx";
import { computed, effect, type Signal, signal } from "../../../ui/signals.ts";
import { editContact } from "../customer.tsx";
import { desk, go } from "../state.ts";
import { dateTime, languageName, statusName } from "../texts.ts";
import { AttributeFacts } from "./attributes.tsx";
import { PagesFoot } from "./customers.tsx";
import { ConsentList } from "./consents.tsx";
import { MaybeSame, openMore } from "./merge.tsx";

export function Profile({ id }: { id: string }) {
  const gone = signal(false);
  // One that was merged is answered with the one that it was merged into.
  desk.api.contact(id).then((c) => {
    desk.putContact(c);
    if (c.id !== id) go({ at: "customers", tab: "people", item: c.id }, true);
  }, (error) => {
    gone.set(true);
    desk.ignorePassing(error);
  });
  return (
    <Show
      when={() => desk.contacts().has(id)}
      fallback={() => <div class="choose">{() => gone() ? <p role="alert">{ct().cannotLoad}</p> : <Spinner label={t().loading} />}</div>}
    >
      {() => <Whole c={() => desk.contacts().get(id) as Contact} />}
    </Show>
  );
}

function Whole({ c }: { c: () => Contact }) {
  const identities: Signal<readonly Identity[]> = signal<readonly Identity[]>([]);
  const kind: Signal<EntryKind> = signal<EntryKind>("all");
  const pages: Signal<Pages<Entry>> = signal(desk.customers.timeline(c().id, "all"));
  // Whatever is told of him: not each of it makes a new version.
  const id = c().id, version = computed(c);
  effect(() => {
    version();
    queueMicrotask(() => {
      desk.customers.identities(id).then((all) => identities.set(all), (error) => desk.ignorePassing(error));
      void pages.peek().load();
    });
  });
  const merges: Signal<readonly Merge[]> = signal<readonly Merge[]>([]);
  effect(() => {
    version();
    queueMicrotask(() => desk.customers.merges(id).then((all) => merges.set(all), (error) => desk.ignorePassing(error)));
  });
  const undo = async (merge: Merge) => {
    const yes = await confirmDialog({ title: ct.peek().undoMerge, text: ct.peek().undoMergeAsk(merge.name), yes: ct.peek().undoMerge });
    if (yes) await desk.attempt(() => desk.customers.undoMerge(id, merge.id));
  };
  const show = (next: EntryKind) => {
    kind.set(next);
    pages.set(desk.customers.timeline(id, next));
    void pages.peek().load();
  };
  return (
    <article class="profile">
      <header class="who">
        <Avatar
          name={() => c().display_name}
          picture={() => c().picture}
          size="3.5rem"
          presence={() => (c().online ? "online" : undefined)}
        />
        <div class="grow">
          <h2>{() => c().display_name}</h2>
          <p class="sub">
            {() => (c().online ? t().onlineNow : t().lastSeen(ago(lang(), c().last_seen_at, desk.now())))}
            {" · "}
            {() => c().verified ? t().verified : t().unverified}
            {() => (c().blocked ? <span class="blocked">· {t().blocked}</span> : null)}
          </p>
        </div>
        <Show when={() => desk.may("contacts.write")}>
          {() => (
            <Button
              kind="ghost"
              icon={icons.more}
              label={() => t().more}
              popup="menu"
              expanded={false}
              onClick={({ currentTarget }) => openMore(currentTarget, c())}
            />
          )}
        </Show>
        <Show when={() => desk.may("contacts.write")}>
          {() => <Button kind="outline" icon={icons.edit} onClick={() => void editContact(c())}>{() => t().edit}</Button>}
        </Show>
      </header>
      <Show when={() => desk.may("contacts.merge")}>{() => <MaybeSame c={c} />}</Show>
      <div class="columns">
        <div class="facts">
          <section aria-label={() => ct().about}>
            <h3>{() => ct().about}</h3>
            <dl>
              <Fact name={() => ct().company} when={() => c().company_id}>
                {(company) => <a href={formatRoute({ at: "customers", tab: "companies", item: company })}>{() => c().company}</a>}
              </Fact>
              <Fact name={() => t().place} when={() => c().location}>{(place) => place}</Fact>
              <Fact name={() => t().language} when={() => c().language}>{(language) => () => languageName(language)}</Fact>
              <Fact name={() => (c().online ? t().pageNow : t().pageLast)} when={() => c().page?.url}>
                {(url) => <PageLink url={url} title={c().page?.title} />}
              </Fact>
              <Fact name={() => t().firstSeen} when={() => String(c().first_seen_at)}>
                {(at) => () => new Intl.DateTimeFormat(lang(), { dateStyle: "long" }).format(Number(at))}
              </Fact>
              <Fact name={() => t().notes} when={() => c().notes}>{(notes) => <span class="lines">{notes}</span>}</Fact>
            </dl>
          </section>
          <section aria-label={() => ct().attributes}>
            <AttributeFacts c={c} />
          </section>
          <KnownBy c={c} identities={identities} />
          <ConsentList c={c} />
        </div>
        <section class="story" aria-label={() => ct().timeline}>
          <h3>{() => ct().timeline}</h3>
          <div class="filters" role="group" aria-label={() => ct().timeline}>
            {entryKinds.map((one) => (
              <button
                type="button"
                class="chip"
                aria-pressed={() => kind() === one ? "true" : "false"}
                onClick={() => show(one)}
              >
                {() => ct()[one]}
              </button>
            ))}
          </div>
          <Show when={() => desk.may("contacts.write")}>{() => <NoteBox contact={id} done={() => void pages.peek().load()} />}</Show>
          {() => {
            const list = pages();
            return [
              <ol class="events" aria-busy={list.loading}>
                <For each={list.items} by={(e: Entry) => e.id}>
                  {(e) => <Line e={e.peek()} contact={id} removed={() => list.drop(e.peek().id)} merges={merges} undo={undo} />}
                </For>
              </ol>,
              <PagesFoot pages={list} none={() => ct().noEntries} />,
            ];
          }}
        </section>
      </div>
    </article>
  );
}

function Fact(props: { name: () => string; when: () => string | null | undefined; children: (value: string) => Child }) {
  return (
    <Show when={props.when}>
      {() => (
        <div class="fact">
          <dt>{props.name}</dt>
          <dd>
            {() => {
              const value = props.when();
              return value ? props.children(value) : null;
            }}
          </dd>
        </div>
      )}
    </Show>
  );
}

export function PageLink(props: { url: string; title: string | null | undefined }) {
  const name = props.title || props.url;
  return /^https?:/i.test(props.url)
    ? <a href={props.url} target="_blank" rel="noopener noreferrer" title={props.url}>{name}</a>
    : <span title={props.url}>{name}</span>;
}

const identityIcons: Record<Identity["kind"], string> = {
  shop: icons.cart,
  email: icons.mail,
  phone: icons.phone,
  browser: icons.globe,
  matrix: icons.chat,
};

export function KnownBy(props: { c: () => Contact; identities: Signal<readonly Identity[]> }) {
  const { identities } = props;
  const id = props.c().id;
  const again = async () => {
    identities.set(await desk.customers.identities(id));
    await desk.loadContact(id);
  };
  return (
    <section class="known" aria-label={() => ct().identities}>
      <h3>{() => ct().identities}</h3>
      <ul>
        <For each={identities} by={(i: Identity) => i.id}>
          {(i) => (
            <li>
              <Icon d={identityIcons[i.peek().kind]} label={() => ct().identityKind(i().kind)} />
              <span class="grow">
                <span class="value">{() => i().kind === "browser" ? i().place ?? ct().identityKind("browser") : i().value}</span>
                <span class="sub">
                  {() => {
                    const { kind, proved, main, last_used_at } = i();
                    if (kind === "browser" || kind === "matrix") {
                      return last_used_at ? t().lastSeen(ago(lang(), last_used_at, desk.now())) : ct().identityKind(kind);
                    }
                    return [ct().identityKind(kind), proved ? ct().proved : ct().unproved, main && kind !== "shop" ? ct().main : ""]
                      .filter(Boolean).join(" · ");
                  }}
                </span>
              </span>
              {() => i().proved ? <Icon d={icons.check} class="proved" /> : null}
              {() => {
                const one = i();
                if (one.main || (one.kind !== "email" && one.kind !== "phone") || !desk.may("contacts.write")) return null;
                return (
                  <Button
                    small
                    kind="ghost"
                    icon={icons.more}
                    label={() => `${t().more}: ${one.value}`}
                    popup="menu"
                    expanded={false}
                    onClick={({ currentTarget }) =>
                      openMenu(currentTarget, one.value, [
                        {
                          text: ct.peek().makeMain,
                          icon: icons.check,
                          run: () =>
                            void desk.attempt(async () => {
                              await desk.customers.mainAddress(id, one.id);
                              await again();
                            }),
                        },
                        {
                          text: ct.peek().removeAddress(one.value),
                          icon: icons.trash,
                          danger: true,
                          run: () =>
                            void desk.attempt(async () => {
                              await desk.customers.removeAddress(id, one.id);
                              await again();
                            }),
                        },
                      ])}
                  />
                );
              }}
            </li>
          )}
        </For>
      </ul>
      <Show when={() => desk.may("contacts.write")}>
        {() => (
          <div class="adds">
            {(["email", "phone"] as const).map((kind) => (
              <Button
                small
                kind="outline"
                icon={icons.plus}
                onClick={() => void addAddress(id, kind, (all) => identities.set(all))}
              >
                {() => kind === "email" ? ct().addEmail : ct().addPhone}
              </Button>
            ))}
          </div>
        )}
      </Show>
    </section>
  );
}

function addAddress(contact: string, kind: "email" | "phone", done: (all: Identity[]) => void): Promise<void> {
  const value = signal(""), wrong = signal<string | undefined>(undefined);
  return openDialog({
    title: () => kind === "email" ? ct().addEmail : ct().addPhone,
    body: (close) => (
      <form
        class="stack"
        novalidate
        onSubmit={async (e) => {
          e.preventDefault();
          try {
            done(await desk.customers.addAddress(contact, kind, value.peek().trim()));
            close();
          } catch (error) {
            wrong.set(desk.explain(error));
          }
        }}
      >
        <Field label={() => ct().identityKind(kind)} wrong={wrong}>
          {(tie) => (
            <input
              class="input"
              type={kind === "email" ? "email" : "tel"}
              maxLength={kind === "email" ? 254 : 40}
              autocomplete="off"
              {...tie}
              onInput={(e) => {
                value.set(e.currentTarget.value);
                wrong.set(undefined);
              }}
            />
          )}
        </Field>
        <div class="actions">
          <Button onClick={close}>{() => t().cancel}</Button>
          <Button kind="primary" type="submit">{() => ct().add}</Button>
        </div>
      </form>
    ),
  });
}

function NoteBox(props: { contact: string; done: () => void }) {
  const text = signal(""), busy = signal(false);
  let key = token(12);
  return (
    <form
      class="note-box"
      onSubmit={async (e) => {
        e.preventDefault();
        const body = text.peek().trim();
        if (body === "") return;
        busy.set(true);
        const done = await desk.attempt(async () => {
          await desk.customers.note(props.contact, key, body);
        });
        busy.set(false);
        if (!done) return;
        key = token(12);
        text.set("");
        props.done();
      }}
    >
      <textarea
        class="input"
        rows={2}
        maxLength={4000}
        aria-label={() => ct().newNote}
        placeholder={() => ct().newNote}
        value={() => text()}
        onInput={(e) => text.set(e.currentTarget.value)}
      />
      <Show when={() => text().trim() !== ""}>
        {() => <Button small kind="primary" type="submit" disabled={busy}>{() => ct().addNote}</Button>}
      </Show>
    </form>
  );
}

const entryIcons: Record<string, string> = {
  conversation: icons.chat,
  page: icons.globe,
  note: icons.note,
  changed: icons.edit,
  identified: icons.check,
  address: icons.mail,
  merged: icons.users,
  unmerged: icons.users,
  consent: icons.check,
  blocked: icons.alert,
  unblocked: icons.alert,
};

function Line(
  { e, contact, removed, merges, undo }: {
    e: Entry;
    contact: string;
    removed: () => void;
    merges: () => readonly Merge[];
    undo: (merge: Merge) => Promise<void>;
  },
) {
  const time = <time class="time" datetime={new Date(e.at).toISOString()}>{() => dateTime(e.at)}</time>;
  const frame = (...inside: Child[]) => (
    <li class={`event is-${e.kind}`}>
      <span class="mark">
        <Icon d={entryIcons[e.kind] ?? icons.info} />
      </span>
      <div class="grow">{inside}</div>
    </li>
  );
  if (e.kind === "conversation") {
    const c = e.conversation;
    if (!c) return frame(time);
    const now = () => desk.conversations().get(c.id) ?? c;
    return frame(
      <p class="line">
        <a href={formatRoute({ at: "desk", view: { kind: "all" }, open: c.id })}>{() => `${ct().opened} #${c.number}`}</a>
        <span class={() => `state ${now().status}`}>{() => statusName(now().status)}</span>
        {time}
      </p>,
      <p class="text">{() => now().last_message?.preview ?? ""}</p>,
      <p class="sub">{() => [c.inbox.name, now().assignee?.name].filter(Boolean).join(" · ")}</p>,
    );
  }
  if (e.kind === "page") {
    return frame(
      <p class="line">
        <span>
          {() => ct().looked} <PageLink url={String(e.data.url)} title={e.data.title} />
        </span>
        {time}
      </p>,
      e.data.referrer ? <p class="sub one">{() => ct().from(shortAddress(String(e.data.referrer)))}</p> : null,
    );
  }
  if (e.kind === "note") {
    return frame(
      <p class="line">
        <strong>{e.actor.name}</strong>
        {time}
        {e.actor.id === desk.myId.peek() || desk.permissions.peek().has("notes.moderate")
          ? (
            <Button
              small
              kind="ghost"
              icon={icons.trash}
              label={() => ct().removeNote}
              onClick={async () => {
                const yes = await confirmDialog({
                  title: ct.peek().removeNote,
                  text: ct.peek().removeNoteAsk,
                  yes: w.peek().remove,
                  danger: true,
                });
                if (yes && await desk.attempt(() => desk.customers.removeNote(contact, e.id))) removed();
              }}
            />
          )
          : null}
      </p>,
      <p class="text lines">{String(e.data.body ?? "")}</p>,
    );
  }
  const changes = (e.data.changes ?? []) as { field: string; from: string | null; to: string | null }[];
  return frame(
    <p class="line">
      <span>{e.text}</span>
      {time}
    </p>,
    () => {
      const merge = e.kind === "merged" ? merges().find((m) => m.id === e.data.merge) : undefined;
      if (!merge || !desk.may("contacts.merge")) return null;
      return <Button small kind="outline" icon={icons.refresh} onClick={() => void undo(merge)}>{ct().undoMerge}</Button>;
    },
    ...changes.filter((change) => change.from !== null || change.to !== null).map((change) => (
      <p class="sub">{() => ct().fromTo(change.from ?? ct().nothing, change.to ?? ct().nothing)}</p>
    )),
  );
}

function shortAddress(url: string): string {
  try {
    const { hostname, pathname } = new URL(url);
    return hostname + (pathname === "/" ? "" : pathname);
  } catch {
    // Not an address after all: as it is.
    return url;
  }
}
