/** One inbox: how to put it on a site, who works there, how conversations are given out. */
import { at } from "../../../models/desk/admin-strings.ts";
import { Form } from "../../../models/desk/form.ts";
import { rp } from "../../../models/desk/report-strings.ts";
import { rt } from "../../../models/desk/routing-strings.ts";
import type { Inbox } from "../../../models/desk/types.ts";
import { Button } from "../../../ui/basics.tsx";
import * as icons from "../../../ui/icons.ts";
import { Show } from "../../../ui/jsx-runtime.ts";
import { confirmDialog } from "../../../ui/overlay.tsx";
import { signal } from "../../../ui/signals.ts";
import { desk, go } from "../state.ts";
import { languageName } from "../texts.ts";
import { copy, FormFrame, NumberField, RemoveButton, SelectField, SetField, TextField } from "./fields.tsx";
import { hoursOptions } from "./hours.tsx";
import { openSurvey } from "./survey.tsx";
import { listOf, strategyOptions } from "./teams.tsx";

interface Values {
  name: string;
  key: string;
  brand_id: string;
  languages: string[];
  default_language: string;
  assignment: string;
  language_rule: string;
  identity: string;
  origins: string;
  reopen_days: number;
  members: string[];
  team: string;
  strategy: string;
  skills: string;
  hours: string;
}

function valuesOf(i: Inbox | undefined): Values {
  return {
    name: i?.name ?? "",
    key: i?.key ?? "",
    brand_id: i?.brand_id ?? desk.brands.peek()[0]?.id ?? "",
    languages: i?.languages ?? ["fr", "en"],
    default_language: i?.default_language ?? "fr",
    assignment: i?.assignment ?? "automatic",
    language_rule: i?.language_rule ?? "prefer",
    identity: i?.identity ?? "optional",
    origins: (i?.allowed_origins ?? []).join("\n"),
    reopen_days: i?.reopen_days ?? 30,
    members: i?.members ?? [desk.myId.peek()],
    team: i?.team ?? "",
    strategy: i?.strategy ?? "round_robin",
    skills: (i?.skills ?? []).join(", "),
    hours: i?.hours ?? "",
  };
}

