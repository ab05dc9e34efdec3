/** The views, and who I am: the column on the left. */
import { countOf, sameView, standing, type View, viewKey } from "../../models/desk/lists.ts";
import { formatRoute, type Route } from "../../models/desk/route.ts";
import { ct } from "../../models/desk/customers-strings.ts";
import { rp } from "../../models/desk/report-strings.ts";
import { rt } from "../../models/desk/routing-strings.ts";
import { t } from "../../models/desk/strings.ts";
import { countedUpTo } from "../../models/desk/views.ts";
import { w } from "../../models/desk/working-strings.ts";
import type { Availability, Team } from "../../models/desk/types.ts";
import { Avatar, Button, Icon } from "../../ui/basics.tsx";
import * as icons from "../../ui/icons.ts";
import { For, Show } from "../../ui/jsx-runtime.ts";
import { confirmDialog, type MenuItem, openMenu } from "../../ui/overlay.tsx";
import { run } from "./commands.ts";
import { desk, go, goView, route } from "./state.ts";
import { availabilityName, viewName } from "./texts.ts";

export const viewIcons = {
  mine: icons.user,
  unassigned: icons.inbox,
  all: icons.list,
  at_risk: icons.flag,
  spam: icons.bellOff,
  pending: icons.clock,
  snoozed: icons.snooze,
  resolved: icons.check,
  mentions: icons.at,
  followed: icons.eye,
  inbox: icons.mail,
  team: icons.users,
  saved: icons.filter,
  search: icons.search,
};

function countText(v: View): number | undefined {
  if (v.kind === "saved") return desk.views.counts()[v.id] || undefined;
  // Of what is done nobody needs the number.
  return v.kind === "resolved" ? undefined : countOf(v, desk.counts()) || undefined;
}

function Entry(props: { view: View }) {
  const { view } = props;
  const current = () => {
    const r = route();
    return r.at === "desk" && sameView(r.view, view);
  };
  return (
    <li>
      <a
        href={formatRoute({ at: "desk", view, open: undefined })}
        aria-current={() => (current() ? "page" : undefined)}
        data-view={viewKey(view)}
        title={() => viewName(view)}
      >
        <Icon d={viewIcons[view.kind]} />
        <span class="label">{() => viewName(view)}</span>
        {() => {
          const n = countText(view);
          const loud = view.kind === "unassigned" || view.kind === "at_risk" || view.kind === "mentions";
          const most = view.kind === "saved" ? countedUpTo - 1 : 99;
          return n === undefined ? null : <span class={loud ? "badge" : "badge calm"}>{n > most ? `${most}+` : n}</span>;
        }}
      </a>
    </li>
  );
}

/** Where else one may go, beside the views. */
function Place(props: { may: string; to: Route; icon: string; name: () => string; title?: () => string }) {
  return (
    <Show when={() => desk.may(props.may)}>
      {() => (
        <li>
          <a
            href={formatRoute(props.to)}
            aria-current={() => (route().at === props.to.at ? "page" : undefined)}
            title={props.title ?? props.name}
          >
            <Icon d={props.icon} />
            <span class="label">{props.name}</span>
          </a>
        </li>
      )}
    </Show>
  );
}

/** Mine; all of them for who sees all. */
function myTeams(): readonly Team[] {
  const me = desk.me();
  if (desk.may("conversations.all")) return desk.teams();
  return desk.teams().filter((team) => me?.teams.includes(team.id));
}

export function Rail() {
  const kinds = standing.filter((s) => s !== "mentions" && s !== "followed" && s !== "spam");
  return (
    <nav class="rail" aria-label={() => t().views}>
      <p class="brand">
        {() => {
          const brand = desk.brands()[0];
          return brand?.logo ? <img src={brand.logo} alt="" width={28} height={28} /> : (
            <span class="mark" aria-hidden="true">
              <Icon d={icons.chat} />
            </span>
          );
        }}
        <span class="label">{() => desk.brands()[0]?.name ?? "Comptoir"}</span>
      </p>
      <ul>
        {kinds.map((kind) => <Entry view={{ kind }} />)}
        <Entry view={{ kind: "mentions" }} />
        <Entry view={{ kind: "followed" }} />
        <Entry view={{ kind: "spam" }} />
      </ul>
      <Show when={() => desk.inboxes().length > 1}>
        {() => (
          <div class="group">
            <h2 class="label">{() => t().inboxes}</h2>
            <ul>
              <For each={desk.inboxes} by={(i) => i.id}>{(i) => <Entry view={{ kind: "inbox", inbox: i.peek().id }} />}</For>
            </ul>
          </div>
        )}
      </Show>
      <Show when={() => myTeams().length > 0}>
        {() => (
          <div class="group">
            <h2 class="label">{() => rt().teams}</h2>
            <ul>
              <For each={myTeams} by={(team) => team.id}>{(team) => <Entry view={{ kind: "team", team: team.peek().id }} />}</For>
            </ul>
          </div>
        )}
      </Show>
      <div class="group saved">
        <div class="top">
          <h2 class="label">{() => w().savedViews}</h2>
          <Button small kind="ghost" icon={icons.plus} label={() => w().newView} onClick={() => run("newView")} />
        </div>
        <ul>
          <For each={desk.views.all} by={(v) => v.id}>{(v) => <Entry view={{ kind: "saved", id: v.peek().id }} />}</For>
        </ul>
      </div>
      <ul class="foot">
        <Place
          may="contacts.read"
          to={{ at: "customers", tab: "people", item: undefined }}
          icon={icons.users}
          name={() => ct().customers}
        />
        <Place may="reports.read" to={{ at: "reports", metric: "volume", query: {} }} icon={icons.chart} name={() => rp().reports} />
        <Place may="reports.read" to={{ at: "wallboard" }} icon={icons.eye} name={() => rp().wallboard} title={() => rp().wall} />
        <Place may="settings.read" to={{ at: "admin", page: "brands", item: undefined }} icon={icons.settings} name={() => t().admin} />
      </ul>
      <MeButton />
    </nav>
  );
}

