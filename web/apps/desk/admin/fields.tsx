/** Fields that are bound to a form. */
import { at } from "../../../models/desk/admin-strings.ts";
import type { Form } from "../../../models/desk/form.ts";
import { Button, Field, freshId } from "../../../ui/basics.tsx";
import { contrast, isHex } from "../../../ui/colour.ts";
import { lang } from "../../../ui/i18n.ts";
import * as icons from "../../../ui/icons.ts";
import type { Child } from "../../../ui/jsx-runtime.ts";
import { confirmDialog, toast } from "../../../ui/overlay.tsx";

type Names<T, V> = { [K in keyof T]: T[K] extends V ? K : never }[keyof T] & string;

export function TextField<T extends object>(props: {
  form: Form<T>;
  name: Names<T, string>;
  label: () => string;
  hint?: () => string;
  type?: string;
  rows?: number;
  maxLength?: number;
  disabled?: () => boolean;
  ref?: (field: HTMLInputElement | HTMLTextAreaElement) => void;
}) {
  const { form, name } = props;
  const value = () => String(form.values()[name] ?? "");
  const set = (text: string) => form.set(name, text as T[typeof name]);
  return (
    <Field label={props.label} hint={props.hint} wrong={() => form.wrongWith(name)}>
      {(tie) =>
        props.rows
          ? (
            <textarea
              class="input"
              rows={props.rows}
              maxLength={props.maxLength ?? 4000}
              value={value}
              disabled={props.disabled}
              {...tie}
              onInput={(e) => set(e.currentTarget.value)}
              ref={props.ref ?? (() => undefined)}
            />
          )
          : (
            <input
              class="input"
              type={props.type ?? "text"}
              autocomplete={props.type === "password" ? "new-password" : "off"}
              maxLength={props.maxLength ?? 200}
              value={value}
              disabled={props.disabled}
              {...tie}
              onInput={(e) => set(e.currentTarget.value)}
              ref={props.ref ?? (() => undefined)}
            />
          )}
    </Field>
  );
}

export function NumberField<T extends object>(props: {
  form: Form<T>;
  name: Names<T, number>;
  label: () => string;
  hint?: () => string;
  min: number;
  max: number;
}) {
  const { form, name } = props;
  return (
    <Field label={props.label} hint={props.hint} wrong={() => form.wrongWith(name)}>
      {(tie) => (
        <input
          class="input narrow"
          type="number"
          inputmode="numeric"
          min={props.min}
          max={props.max}
          value={() => String(form.values()[name])}
          {...tie}
          onInput={(e) => form.set(name, Math.round(Number(e.currentTarget.value)) as T[typeof name])}
        />
      )}
    </Field>
  );
}

export function SelectField<T extends object, V extends string>(props: {
  form: Form<T>;
  name: Names<T, string | null>;
  label: () => string;
  hint?: () => string;
  options: () => [V, string][];
  disabled?: () => boolean;
}) {
  const { form, name } = props;
  return (
    <Field label={props.label} hint={props.hint} wrong={() => form.wrongWith(name)}>
      {(tie) => (
        <select
          class="input"
          disabled={props.disabled}
          {...tie}
          onChange={(e) => form.set(name, e.currentTarget.value as T[typeof name])}
        >
          {() =>
            props.options().map(([value, label]) => (
              <option value={value} selected={() => String(form.values()[name] ?? "") === value}>{label}</option>
            ))}
        </select>
      )}
    </Field>
  );
}

/** A set of choices as check boxes. */
export function Checks(props: {
  label: () => string;
  options: () => [string, string][];
  now: () => readonly string[];
  set: (all: string[]) => void;
  /** What stands below. */
  children?: Child;
}) {
  return (
    <fieldset class="set">
      <legend>{props.label}</legend>
      <div class="checks">
        {() =>
          props.options().map(([value, label]) => (
            <label>
              <input
                type="checkbox"
                checked={() => props.now().includes(value)}
                onChange={(e) => {
                  const rest = props.now().filter((v) => v !== value);
                  props.set(e.currentTarget.checked ? [...rest, value] : rest);
                }}
              />
              <span>{label}</span>
            </label>
          ))}
      </div>
      {props.children}
    </fieldset>
  );
}

