/** `#/customers`, `#/companies`: the list, and the page of one. */
import { at } from "../../../models/desk/admin-strings.ts";
import { ct } from "../../../models/desk/customers-strings.ts";
import { type Company, everybody, type Pages } from "../../../models/desk/customers.ts";
import { formatRoute } from "../../../models/desk/route.ts";
import type { Contact } from "../../../models/desk/types.ts";
import { Avatar, Button, Icon, Spinner } from "../../../ui/basics.tsx";
import { lang, shortAge } from "../../../ui/i18n.ts";
import * as icons from "../../../ui/icons.ts";
import { type Child, For, Show } from "../../../ui/jsx-runtime.ts";
import { computed, effect, onCleanup } from "../../../ui/signals.ts";
import { Back } from "../back.tsx";
import { desk, go, route } from "../state.ts";
import { CompanyForm, CompanyPage } from "./company.tsx";
import { openFilter } from "./filter.tsx";
import { Profile } from "./profile.tsx";

export function CustomersPane() {
  const tab = computed(() => {
    const r = route();
    return r.at === "customers" ? r.tab : "people";
  });
  const item = computed(() => {
    const r = route();
    return r.at === "customers" ? r.item : undefined;
  });
  const { customers } = desk;
  void customers.load("attributes");
  void customers.load("segments");
  effect(() => {
    const list = tab() === "people" ? customers.people : customers.companies;
    queueMicrotask(() => void list.load());
  });
  return (
    <main
      class="conversation admin customers"
      id="conversation"
      tabIndex={-1}
      aria-label={() => ct().customers}
      data-item={() => (item() === undefined ? "no" : "yes")}
    >
      <header class="top">
        <Back label={() => at().back} />
        <h1>{() => ct().customers}</h1>
        <nav aria-label={() => `${ct().people}, ${ct().companies}`}>
          <ul>
            {(["people", "companies"] as const).map((one) => (
              <li>
                <a
                  href={formatRoute({ at: "customers", tab: one, item: undefined })}
                  aria-current={() => (tab() === one ? "page" : undefined)}
                >
                  <Icon d={one === "people" ? icons.user : icons.users} />
                  {() => ct()[one]}
                </a>
              </li>
            ))}
          </ul>
        </nav>
      </header>
      <div class="master">
        <section class="items" aria-label={() => tab() === "people" ? ct().list : ct().companies}>
          {() => (tab() === "people" ? <People item={item} /> : <Companies item={item} />)}
        </section>
        <div class="detail" tabIndex={0} role="region" aria-label={() => tab() === "people" ? ct().profile : ct().company}>
          {() => {
            const id = item(), which = tab();
            if (id === undefined) return <p class="choose">{which === "people" ? ct().choose : ct().chooseCompany}</p>;
            return [
              <Button
                small
                kind="ghost"
                class="up"
                icon={icons.left}
                onClick={() => go({ at: "customers", tab: which, item: undefined })}
              >
                {() => at().backToList}
              </Button>,
              which === "people" ? <Profile id={id} /> : id === "new" ? <CompanyForm /> : <CompanyPage id={id} />,
            ];
          }}
        </div>
      </div>
    </main>
  );
}

/** Words that are asked for when one has paused. */
function Words(props: { words: { (): string; set: (text: string) => void; peek: () => string }; label: () => string; load: () => void }) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));
  return (
    <div class="search-field">
      <Icon d={icons.search} />
      <input
        class="input"
        type="search"
        maxLength={200}
        autocomplete="off"
        value={() => props.words()}
        placeholder={props.label}
        aria-label={props.label}
        onInput={(e) => {
          props.words.set(e.currentTarget.value);
          clearTimeout(timer);
          timer = setTimeout(props.load, 200);
        }}
      />
    </div>
  );
}

