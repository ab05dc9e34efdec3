/** Making and changing a saved view: what it asks for, with how many conversations fit while one chooses. */
import { duration } from "../../models/desk/times.ts";
import { Form } from "../../models/desk/form.ts";
import { rt } from "../../models/desk/routing-strings.ts";
import { t } from "../../models/desk/strings.ts";
import { priorities, type SavedView, type ViewFilter } from "../../models/desk/types.ts";
import { emptyFilter } from "../../models/desk/views.ts";
import { w } from "../../models/desk/working-strings.ts";
import { Button, Field } from "../../ui/basics.tsx";
import { lang } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import { Show } from "../../ui/jsx-runtime.ts";
import { confirmDialog, openDialog } from "../../ui/overlay.tsx";
import { Checks } from "./admin/fields.tsx";
import { ChipSet } from "./chip-set.tsx";
import { finished, Tests } from "./customers/filter.tsx";
import { Fitting } from "./fitting.tsx";
import { desk, goView, route } from "./state.ts";
import { languageName, statusName } from "./texts.ts";

const waits = [5, 15, 30, 60, 240, 1440];

interface Values extends ViewFilter {
  name: string;
  shared: boolean;
  sort: SavedView["sort"];
}
type Lists = "inboxes" | "teams" | "assignees" | "tags" | "languages";

