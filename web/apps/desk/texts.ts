/** Names of views, states and people in the language of the page. */
import { ct } from "../../models/desk/customers-strings.ts";
import type { View } from "../../models/desk/lists.ts";
import type { Route } from "../../models/desk/route.ts";
import { rp } from "../../models/desk/report-strings.ts";
import { rt } from "../../models/desk/routing-strings.ts";
import { t } from "../../models/desk/strings.ts";
import { w } from "../../models/desk/working-strings.ts";
import type { Agent, Availability, Status } from "../../models/desk/types.ts";
import { lang } from "../../ui/i18n.ts";
import { desk } from "./state.ts";

export function viewName(v: View): string {
  if (v.kind === "saved") return desk.views.find(v.id)?.name ?? w().goneTitle;
  if (v.kind === "inbox") return desk.inboxes().find((i) => i.id === v.inbox)?.name ?? t().inbox;
  if (v.kind === "team") return desk.teams().find((team) => team.id === v.team)?.name ?? rt().team;
  return v.kind === "search" ? t().search : t()[v.kind];
}

export function titleOf(route: Route): string {
  if (route.at === "reports") return rp().reports;
  if (route.at === "wallboard") return rp().wallboard;
  return route.at === "admin" ? t().admin : route.at === "customers" ? ct().customers : viewName(route.view);
}

export function statusName(s: Status): string {
  return { open: t().statusOpen, pending: t().statusPending, snoozed: t().statusSnoozed, resolved: t().statusResolved }[s];
}

export function availabilityName(a: Availability): string {
  return { online: t().online, away: t().away, away_reassigning: rt().away_reassigning, offline: t().offlineState }[a];
}

export function nameWithYou(agent: { id: string; name: string } | Agent): string {
  return agent.id === desk.myId() ? t().you : "public_name" in agent ? agent.public_name : agent.name;
}

export function languageName(code: string): string {
  try {
    const name = new Intl.DisplayNames([lang()], { type: "language" }).of(code) ?? code;
    return name.charAt(0).toUpperCase() + name.slice(1);
  } catch {
    // Not a language code: as it is.
    return code;
  }
}

/** A moment, in the short form of the language. */
export function dateTime(at: number): string {
  return new Intl.DateTimeFormat(lang(), { dateStyle: "medium", timeStyle: "short" }).format(at);
}

export function listOfNames(names: readonly string[]): string {
  return new Intl.ListFormat(lang(), { type: "conjunction" }).format(names);
}