export function SetField<T extends object>(props: {
  form: Form<T>;
  name: Names<T, string[]>;
  label: () => string;
  hint?: () => string;
  options: () => [string, string][];
}) {
  const { form, name } = props;
  return (
    <Checks
      label={props.label}
      options={props.options}
      now={() => form.values()[name] as string[]}
      set={(all) => form.set(name, all as T[typeof name])}
    >
      {() => {
        const wrong = form.wrongWith(name);
        return wrong ? <span class="wrong">{wrong}</span> : props.hint ? <span class="hint">{props.hint()}</span> : null;
      }}
    </Checks>
  );
}

export function ColourField<T extends object>(props: {
  form: Form<T>;
  name: Names<T, string>;
  label: () => string;
  /** The colour that is shown on it, or that it is shown on: their contrast is told. */
  against?: Names<T, string>;
}) {
  const { form, name, against } = props;
  const value = () => String(form.values()[name] ?? "");
  const low = () => {
    const other = against ? String(form.values()[against] ?? "") : "";
    if (!against || !isHex(value()) || !isHex(other)) return undefined;
    const ratio = contrast(value(), other);
    const text = new Intl.NumberFormat(lang(), { maximumFractionDigits: 1 }).format(ratio);
    return ratio < 4.5 ? { bad: true, text: at().contrastLow(text) } : { bad: false, text: at().contrast(text) };
  };
  const id = freshId("colour");
  return (
    <Field
      label={props.label}
      wrong={() => form.wrongWith(name) ?? (low()?.bad ? low()?.text : undefined)}
      hint={() => low()?.text}
    >
      {(tie) => (
        <div class="colour">
          <input
            type="color"
            aria-labelledby={id}
            value={() => (isHex(value()) ? value().toLowerCase() : "#000000")}
            onInput={(e) => form.set(name, e.currentTarget.value.toUpperCase() as T[typeof name])}
          />
          <span id={id} class="vh">{props.label}</span>
          <input
            class="input"
            maxLength={7}
            spellcheck="false"
            autocomplete="off"
            value={value}
            {...tie}
            onInput={(e) => form.set(name, e.currentTarget.value as T[typeof name])}
          />
        </div>
      )}
    </Field>
  );
}

/** The frame of a form: its error, its save button, what else can be done. */
export function FormFrame<T extends object>(props: {
  form: Form<T>;
  isNew: boolean;
  title: () => string;
  onSave: () => void;
  children: Child;
  more?: Child;
  disabled?: () => boolean;
}) {
  const { form } = props;
  return (
    <form
      class="edit"
      novalidate
      onSubmit={(e) => {
        e.preventDefault();
        props.onSave();
      }}
    >
      <h2>{props.title}</h2>
      <div role="alert">{() => (form.wrong()[""] ? <p class="wrong">{form.wrong()[""]}</p> : null)}</div>
      {props.children}
      <div class="bar">
        {props.more}
        <span class="grow sub" role="status">
          {() => (form.saved() && !form.changed() ? at().saved : form.changed() ? at().unsaved : "")}
        </span>
        <Button kind="primary" type="submit" disabled={() => form.busy() || !form.changed() || !!props.disabled?.()}>
          {() => (props.isNew ? at().create : at().save)}
        </Button>
      </div>
    </form>
  );
}

export function RemoveButton(props: { name: string; remove: () => Promise<void> }) {
  return (
    <Button
      kind="ghost"
      icon={icons.trash}
      onClick={async () => {
        const sure = await confirmDialog({
          title: at.peek().remove,
          text: at.peek().removeAsk(props.name),
          yes: at.peek().remove,
          danger: true,
        });
        if (sure) await props.remove();
      }}
    >
      {() => at().remove}
    </Button>
  );
}

export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(at.peek().copied, { ms: 2500 });
  } catch {
    toast(at.peek().notCopied, { bad: true });
  }
}