export function openViewEditor(view?: SavedView): void {
  if (document.querySelector("dialog.view-editor")) return;
  const form = new Form<Values>(
    view
      ? { ...view.filter, name: view.name, shared: view.scope === "team", sort: view.sort }
      : { ...emptyFilter, name: "", shared: false, sort: "waiting" },
    (error) => desk.explain(error),
  );
  const filter = (): ViewFilter => {
    const { name: _, shared: __, sort: ___, ...rest } = form.values();
    return { ...rest, text: rest.text?.trim() ? rest.text.trim() : null, attributes: finished(rest.attributes) };
  };
  void openDialog({
    title: () => view ? w().editView : w().newView,
    class: "view-editor",
    body: (close) => (
      <form
        class="stack"
        novalidate
        onSubmit={async (e) => {
          e.preventDefault();
          const { name, shared, sort } = form.values.peek();
          let saved: SavedView | undefined;
          const done = await form.submit(async () => {
            saved = await desk.views.save(view?.id, { name, scope: shared ? "team" : "personal", sort, filter: filter() });
          });
          if (!done || !saved) return;
          close();
          goView({ kind: "saved", id: saved.id });
        }}
      >
        <Field label={() => w().viewName} hint={() => w().viewNameHint} wrong={() => form.wrongWith("name")}>
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
        <Checks
          label={() => w().status}
          options={() => (["open", "pending", "snoozed", "resolved"] as const).map((s) => [s, statusName(s)])}
          now={() => form.values().statuses}
          set={(all) => form.set("statuses", all as ViewFilter["statuses"])}
        />
        <ChipSet
          label={() => w().assignees}
          now={() => form.values().assignees}
          set={(all) => form.set("assignees", all)}
          items={() => [
            { id: "me", text: w.peek().meMyself },
            { id: "nobody", text: w.peek().nobodyYet },
            ...desk.agents().filter((a) => a.active).map((a) => ({ id: a.id, text: a.public_name, picture: a.picture, face: true })),
          ]}
        />
        <Show when={() => desk.inboxes().length > 1}>
          {() => (
            <ChipSet
              label={() => w().inboxes}
              now={() => form.values().inboxes}
              set={(all) => form.set("inboxes", all)}
              items={() => desk.inboxes().map((i) => ({ id: i.id, text: i.name }))}
            />
          )}
        </Show>
        <Show when={() => desk.teams().length > 0}>
          {() => (
            <ChipSet
              label={() => rt().teams}
              now={() => form.values().teams}
              set={(all) => form.set("teams", all)}
              items={() => [{ id: "nobody", text: rt.peek().noTeam }, ...desk.teams().map((team) => ({ id: team.id, text: team.name }))]}
            />
          )}
        </Show>
        <ChipSet
          label={() => w().tags}
          now={() => form.values().tags}
          set={(all) => form.set("tags", all)}
          items={() => desk.tags().map((tag) => ({ id: tag.name, text: tag.name, tag: true }))}
        />
        <Show when={() => form.values().tags.length > 1}>
          {() => (
            <div class="checks">
              {(["any", "all"] as const).map((rule) => (
                <label>
                  <input
                    type="radio"
                    name="tags-rule"
                    checked={() => form.values().tags_rule === rule}
                    onChange={() => form.set("tags_rule", rule)}
                  />
                  <span>{() => rule === "any" ? w().tagsAny : w().tagsAll}</span>
                </label>
              ))}
            </div>
          )}
        </Show>
        <Checks
          label={() => w().priority}
          options={() => [...priorities].reverse().map((p) => [p, t()[`priority${p}`]])}
          now={() => form.values().priorities}
          set={(all) => form.set("priorities", all as ViewFilter["priorities"])}
        />
        <ChipSet
          label={() => w().languages}
          now={() => form.values().languages}
          set={(all) => form.set("languages", all)}
          items={() =>
            [...new Set(["fr", "en", ...desk.inboxes().flatMap((i) => i.languages)])].map((l) => ({ id: l, text: languageName(l) }))}
        />
        <Tests
          now={() => form.values().attributes}
          set={(all) => form.set("attributes", all)}
          wrong={() => form.wrongWith("filter.attributes")}
        />
        <div class="two">
          <Field label={() => w().words} hint={() => w().wordsHint} wrong={() => form.wrongWith("filter.text")}>
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
          <Field label={() => w().waiting} wrong={() => form.wrongWith("filter.waiting_minutes")}>
            {(tie) => (
              <select
                class="input"
                {...tie}
                onChange={(e) => form.set("waiting_minutes", e.currentTarget.value === "" ? null : Number(e.currentTarget.value))}
              >
                {[null, ...new Set([...waits, ...(view?.filter.waiting_minutes ? [view.filter.waiting_minutes] : [])])].map((m) => (
                  <option value={m ?? ""} selected={form.values.peek().waiting_minutes === m}>
                    {() =>
                      m === null ? w().waitingAny : duration(lang(), m * 60_000)}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <DateField label={() => w().createdFrom} form={form} name="created_from" />
          <DateField label={() => w().createdTo} form={form} name="created_before" end />
          <Field label={() => w().order} wrong={() => form.wrongWith("sort")}>
            {(tie) => (
              <select class="input" {...tie} onChange={(e) => form.set("sort", e.currentTarget.value as Values["sort"])}>
                {([["waiting", "orderWaiting"], ["newest", "orderNewest"], ["oldest", "orderOldest"]] as const).map(([id, name]) => (
                  <option value={id} selected={form.values.peek().sort === id}>
                    {() =>
                      w()[name]}
                  </option>
                ))}
              </select>
            )}
          </Field>
        </div>
        <Show when={() => desk.may("views.team")}>
          {() => (
            <label class="check">
              <input type="checkbox" checked={() => form.values().shared} onChange={(e) => form.set("shared", e.currentTarget.checked)} />
              <span>
                {() => w().viewShare}
                <span class="hint">{() => w().viewShareHint}</span>
              </span>
            </label>
          )}
        </Show>
        {() => (form.wrong()[""] ? <p class="wrong" role="alert">{form.wrong()[""]}</p> : null)}
        <div class="actions">
          <Fitting
            filter={filter}
            ask={(f, signal) => isEmptySpan(f) ? undefined : desk.api.viewPreview(f, signal)}
            text={(n) => w().fitting(n)}
          />
          {view
            ? (
              <Button
                kind="ghost"
                icon={icons.trash}
                label={() => w().removeViewTitle}
                onClick={async () => {
                  const texts = w.peek();
                  const yes = await confirmDialog({
                    title: texts.removeViewTitle,
                    text: view.scope === "team" ? texts.removeTeamViewAsk(view.name) : texts.removeViewAsk(view.name),
                    yes: texts.remove,
                    danger: true,
                  });
                  if (!yes || !(await desk.attempt(() => desk.views.remove(view.id)))) return;
                  close();
                  const now = route.peek();
                  if (now.at === "desk" && now.view.kind === "saved" && now.view.id === view.id) goView({ kind: "mine" }, now.open);
                }}
              />
            )
            : null}
          <Button onClick={close}>{() => w().cancel}</Button>
          <Button kind="primary" type="submit" disabled={form.busy}>{() => view ? w().save : w().create}</Button>
        </div>
      </form>
    ),
  });
}

function isEmptySpan(f: ViewFilter): boolean {
  return f.created_from !== null && f.created_before !== null && f.created_before <= f.created_from;
}

const day = 86_400_000;

/** A day in the agent's own time; the end of a span is the whole of its day. */
function DateField(props: { label: () => string; form: Form<Values>; name: "created_from" | "created_before"; end?: boolean }) {
  const { form, name } = props;
  const toText = (at: number | null) => {
    if (at === null) return "";
    const d = new Date(props.end ? at - day / 2 : at), two = (n: number) => String(n).padStart(2, "0");
    return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  };
  return (
    <Field label={props.label} wrong={() => form.wrongWith(`filter.${name}`)}>
      {(tie) => (
        <input
          class="input"
          type="date"
          value={() => toText(form.values()[name])}
          {...tie}
          onChange={(e) => {
            const [y, m, d] = e.currentTarget.value.split("-").map(Number);
            form.set(name, y && m && d ? new Date(y, m - 1, d + (props.end ? 1 : 0)).getTime() : null);
          }}
        />
      )}
    </Field>
  );
}
