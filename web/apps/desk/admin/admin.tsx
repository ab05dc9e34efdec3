/** Administration: a page for each thing, its list, and the form of one. */
import { at } from "../../../models/desk/admin-strings.ts";
import { ct } from "../../../models/desk/customers-strings.ts";
import { m } from "../../../models/desk/automation-strings.ts";
import { gt } from "../../../models/desk/governing-strings.ts";
import { type AdminPage, adminPages, formatRoute } from "../../../models/desk/route.ts";
import { rt } from "../../../models/desk/routing-strings.ts";
import { t } from "../../../models/desk/strings.ts";
import { Button, Icon } from "../../../ui/basics.tsx";
import * as icons from "../../../ui/icons.ts";
import { type Child, For } from "../../../ui/jsx-runtime.ts";
import { computed, effect } from "../../../ui/signals.ts";
import { Back } from "../back.tsx";
import { desk, go, route } from "../state.ts";
import { AuditPage } from "./audit.tsx";
import { AgentForm } from "./agents.tsx";
import { AttributeForm } from "./attributes.tsx";
import { BrandForm } from "./brands.tsx";
import { CannedForm } from "./canned.tsx";
import { HoursForm, openText } from "./hours.tsx";
import { InboxForm } from "./inboxes.tsx";
import { MacroForm } from "./macros.tsx";
import { RuleForm } from "./rules.tsx";
import { RoleForm } from "./roles.tsx";
import { WebhookForm } from "./webhooks.tsx";
import { TokensPage } from "./tokens.tsx";
import { SLAForm } from "./sla.tsx";
import { TagsPage } from "./tags.tsx";
import { TeamForm } from "./teams.tsx";

const needs: Record<AdminPage, string> = {
  brands: "settings.manage",
  inboxes: "settings.manage",
  agents: "agents.manage",
  teams: "agents.manage",
  roles: "roles.manage",
  hours: "settings.manage",
  sla: "settings.manage",
  canned: "canned.use",
  macros: "conversations.write",
  rules: "rules.manage",
  tags: "tags.manage",
  attributes: "settings.manage",
  tokens: "tokens.manage",
  webhooks: "webhooks.manage",
  audit: "audit.read",
};
const pageIcons: Record<AdminPage, string> = {
  brands: icons.star,
  inboxes: icons.inbox,
  agents: icons.user,
  teams: icons.users,
  roles: icons.flag,
  hours: icons.clock,
  sla: icons.alert,
  canned: icons.bolt,
  macros: icons.wand,
  rules: icons.refresh,
  tags: icons.tag,
  attributes: icons.edit,
  tokens: icons.pin,
  webhooks: icons.external,
  audit: icons.list,
};

export interface Entry {
  id: string;
  name: string;
  sub: string;
  mark: Node | null;
}

export function AdminPane() {
  const allowed = computed(() => adminPages.filter((p) => desk.may(needs[p])));
  const page = computed((): AdminPage | undefined => {
    const r = route();
    const wanted = r.at === "admin" ? r.page : undefined;
    return wanted && allowed().includes(wanted) ? wanted : allowed()[0];
  });
  const item = computed(() => {
    const r = route();
    return r.at === "admin" ? r.item : undefined;
  });
  let sections: HTMLElement | undefined;
  void desk.attempt(() => desk.loadRoles());
  if (desk.permissions.peek().has("webhooks.manage")) void desk.attempt(() => desk.loadWebhooks());
  if (desk.permissions.peek().has("rules.manage")) void desk.attempt(() => desk.rules.load());
  effect(() => {
    const r = route(), p = page();
    if (r.at === "admin" && p && r.page !== p) queueMicrotask(() => go({ at: "admin", page: p, item: undefined }, true));
    // On a phone the sections are one line that scrolls.
    if (p) queueMicrotask(() => sections?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }));
  });
  return (
    <main
      class="conversation admin"
      id="conversation"
      tabIndex={-1}
      aria-label={() => t().admin}
      data-item={() => (item() === undefined ? "no" : "yes")}
    >
      <header class="top">
        <Back label={() => at().back} />
        <h1>{() => t().admin}</h1>
        <nav aria-label={() => at().sections} ref={(e) => sections = e}>
          <ul>
            <For each={allowed} by={(p: AdminPage) => p}>
              {(p) => (
                <li>
                  <a
                    href={() => formatRoute({ at: "admin", page: p(), item: undefined })}
                    aria-current={() => (page() === p() ? "page" : undefined)}
                  >
                    <Icon d={pageIcons[p.peek()]} />
                    {() => pageName(p())}
                  </a>
                </li>
              )}
            </For>
          </ul>
        </nav>
      </header>
      {() => {
        const p = page();
        if (p === "tags") return <TagsPage />;
        if (p === "tokens") return <TokensPage />;
        if (p === "audit") return <AuditPage />;
        return p ? <Master page={p} item={item} /> : null;
      }}
    </main>
  );
}

function pageName(page: AdminPage): string {
  if (page === "macros" || page === "rules") return m()[page];
  if (page === "teams" || page === "hours" || page === "sla") return rt()[page];
  if (page === "attributes") return ct().attributesAdmin;
  return page === "tokens" || page === "audit" || page === "webhooks" ? gt()[page] : at()[page];
}

