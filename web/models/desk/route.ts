/** Addresses inside the console: `#/unassigned/cv_1`, `#/inbox/in_1/cv_1`, `#/team/tm_1`, `#/view/vw_1/cv_1`, `#/search/lamp/cv_1`, `#/customers/ct_1`, `#/companies/co_1`, `#/admin/brands`. Pure. */
import { formatQuery, type Metric, metrics, parseQuery, type ReportQuery } from "./reports.ts";
import { standing, type StandingView, type View } from "./lists.ts";

export type AdminPage =
  | "brands"
  | "inboxes"
  | "agents"
  | "teams"
  | "hours"
  | "sla"
  | "roles"
  | "canned"
  | "macros"
  | "rules"
  | "tags"
  | "attributes"
  | "tokens"
  | "webhooks"
  | "audit";
export const adminPages: readonly AdminPage[] = [
  "brands",
  "inboxes",
  "agents",
  "teams",
  "hours",
  "sla",
  "roles",
  "canned",
  "macros",
  "rules",
  "tags",
  "attributes",
  "tokens",
  "webhooks",
  "audit",
];

export type Route =
  | { at: "desk"; view: View; open: string | undefined }
  | { at: "customers"; tab: "people" | "companies"; item: string | undefined }
  | { at: "admin"; page: AdminPage; item: string | undefined }
  | { at: "reports"; metric: Metric; query: ReportQuery }
  | { at: "wallboard" };

export function parseRoute(hash: string): Route {
  const parts = hash.replace(/^#?\/?/, "").split("/").map(decode);
  const [first, second, third] = parts;
  if (first === "admin") {
    const page = adminPages.find((p) => p === second) ?? "brands";
    return { at: "admin", page, item: third || undefined };
  }
  if (first === "customers") return { at: "customers", tab: "people", item: second || undefined };
  if (first === "companies") return { at: "customers", tab: "companies", item: second || undefined };
  if (first === "wallboard") return { at: "wallboard" };
  if (first === "reports") {
    return { at: "reports", metric: metrics.find((m) => m === second) ?? "volume", query: parseQuery(third ?? "") };
  }
  if (first === "inbox" && second) return { at: "desk", view: { kind: "inbox", inbox: second }, open: third || undefined };
  if (first === "team" && second) return { at: "desk", view: { kind: "team", team: second }, open: third || undefined };
  if (first === "view" && second) return { at: "desk", view: { kind: "saved", id: second }, open: third || undefined };
  if (first === "search") return { at: "desk", view: { kind: "search", q: second ?? "" }, open: third || undefined };
  const kind: StandingView = standing.find((s) => s === first) ?? "mine";
  return { at: "desk", view: { kind }, open: second || undefined };
}

export function formatRoute(route: Route): string {
  const tail = (id: string | undefined) => id === undefined ? "" : `/${encodeURIComponent(id)}`;
  if (route.at === "admin") return `#/admin/${route.page}${tail(route.item)}`;
  if (route.at === "customers") return `#/${route.tab === "people" ? "customers" : "companies"}${tail(route.item)}`;
  if (route.at === "wallboard") return "#/wallboard";
  if (route.at === "reports") return `#/reports/${route.metric}${tail(formatQuery(route.query) || undefined)}`;
  const v = route.view;
  const head = v.kind === "inbox"
    ? `#/inbox/${encodeURIComponent(v.inbox)}`
    : v.kind === "team"
    ? `#/team/${encodeURIComponent(v.team)}`
    : v.kind === "saved"
    ? `#/view/${encodeURIComponent(v.id)}`
    : v.kind === "search"
    ? `#/search/${encodeURIComponent(v.q)}`
    : `#/${v.kind}`;
  return head + tail(route.open);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Written by hand, wrongly: as it stands.
    return part;
  }
}
