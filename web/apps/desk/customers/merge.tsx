/** Two customers who are one person: suggested, looked for, compared, merged. */
import { ct } from "../../../models/desk/customers-strings.ts";
import type { Duplicate } from "../../../models/desk/customers.ts";
import { t } from "../../../models/desk/strings.ts";
import { ago } from "../../../models/desk/times.ts";
import type { Contact } from "../../../models/desk/types.ts";
import { Avatar, Button, Field, Icon } from "../../../ui/basics.tsx";
import { lang } from "../../../ui/i18n.ts";
import * as icons from "../../../ui/icons.ts";
import { For } from "../../../ui/jsx-runtime.ts";
import { openDialog, openMenu } from "../../../ui/overlay.tsx";
import { computed, effect, onCleanup, type Signal, signal } from "../../../ui/signals.ts";
import { block } from "../commands.ts";
import { desk, go } from "../state.ts";

function reasonText(reason: Duplicate["reasons"][number]): string {
  const text = reason.kind === "email"
    ? ct().sameEmail(reason.value)
    : reason.kind === "phone"
    ? ct().samePhone(reason.value)
    : ct().sameName;
  return reason.kind === "name" ? text : `${text} (${reason.proved ? ct().proved : ct().unproved})`;
}

export function MaybeSame({ c }: { c: () => Contact }) {
  const found: Signal<readonly Duplicate[]> = signal<readonly Duplicate[]>([]);
  const id = c().id;
  const asked = computed(() => [c().name, c().email, c().phone, c().version].join("\n"));
  effect(() => {
    asked();
    queueMicrotask(() => desk.customers.duplicates(id).then((all) => found.set(all), (error) => desk.ignorePassing(error)));
  });
  return (
    <>
      {() =>
        found().length === 0 ? null : (
          <section class="maybe-same" aria-label={ct().maybeSame}>
            <h3>
              <Icon d={icons.users} /> {ct().maybeSame}
            </h3>
            <ul>
              {found().map((one) => (
                <li>
                  <Avatar name={one.contact.display_name} picture={one.contact.picture} size="2rem" />
                  <span class="grow">
                    <span class="name">{one.contact.display_name}</span>
                    <span class="sub">{one.reasons.map(reasonText).join(" · ")}</span>
                  </span>
                  <Button small kind="outline" onClick={() => void compare(c(), one.contact, one.reasons.some((r) => r.proved))}>
                    {ct().compare}
                  </Button>
                  <Button
                    small
                    kind="ghost"
                    onClick={() =>
                      void desk.attempt(async () => {
                        await desk.customers.apart(id, one.contact.id);
                        found.update((all) => all.filter((other) => other !== one));
                      })}
                  >
                    {ct().notSame}
                  </Button>
                </li>
              ))}
            </ul>
          </section>
        )}
    </>
  );
}

export function openMore(at: HTMLElement, c: Contact): void {
  const texts = t.peek();
  openMenu(at, texts.more, [
    ...(desk.permissions.peek().has("contacts.merge")
      ? [{ text: ct.peek().mergeWith, icon: icons.users, run: () => void findOther(c) }]
      : []),
    ...(desk.permissions.peek().has("contacts.export")
      ? [{ text: ct.peek().exportData, icon: icons.download, run: () => void exportData(c) }]
      : []),
    {
      text: c.blocked ? texts.unblockCustomer : texts.blockCustomer,
      icon: icons.alert,
      danger: !c.blocked,
      run: () => void block(c.id, c.display_name, !c.blocked),
    },
  ]);
}

function exportData(c: Contact): Promise<boolean> {
  return desk.attempt(async () => {
    const url = URL.createObjectURL(await desk.api.blob(`/contacts/${encodeURIComponent(c.id)}/export`));
    const link = <a href={url} download={`${c.display_name}.json`} hidden /> as HTMLAnchorElement;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  });
}

