/** One rule: when, if, what; trying it out, and why it acted or did not. */
import { at } from "../../../models/desk/admin-strings.ts";
import { automationTexts as bothTexts, m } from "../../../models/desk/automation-strings.ts";
import {
  type Condition,
  type Finding,
  isTimed,
  noSteps,
  type Operator,
  type Outcome,
  type Rule,
  type RuleEntry,
  type RuleTrial,
  type Steps,
} from "../../../models/desk/automation.ts";
import { Form } from "../../../models/desk/form.ts";
import { gt } from "../../../models/desk/governing-strings.ts";
import { formatRoute } from "../../../models/desk/route.ts";
import { t } from "../../../models/desk/strings.ts";
import { type Page, priorities } from "../../../models/desk/types.ts";
import { Button, freshId, Icon } from "../../../ui/basics.tsx";
import * as icons from "../../../ui/icons.ts";
import { For, Show } from "../../../ui/jsx-runtime.ts";
import { openMenu } from "../../../ui/overlay.tsx";
import { computed, signal, untrack } from "../../../ui/signals.ts";
import { ChipSet, type Choice } from "../chip-set.tsx";
import { Switch } from "../preferences.tsx";
import { desk, go } from "../state.ts";
import { dateTime, languageName, statusName } from "../texts.ts";
import { FormFrame, RemoveButton, SelectField, TextField } from "./fields.tsx";
import { type MoreStep, people, Pick, StepsField, TemplateField } from "./steps.tsx";

interface Values {
  name: string;
  brand_id: string;
  event: string;
  minutes: number;
  match: string;
  conditions: Condition[];
  deeds: Steps;
  answer: Record<string, string>;
  answer_hours: number;
  webhook: string | null;
  every: string;
  stops: boolean;
  active: boolean;
}

/** Of no preset: what somebody begins with who knows what he wants. */
const blank = {
  event: "message.customer",
  minutes: 30,
  match: "all",
  conditions: [] as Condition[],
  deeds: noSteps,
  answer: {} as Record<string, string>,
  answer_hours: 24,
  webhook: null as string | null,
  every: "always",
  stops: false,
  active: true,
};
const so = (field: string, op: Operator, ...values: string[]): Condition => ({ field, key: null, op, values });

/** Texts in both languages whatever the page's is: customers have theirs. */
function presets(): { name: string; values: Partial<typeof blank> }[] {
  const texts = m.peek();
  const both = (key: "tFirstText" | "tClosedText" | "tAwayText") => ({ fr: bothTexts.fr[key], en: bothTexts.en[key] });
  return [
    {
      name: texts.tFirst,
      values: {
        conditions: [so("first_message", "is", "yes"), so("hours", "is", "open"), so("staff", "is", "present")],
        answer: both("tFirstText"),
      },
    },
    { name: texts.tClosed, values: { conditions: [so("hours", "is", "closed")], answer: both("tClosedText"), answer_hours: 12 } },
    {
      name: texts.tAway,
      values: { conditions: [so("hours", "is", "open"), so("staff", "is", "away")], answer: both("tAwayText"), answer_hours: 12 },
    },
    { name: texts.tWaiting, values: { event: "customer.waiting", minutes: 30, deeds: { ...noSteps, priority: "urgent" } } },
    {
      name: texts.tIdle,
      values: {
        event: "conversation.idle",
        minutes: 4320,
        conditions: [so("status", "is", "pending")],
        deeds: { ...noSteps, status: "resolved" },
      },
    },
    { name: texts.tWords, values: { conditions: [so("text", "contains")], deeds: { ...noSteps, priority: "high" } } },
  ];
}

