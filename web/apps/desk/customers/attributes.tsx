/** The attributes of a customer: shown and changed one by one, by what they are. */
import { ApiError } from "../../../sdk/http.ts";
import { ct } from "../../../models/desk/customers-strings.ts";
import type { Attribute } from "../../../models/desk/customers.ts";
import { t } from "../../../models/desk/strings.ts";
import type { Contact } from "../../../models/desk/types.ts";
import { Button, Field, Icon } from "../../../ui/basics.tsx";
import { lang } from "../../../ui/i18n.ts";
import * as icons from "../../../ui/icons.ts";
import { For, Show } from "../../../ui/jsx-runtime.ts";
import { openDialog } from "../../../ui/overlay.tsx";
import { computed, signal } from "../../../ui/signals.ts";
import { desk } from "../state.ts";

/** What is defined, in its order, and after it what somebody has written of his own accord. */
export function attributesOf(c: Contact, defined: readonly Attribute[]): Attribute[] {
  const own = Object.keys(c.attributes).filter((key) => !defined.some((a) => a.key === key)).sort();
  return [...defined, ...own.map((key): Attribute => ({ key, name: key, kind: "text", choices: [], position: 0 }))];
}

export function valueText(a: Attribute, value: string): string {
  if (a.kind === "boolean") return value === "true" ? ct().yes : ct().no;
  if (a.kind === "number" && value !== "" && Number.isFinite(Number(value))) return new Intl.NumberFormat(lang()).format(Number(value));
  if (a.kind === "date") {
    const day = new Date(`${value}T12:00:00`);
    if (!Number.isNaN(day.getTime())) return new Intl.DateTimeFormat(lang(), { dateStyle: "long" }).format(day);
  }
  return value;
}

/** Lines of a definition list. */
export function AttributeFacts({ c }: { c: () => Contact }) {
  const rows = computed(() => attributesOf(c(), desk.customers.attributes()));
  return (
    <Show when={() => rows().length > 0}>
      {() => (
        <dl class="attributes">
          <For each={rows} by={(a: Attribute) => a.key}>
            {(a) => (
              <div class="fact">
                <dt>{() => a().name}</dt>
                <dd>
                  {() => {
                    const value = c().attributes[a().key];
                    if (typeof value !== "string") return null;
                    if (a().kind === "link" && /^https?:/i.test(value)) {
                      return <a href={value} target="_blank" rel="noopener noreferrer">{value.replace(/^https?:\/\//i, "")}</a>;
                    }
                    return <span class="value">{valueText(a(), value)}</span>;
                  }}
                  <Show when={() => desk.may("contacts.write")}>
                    {() => (
                      <button
                        type="button"
                        class="change"
                        aria-label={() => ct().editAttribute(a().name)}
                        title={() => ct().editAttribute(a().name)}
                        onClick={() => void editAttribute(c(), a())}
                      >
                        {() => typeof c().attributes[a().key] === "string" ? <Icon d={icons.edit} /> : ct().noValue}
                      </button>
                    )}
                  </Show>
                </dd>
              </div>
            )}
          </For>
        </dl>
      )}
    </Show>
  );
}

export function editAttribute(c: Contact, a: Attribute): Promise<void> {
  const now = c.attributes[a.key], value = signal(typeof now === "string" ? now : "");
  const wrong = signal<string | undefined>(undefined), busy = signal(false);
  const save = async (next: string | null, close: () => void) => {
    busy.set(true);
    try {
      await desk.customers.setAttribute(c.id, a.key, next);
      close();
    } catch (error) {
      const told = error instanceof ApiError ? (error.body.errors as { detail: string }[] | undefined)?.[0]?.detail : undefined;
      wrong.set(told ?? desk.explain(error));
    } finally {
      busy.set(false);
    }
  };
  return openDialog({
    title: () => a.name,
    body: (close) => (
      <form
        class="stack"
        novalidate
        onSubmit={(e) => {
          e.preventDefault();
          const next = value.peek().trim();
          void save(next === "" ? null : next, close);
        }}
      >
        <Field label={() => ct().value} wrong={wrong}>
          {(tie) =>
            a.kind === "boolean" || a.kind === "list"
              ? (
                <select class="input" {...tie} onChange={(e) => value.set(e.currentTarget.value)}>
                  <option value="" selected={value.peek() === ""}>–</option>
                  {(a.kind === "boolean" ? ["true", "false"] : [...new Set([...a.choices, ...(value.peek() ? [value.peek()] : [])])])
                    .map((choice) => <option value={choice} selected={value.peek() === choice}>{() => valueText(a, choice)}</option>)}
                </select>
              )
              : (
                <input
                  class="input"
                  type={a.kind === "date" ? "date" : a.kind === "link" ? "url" : "text"}
                  inputmode={a.kind === "number" ? "decimal" : undefined}
                  maxLength={500}
                  autocomplete="off"
                  value={value.peek()}
                  {...tie}
                  onInput={(e) => {
                    value.set(e.currentTarget.value);
                    wrong.set(undefined);
                  }}
                />
              )}
        </Field>
        <div class="actions">
          {typeof now === "string"
            ? <Button kind="ghost" icon={icons.trash} onClick={() => void save(null, close)}>{() => ct().remove}</Button>
            : null}
          <Button onClick={close}>{() => t().cancel}</Button>
          <Button kind="primary" type="submit" disabled={busy}>{() => t().save}</Button>
        </div>
      </form>
    ),
  });
}
