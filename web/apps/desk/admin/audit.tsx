/** The audit log: who did what, by pages, filtered, as CSV. */
import { at } from "../../../models/desk/admin-strings.ts";
import { gt } from "../../../models/desk/governing-strings.ts";
import { rt } from "../../../models/desk/routing-strings.ts";
import { t } from "../../../models/desk/strings.ts";
import type { AuditEntry, Page } from "../../../models/desk/types.ts";
import { Button } from "../../../ui/basics.tsx";
import * as icons from "../../../ui/icons.ts";
import { For } from "../../../ui/jsx-runtime.ts";
import { signal } from "../../../ui/signals.ts";
import { desk } from "../state.ts";
import { dateTime } from "../texts.ts";

const kinds = ["agents", "roles", "brands", "inboxes", "teams", "tokens", "webhooks", "tags", "canned", "conversations", "audit"] as const;

export function AuditPage() {
  const entries = signal<readonly AuditEntry[]>([]);
  const next = signal<string | null>(null);
  const actor = signal(""), action = signal("");
  const query = () => ({ actor: actor.peek() || undefined, action: action.peek() || undefined });
  let asked = 0;
  const load = (cursor?: string) => {
    const mine = ++asked;
    return desk.attempt(async () => {
      const page = await desk.api.get<Page<AuditEntry>>("/audit", { query: { ...query(), limit: 50, cursor } });
      if (mine !== asked) return;
      entries.update((all) => cursor ? [...all, ...page.items] : page.items);
      next.set(page.next_cursor);
    });
  };
  void load();
  const names: Record<typeof kinds[number], () => string> = {
    agents: () => at().agents,
    roles: () => at().roles,
    brands: () => at().brands,
    inboxes: () => at().inboxes,
    teams: () => rt().teams,
    tokens: () => gt().tokens,
    webhooks: () => gt().webhooks,
    tags: () => at().tags,
    canned: () => at().canned,
    conversations: () => gt().othersConversations,
    audit: () => gt().audit,
  };
  const save = () =>
    desk.attempt(async () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await desk.api.blob("/audit/export", { query: query() }));
      link.download = "audit.csv";
      link.click();
      URL.revokeObjectURL(link.href);
      await load();
    });
  return (
    <div class="page wide">
      <p class="sub">{() => gt().auditHint}</p>
      <div class="line filters">
        <select
          class="input"
          aria-label={() => gt().who}
          onChange={(e) => {
            actor.set(e.currentTarget.value);
            void load();
          }}
        >
          <option value="">{() => gt().everybody}</option>
          {() => desk.agents().map((a) => <option value={a.id}>{a.name}</option>)}
        </select>
        <select
          class="input"
          aria-label={() => gt().what}
          onChange={(e) => {
            action.set(e.currentTarget.value);
            void load();
          }}
        >
          <option value="">{() => gt().everything}</option>
          {kinds.map((kind) => <option value={kind}>{names[kind]}</option>)}
        </select>
        <Button kind="outline" icon={icons.download} onClick={save}>CSV</Button>
      </div>
      <ul class="rows">
        <For each={entries} by={(e: AuditEntry) => e.id} fallback={() => <li class="sub">{() => at().noItems}</li>}>
          {(e) => (
            <li>
              <span class="grow">
                <strong>{() => e().label}</strong>
                <span>{() => (e().target_name ? ` ${e().target_name}` : "")}</span>
                <span class="sub">
                  {() => `${e().actor.name}${e().token ? ` (${gt().byToken})` : ""} · ${dateTime(e().at)}`}
                </span>
                {() => {
                  const data = Object.entries(e().data);
                  return data.length === 0 ? null : (
                    <details>
                      <summary class="sub">{() => t().details}</summary>
                      <dl class="pairs">
                        {data.map(([key, value]) => [<dt>{key}</dt>, <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>])}
                      </dl>
                    </details>
                  );
                }}
              </span>
            </li>
          )}
        </For>
      </ul>
      {() => (next() ? <Button kind="outline" onClick={() => void load(next.peek() ?? undefined)}>{gt().more}</Button> : null)}
    </div>
  );
}