export function RuleForm({ id }: { id: string }) {
  const rule = desk.rules.all.peek().find((r) => r.id === id);
  const form = new Form<Values>({
    ...blank,
    ...(rule ? { ...rule, minutes: rule.minutes ?? 30 } : { name: "" }),
    name: rule?.name ?? "",
    brand_id: rule ? rule.brand_id ?? "" : desk.me.peek()?.brands?.[0] ?? "",
  }, (e) => desk.explain(e));
  const limited = desk.me.peek()?.brands !== null;
  /** Grows when a template is taken: the rows are drawn anew. */
  const drawn = signal(0);
  const body = () => {
    const v = form.values();
    return {
      name: v.name,
      brand_id: v.brand_id || null,
      event: v.event,
      minutes: isTimed(v.event) ? v.minutes : null,
      match: v.match,
      conditions: v.conditions,
      deeds: v.deeds,
      answer: Object.fromEntries(Object.entries(v.answer).filter(([, text]) => text.trim() !== "")),
      answer_hours: v.answer_hours,
      webhook: v.webhook,
      every: v.every,
      stops: v.stops,
      active: v.active,
    };
  };

  async function save(): Promise<void> {
    await form.submit(async () => {
      const made = rule ? await desk.api.patch<Rule>(`/rules/${id}`, body()) : await desk.api.post<Rule>("/rules", body());
      await desk.rules.load();
      if (!rule) go({ at: "admin", page: "rules", item: made.id }, true);
    });
  }

  const languages = () => [...new Set(["fr", "en", ...desk.inboxes().flatMap((i) => i.languages), ...Object.keys(form.values().answer)])];
  const more: MoreStep[] = [
    {
      id: "answer",
      name: () => m().stepanswer,
      icon: icons.reply,
      isOn: () => Object.keys(form.values.peek().answer).length > 0,
      add: () => undefined,
      remove: () => form.set("answer", {}),
      view: () => (
        <div class="stack tight">
          <For each={computed(() => languages().map((l) => ({ id: l })))} by={(l: { id: string }) => l.id}>
            {(l) => {
              const language = l.peek().id;
              return (
                <div class="field">
                  <span class="label">{() => m().answerIn(languageName(language))}</span>
                  <TemplateField
                    name={() => m().answerIn(languageName(language))}
                    value={() => form.values().answer[language] ?? ""}
                    set={(text) => form.set("answer", { ...form.values.peek().answer, [language]: text })}
                    wrong={() => form.wrong()[`answer.${language}`]}
                    max={2000}
                  />
                </div>
              );
            }}
          </For>
          <span class="pair">
            <span>{() => m().answerEvery}</span>
            <input
              class="input narrow"
              type="number"
              inputmode="numeric"
              min={1}
              max={8760}
              aria-label={() => `${m().answerEvery} (${m().hours})`}
              value={() => String(form.values().answer_hours)}
              onInput={(e) => form.set("answer_hours", Math.round(Number(e.currentTarget.value)))}
            />
            <span>{() => m().hours}</span>
          </span>
          <span class="hint">{() => m().answerHint}</span>
        </div>
      ),
    },
    ...(desk.webhooks.peek().length > 0 || rule?.webhook
      ? [{
        id: "webhook",
        name: () => m().stepwebhook,
        icon: icons.external,
        isOn: () => form.values.peek().webhook !== null,
        add: () => form.set("webhook", desk.webhooks.peek()[0]?.id ?? null),
        remove: () => form.set("webhook", null),
        view: () => (
          <Pick
            name={() => m().webhook}
            value={() => form.values().webhook ?? ""}
            set={(v) => form.set("webhook", v)}
            options={() => desk.webhooks().map((h): [string, string] => [h.id, h.name])}
          />
        ),
      }]
      : []),
  ];

  return (
    <FormFrame
      form={form}
      isNew={!rule}
      title={() => form.values().name || m().newRule}
      onSave={save}
      more={rule
        ? (
          <RemoveButton
            name={rule.name}
            remove={async () => {
              if (!await desk.attempt(() => desk.api.remove(`/rules/${id}`))) return;
              desk.rules.all.update((all) => all.filter((r) => r.id !== id));
              go({ at: "admin", page: "rules", item: undefined }, true);
            }}
          />
        )
        : null}
    >
      <p class="sub">{() => m().ruleHint}</p>
      {rule ? <Place id={id} /> : (
        <Button
          small
          kind="outline"
          icon={icons.copy}
          class="fit"
          popup="menu"
          expanded={false}
          onClick={({ currentTarget }) =>
            openMenu(
              currentTarget,
              m.peek().templates,
              presets().map((one) => ({
                text: one.name,
                run: () => {
                  form.values.update((v) => ({ ...v, ...blank, ...one.values, name: one.name }));
                  drawn.update((n) => n + 1);
                },
              })),
            )}
        >
          {() => m().templates}
        </Button>
      )}
      <div class="two">
        <TextField form={form} name="name" label={() => at().name} maxLength={80} />
        {() =>
          desk.brands().length > 1
            ? (
              <SelectField
                form={form}
                name="brand_id"
                label={() => m().brand}
                options={() => [
                  ...(limited ? [] : [["", m().everyBrand] as [string, string]]),
                  ...desk.brands().map((b): [string, string] => [b.id, b.name]),
                ]}
              />
            )
            : null}
        <SelectField
          form={form}
          name="event"
          label={() => m().when}
          options={() => desk.rules.events().map((e): [string, string] => [e, m().eventName(e)])}
        />
        {() => (isTimed(form.values().event) ? <Minutes form={form} /> : null)}
      </div>
      {() => {
        drawn();
        return [
          <Conditions
            match={() => form.values().match}
            setMatch={(v) => form.set("match", v)}
            now={() => form.values().conditions}
            set={(all) => form.set("conditions", all)}
            wrong={(name) => form.wrongWith(name)}
          />,
          <StepsField
            rule
            steps={() => form.values().deeds}
            set={(deeds) => form.set("deeds", deeds)}
            wrong={(name) => form.wrong()[name]}
            more={more}
          />,
        ];
      }}
      <p class="sub">{() => m().defaultHint}</p>
      <div class="two">
        <SelectField
          form={form}
          name="every"
          label={() => m().every}
          options={() => (["always", "hour", "day", "once"] as const).map((e): [string, string] => [e, m()[`every${e}`]])}
        />
      </div>
      <Switch label={() => m().stops} on={() => form.values().stops} set={(on) => form.set("stops", on)} />
      <Switch label={() => m().active} on={() => form.values().active} set={(on) => form.set("active", on)} />
      <Trial body={() => ({ ...body(), name: undefined, active: undefined, ...(rule ? { rule: id } : {}) })} form={form} />
      {rule ? <Log id={id} /> : null}
    </FormFrame>
  );
}

