/** What one person chooses: name, picture, language, appearance, alerts, keys. */
import { al } from "../../models/desk/alert-strings.ts";
import { alertEvents, alertWays } from "../../models/desk/alerts.ts";
import { t } from "../../models/desk/strings.ts";
import { w } from "../../models/desk/working-strings.ts";
import { Avatar, Button, Field } from "../../ui/basics.tsx";
import { type Lang, lang } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import { openDialog } from "../../ui/overlay.tsx";
import { type Signal, signal } from "../../ui/signals.ts";
import { askNotifications, chime } from "./news.ts";
import { chooseLang, letters, notifications, type Scheme, scheme, sound, undoSeconds } from "./prefs.ts";
import { desk } from "./state.ts";

export function Switch(props: { label: () => string; hint?: () => string | undefined; on: () => boolean; set: (on: boolean) => void }) {
  return (
    <label class="switch">
      <input type="checkbox" role="switch" checked={props.on} onChange={(e) => props.set(e.currentTarget.checked)} />
      <span class="track" aria-hidden="true" />
      <span class="grow">
        <span>{props.label}</span>
        {props.hint ? <span class="hint">{props.hint}</span> : null}
      </span>
    </label>
  );
}

export function Choice<V extends string>(
  props: { legend: () => string; name: string; value: () => V; set: (v: V) => void; options: [V, () => string][] },
) {
  return (
    <fieldset class="choice">
      <legend>{props.legend}</legend>
      <div class="segments">
        {props.options.map(([value, label]) => (
          <label>
            <input
              type="radio"
              name={props.name}
              value={value}
              checked={() => props.value() === value}
              onChange={() => props.set(value)}
            />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** A picture with its buttons: choose another, remove. */
export function PictureField(
  props: { name: () => string; picture: () => string | null | undefined; path: string; changed: (picture: string | null) => void },
) {
  const picker = (
    <input
      type="file"
      accept="image/png,image/jpeg,image/webp"
      class="vh"
      tabIndex={-1}
      aria-hidden="true"
      onChange={(e) => {
        const file = e.currentTarget.files?.[0];
        e.currentTarget.value = "";
        if (!file) return;
        if (file.size > 512 * 1024) return desk.tell(t.peek().pictureTooLarge, true);
        void desk.attempt(async () => props.changed(await desk.api.putPicture(props.path, file)));
      }}
    />
  ) as HTMLInputElement;
  return (
    <div class="picture-field">
      {picker}
      <Avatar name={props.name} picture={props.picture} size="3.5rem" />
      <div class="grow">
        <div class="actions">
          <Button small kind="outline" icon={icons.image} onClick={() => picker.click()}>{() => t().changePicture}</Button>
          {() => (props.picture()
            ? (
              <Button
                small
                kind="ghost"
                icon={icons.trash}
                label={() => t().removePicture}
                onClick={() =>
                  void desk.attempt(async () => {
                    await desk.api.remove(props.path);
                    props.changed(null);
                  })}
              />
            )
            : null)}
        </div>
        <span class="hint">{() => t().pictureHint}</span>
      </div>
    </div>
  );
}

export function openPreferences(): void {
  const me = desk.me.peek();
  if (!me) return;
  const name = signal(me.name), publicName = signal(me.public_name), denied = signal(false);
  const save = (field: "name" | "public_name", value: Signal<string>) => async () => {
    const text = value.peek().trim(), now = desk.me.peek();
    if (!now || text === "" || text === now[field]) return;
    await desk.attempt(async () => desk.me.set(await desk.api.saveMe({ [field]: text })));
  };
  void openDialog({
    title: () => t().preferences,
    class: "preferences",
    body: () => (
      <div class="stack">
        <PictureField
          name={() => desk.me()?.public_name ?? ""}
          picture={() => desk.me()?.picture}
          path="/me/picture"
          changed={(picture) => {
            const now = desk.me.peek();
            if (now) desk.me.set({ ...now, picture });
          }}
        />
        <div class="two">
          <Field label={() => t().publicName} hint={() => t().publicNameHint}>
            {(tie) => (
              <input
                class="input"
                value={publicName.peek()}
                maxLength={80}
                autocomplete="off"
                {...tie}
                onInput={(e) => publicName.set(e.currentTarget.value)}
                onChange={save("public_name", publicName)}
              />
            )}
          </Field>
          <Field label={() => t().yourName}>
            {(tie) => (
              <input
                class="input"
                value={name.peek()}
                maxLength={80}
                autocomplete="off"
                {...tie}
                onInput={(e) => name.set(e.currentTarget.value)}
                onChange={save("name", name)}
              />
            )}
          </Field>
        </div>
        <Choice<Lang>
          legend={() => t().interfaceLanguage}
          name="lang"
          value={lang}
          set={chooseLang}
          options={[["fr", () => "Français"], ["en", () => "English"]]}
        />
        <Choice<Scheme>
          legend={() => t().appearance}
          name="scheme"
          value={scheme}
          set={(v) => scheme.set(v)}
          options={[["system", () => t().system], ["light", () => t().light], ["dark", () => t().dark]]}
        />
        <Choice<string>
          legend={() => w().undoSend}
          name="undo"
          value={() => String(undoSeconds())}
          set={(v) => undoSeconds.set(Number(v))}
          options={[["0", () => w().undoOff], ...[5, 10, 20].map((s): [string, () => string] => [String(s), () => w().undoFor(s)])]}
        />
        <section class="stack tight">
          <h3>{() => t().alerts}</h3>
          <div class="line">
            <Switch label={() => t().sound} on={sound} set={(on) => sound.set(on)} />
            <Button small kind="ghost" onClick={chime}>{() => t().soundTest}</Button>
          </div>
          <Switch
            label={() => t().notifications}
            hint={() => (denied() ? t().notificationsDenied : undefined)}
            on={notifications}
            set={async (on) => {
              const may = !on || (await askNotifications());
              denied.set(!may);
              notifications.set(on && may);
            }}
          />
        </section>
        <AlertTable />
        <section class="stack tight">
          <h3>{() => t().keyboard}</h3>
          <Switch label={() => t().singleKeys} hint={() => t().singleKeysHint} on={letters} set={(on) => letters.set(on)} />
        </section>
      </div>
    ),
  });
}

/** What tells me, by which way; kept by the server for all my devices. */
function AlertTable() {
  const { alerts } = desk;
  return (
    <section class="stack tight">
      <h3>{() => al().whatTells}</h3>
      <p class="hint">{() => al().whatTellsHint}</p>
      <table class="alerts">
        <thead>
          <tr>
            <td />
            {alertWays.map((way) => <th scope="col">{() => al()[way]}</th>)}
          </tr>
        </thead>
        <tbody>
          {alertEvents.map((event) => (
            <tr>
              <th scope="row">{() => al()[event]}</th>
              {alertWays.map((way) => (
                <td>
                  <input
                    type="checkbox"
                    aria-label={() => al().by(al()[event], al()[way])}
                    checked={() => alerts.settings().events[event].includes(way)}
                    disabled={() => way === "email" && !alerts.settings().mail}
                    onChange={(e) => {
                      const rest = alerts.settings.peek().events[event].filter((one) => one !== way);
                      void alerts.save({ events: { [event]: e.currentTarget.checked ? [...rest, way] : rest } });
                    }}
                  />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p class="hint">{() => (alerts.settings().mail ? al().emailHint : al().noMail)}</p>
      <Switch
        label={() => al().quietHours}
        hint={() => al().quietHint}
        on={() => alerts.settings().quiet.on}
        set={(on) => void alerts.save({ quiet: { on, time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone } })}
      />
      {() =>
        alerts.settings().quiet.on
          ? (
            <div class="two">
              {(["from", "to"] as const).map((end) => (
                <Field label={() => (end === "from" ? al().from : al().until)}>
                  {(tie) => (
                    <input
                      class="input"
                      type="time"
                      required
                      value={alerts.settings.peek().quiet[end]}
                      {...tie}
                      onChange={(e) => {
                        if (e.currentTarget.value !== "") void alerts.save({ quiet: { [end]: e.currentTarget.value } });
                      }}
                    />
                  )}
                </Field>
              ))}
            </div>
          )
          : null}
    </section>
  );
}
