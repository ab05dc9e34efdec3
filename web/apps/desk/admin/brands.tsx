/** One brand: name, colours, texts of the chat in both languages. */
import { at } from "../../../models/desk/admin-strings.ts";
import { Form } from "../../../models/desk/form.ts";
import type { Brand, BrandTexts } from "../../../models/desk/types.ts";
import { Icon } from "../../../ui/basics.tsx";
import { isHex } from "../../../ui/colour.ts";
import type { Lang } from "../../../ui/i18n.ts";
import * as icons from "../../../ui/icons.ts";
import { signal } from "../../../ui/signals.ts";
import { Choice, PictureField } from "../preferences.tsx";
import { desk, go } from "../state.ts";
import { ColourField, FormFrame, RemoveButton, TextField } from "./fields.tsx";

const parts = ["title", "greeting", "intro", "offline", "contact_form", "thanks"] as const;
type Part = typeof parts[number];
type Values =
  & { name: string; website: string; colour: string; colour_dark: string; on_colour: string; on_colour_dark: string }
  & { [K in `${Lang}.${Part}`]: string };

function valuesOf(b: Brand | undefined): Values {
  const text = (l: Lang, part: Part) => b?.texts[l]?.[part] ?? "";
  const texts = Object.fromEntries((["fr", "en"] as const).flatMap((l) => parts.map((part) => [`${l}.${part}`, text(l, part)])));
  return {
    name: b?.name ?? "",
    website: b?.website ?? "",
    colour: b?.colour ?? "#0B6355",
    colour_dark: b?.colour_dark ?? "#62CDB6",
    on_colour: b?.on_colour ?? "#FFFFFF",
    on_colour_dark: b?.on_colour_dark ?? "#06231E",
    ...texts,
  } as Values;
}

export function BrandForm({ id }: { id: string }) {
  const brand = desk.brands.peek().find((b) => b.id === id);
  const form = new Form<Values>(valuesOf(brand), (e) => desk.explain(e));
  const l = signal<Lang>("fr");

  async function save(): Promise<void> {
    const v = form.values.peek();
    const texts = Object.fromEntries((["fr", "en"] as const).map((one) => [
      one,
      Object.fromEntries(parts.map((part) => [part, v[`${one}.${part}`]])) as unknown as BrandTexts,
    ]));
    const { name, website, colour, colour_dark, on_colour, on_colour_dark } = v;
    const body = { name, website: website.trim() || null, colour, colour_dark, on_colour, on_colour_dark, texts };
    await form.submit(async () => {
      const made = brand ? await desk.api.patch<Brand>(`/brands/${id}`, body) : await desk.api.post<Brand>("/brands", body);
      desk.brands.update((all) => brand ? all.map((b) => b.id === id ? made : b) : [...all.filter((b) => b.id !== made.id), made]);
      if (!brand) go({ at: "admin", page: "brands", item: made.id }, true);
    });
  }

  const labels: Record<Part, () => string> = {
    title: () => at().title,
    greeting: () => at().greeting,
    intro: () => at().intro,
    offline: () => at().offlineText,
    contact_form: () => at().contactForm,
    thanks: () => at().thanks,
  };
  return (
    <FormFrame
      form={form}
      isNew={!brand}
      title={() => (form.values().name || at().newBrand)}
      onSave={save}
      more={brand
        ? (
          <RemoveButton
            name={brand.name}
            remove={async () => {
              const done = await desk.attempt(() => desk.api.remove(`/brands/${id}`));
              if (!done) return;
              desk.brands.update((all) => all.filter((b) => b.id !== id));
              go({ at: "admin", page: "brands", item: undefined }, true);
            }}
          />
        )
        : null}
    >
      <div class="two">
        <TextField form={form} name="name" label={() => at().name} maxLength={80} />
        <TextField form={form} name="website" label={() => at().website} type="url" />
      </div>
      {brand
        ? (
          <div class="field">
            <span class="label">{() => at().logo}</span>
            <PictureField
              name={() => form.values().name}
              picture={() => desk.brands().find((b) => b.id === id)?.logo}
              path={`/brands/${id}/logo`}
              changed={(logo) => desk.brands.update((all) => all.map((b) => b.id === id ? { ...b, logo } : b))}
            />
          </div>
        )
        : null}
      <fieldset>
        <legend>{() => at().colours}</legend>
        <div class="two">
          <ColourField form={form} name="colour" label={() => at().colour} />
          <ColourField form={form} name="on_colour" label={() => at().onColour} against="colour" />
          <ColourField form={form} name="colour_dark" label={() => at().colourDark} />
          <ColourField form={form} name="on_colour_dark" label={() => at().onColourDark} against="colour_dark" />
        </div>
      </fieldset>
      <div class="previews" aria-hidden="true">
        <Preview form={form} l={l} dark={false} />
        <Preview form={form} l={l} dark />
      </div>
      <fieldset>
        <legend>{() => at().widgetTexts}</legend>
        <Choice<Lang>
          legend={() => at().language}
          name="text-language"
          value={l}
          set={(v) => l.set(v)}
          options={[["fr", () => at().french], ["en", () => at().english]]}
        />
        {() => {
          const now = l();
          return (
            <div class="stack" lang={now}>
              {parts.map((part) => (
                <TextField
                  form={form}
                  name={`${now}.${part}`}
                  label={labels[part]}
                  maxLength={500}
                  {...(part === "intro" || part === "offline" || part === "thanks" ? { rows: 2 } : {})}
                />
              ))}
            </div>
          );
        }}
      </fieldset>
    </FormFrame>
  );
}

/** The head of the chat as customers will see it. */
function Preview({ form, l, dark }: { form: Form<Values>; l: () => Lang; dark: boolean }) {
  const colour = (name: "colour" | "colour_dark" | "on_colour" | "on_colour_dark") => {
    const value = form.values()[name];
    return isHex(value) ? value : undefined;
  };
  return (
    <div class="preview" data-scheme={dark ? "dark" : "light"}>
      <p
        class="bar"
        style={() => ({
          "background-color": colour(dark ? "colour_dark" : "colour"),
          color: colour(dark ? "on_colour_dark" : "on_colour"),
        })}
      >
        {() => form.values()[`${l()}.title`] || form.values().name || "…"}
      </p>
      <p class="hello">
        <strong>{() => form.values()[`${l()}.greeting`]}</strong>
        <span>{() => form.values()[`${l()}.intro`]}</span>
      </p>
      <span
        class="launcher"
        style={() => ({
          "background-color": colour(dark ? "colour_dark" : "colour"),
          color: colour(dark ? "on_colour_dark" : "on_colour"),
        })}
      >
        <Icon d={icons.chat} />
      </span>
    </div>
  );
}
