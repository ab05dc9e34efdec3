/** One webhook: where to, of what, its secret, and what was delivered. */
import { at } from "../../../models/desk/admin-strings.ts";
import { Form } from "../../../models/desk/form.ts";
import { gt } from "../../../models/desk/governing-strings.ts";
import { t } from "../../../models/desk/strings.ts";
import type { Delivery, Page, Webhook } from "../../../models/desk/types.ts";
import { Button } from "../../../ui/basics.tsx";
import * as icons from "../../../ui/icons.ts";
import { For } from "../../../ui/jsx-runtime.ts";
import { confirmDialog, toast } from "../../../ui/overlay.tsx";
import { signal } from "../../../ui/signals.ts";
import { Switch } from "../preferences.tsx";
import { desk, go } from "../state.ts";
import { dateTime } from "../texts.ts";
import { copy, FormFrame, RemoveButton, SetField, TextField } from "./fields.tsx";

interface Values {
  name: string;
  url: string;
  events: string[];
  brands: string[];
  inboxes: string[];
  active: boolean;
}

export function WebhookForm({ id }: { id: string }) {
  const hook = desk.webhooks.peek().find((h) => h.id === id);
  const form = new Form<Values>({
    name: hook?.name ?? "",
    url: hook?.url ?? "",
    events: hook?.events ?? ["message.created"],
    brands: hook?.brands ?? [],
    inboxes: hook?.inboxes ?? [],
    active: hook?.active ?? true,
  }, (e) => desk.explain(e));
  const limited = desk.me.peek()?.brands !== null;
  const now = () => desk.webhooks().find((h) => h.id === id);

  async function save(): Promise<void> {
    await form.submit(async () => {
      const { brands, inboxes, ...rest } = form.values.peek();
      const body = {
        ...rest,
        ...(brands.length > 0 ? { brands } : limited ? {} : { brands: null }),
        inboxes: inboxes.length > 0 ? inboxes : null,
      };
      const made = hook ? await desk.api.patch<Webhook>(`/webhooks/${id}`, body) : await desk.api.post<Webhook>("/webhooks", body);
      await desk.loadWebhooks();
      if (!hook) go({ at: "admin", page: "webhooks", item: made.id }, true);
    });
  }

  return (
    <FormFrame
      form={form}
      isNew={!hook}
      title={() => form.values().name || gt().newWebhook}
      onSave={save}
      more={hook
        ? (
          <RemoveButton
            name={hook.name}
            remove={async () => {
              if (!await desk.attempt(() => desk.api.remove(`/webhooks/${id}`))) return;
              desk.webhooks.update((all) => all.filter((h) => h.id !== id));
              go({ at: "admin", page: "webhooks", item: undefined }, true);
            }}
          />
        )
        : null}
    >
      {() => {
        const one = now();
        if (one?.notice && !one.active) return <p class="wrong" role="status">{gt().switchedOff(one.notice)}</p>;
        return one?.failing_since ? <p class="wrong" role="status">{gt().failingSince(dateTime(one.failing_since))}</p> : null;
      }}
      <div class="two">
        <TextField form={form} name="name" label={() => at().name} maxLength={80} />
        <TextField form={form} name="url" label={() => gt().address} hint={() => gt().addressHint} type="url" maxLength={2000} />
      </div>
      <SetField
        form={form}
        name="events"
        label={() => gt().events}
        options={() => desk.webhookEvents().map((e): [string, string] => [e, gt().eventName(e)])}
      />
      {() =>
        desk.brands().length > 1
          ? (
            <SetField
              form={form}
              name="brands"
              label={() => at().brands}
              hint={() => gt().noneMeansAll}
              options={() => desk.brands().map((b): [string, string] => [b.id, b.name])}
            />
          )
          : null}
      <SetField
        form={form}
        name="inboxes"
        label={() => t().inboxes}
        hint={() => gt().noneMeansAll}
        options={() => desk.inboxes().map((i): [string, string] => [i.id, i.name])}
      />
      {hook
        ? (
          <>
            <Switch label={() => gt().webhookActive} on={() => form.values().active} set={(on) => form.set("active", on)} />
            <Secret id={id} secret={() => now()?.secret ?? ""} />
            <Deliveries id={id} />
          </>
        )
        : null}
    </FormFrame>
  );
}