export function InboxForm({ id }: { id: string }) {
  const inbox = desk.inboxes.peek().find((i) => i.id === id);
  const form = new Form<Values>(valuesOf(inbox), (e) => desk.explain(e));

  async function save(): Promise<void> {
    const { origins, brand_id, key, team, skills, hours, ...rest } = form.values.peek();
    const body: Record<string, unknown> = {
      ...rest,
      team: team || null,
      hours: hours || null,
      skills: listOf(skills),
      allowed_origins: origins.split(/[\s,]+/).filter(Boolean),
    };
    if (key.trim() !== "") body.key = key.trim();
    if (!inbox) body.brand_id = brand_id;
    const done = await form.submit(async () => {
      const made = inbox ? await desk.api.patch<Inbox>(`/inboxes/${id}`, body) : await desk.api.post<Inbox>("/inboxes", body);
      desk.inboxes.update((all) => inbox ? all.map((i) => i.id === id ? made : i) : [...all.filter((i) => i.id !== made.id), made]);
      if (!inbox) go({ at: "admin", page: "inboxes", item: made.id }, true);
    });
    const wrong = form.wrong.peek().allowed_origins;
    if (!done && wrong) form.wrong.update((all) => ({ ...all, origins: wrong }));
  }
  const languages = (): [string, string][] => [["fr", languageName("fr")], ["en", languageName("en")]];
  const snippet = () => `<script src="${location.origin}/widget.js" data-inbox="${form.values().key}" async></script>`;

  return (
    <FormFrame
      form={form}
      isNew={!inbox}
      title={() => form.values().name || at().newInbox}
      onSave={save}
      more={inbox
        ? (
          <RemoveButton
            name={inbox.name}
            remove={async () => {
              const done = await desk.attempt(() => desk.api.remove(`/inboxes/${id}`));
              if (!done) return;
              desk.inboxes.update((all) => all.filter((i) => i.id !== id));
              go({ at: "admin", page: "inboxes", item: undefined }, true);
            }}
          />
        )
        : null}
    >
      <div class="two">
        <TextField form={form} name="name" label={() => at().name} maxLength={80} />
        <TextField form={form} name="key" label={() => at().key} hint={() => at().keyHint} maxLength={60} />
      </div>
      {inbox
        ? (
          <div class="field">
            <span class="label">{() => at().snippet}</span>
            <div class="snippet">
              <code>{snippet}</code>
              <Button small kind="outline" icon={icons.copy} onClick={() => copy(snippet())}>{() => at().copy}</Button>
            </div>
            <span class="hint">{() => at().snippetHint}</span>
          </div>
        )
        : (
          <SelectField
            form={form}
            name="brand_id"
            label={() => at().brand}
            options={() => desk.brands().map((b): [string, string] => [b.id, b.name])}
          />
        )}
      <TextField form={form} name="origins" label={() => at().origins} hint={() => at().originsHint} rows={3} />
      <div class="two">
        <SelectField
          form={form}
          name="assignment"
          label={() => at().assignment}
          options={() => [["automatic", at().automatic], ["manual", at().manual]]}
        />
        <SelectField
          form={form}
          name="language_rule"
          label={() => at().languageRule}
          options={() => [["prefer", at().prefer], ["require", at().require]]}
        />
        <SelectField
          form={form}
          name="team"
          label={() => rt().team}
          hint={() => rt().teamHint}
          options={() => [["", rt().everybody], ...desk.teams().map((team): [string, string] => [team.id, team.name])]}
        />
        <SelectField
          form={form}
          name="strategy"
          label={() => rt().strategy}
          hint={() => rt().strategyHint}
          disabled={() => form.values().team !== ""}
          options={strategyOptions}
        />
        <SelectField
          form={form}
          name="hours"
          label={() => rt().hoursOf}
          hint={() => rt().hoursHint}
          options={() => hoursOptions(rt().alwaysOpen)}
        />
        <SetField form={form} name="languages" label={() => at().languages} options={languages} />
        <SelectField form={form} name="default_language" label={() => at().defaultLanguage} options={languages} />
        <SelectField
          form={form}
          name="identity"
          label={() => at().identity}
          options={() => [["optional", at().identityOptional], ["required", at().identityRequired]]}
        />
        <NumberField form={form} name="reopen_days" label={() => at().reopenDays} min={0} max={3650} />
      </div>
      <SetField
        form={form}
        name="members"
        label={() => at().members}
        hint={() => at().membersHint}
        options={() => desk.agents().filter((a) => a.active).map((a): [string, string] => [a.id, a.public_name])}
      />
      <TextField form={form} name="skills" label={() => rt().skillsNeeded} hint={() => rt().skillsInboxHint} maxLength={400} />
      {inbox
        ? (
          <div class="field">
            <span class="label">{() => rp().surveys}</span>
            <span>
              <Button small kind="outline" icon={icons.star} popup="dialog" onClick={() => void openSurvey(id)}>
                {() => rp().setUpSurveys}
              </Button>
            </span>
            <span class="hint">{() => rp().surveysHint}</span>
          </div>
        )
        : null}
      {inbox ? <Secret id={id} /> : null}
    </FormFrame>
  );
}

function Secret({ id }: { id: string }) {
  const shown = signal(false);
  const secret = () => desk.inboxes().find((i) => i.id === id)?.identity_secret;
  return (
    <Show when={secret}>
      {() => (
        <div class="field">
          <span class="label">{() => at().secret}</span>
          <div class="snippet">
            <code>{() => (shown() ? secret() : "•".repeat(24))}</code>
            <Button small kind="outline" icon={icons.eye} pressed={shown} onClick={() => shown.update((s) => !s)}>
              {() => (shown() ? at().hideSecret : at().showSecret)}
            </Button>
            <Button small kind="outline" icon={icons.copy} onClick={() => copy(secret() ?? "")}>{() => at().copy}</Button>
            <Button
              small
              kind="ghost"
              icon={icons.refresh}
              onClick={async () => {
                const yes = await confirmDialog({
                  title: at.peek().newSecret,
                  text: at.peek().newSecretAsk,
                  yes: at.peek().newSecret,
                  danger: true,
                });
                if (!yes) return;
                await desk.attempt(async () => {
                  const { identity_secret } = await desk.api.post<{ identity_secret: string }>(`/inboxes/${id}/identity-secret`);
                  desk.inboxes.update((all) => all.map((i) => i.id === id ? { ...i, identity_secret } : i));
                });
              }}
            >
              {() => at().newSecret}
            </Button>
          </div>
          <span class="hint">{() => at().secretHint}</span>
        </div>
      )}
    </Show>
  );
}