function entriesOf(page: AdminPage): Entry[] {
  switch (page) {
    case "brands":
      return desk.brands().map((b) => ({ id: b.id, name: b.name, sub: b.website ?? "", mark: <Swatch colour={b.colour} /> }));
    case "inboxes":
      return desk.inboxes().map((i) => ({
        id: i.id,
        name: i.name,
        sub: desk.brands().find((b) => b.id === i.brand_id)?.name ?? "",
        mark: <Icon d={icons.inbox} />,
      }));
    case "agents":
      return desk.agents().map((a) => ({
        id: a.id,
        name: a.public_name,
        sub: `${desk.roles().find((r) => r.id === a.role)?.name ?? ""}${a.active ? "" : ` · ${at().inactive}`}`,
        mark: <Icon d={icons.user} />,
      }));
    case "teams":
      return desk.teams().map((team) => ({
        id: team.id,
        name: team.name,
        sub: rt().people(team.members.length),
        mark: <Icon d={icons.users} />,
      }));
    case "roles":
      return desk.roles().map((r) => ({
        id: r.id,
        name: r.name,
        sub: `${r.built_in ? `${at().builtIn} · ` : ""}${at().people(r.agents)}`,
        mark: <Icon d={icons.flag} />,
      }));
    case "sla":
      return desk.promises().map((p) => ({
        id: p.id,
        name: p.name,
        sub: [p.first_response, p.next_response, p.resolution].map((s) => (s === null ? "–" : `${Math.round(s / 60)} min`)).join(" · "),
        mark: <Icon d={icons.alert} />,
      }));
    case "hours":
      return desk.hours().map((h) => ({ id: h.id, name: h.name, sub: openText(h.now), mark: <Icon d={icons.clock} /> }));
    case "canned":
      return desk.canned().map((c) => ({
        id: c.id,
        name: `/${c.shortcut}`,
        sub: c.title || c.body,
        mark: c.scope === "personal" ? <Icon d={icons.user} /> : <Icon d={icons.users} />,
      }));
    case "attributes":
      return desk.customers.attributes().map((a) => ({
        id: a.key,
        name: a.name,
        sub: ct().kindName(a.kind),
        mark: <Icon d={icons.edit} />,
      }));
    case "macros":
      return desk.macros.all().map((one) => ({
        id: one.id,
        name: one.name,
        sub: desk.macros.summary(one),
        mark: <Icon d={one.scope === "personal" ? icons.user : icons.users} />,
      }));
    case "rules":
      return desk.rules.all().map((r, i) => ({
        id: r.id,
        name: `${i + 1}. ${r.name}`,
        sub: r.active ? m().eventName(r.event) : m().off,
        mark: <Icon d={r.active ? icons.refresh : icons.close} />,
      }));
    case "webhooks":
      return desk.webhooks().map((h) => ({
        id: h.id,
        name: h.name,
        sub: h.active ? h.url : `${at().inactive} · ${h.url}`,
        mark: <Icon d={h.failing_since || h.notice ? icons.alert : icons.external} />,
      }));
    default:
      return [];
  }
}

function Swatch(props: { colour: string }) {
  return <span class="swatch" aria-hidden="true" style={{ "background-color": props.colour }} />;
}

/** Those that are a list and the form of one. */
type MasterPage = Exclude<AdminPage, "tags" | "tokens" | "audit">;
const newNames: Record<MasterPage, () => string> = {
  brands: () => at().newBrand,
  inboxes: () => at().newInbox,
  agents: () => at().newAgent,
  teams: () => rt().newTeam,
  roles: () => at().newRole,
  hours: () => rt().newHours,
  sla: () => rt().newSLA,
  canned: () => at().newCanned,
  attributes: () => ct().newAttribute,
  macros: () => m().newMacro,
  rules: () => m().newRule,
  webhooks: () => gt().newWebhook,
};

function Master({ page, item }: { page: MasterPage; item: () => string | undefined }) {
  const entries = computed(() => entriesOf(page));
  // The form stays while the list around it changes.
  const exists = computed(() => item() === "new" || entries().some((e) => e.id === item()));
  const form = (id: string): Child => {
    if (page === "brands") return <BrandForm id={id} />;
    if (page === "inboxes") return <InboxForm id={id} />;
    if (page === "agents") return <AgentForm id={id} />;
    if (page === "sla") return <SLAForm id={id} />;
    if (page === "hours") return <HoursForm id={id} />;
    if (page === "teams") return <TeamForm id={id} />;
    if (page === "roles") return <RoleForm id={id} />;
    if (page === "attributes") return <AttributeForm id={id} />;
    if (page === "macros") return <MacroForm id={id} />;
    if (page === "rules") return <RuleForm id={id} />;
    if (page === "webhooks") return <WebhookForm id={id} />;
    return <CannedForm id={id} />;
  };
  return (
    <div class="master">
      <section class="items" aria-label={() => pageName(page)}>
        <Button kind="outline" icon={icons.plus} onClick={() => go({ at: "admin", page, item: "new" })}>
          {newNames[page]}
        </Button>
        <ul>
          <For each={entries} by={(e: Entry) => e.id} fallback={() => <li class="sub">{() => at().noItems}</li>}>
            {(e) => (
              <li>
                <a
                  href={formatRoute({ at: "admin", page, item: e.peek().id })}
                  aria-current={() => (item() === e().id ? "true" : undefined)}
                >
                  {() => e().mark}
                  <span class="grow">
                    <span class="name one">{() => e().name}</span>
                    <span class="sub one">{() => e().sub}</span>
                  </span>
                </a>
              </li>
            )}
          </For>
        </ul>
      </section>
      <div class="detail">
        {() => {
          const id = item();
          if (id === undefined || !exists()) return <p class="choose">{at().choose}</p>;
          return [
            <Button small kind="ghost" class="up" icon={icons.left} onClick={() => go({ at: "admin", page, item: undefined })}>
              {() => at().backToList}
            </Button>,
            form(id),
          ];
        }}
      </div>
    </div>
  );
}
