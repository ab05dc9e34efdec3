/** What an inbox asks its customers after a resolution. */
import { Form } from "../../../models/desk/form.ts";
import { rp } from "../../../models/desk/report-strings.ts";
import { t } from "../../../models/desk/strings.ts";
import type { SurveySettings } from "../../../models/desk/types.ts";
import { Spinner } from "../../../ui/basics.tsx";
import { openDialog } from "../../../ui/overlay.tsx";
import { Show } from "../../../ui/jsx-runtime.ts";
import { signal } from "../../../ui/signals.ts";
import { Switch } from "../preferences.tsx";
import { desk } from "../state.ts";
import { FormFrame, NumberField, SelectField, TextField } from "./fields.tsx";

interface Values {
  active: boolean;
  scale: SurveySettings["scale"];
  fr: string;
  en: string;
  /** Minutes. */
  delay: number;
  every_days: number;
  change_hours: number;
}

export function openSurvey(inbox: string): Promise<void> {
  return openDialog({ title: () => rp().surveys, class: "mail-form", body: () => <SurveyForm inbox={inbox} /> });
}

function SurveyForm({ inbox }: { inbox: string }) {
  const path = `/inboxes/${inbox}/survey`;
  const now = signal<SurveySettings | undefined>(undefined);
  void desk.attempt(async () => now.set(await desk.api.get<SurveySettings>(path)));
  return (
    <>
      {() => {
        const settings = now();
        return settings ? <Loaded path={path} settings={settings} /> : <Spinner label={() => t().loading} />;
      }}
    </>
  );
}

function Loaded({ path, settings }: { path: string; settings: SurveySettings }) {
  const form = new Form<Values>({
    active: settings.active,
    scale: settings.scale,
    fr: settings.questions.fr ?? "",
    en: settings.questions.en ?? "",
    delay: Math.round(settings.delay / 60),
    every_days: settings.every_days,
    change_hours: settings.change_hours,
  }, (e) => desk.explain(e));
  async function save(): Promise<void> {
    const { fr, en, delay, ...rest } = form.values.peek();
    const done = await form.submit(async () => {
      await desk.api.put<SurveySettings>(path, { ...rest, delay: delay * 60, questions: { fr: fr.trim() || null, en: en.trim() || null } });
    });
    const wrong = form.wrong.peek();
    if (!done) {
      form.wrong.set({
        ...wrong,
        ...(wrong["questions.fr"] ? { fr: wrong["questions.fr"] } : {}),
        ...(wrong["questions.en"] ? { en: wrong["questions.en"] } : {}),
      });
    }
  }
  return (
    <FormFrame form={form} isNew={false} title={() => rp().surveys} onSave={save}>
      <p class="sub">{() => rp().surveysHint}</p>
      <Switch label={() => rp().surveyOn} on={() => form.values().active} set={(on) => form.set("active", on)} />
      <Show when={() => form.values().active}>
        {() => (
          <div class="two">
            <SelectField
              form={form}
              name="scale"
              label={() => rp().scale}
              options={() => [["faces", rp().faces], ["stars", rp().stars], ["nps", rp().npsScale]]}
            />
            <NumberField form={form} name="delay" label={() => rp().delay} min={0} max={10080} />
            <TextField form={form} name="fr" label={() => rp().questionFr} hint={() => rp().questionHint} maxLength={200} />
            <TextField form={form} name="en" label={() => rp().questionEn} hint={() => rp().questionHint} maxLength={200} />
            <NumberField form={form} name="every_days" label={() => rp().everyDays} hint={() => rp().everyDaysHint} min={0} max={365} />
            <NumberField form={form} name="change_hours" label={() => rp().changeHours} min={0} max={720} />
          </div>
        )}
      </Show>
    </FormFrame>
  );
}
