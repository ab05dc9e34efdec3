/** Business hours: a week, holidays, a time zone. */
import { at } from "../../../models/desk/admin-strings.ts";
import { Form } from "../../../models/desk/form.ts";
import {
  dayNames,
  type Exception,
  fromField,
  type Hours,
  nextSpan,
  type Span,
  timeZones,
  toField,
  usualWeek,
} from "../../../models/desk/hours.ts";
import { rt } from "../../../models/desk/routing-strings.ts";
import { whenText } from "../../../models/desk/times.ts";
import { Button } from "../../../ui/basics.tsx";
import { lang } from "../../../ui/i18n.ts";
import * as icons from "../../../ui/icons.ts";
import { desk, go } from "../state.ts";
import { FormFrame, RemoveButton, SelectField, TextField } from "./fields.tsx";

interface Values {
  name: string;
  time_zone: string;
  week: Span[][];
  exceptions: Exception[];
}

/** For inboxes and teams: whose hours they have. */
export const hoursOptions = (
  none: string,
): [string, string][] => [["", none], ...desk.hours().map((h): [string, string] => [h.id, h.name])];

export function openText(now: Hours["now"]): string {
  if (now.open) return now.closes_at === null ? rt().openAlways : rt().openUntil(whenText(lang(), now.closes_at, desk.now()));
  return now.opens_at === null ? rt().neverOpen : rt().closedUntil(whenText(lang(), now.opens_at, desk.now()));
}

export function HoursForm({ id }: { id: string }) {
  const hours = desk.hours.peek().find((h) => h.id === id);
  const form = new Form<Values>({
    name: hours?.name ?? "",
    time_zone: hours?.time_zone ?? timeZones()[0] ?? "UTC",
    week: hours?.week ?? usualWeek,
    exceptions: hours?.exceptions ?? [],
  }, (e) => desk.explain(e));

  async function save(): Promise<void> {
    await form.submit(async () => {
      const made = hours
        ? await desk.api.patch<Hours>(`/hours/${id}`, form.difference())
        : await desk.api.post<Hours>("/hours", form.values.peek());
      desk.hours.update((all) => hours ? all.map((h) => h.id === id ? made : h) : [...all.filter((h) => h.id !== made.id), made]);
      if (!hours) go({ at: "admin", page: "hours", item: made.id }, true);
    });
  }
  const setDay = (day: number, spans: Span[]) => form.set("week", form.values.peek().week.map((old, d) => d === day ? spans : old));
  const setException = (index: number, change: Partial<Exception>) =>
    form.set("exceptions", form.values.peek().exceptions.map((old, i) => i === index ? { ...old, ...change } : old));

  return (
    <FormFrame
      form={form}
      isNew={!hours}
      title={() => form.values().name || rt().newHours}
      onSave={save}
      more={hours
        ? (
          <RemoveButton
            name={hours.name}
            remove={async () => {
              const done = await desk.attempt(() => desk.api.remove(`/hours/${id}`));
              if (!done) return;
              desk.hours.update((all) => all.filter((h) => h.id !== id));
              go({ at: "admin", page: "hours", item: undefined }, true);
            }}
          />
        )
        : null}
    >
      {hours
        ? (
          <p class="sub">
            {() => {
              const now = desk.hours().find((h) => h.id === id)?.now;
              return now ? openText(now) : "";
            }}
          </p>
        )
        : null}
      <div class="two">
        <TextField form={form} name="name" label={() => at().name} maxLength={80} />
        <SelectField
          form={form}
          name="time_zone"
          label={() => rt().timeZone}
          options={() =>
            [...new Set([form.values.peek().time_zone, ...timeZones()])].map((z): [string, string] => [z, z.replaceAll("_", " ")])}
        />
      </div>
      <fieldset class="week">
        <legend>{() => rt().week}</legend>
        {() =>
          dayNames(lang()).map((name, day) => (
            <div class="day" role="group" aria-label={name}>
              <span class="name">{name}</span>
              <Spans name={name} spans={() => form.values().week[day] ?? []} set={(spans) => setDay(day, spans)} />
            </div>
          ))}
        {() => (form.wrongWith("week") ? <span class="wrong" role="alert">{form.wrongWith("week")}</span> : null)}
      </fieldset>
      <fieldset class="week">
        <legend>{() => rt().exceptions}</legend>
        <p class="hint">{() => rt().exceptionsHint}</p>
        {() =>
          Array.from({ length: form.values().exceptions.length }, (_, index) => {
            const it = () => form.values().exceptions[index] ?? { date: "", name: "", hours: [] };
            return (
              <div class="day exception" role="group" aria-label={() => it().name || it().date}>
                <input
                  class="input"
                  type="date"
                  required
                  aria-label={() => rt().date}
                  value={it().date}
                  onChange={(e) => setException(index, { date: e.currentTarget.value })}
                />
                <input
                  class="input"
                  maxLength={80}
                  aria-label={() => rt().occasion}
                  placeholder={() => rt().occasion}
                  value={it().name}
                  onInput={(e) => setException(index, { name: e.currentTarget.value })}
                />
                <Spans name={it().name || it().date} spans={() => it().hours} set={(hours) => setException(index, { hours })} />
                <Button
                  kind="ghost"
                  small
                  icon={icons.trash}
                  label={() => rt().removeDay(it().name || it().date)}
                  onClick={() => form.set("exceptions", form.values.peek().exceptions.filter((_, i) => i !== index))}
                />
              </div>
            );
          })}
        {() => (form.wrongWith("exceptions") ? <span class="wrong" role="alert">{form.wrongWith("exceptions")}</span> : null)}
        <Button
          kind="outline"
          small
          icon={icons.plus}
          onClick={() => form.set("exceptions", [...form.values.peek().exceptions, { date: "", name: "", hours: [] }])}
        >
          {() => rt().addDay}
        </Button>
      </fieldset>
    </FormFrame>
  );
}

/** The periods of one day; none means closed. Fields stay while their own value changes. */
function Spans(props: { name: string; spans: () => Span[]; set: (spans: Span[]) => void }) {
  const change = (index: number, part: Partial<Span>) => props.set(props.spans().map((old, i) => i === index ? { ...old, ...part } : old));
  return (
    <span class="spans">
      {() => {
        const count = props.spans().length;
        if (count === 0) return <span class="closed">{rt().closed}</span>;
        return Array.from({ length: count }, (_, index) => (
          <span class="span">
            <input
              class="input"
              type="time"
              required
              aria-label={() => rt().from(props.name)}
              value={toField(props.spans()[index]?.start ?? "")}
              onChange={(e) => change(index, { start: fromField(e.currentTarget.value, false) })}
            />
            <span aria-hidden="true">–</span>
            <input
              class="input"
              type="time"
              required
              aria-label={() => rt().until(props.name)}
              value={toField(props.spans()[index]?.end ?? "")}
              onChange={(e) => change(index, { end: fromField(e.currentTarget.value, true) })}
            />
            <Button
              kind="ghost"
              small
              icon={icons.close}
              label={() => rt().removeSpan(props.name)}
              onClick={() => props.set(props.spans().filter((_, i) => i !== index))}
            />
          </span>
        ));
      }}
      <Button
        kind="ghost"
        small
        icon={icons.plus}
        label={() => rt().addSpan(props.name)}
        onClick={() => {
          const next = nextSpan(props.spans());
          if (next) props.set([...props.spans(), next]);
        }}
      />
    </span>
  );
}