/** Where it stands among the others. */
function Place({ id }: { id: string }) {
  const place = () => desk.rules.all().findIndex((r) => r.id === id), all = () => desk.rules.all().length;
  const move = (by: 1 | -1) => void desk.attempt(() => desk.rules.move(id, by));
  return (
    <div class="line place">
      <span role="status">{() => m().place(place() + 1, all())}</span>
      <Button
        small
        kind="outline"
        icon={icons.up}
        label={() => m().earlier}
        disabled={() => place() <= 0}
        onClick={() => move(-1)}
      />
      <Button
        small
        kind="outline"
        icon={icons.down}
        label={() => m().later}
        disabled={() => place() >= all() - 1}
        onClick={() => move(1)}
      />
    </div>
  );
}

/** A number and its unit; kept in minutes. */
function Minutes({ form }: { form: Form<Values> }) {
  const units = { minutes: 1, hours: 60, days: 1440 } as const;
  type Unit = keyof typeof units;
  const first = form.values.peek().minutes;
  const unit = signal<Unit>(first % 1440 === 0 ? "days" : first % 60 === 0 ? "hours" : "minutes");
  const set = (n: number, u: Unit) => form.set("minutes", Math.max(1, Math.round(n)) * units[u]);
  const id = freshId("after");
  return (
    <div class="field">
      <label for={id}>{() => m().after}</label>
      <span class="pair">
        <input
          id={id}
          class="input narrow"
          type="number"
          inputmode="numeric"
          min={1}
          value={() => String(form.values().minutes / units[unit()])}
          onChange={(e) => set(Number(e.currentTarget.value), unit.peek())}
        />
        <Pick
          name={() => m().after}
          value={unit}
          options={() => (["minutes", "hours", "days"] as const).map((u): [string, string] => [u, m()[u]])}
          set={(u) => {
            const n = form.values.peek().minutes / units[unit.peek()];
            unit.set(u as Unit);
            set(n, u as Unit);
          }}
        />
      </span>
      {() => (form.wrongWith("minutes") ? <span class="wrong">{form.wrongWith("minutes")}</span> : null)}
    </div>
  );
}

