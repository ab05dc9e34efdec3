/** Which customers: a filter that one applies, or keeps as a segment; with how many fit while one chooses. */
import { ct } from "../../../models/desk/customers-strings.ts";
import {
  type Attribute,
  type AttributeTest,
  type Channel,
  channels,
  type ContactFilter,
  everybody,
  type Rule,
  rulesOf,
  type Segment,
} from "../../../models/desk/customers.ts";
import { Form } from "../../../models/desk/form.ts";
import { t } from "../../../models/desk/strings.ts";
import { w } from "../../../models/desk/working-strings.ts";
import { Button, Field } from "../../../ui/basics.tsx";
import * as icons from "../../../ui/icons.ts";
import { Show } from "../../../ui/jsx-runtime.ts";
import { confirmDialog, openDialog } from "../../../ui/overlay.tsx";
import { Checks } from "../admin/fields.tsx";
import { Fitting } from "../fitting.tsx";
import { desk } from "../state.ts";
import { languageName } from "../texts.ts";
import { valueText } from "./attributes.tsx";

interface Values extends ContactFilter {
  name: string;
  shared: boolean;
}

export function openFilter(segment?: Segment): void {
  const { customers } = desk;
  const form = new Form<Values>(
    segment
      ? { ...segment.filter, name: segment.name, shared: segment.scope === "team" }
      : { ...customers.filter.peek(), name: "", shared: false },
    (error) => desk.explain(error),
  );
  const filter = (): ContactFilter => {
    const { name: _, shared: __, ...rest } = form.values();
    return { ...rest, text: rest.text?.trim() || null, attributes: finished(rest.attributes) };
  };
  void openDialog({
    title: () => segment ? ct().editSegment : ct().filter,
    class: "view-editor",
    body: (close) => (
      <form
        class="stack"
        novalidate
        onSubmit={async (e) => {
          e.preventDefault();
          const { name, shared } = form.values.peek();
          if (!segment && name.trim() === "") {
            // Asked once, so that what is wrong with it is said here.
            const done = await form.submit(async () => {
              await customers.find(filter(), undefined, false);
            });
            if (!done) return;
            close();
            customers.choose(undefined, filter());
            return;
          }
          let saved: Segment | undefined;
          const done = await form.submit(async () => {
            saved = await customers.saveSegment(segment?.id, { name, scope: shared ? "team" : "personal", filter: filter() });
          });
          if (!done || !saved) return;
          close();
          customers.choose(saved.id);
        }}
      >
        <Field label={() => ct().words} wrong={() => form.wrongWith("filter.text")}>
          {(tie) => (
            <input
              class="input"
              maxLength={200}
              autocomplete="off"
              value={() => form.values().text ?? ""}
              {...tie}
              onInput={(e) => form.set("text", e.currentTarget.value === "" ? null : e.currentTarget.value)}
            />
          )}
        </Field>
        <Show when={() => desk.brands().length > 1}>
          {() => (
            <Checks
              label={() => ct().brand}
              options={() => desk.brands().map((b) => [b.id, b.name])}
              now={() => form.values().brands}
              set={(all) => form.set("brands", all)}
            />
          )}
        </Show>
        <div class="two">
          <Choice
            label={() => ct().identity}
            value={() => form.values().verified}
            options={() => [[null, ct().anyOne], [true, ct().signedIn], [false, ct().notSignedIn]]}
            set={(v) => form.set("verified", v)}
          />
          <Choice
            label={() => ct().email}
            value={() => form.values().has_email}
            options={() => [[null, ct().anyOne], [true, ct().withEmail], [false, ct().withoutEmail]]}
            set={(v) => form.set("has_email", v)}
          />
          <Choice
            label={() => ct().seen}
            value={() => {
              const { seen_days, unseen_days } = form.values();
              return seen_days !== null ? `+${seen_days}` : unseen_days !== null ? `-${unseen_days}` : null;
            }}
            options={() => [
              [null, ct().anyOne],
              ...[1, 7, 30, 90].map((n): [string, string] => [`+${n}`, ct().seenWithin(n)]),
              ...[30, 90, 365].map((n): [string, string] => [`-${n}`, ct().notSeenFor(n)]),
            ]}
            set={(v) => {
              form.set("seen_days", v?.startsWith("+") ? Number(v.slice(1)) : null);
              form.set("unseen_days", v?.startsWith("-") ? Number(v.slice(1)) : null);
            }}
          />
          <Choice
            label={() => t().blocked}
            value={() => form.values().blocked}
            options={() => [[null, ct().anyOne], [true, ct().blockedOnly], [false, ct().notBlocked]]}
            set={(v) => form.set("blocked", v)}
          />
          <Choice
            label={() => ct().consentFilter}
            value={() => form.values().consent?.channel ?? null}
            options={() => [[null, ct().anyOne], ...channels.map((one): [Channel, string] => [one, ct().channelName(one)])]}
            set={(channel) => form.set("consent", channel ? { channel, purpose: form.values.peek().consent?.purpose ?? "" } : null)}
          />
          <Show when={() => form.values().consent !== null}>
            {() => (
              <Field label={() => ct().purpose} hint={() => ct().purposeHint} wrong={() => form.wrongWith("filter.consent")}>
                {(tie) => (
                  <input
                    class="input"
                    maxLength={60}
                    autocomplete="off"
                    value={() => form.values().consent?.purpose ?? ""}
                    {...tie}
                    onInput={(e) => {
                      const { consent } = form.values.peek();
                      if (consent) form.set("consent", { ...consent, purpose: e.currentTarget.value });
                    }}
                  />
                )}
              </Field>
            )}
          </Show>
          <Field label={() => ct().talks} wrong={() => form.wrongWith("filter.conversations")}>
            {(tie) => (
              <input
                class="input"
                type="number"
                inputmode="numeric"
                min={1}
                value={() => String(form.values().conversations ?? "")}
                {...tie}
                onInput={(e) => form.set("conversations", e.currentTarget.value === "" ? null : Math.round(Number(e.currentTarget.value)))}
              />
            )}
          </Field>
        </div>
        <Checks
          label={() => w().languages}
          options={() => [...new Set(["fr", "en", ...desk.inboxes().flatMap((i) => i.languages)])].map((l) => [l, languageName(l)])}
          now={() => form.values().languages}
          set={(all) => form.set("languages", all)}
        />
        <Tests
          now={() => form.values().attributes}
          set={(all) => form.set("attributes", all)}
          wrong={() => form.wrongWith("filter.attributes")}
        />
        <Field label={() => ct().segmentName} hint={() => segment ? undefined : ct().segmentHint} wrong={() => form.wrongWith("name")}>
          {(tie) => (
            <input
              class="input"
              maxLength={60}
              autocomplete="off"
              value={() => form.values().name}
              {...tie}
              onInput={(e) => form.set("name", e.currentTarget.value)}
            />
          )}
        </Field>
        <Show when={() => desk.may("views.team") && form.values().name.trim() !== ""}>
          {() => (
            <label class="check">
              <input type="checkbox" checked={() => form.values().shared} onChange={(e) => form.set("shared", e.currentTarget.checked)} />
              <span>{() => ct().share}</span>
            </label>
          )}
        </Show>
        {() => (form.wrong()[""] ? <p class="wrong" role="alert">{form.wrong()[""]}</p> : null)}
        <div class="actions">
          <Fitting
            filter={filter}
            ask={async (f) => (await desk.customers.find(f, undefined, true)).count ?? undefined}
            text={(n) => ct().fitting(n)}
          />
          {segment
            ? (
              <Button
                kind="ghost"
                icon={icons.trash}
                label={() => ct().removeSegment}
                onClick={async () => {
                  const texts = ct.peek();
                  const yes = await confirmDialog({
                    title: texts.removeSegment,
                    text: texts.removeSegmentAsk(segment.name),
                    yes: w.peek().remove,
                    danger: true,
                  });
                  if (yes && await desk.attempt(() => customers.removeSegment(segment.id))) close();
                }}
              />
            )
            : (
              <Button
                kind="ghost"
                onClick={() => {
                  close();
                  customers.choose(undefined, everybody);
                }}
              >
                {() => ct().allCustomers}
              </Button>
            )}
          <Button onClick={close}>{() => w().cancel}</Button>
          <Button kind="primary" type="submit" disabled={form.busy}>
            {() => segment || form.values().name.trim() !== "" ? ct().save : ct().apply}
          </Button>
        </div>
      </form>
    ),
  });
}

