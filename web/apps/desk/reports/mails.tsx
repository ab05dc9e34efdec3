/** Reports that come by e-mail: which there are, and the form of one. */
import { dayNames } from "../../../models/desk/hours.ts";
import { Form } from "../../../models/desk/form.ts";
import { rp } from "../../../models/desk/report-strings.ts";
import { t } from "../../../models/desk/strings.ts";
import { Button, Icon } from "../../../ui/basics.tsx";
import { lang } from "../../../ui/i18n.ts";
import * as icons from "../../../ui/icons.ts";
import { For, Show } from "../../../ui/jsx-runtime.ts";
import { openDialog, toast } from "../../../ui/overlay.tsx";
import { type Signal, signal } from "../../../ui/signals.ts";
import { FormFrame, NumberField, RemoveButton, SelectField, SetField, TextField } from "../admin/fields.tsx";
import { Switch } from "../preferences.tsx";
import { desk } from "../state.ts";
import { dateTime } from "../texts.ts";

interface ReportMail {
  id: string;
  name: string;
  owner: string;
  cadence: "daily" | "weekly" | "monthly";
  weekday: number;
  monthday: number;
  hour: number;
  time_zone: string;
  language: "fr" | "en";
  inbox: string | null;
  team: string | null;
  recipients: string[];
  active: boolean;
  next_at: number | null;
}
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

export function Mails() {
  const mails: Signal<readonly ReportMail[]> = signal<readonly ReportMail[]>([]);
  const canSend = signal(true);
  void desk.attempt(async () => {
    const answer = await desk.api.get<{ items: ReportMail[]; can_send: boolean }>("/report-mails");
    mails.set(answer.items);
    canSend.set(answer.can_send);
  });
  const when = (m: ReportMail) => {
    const days = m.cadence === "daily"
      ? rp().daily
      : m.cadence === "weekly"
      ? rp().weeklyOn(dayNames(lang())[m.weekday] ?? "")
      : rp().monthlyOn(m.monthday);
    return `${days}, ${m.hour} h`;
  };
  return (
    <section class="box" aria-label={() => rp().mails}>
      <div class="head">
        <h2>{() => rp().mails}</h2>
        <span class="grow" />
        <Button small kind="outline" icon={icons.plus} onClick={() => void edit(undefined, mails)}>{() => rp().newMail}</Button>
      </div>
      <p class="sub">{() => (canSend() ? rp().mailsHint : rp().noMailServer)}</p>
      <ul class="behind">
        <For each={mails} by={(m: ReportMail) => m.id}>
          {(m) => (
            <li>
              <button type="button" onClick={() => void edit(m.peek(), mails)}>
                <Icon d={icons.mail} />
                <strong class="one">{() => m().name}</strong>
                <span>{() => when(m())}</span>
                <span class="sub one">{() => (m().next_at === null ? rp().paused : rp().nextAt(dateTime(m().next_at ?? 0)))}</span>
              </button>
            </li>
          )}
        </For>
      </ul>
    </section>
  );
}

interface Values {
  name: string;
  cadence: string;
  weekday: string;
  monthday: number;
  hour: number;
  language: string;
  inbox: string;
  team: string;
  recipients: string[];
  active: boolean;
}

function edit(mail: ReportMail | undefined, mails: Signal<readonly ReportMail[]>): Promise<void> {
  const form = new Form<Values>({
    name: mail?.name ?? "",
    cadence: mail?.cadence ?? "weekly",
    weekday: String(mail?.weekday ?? 0),
    monthday: mail?.monthday ?? 1,
    hour: mail?.hour ?? 8,
    language: mail?.language ?? lang.peek(),
    inbox: mail?.inbox ?? "",
    team: mail?.team ?? "",
    recipients: mail?.recipients ?? [desk.myId.peek()],
    active: mail?.active ?? true,
  }, (e) => desk.explain(e));
  return openDialog({
    title: () => mail?.name ?? rp().newMail,
    class: "mail-form",
    body: (close) => (
      <FormFrame
        form={form}
        isNew={!mail}
        title={() => form.values().name || rp().newMail}
        onSave={() =>
          void form.submit(async () => {
            const { weekday, inbox, team, ...rest } = form.values.peek();
            const body = {
              ...rest,
              weekday: Number(weekday),
              inbox: inbox || null,
              team: team || null,
              time_zone: mail?.time_zone ?? zone,
            };
            const made = mail
              ? await desk.api.patch<ReportMail>(`/report-mails/${mail.id}`, body)
              : await desk.api.post<ReportMail>("/report-mails", body);
            mails.update((all) => mail ? all.map((m) => m.id === made.id ? made : m) : [...all, made]);
            close();
          })}
        more={mail
          ? [
            <RemoveButton
              name={mail.name}
              remove={async () => {
                if (!await desk.attempt(() => desk.api.remove(`/report-mails/${mail.id}`))) return;
                mails.update((all) => all.filter((m) => m.id !== mail.id));
                close();
              }}
            />,
            <Button
              kind="ghost"
              icon={icons.mail}
              onClick={() =>
                void desk.attempt(async () => {
                  await desk.api.post(`/report-mails/${mail.id}/test`);
                  toast(rp.peek().testSent);
                })}
            >
              {() => rp().test}
            </Button>,
          ]
          : null}
      >
        <TextField form={form} name="name" label={() => rp().mailName} maxLength={80} />
        <div class="two">
          <SelectField
            form={form}
            name="cadence"
            label={() => rp().cadence}
            options={() => [["daily", rp().daily], ["weekly", rp().weekly], ["monthly", rp().monthly]]}
          />
          <Show when={() => form.values().cadence === "weekly"}>
            {() => (
              <SelectField
                form={form}
                name="weekday"
                label={() => rp().weekday}
                options={() => dayNames(lang()).map((name, i): [string, string] => [String(i), name])}
              />
            )}
          </Show>
          <Show when={() => form.values().cadence === "monthly"}>
            {() => <NumberField form={form} name="monthday" label={() => rp().monthday} min={1} max={28} />}
          </Show>
          <NumberField form={form} name="hour" label={() => rp().hour} hint={() => mail?.time_zone ?? zone} min={0} max={23} />
          <SelectField form={form} name="language" label={() => t().language} options={() => [["fr", "Français"], ["en", "English"]]} />
          <SelectField
            form={form}
            name="inbox"
            label={() => rp().inbox}
            options={() => [["", rp().everyInbox], ...desk.inboxes().map((i): [string, string] => [i.id, i.name])]}
          />
          <SelectField
            form={form}
            name="team"
            label={() => rp().team}
            options={() => [["", rp().everyTeam], ...desk.teams().map((i): [string, string] => [i.id, i.name])]}
          />
        </div>
        <SetField
          form={form}
          name="recipients"
          label={() => rp().recipients}
          hint={() => rp().recipientsHint}
          options={() =>
            desk.agents().filter((a) => a.active && (a.email || a.id === desk.myId())).map((a): [string, string] => [a.id, a.public_name])}
        />
        <Switch label={() => rp().mailOn} on={() => form.values().active} set={(on) => form.set("active", on)} />
      </FormFrame>
    ),
  });
}