/** What can be chosen for a field; undefined: it is typed. */
function choicesOf(field: string): Choice[] | undefined {
  switch (field) {
    case "inbox":
      return desk.inboxes().map((i) => ({ id: i.id, text: i.name }));
    case "channel":
      return [...new Set(desk.inboxes().map((i) => i.channel))].map((c) => ({ id: c, text: c }));
    case "language":
      return [...new Set(["fr", "en", ...desk.inboxes().flatMap((i) => i.languages)])].map((l) => ({ id: l, text: languageName(l) }));
    case "tags":
    case "added_tag":
      return desk.tags().map((tag) => ({ id: tag.name, text: tag.name, tag: true }));
    case "priority":
      return [...priorities].reverse().map((p) => ({ id: p, text: t()[`priority${p}`] }));
    case "status":
      return (["open", "pending", "snoozed", "resolved"] as const).map((s) => ({ id: s, text: statusName(s) }));
    case "team":
      return [...desk.teams().map((one) => ({ id: one.id, text: one.name })), { id: "none", text: m().noTeam }];
    case "assignee":
      return [{ id: "nobody", text: m().nobody }, ...people()];
  }
  const info = desk.rules.fields.peek().find((f) => f.field === field);
  return info?.choices?.map((c) => ({ id: c, text: m().choiceName(c) }));
}
/** Only two things to choose from. */
const isPair = (field: string) => (desk.rules.fields().find((f) => f.field === field)?.choices ?? null) !== null;