function Choice<V extends string | boolean>(props: {
  label: () => string;
  value: () => V | null;
  options: () => [V | null, string][];
  set: (value: V | null) => void;
}) {
  return (
    <Field label={props.label}>
      {(tie) => (
        <select class="input" {...tie} onChange={(e) => props.set(props.options()[e.currentTarget.selectedIndex]?.[0] ?? null)}>
          {() => props.options().map(([value, label]) => <option selected={() => props.value() === value}>{label}</option>)}
        </select>
      )}
    </Field>
  );
}

/** One that still lacks its value asks for nothing. */
export function finished(tests: readonly AttributeTest[]): AttributeTest[] {
  return tests.filter((test) => test.rule === "set" || test.rule === "unset" || test.value.trim() !== "");
}

/** Conditions on attributes: which, how, what. Also for views of conversations. */
export function Tests(
  props: { now: () => readonly AttributeTest[]; set: (all: AttributeTest[]) => void; wrong: () => string | undefined },
) {
  const attributes = () => desk.customers.attributes();
  const change = (index: number, next: AttributeTest) => props.set(props.now().map((test, i) => i === index ? next : test));
  const fresh = (a: Attribute): AttributeTest => ({ key: a.key, rule: rulesOf(a.kind)[0] ?? "is", value: "" });
  // Drawn anew only when a row comes, goes or becomes another: what is typed stays in its field.
  const shape = () => JSON.stringify(props.now().map((test) => [test.key, test.rule]));
  return (
    <Show when={() => attributes().length > 0}>
      {() => (
        <fieldset class="set tests">
          <legend>{() => ct().conditions}</legend>
          {() => {
            shape();
            return props.now().map((test, index) => {
              const a = attributes().find((one) => one.key === test.key);
              return (
                <div class="test">
                  <select
                    class="input"
                    aria-label={() => ct().attribute}
                    onChange={(e) => {
                      const next = attributes().find((one) => one.key === e.currentTarget.value);
                      if (next) change(index, fresh(next));
                    }}
                  >
                    {[...attributes(), ...(a ? [] : [{ key: test.key, name: test.key }])].map((one) => (
                      <option value={one.key} selected={one.key === test.key}>{one.name}</option>
                    ))}
                  </select>
                  <select
                    class="input"
                    aria-label={() => ct().rule}
                    onChange={(e) =>
                      change(index, { ...test, value: props.now()[index]?.value ?? "", rule: e.currentTarget.value as Rule })}
                  >
                    {rulesOf(a?.kind ?? "text").map((rule) => (
                      <option value={rule} selected={rule === test.rule}>{ct()[rule === "more" ? "more_" : rule]}</option>
                    ))}
                  </select>
                  {test.rule === "set" || test.rule === "unset" ? <span class="value" /> : a?.kind === "boolean" || a?.kind === "list"
                    ? (
                      <select
                        class="input value"
                        aria-label={() => ct().value}
                        onChange={(e) => change(index, { ...test, value: e.currentTarget.value })}
                      >
                        <option value="" selected={test.value === ""}>–</option>
                        {(a.kind === "boolean" ? ["true", "false"] : a.choices).map((choice) => (
                          <option value={choice} selected={choice === test.value}>{valueText(a, choice)}</option>
                        ))}
                      </select>
                    )
                    : (
                      <input
                        class="input value"
                        type={a?.kind === "date" ? "date" : "text"}
                        maxLength={500}
                        aria-label={() => ct().value}
                        value={test.value}
                        onInput={(e) => change(index, { ...test, value: e.currentTarget.value })}
                      />
                    )}
                  <Button
                    kind="ghost"
                    icon={icons.close}
                    label={() => ct().removeCondition}
                    onClick={() => props.set(props.now().filter((_, i) => i !== index))}
                  />
                </div>
              );
            });
          }}
          {() => (props.wrong() ? <span class="wrong">{props.wrong()}</span> : null)}
          <Button
            small
            kind="outline"
            icon={icons.plus}
            onClick={() => {
              const first = attributes()[0];
              if (first) props.set([...props.now(), fresh(first)]);
            }}
          >
            {() => ct().addCondition}
          </Button>
        </fieldset>
      )}
    </Show>
  );
}