function People(props: { item: () => string | undefined }) {
  const { customers } = desk;
  const chosen = computed(() => customers.segments().find((s) => s.id === customers.segment()));
  const isFiltered = computed(() => JSON.stringify(customers.filter()) !== JSON.stringify(everybody));
  return (
    <>
      <Words words={customers.words} label={() => ct().find} load={() => void customers.people.load()} />
      <div class="narrow">
        <select
          class="input"
          aria-label={() => ct().segment}
          onChange={(e) => customers.choose(e.currentTarget.value === "" ? undefined : e.currentTarget.value)}
        >
          {() => [
            <option value="" selected={() => customers.segment() === undefined}>
              {isFiltered() ? ct().ownFilter : ct().allCustomers}
            </option>,
            ...customers.segments().map((s) => <option value={s.id} selected={() => customers.segment() === s.id}>{s.name}</option>),
          ]}
        </select>
        <Button
          kind="outline"
          icon={icons.filter}
          pressed={() => isFiltered() || chosen() !== undefined}
          label={() => chosen() ? ct().editSegment : ct().filter}
          onClick={() => openFilter(chosen.peek())}
        />
      </div>
      <p class="sub count" role="status">
        {() => {
          const n = customers.count();
          return n === undefined ? "" : ct().howMany(n);
        }}
      </p>
      <List
        pages={customers.people}
        none={() => ct().nobody}
        row={(c) => (
          <a
            href={formatRoute({ at: "customers", tab: "people", item: c.peek().id })}
            aria-current={() => (props.item() === c().id ? "true" : undefined)}
          >
            <Avatar
              name={() => c().display_name}
              picture={() => c().picture}
              size="2rem"
              presence={() => (c().online ? "online" : undefined)}
            />
            <span class="grow">
              <span class="name one">{() => c().display_name}</span>
              <span class="sub one">{() => [c().company, c().email ?? c().phone].filter(Boolean).join(" · ") || " "}</span>
            </span>
            <span class="time">{() => shortAge(lang(), c().last_seen_at, desk.now())}</span>
          </a>
        )}
      />
    </>
  );
}
function Companies(props: { item: () => string | undefined }) {
  const { customers } = desk;
  return (
    <>
      <Show when={() => desk.may("contacts.write")}>
        {() => (
          <Button kind="outline" icon={icons.plus} onClick={() => go({ at: "customers", tab: "companies", item: "new" })}>
            {() => ct().newCompany}
          </Button>
        )}
      </Show>
      <Words words={customers.companyWords} label={() => ct().findCompany} load={() => void customers.companies.load()} />
      <List
        pages={customers.companies}
        none={() => ct().noCompany}
        row={(c: { (): Company; peek: () => Company }) => (
          <a
            href={formatRoute({ at: "customers", tab: "companies", item: c.peek().id })}
            aria-current={() => (props.item() === c().id ? "true" : undefined)}
          >
            <Avatar name={() => c().name} size="2rem" />
            <span class="grow">
              <span class="name one">{() => c().name}</span>
              <span class="sub one">{() => [c().domain, ct().howMany(c().contacts)].filter(Boolean).join(" · ")}</span>
            </span>
          </a>
        )}
      />
    </>
  );
}

/** Rows that come page by page. */
export function List<T extends Contact | Company>(props: {
  pages: Pages<T>;
  none: () => string;
  row: (item: { (): T; peek: () => T }) => Child;
}) {
  const { pages } = props;
  return (
    <>
      <ul aria-busy={pages.loading}>
        <For each={pages.items} by={(i: T) => i.id}>{(i) => <li>{props.row(i)}</li>}</For>
      </ul>
      <PagesFoot pages={pages} none={props.none} />
    </>
  );
}

/** What stands below a list: that there is more, that nothing is there, that it could not be had. */
export function PagesFoot(props: { pages: Pages<{ id: string }> | Pages<Contact> | Pages<Company>; none: () => string }) {
  const pages = props.pages as Pages<{ id: string }>;
  return (
    <>
      {() => {
        if (pages.failed() !== undefined) {
          return (
            <p class="trouble" role="alert">
              <span>{ct().cannotLoad}</span>
              <Button small kind="outline" onClick={() => void pages.load()}>{ct().again}</Button>
            </p>
          );
        }
        if (!pages.loaded()) {
          return (
            <div class="loading">
              <Spinner label={ct().list} />
            </div>
          );
        }
        if (pages.items().length === 0) return <p class="sub none">{props.none()}</p>;
        if (!pages.hasMore()) return null;
        return <Button small kind="outline" class="next" disabled={pages.loading} onClick={() => void pages.more()}>{ct().more}</Button>;
      }}
    </>
  );
}