function Conditions(props: {
  match: () => string;
  setMatch: (v: string) => void;
  now: () => readonly Condition[];
  set: (all: Condition[]) => void;
  wrong: (name: string) => string | undefined;
}) {
  // A row keeps its fields while its own values change.
  let ids = 0;
  const keys = signal<readonly number[]>(props.now().map(() => ++ids));
  const put = (i: number, change: Partial<Condition>) => props.set(props.now().map((c, at) => at === i ? { ...c, ...change } : c));
  const operators = (field: string) => desk.rules.fields().find((f) => f.field === field)?.operators ?? ["is"];
  function add(): void {
    keys.update((all) => [...all, ++ids]);
    props.set([...props.now(), { field: "text", key: null, op: "contains", values: [] }]);
  }
  return (
    <fieldset class="steps">
      <legend>{() => m().conditions}</legend>
      {() => (props.now().length === 0 ? <p class="sub">{m().noConditions}</p> : null)}
      <Show when={() => props.now().length > 1}>
        {() => (
          <Pick
            name={() => m().conditions}
            value={props.match}
            set={props.setMatch}
            options={() => [["all", m().matchAll], ["any", m().matchAny]]}
          />
        )}
      </Show>
      <For each={computed(() => keys().map((key) => ({ key })))} by={(k: { key: number }) => String(k.key)}>
        {(k) => {
          const { key } = k.peek(), index = () => keys().indexOf(key);
          const c = () => props.now()[index()] ?? { field: "text", key: null, op: "contains", values: [] } as Condition;
          const field = computed(() => c().field), op = computed(() => c().op);
          return (
            <div class="step condition" role="group" aria-label={() => m().fieldName(field())}>
              <span class="what">
                <Pick
                  name={() => m().what}
                  value={field}
                  options={() => desk.rules.fields().map((f): [string, string] => [f.field, m().fieldName(f.field)])}
                  set={(v) => {
                    const info = desk.rules.fields.peek().find((f) => f.field === v);
                    put(index(), { field: v, op: info?.operators[0] ?? "is", values: info?.choices?.slice(0, 1) ?? [], key: null });
                  }}
                />
                <Pick
                  name={() => m().how}
                  value={op}
                  options={() => operators(field()).map((o): [string, string] => [o, m().opName(o, isPair(field()))])}
                  set={(v) => put(index(), { op: v as Operator })}
                />
              </span>
              <div class="value">
                {() =>
                  field() === "contact.attribute"
                    ? (
                      <input
                        class="input"
                        autocomplete="off"
                        maxLength={60}
                        aria-label={() => m().attribute}
                        placeholder={() => m().attribute}
                        value={untrack(() => c().key ?? "")}
                        onInput={(e) => put(index(), { key: e.currentTarget.value || null })}
                      />
                    )
                    : null}
                {() => {
                  const name = field();
                  if (op() === "known" || op() === "unknown") return null;
                  const isChosen = choicesOf(name) !== undefined;
                  if (isChosen && isPair(name)) {
                    return (
                      <Pick
                        name={() => m().value}
                        value={() => c().values[0] ?? ""}
                        options={() => (choicesOf(name) ?? []).map((one): [string, string] => [one.id, one.text])}
                        set={(v) => put(index(), { values: [v] })}
                      />
                    );
                  }
                  return isChosen
                    ? (
                      <ChipSet
                        bare
                        label={() => m().value}
                        now={() => c().values}
                        set={(values) => put(index(), { values })}
                        items={() => choicesOf(name) ?? []}
                      />
                    )
                    : (
                      <input
                        class="input"
                        autocomplete="off"
                        aria-label={() => m().value}
                        placeholder={() => m().valuesHint}
                        value={untrack(() => c().values.join(", "))}
                        onInput={(e) => put(index(), { values: e.currentTarget.value.split(",").map((v) => v.trim()).filter(Boolean) })}
                      />
                    );
                }}
                {() => {
                  const wrong = props.wrong(`conditions.${index()}`);
                  return wrong ? <span class="wrong">{wrong}</span> : null;
                }}
              </div>
              <Button
                small
                kind="ghost"
                icon={icons.trash}
                label={() => m().removeCondition}
                onClick={() => {
                  const gone = index();
                  props.set(props.now().filter((_, i) => i !== gone));
                  keys.update((all) => all.filter((one) => one !== key));
                }}
              />
            </div>
          );
        }}
      </For>
      <Button small kind="outline" icon={icons.plus} onClick={add}>{() => m().addCondition}</Button>
    </fieldset>
  );
}