/** The other one, looked for by words. */
function findOther(c: Contact): Promise<void> {
  const words = signal(""), found: Signal<readonly Contact[]> = signal<readonly Contact[]>([]);
  let timer: ReturnType<typeof setTimeout> | undefined, turn = 0;
  return openDialog({
    title: () => ct().mergeWith,
    body: (close) => {
      effect(() => {
        const q = words().trim(), mine = ++turn;
        clearTimeout(timer);
        timer = setTimeout(async () => {
          if (q === "") return found.set([]);
          try {
            const page = await desk.api.contacts(q);
            if (mine === turn) found.set(page.items.filter((one) => one.id !== c.id && one.brand_id === c.brand_id));
          } catch (error) {
            desk.ignorePassing(error);
          }
        }, 200);
      });
      onCleanup(() => {
        clearTimeout(timer);
        turn++;
      });
      return (
        <div class="stack find-other">
          <Field label={() => ct().mergeFind}>
            {(tie) => (
              <input
                class="input"
                type="search"
                maxLength={200}
                autocomplete="off"
                {...tie}
                onInput={(e) => words.set(e.currentTarget.value)}
              />
            )}
          </Field>
          <ul role="list" aria-live="polite">
            <For each={found} by={(one: Contact) => one.id}>
              {(one) => (
                <li>
                  <button
                    type="button"
                    class="pick-one"
                    onClick={() => {
                      close();
                      void compare(c, one.peek(), false);
                    }}
                  >
                    <Avatar name={() => one().display_name} picture={() => one().picture} size="2rem" />
                    <span class="grow">
                      <span class="name">{() => one().display_name}</span>
                      <span class="sub">{() => [one().company, one().email ?? one().phone].filter(Boolean).join(" · ")}</span>
                    </span>
                  </button>
                </li>
              )}
            </For>
          </ul>
        </div>
      );
    },
  });
}

function Side(props: { title: () => string; c: Contact }) {
  const { c } = props;
  const facts: [() => string, string | null][] = [
    [() => t().email, c.email],
    [() => t().phone, c.phone],
    [() => ct().company, c.company],
    [() => t().externalId, c.external_id],
    [() => ct().conversations, String(c.conversations)],
  ];
  return (
    <section class="side">
      <p class="sub">{props.title}</p>
      <p class="person">
        <Avatar name={c.display_name} picture={c.picture} size="2rem" />
        <span class="grow">
          <strong>{c.display_name}</strong>
          <span class="sub">{() => t().lastSeen(ago(lang(), c.last_seen_at, desk.now()))}</span>
        </span>
      </p>
      <dl>
        {facts.map(([name, value]) =>
          value === null ? null : (
            <div class="fact">
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          )
        )}
      </dl>
    </section>
  );
}

function compare(first: Contact, second: Contact, proved: boolean): Promise<void> {
  // As the server does: what the shop has signed leads.
  const [kept, gone] = first.external_id === null && second.external_id !== null ? [second, first] : [first, second];
  const busy = signal(false);
  return openDialog({
    title: () => ct().mergeTitle,
    class: "compare",
    body: (close) => (
      <div class="stack">
        <div class="sides">
          <Side title={() => ct().kept} c={kept} />
          <Side title={() => ct().joins} c={gone} />
        </div>
        <p>{() => ct().mergeText}</p>
        {proved ? null : (
          <p class="warn">
            <Icon d={icons.alert} /> <span>{() => ct().mergeProof}</span>
          </p>
        )}
        <div class="actions">
          <Button onClick={close}>{() => t().cancel}</Button>
          <Button
            kind="primary"
            disabled={busy}
            onClick={async () => {
              busy.set(true);
              await desk.attempt(async () => {
                const { contact, merge } = await desk.customers.merge(first.id, second.id);
                close();
                go({ at: "customers", tab: "people", item: contact.id }, true);
                desk.tell(ct.peek().merged(contact.display_name), false, {
                  text: t.peek().undo,
                  run: () => void desk.attempt(() => desk.customers.undoMerge(contact.id, merge)),
                });
              });
              busy.set(false);
            }}
          >
            {() => ct().merge}
          </Button>
        </div>
      </div>
    ),
  });
}