export function MeButton(props: { small?: boolean }) {
  return (
    <button
      type="button"
      class={props.small ? "me small" : "me"}
      aria-haspopup="menu"
      aria-expanded="false"
      data-availability={() => desk.me()?.availability}
      aria-label={() => {
        const me = desk.me();
        return me ? t().availabilityNow(availabilityName(me.availability), t().loadOf(me.load, me.capacity)) : t().availability;
      }}
      onClick={({ currentTarget }) => openMe(currentTarget)}
    >
      <Avatar
        name={() => desk.me()?.public_name ?? "?"}
        picture={() => desk.me()?.picture}
        presence={() => desk.me()?.availability}
      />
      <span class="label grow">
        <span class="name">{() => desk.me()?.public_name}</span>
        <span class="sub">
          {() => {
            const me = desk.me();
            return me ? `${availabilityName(me.availability)} · ${t().loadOf(me.load, me.capacity)}` : "";
          }}
        </span>
      </span>
    </button>
  );
}

function openMe(at: HTMLElement): void {
  const me = desk.me.peek(), texts = t.peek();
  const choice = (a: Availability, text: string): MenuItem => ({
    text,
    checked: me?.wanted_availability === a,
    run: () => void desk.setAvailability(a),
  });
  openMenu(at, texts.availability, [
    choice("online", `${texts.online} – ${texts.onlineHint}`),
    choice("away", `${texts.away} – ${texts.awayHint}`),
    choice("away_reassigning", `${rt.peek().away_reassigning} – ${rt.peek().away_reassigningHint}`),
    choice("offline", `${texts.offlineState} – ${texts.offlineHint}`),
    "line",
    { text: texts.preferences, icon: icons.settings, run: () => void import("./preferences.tsx").then((m) => m.openPreferences()) },
    { text: texts.help, icon: icons.keyboard, end: "?", run: () => run("help") },
    "line",
    {
      text: texts.signOut,
      icon: icons.logout,
      run: () =>
        void confirmDialog({ title: texts.signOut, text: texts.signOutAsk, yes: texts.signOut }).then((yes) =>
          yes ? desk.signOut() : undefined
        ),
    },
  ]);
}

/** The views of a phone: a menu under the list's title. */
export function openViews(at: HTMLElement): void {
  const now = desk.view.peek();
  const all: View[] = [...standing.map((kind): View => ({ kind }))];
  if (desk.inboxes.peek().length > 1) all.push(...desk.inboxes.peek().map((i): View => ({ kind: "inbox", inbox: i.id })));
  all.push(...myTeams().map((team): View => ({ kind: "team", team: team.id })));
  all.push(...desk.views.all.peek().map((v): View => ({ kind: "saved", id: v.id })));
  const items = all.map((view): MenuItem => {
    const n = countText(view);
    return {
      text: viewName(view),
      icon: viewIcons[view.kind],
      ...(sameView(view, now) ? { checked: true } : n === undefined ? {} : { end: String(n) }),
      run: () => goView(view),
    };
  });
  items.push("line", { text: w.peek().newView, icon: icons.plus, run: () => run("newView") });
  if (desk.may("contacts.read")) {
    items.push("line", {
      text: ct.peek().customers,
      icon: icons.users,
      run: () => go({ at: "customers", tab: "people", item: undefined }),
    });
  }
  if (desk.may("reports.read")) {
    items.push("line", { text: rp.peek().reports, icon: icons.chart, run: () => go({ at: "reports", metric: "volume", query: {} }) });
    items.push({ text: rp.peek().wallboard, icon: icons.eye, run: () => go({ at: "wallboard" }) });
  }
  if (desk.may("settings.read")) {
    items.push("line", { text: t.peek().admin, icon: icons.settings, run: () => go({ at: "admin", page: "brands", item: undefined }) });
  }
  openMenu(at, t.peek().views, items);
}

export function ViewsButton() {
  return (
    <Button kind="ghost" class="views" popup="menu" expanded={false} onClick={({ currentTarget }) => openViews(currentTarget)}>
      {[<span class="title">{() => viewName(desk.view())}</span>, <Icon d={icons.down} />]}
    </Button>
  );
}