/** Each condition with what it was. */
function Findings({ all }: { all: readonly Finding[] }) {
  const named = (f: Finding, id: string) => choicesOf(f.field)?.find((c) => c.id === id)?.text ?? id;
  return (
    <ul class="findings">
      {all.map((f) => (
        <li class={f.holds ? "yes" : "no"}>
          <Icon d={f.holds ? icons.check : icons.close} label={() => (f.holds ? m().fits : m().fitsNot)} />
          <span>
            {() =>
              `${m().fieldName(f.field)}${f.key ? " " + m().keyName(f.key) : ""} ${m().opName(f.op, isPair(f.field))} ${
                f.values.map((v) => named(f, v)).join(", ")
              }`}
            <span class="sub">{() => (f.actual.length === 0 ? m().wasEmpty : m().was(f.actual.map((v) => named(f, v)).join(", ")))}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}

function Trial({ body, form }: { body: () => object; form: Form<Values> }) {
  const found = signal<RuleTrial | undefined>(undefined), busy = signal(false), fitting = signal(true);
  async function run(): Promise<void> {
    busy.set(true);
    await form.submit(async () => found.set(await desk.api.post<RuleTrial>("/rules/dry-run", body())), true);
    busy.set(false);
  }
  return (
    <section class="deliveries" aria-label={() => m().tryIt}>
      <div class="line">
        <Button small kind="outline" icon={icons.eye} disabled={busy} onClick={() => void run()}>{() => m().tryIt}</Button>
        <span class="sub grow">{() => m().tryHint}</span>
      </div>
      {() => {
        const it = found();
        if (!it) return null;
        const rows = it.results.filter((r) => r.matches || !fitting());
        return [
          <div class="line">
            <strong role="status" class="grow">{m().matched(it.matched, it.examined)}</strong>
            {it.examined > it.matched
              ? (
                <label class="check">
                  <input type="checkbox" checked={fitting()} onChange={(e) => fitting.set(e.currentTarget.checked)} />
                  <span>{m().onlyFitting}</span>
                </label>
              )
              : null}
          </div>,
          <ul class="rows why">
            {rows.slice(0, 50).map((r) => (
              <li>
                <Icon d={r.matches ? icons.check : icons.close} label={r.matches ? m().fits : m().fitsNot} />
                <span class="grow">
                  <strong>
                    {r.contact.display_name} <span class="sub">{t().number(r.conversation.number)}</span>
                  </strong>
                  {r.actions.map((a) => <span class="sub">{a}</span>)}
                  {r.conditions.length > 0
                    ? (
                      <details>
                        <summary class="sub">{m().why}</summary>
                        <Findings all={r.conditions} />
                      </details>
                    )
                    : null}
                </span>
              </li>
            ))}
          </ul>,
        ];
      }}
    </section>
  );
}

function Log({ id }: { id: string }) {
  const rows = signal<readonly RuleEntry[]>([]), next = signal<string | null>(null), outcome = signal("");
  const load = (cursor?: string) =>
    desk.attempt(async () => {
      const query = { rule: id, limit: 20, cursor, outcome: outcome.peek() || undefined };
      const page = await desk.api.get<Page<RuleEntry>>("/rules/log", { query });
      rows.update((all) => cursor ? [...all, ...page.items] : page.items);
      next.set(page.next_cursor);
    });
  void load();
  const marks: Record<Outcome, string> = { fired: icons.check, not: icons.minus, limited: icons.clock, failed: icons.alert };
  return (
    <section class="deliveries" aria-label={() => m().log}>
      <div class="line">
        <h3 class="grow">{() => m().log}</h3>
        <Pick
          name={() => m().log}
          value={outcome}
          options={() => [
            ["", m().anyOutcome],
            ...(["fired", "not", "limited", "failed"] as const).map((o): [string, string] => [o, m()[o]]),
          ]}
          set={(v) => {
            outcome.set(v);
            void load();
          }}
        />
        <Button small kind="ghost" icon={icons.refresh} label={() => gt().reload} onClick={() => void load()} />
      </div>
      <ul class="rows why">
        <For each={rows} by={(e: RuleEntry) => e.id} fallback={() => <li class="sub">{() => m().noLog}</li>}>
          {(e) => {
            const { conversation, outcome, conditions, actions, error, event, at } = e.peek();
            return (
              <li data-outcome={outcome}>
                <Icon d={marks[outcome]} />
                <span class="grow">
                  <strong>{() => m()[outcome]}</strong>{" "}
                  <a href={formatRoute({ at: "desk", view: { kind: "all" }, open: conversation.id })}>
                    {() => m().openIt(conversation.number)}
                  </a>
                  <span class="sub">{() => `${dateTime(at)} · ${m().eventName(event)}`}</span>
                  {error ? <span class="wrong">{error}</span> : null}
                  {actions.map((a) => <span class="sub">{a}</span>)}
                  {conditions.length > 0
                    ? (
                      <details>
                        <summary class="sub">{() => m().why}</summary>
                        <Findings all={conditions} />
                      </details>
                    )
                    : null}
                </span>
              </li>
            );
          }}
        </For>
      </ul>
      {() => (next() ? <Button kind="outline" onClick={() => void load(next.peek() ?? undefined)}>{m().moreEntries}</Button> : null)}
    </section>
  );
}