function Secret({ id, secret }: { id: string; secret: () => string }) {
  const shown = signal(false);
  return (
    <div class="field">
      <span class="label">{() => gt().signingSecret}</span>
      <div class="snippet">
        <code>{() => (shown() ? secret() : "•".repeat(24))}</code>
        <Button small kind="outline" icon={icons.eye} pressed={shown} onClick={() => shown.update((s) => !s)}>
          {() => (shown() ? at().hideSecret : at().showSecret)}
        </Button>
        <Button small kind="outline" icon={icons.copy} onClick={() => copy(secret())}>{() => at().copy}</Button>
        <Button
          small
          kind="ghost"
          icon={icons.refresh}
          onClick={async () => {
            const yes = await confirmDialog({ title: at.peek().newSecret, text: gt.peek().rotateAsk, yes: at.peek().newSecret });
            if (!yes) return;
            await desk.attempt(async () => {
              await desk.api.post(`/webhooks/${id}/secret`);
              await desk.loadWebhooks();
            });
          }}
        >
          {() => at().newSecret}
        </Button>
      </div>
      <span class="hint">{() => gt().signingHint}</span>
    </div>
  );
}

function Deliveries({ id }: { id: string }) {
  const rows = signal<readonly Delivery[]>([]);
  const next = signal<string | null>(null);
  const load = (cursor?: string) =>
    desk.attempt(async () => {
      const page = await desk.api.get<Page<Delivery>>(`/webhooks/${id}/deliveries`, { query: { limit: 20, cursor } });
      rows.update((all) => cursor ? [...all, ...page.items] : page.items);
      next.set(page.next_cursor);
    });
  void load();
  const outcome = (d: Delivery) =>
    d.state === "done"
      ? gt().delivered
      : d.state === "failed"
      ? gt().notDelivered
      : d.attempts > 0 && !(d.status && d.status < 300)
      ? gt().triedAgain
      : gt().waits;
  return (
    <section class="deliveries" aria-label={() => gt().deliveries}>
      <div class="line">
        <h3 class="grow">{() => gt().deliveries}</h3>
        <Button
          small
          kind="outline"
          icon={icons.send}
          onClick={() =>
            desk.attempt(async () => {
              const answer = await desk.api.post<{ status: number | null; error: string | null; done: boolean }>(`/webhooks/${id}/test`);
              toast(answer.done ? gt.peek().testWorked : gt.peek().testFailed(String(answer.status ?? answer.error)), {
                bad: !answer.done,
              });
            })}
        >
          {() => gt().sendTest}
        </Button>
        <Button small kind="ghost" icon={icons.refresh} label={() => gt().reload} onClick={() => void load()} />
      </div>
      <ul class="rows">
        <For each={rows} by={(d: Delivery) => d.id} fallback={() => <li class="sub">{() => at().noItems}</li>}>
          {(d) => (
            <li>
              <span class="grow">
                <strong>{() => gt().eventName(d().event)}</strong>
                <span class="sub">
                  {() =>
                    [dateTime(d().created_at), outcome(d()), d().status ?? d().error, d().attempts > 1 ? gt().attempts(d().attempts) : ""]
                      .filter(Boolean).join(" · ")}
                </span>
                <details>
                  <summary class="sub">{() => t().details}</summary>
                  <pre class="body" tabIndex={0}>{() => pretty(d().body)}</pre>
                </details>
              </span>
              <Button
                small
                kind="outline"
                icon={icons.refresh}
                label={() => gt().replay}
                onClick={() =>
                  desk.attempt(async () => {
                    await desk.api.post(`/webhooks/${id}/deliveries/${d.peek().id}/replay`);
                    await load();
                  })}
              />
            </li>
          )}
        </For>
      </ul>
      {() => (next() ? <Button kind="outline" onClick={() => void load(next.peek() ?? undefined)}>{gt().more}</Button> : null)}
    </section>
  );
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    // As it was sent.
    return body;
  }
}
