/** What the keys, the palette and the buttons do. */
import type { CommandId } from "../../models/desk/keys.ts";
import { step } from "../../models/desk/lists.ts";
import { ct } from "../../models/desk/customers-strings.ts";
import { al } from "../../models/desk/alert-strings.ts";
import { m } from "../../models/desk/automation-strings.ts";
import { rt } from "../../models/desk/routing-strings.ts";
import { t } from "../../models/desk/strings.ts";
import type { Conversation, Deeds } from "../../models/desk/types.ts";
import { w } from "../../models/desk/working-strings.ts";
import * as icons from "../../ui/icons.ts";
import { confirmDialog } from "../../ui/overlay.tsx";
import { bulkAssign, bulkMacro, bulkPriority, bulkSnooze, bulkTags, bulkTeam } from "./bulk.tsx";
import { openAssign, openPriority, openSkills, openSnooze, openTags, openTeam } from "./menus.tsx";
import { openMacros } from "./macros.tsx";
import { openPalette } from "./palette.tsx";
import { customerShown } from "./prefs.ts";
import { closeConversation, desk, go, goView, openConversation, parts, route } from "./state.ts";

export interface Command {
  id: CommandId;
  title: () => string;
  icon: string;
  /** False: it has nothing to work on now. */
  can: () => boolean;
  run: () => void;
}

/** The conversation that a command works on: the open one, else the row of the cursor. */
export function target(): Conversation | undefined {
  const id = desk.openId.peek() ?? (route.peek().at === "desk" ? desk.cursor.peek() : undefined);
  return id === undefined ? undefined : desk.conversations.peek().get(id);
}

function withTarget(run: (c: Conversation) => void): () => void {
  return () => {
    const c = target();
    if (c) run(c);
  };
}

function move(by: 1 | -1): void {
  if (route.peek().at !== "desk") return;
  const rows = desk.list.peek().rows.peek();
  const next = step(rows, desk.cursor.peek() ?? desk.openId.peek(), by);
  if (next === undefined) return;
  desk.cursor.set(next);
  parts.list?.reveal(next);
  desk.prefetch(next);
  // With a conversation open beside the list, moving reads on.
  if (desk.openId.peek() !== undefined && matchMedia("(min-width: 40rem)").matches) openConversation(next);
  if (rows.findIndex((r) => r.id === next) > rows.length - 6) void desk.list.peek().more();
}

function write(mode: "reply" | "note"): void {
  const id = desk.openId.peek() ?? desk.cursor.peek();
  if (id === undefined) return;
  if (desk.openId.peek() !== id) openConversation(id);
  queueMicrotask(() => parts.composer?.focus(mode));
}

/** After a conversation has left the list, the cursor stands on what came after it. */
function leaving(c: Conversation, run: () => Promise<boolean>): void {
  const rows = desk.list.peek().rows.peek();
  const next = step(rows, c.id, 1) ?? step(rows, c.id, -1);
  void run();
  if (next !== undefined && next !== c.id) desk.cursor.set(next);
}

/** The element that a popup of the open conversation hangs on. */
function anchor(name: string): HTMLElement | undefined {
  const found = [...document.querySelectorAll<HTMLElement>(`[data-anchor="${name}"]`)].find((e) => e.offsetParent !== null);
  const place = found ?? document.querySelector<HTMLElement>('[data-anchor="more"]') ?? undefined;
  return place?.querySelector("button") ?? place;
}

/** Popups hang on the conversation's own buttons: it is opened first. They open at once: what is typed next is meant for them. */
function popup(name: string, open: (at: HTMLElement, id: string) => void, many?: (at: HTMLElement) => void): () => void {
  const one = withTarget((c) => {
    const show = () => {
      const at = anchor(name);
      if (at) open(at, c.id);
    };
    if (desk.openId.peek() === c.id) return show();
    openConversation(c.id);
    queueMicrotask(show);
  });
  return () => {
    const at = desk.selection.active && many ? anchor(name) : undefined;
    if (at && many) many(at);
    else one();
  };
}

/** While conversations are picked in the list, it is done to all of them. */
function orMany(deeds: Deeds, one: () => void): () => void {
  return () => desk.selection.active ? void desk.selection.change(deeds) : one();
}

const inList = () => route.peek().at === "desk" && desk.list.peek().rows.peek().length > 0;
const has = () => desk.selection.active || target() !== undefined;
const status = (...of: Conversation["status"][]) => () => {
  if (desk.selection.active) return true;
  const c = target();
  return c !== undefined && of.includes(c.status);
};

function isBlocked(): boolean {
  const c = target();
  return c !== undefined && desk.contacts.peek().get(c.contact.id)?.blocked === true;
}

/** Asked for before it is done; taking it back needs no question. */
export async function block(contact: string, name: string, on: boolean): Promise<void> {
  const texts = t.peek();
  const sure = !on ||
    await confirmDialog({ title: texts.blockCustomer, text: texts.blockAsk(name), yes: texts.blockCustomer, danger: true });
  if (sure) await desk.customers.setBlocked(contact, on);
}

export const commands: readonly Command[] = [
  { id: "next", title: () => t().next, icon: icons.down, can: () => route.peek().at === "desk", run: () => move(1) },
  { id: "previous", title: () => t().previous, icon: icons.up, can: () => route.peek().at === "desk", run: () => move(-1) },
  {
    id: "open",
    title: () => t().open,
    icon: icons.chat,
    can: () => desk.cursor.peek() !== undefined,
    run: () => {
      const id = desk.cursor.peek();
      if (id === undefined) return;
      if (desk.openId.peek() === id) parts.timeline?.focus();
      else openConversation(id);
    },
  },
  { id: "back", title: () => t().backKey, icon: icons.left, can: () => true, run: back },
  { id: "reply", title: () => t().reply, icon: icons.reply, can: has, run: () => write("reply") },
  { id: "note", title: () => t().note, icon: icons.note, can: has, run: () => write("note") },
  {
    id: "take",
    title: () => t().take,
    icon: icons.user,
    can: () => desk.selection.active || (has() && target()?.assignee?.id !== desk.myId.peek()),
    run: orMany({ assign: "me" }, withTarget((c) => void desk.take(c.id))),
  },
  {
    id: "takeNext",
    title: () => t().takeNext,
    icon: icons.bolt,
    can: () => true,
    run: () => {
      desk.takeNext().then((id) => id !== undefined && goView({ kind: "mine" }, id));
    },
  },
  { id: "assign", title: () => t().assignTo, icon: icons.users, can: has, run: popup("assign", openAssign, bulkAssign) },
  {
    id: "unassign",
    title: () => t().unassign,
    icon: icons.inbox,
    can: () => desk.selection.active || (target()?.assignee ?? null) !== null,
    run: orMany({ assign: null }, withTarget((c) => void desk.assign(c.id, null))),
  },
  {
    id: "snooze",
    title: () => t().snoozeUntil,
    icon: icons.clock,
    can: status("open", "pending", "snoozed"),
    run: popup("snooze", openSnooze, bulkSnooze),
  },
  {
    id: "pending",
    title: () => t().setPending,
    icon: icons.clock,
    can: status("open", "snoozed"),
    run: orMany({ status: "pending" }, withTarget((c) => leaving(c, () => desk.setStatus(c.id, "pending")))),
  },
  {
    id: "resolve",
    title: () => t().resolve,
    icon: icons.check,
    can: status("open", "pending", "snoozed"),
    run: orMany(
      { status: "resolved" },
      withTarget((c) => {
        if (c.status !== "resolved") leaving(c, () => desk.setStatus(c.id, "resolved"));
      }),
    ),
  },
  {
    id: "reopen",
    title: () => t().reopen,
    icon: icons.refresh,
    can: status("pending", "snoozed", "resolved"),
    run: orMany({ status: "open" }, withTarget((c) => void (c.status !== "open" && desk.setStatus(c.id, "open")))),
  },
  {
    id: "spam",
    title: () => !desk.selection.active && target()?.spam ? t().notSpam : t().markSpam,
    icon: icons.bellOff,
    can: has,
    run: () => {
      if (desk.selection.active) return void desk.selection.change({ spam: desk.view.peek().kind !== "spam" });
      const c = target();
      if (c) leaving(c, () => desk.setSpam(c.id, !c.spam));
    },
  },
  {
    id: "block",
    title: () => isBlocked() ? t().unblockCustomer : t().blockCustomer,
    icon: icons.alert,
    can: () => desk.permissions.peek().has("contacts.write") && desk.openId.peek() !== undefined,
    run: withTarget((c) => void block(c.contact.id, c.contact.display_name, !isBlocked())),
  },
  {
    id: "mergeTalk",
    title: () => ct().mergeConversation,
    icon: icons.copy,
    can: () => target() !== undefined && !target()?.spam,
    run: popup("more", (at, id) => void import("./customers/merge-talk.tsx").then((m) => m.openMergeTalk(at, id))),
  },
  { id: "goSpam", title: () => t().spam, icon: icons.bellOff, can: () => true, run: () => goView({ kind: "spam" }) },
  { id: "priority", title: () => t().priority, icon: icons.flag, can: has, run: popup("priority", openPriority, bulkPriority) },
  { id: "tags", title: () => t().addTag, icon: icons.tag, can: has, run: popup("tags", openTags, bulkTags) },
  {
    id: "macro",
    title: () => m().runMacro,
    icon: icons.wand,
    can: () => has() && desk.permissions.peek().has("conversations.write"),
    run: popup("macro", (at, id) => openMacros(at, [id]), bulkMacro),
  },
  {
    id: "follow",
    title: () => target()?.followers.includes(desk.myId()) ? al().unfollow : al().follow,
    icon: icons.eye,
    can: () => target() !== undefined,
    run: withTarget((c) => void desk.alerts.follow(c.id, !c.followers.includes(desk.myId.peek()))),
  },
  {
    id: "team",
    title: () => rt().handTo,
    icon: icons.users,
    can: () => has() && desk.teams.peek().length > 0,
    run: popup("team", (at, id) => openTeam(at, id), bulkTeam),
  },
  {
    id: "skills",
    title: () => rt().skillsNeeded,
    icon: icons.star,
    can: has,
    run: popup("skills", (at, id) => openSkills(at, id)),
  },
  {
    id: "customer",
    title: () => t().showCustomer,
    icon: icons.sidebar,
    can: () => desk.openId.peek() !== undefined,
    run: toggleCustomer,
  },
  {
    id: "search",
    title: () => t().search,
    icon: icons.search,
    can: () => true,
    run: () => {
      // At once: the next letter is meant for the field.
      if (route.peek().at === "desk") return parts.search?.focus();
      goView(desk.view.peek());
      requestAnimationFrame(() => parts.search?.focus());
    },
  },
  {
    id: "select",
    title: () => w().select,
    icon: icons.check,
    can: inList,
    run: () => {
      const id = desk.cursor.peek() ?? desk.openId.peek();
      if (id !== undefined) desk.selection.toggle(id);
    },
  },
  {
    id: "selectTo",
    title: () => w().selectTo,
    icon: icons.checks,
    can: inList,
    run: () => {
      const id = desk.cursor.peek() ?? desk.openId.peek();
      if (id !== undefined) desk.selection.upTo(id);
    },
  },
  { id: "selectAll", title: () => w().selectAll, icon: icons.checks, can: inList, run: () => desk.selection.all() },
  {
    id: "newView",
    title: () => w().newView,
    icon: icons.filter,
    can: () => true,
    run: () => void import("./views.tsx").then((m) => m.openViewEditor()),
  },
  { id: "goMine", title: () => t().goMine, icon: icons.user, can: () => true, run: () => goView({ kind: "mine" }) },
  { id: "goUnassigned", title: () => t().goUnassigned, icon: icons.inbox, can: () => true, run: () => goView({ kind: "unassigned" }) },
  { id: "goAll", title: () => t().goAll, icon: icons.list, can: () => true, run: () => goView({ kind: "all" }) },
  { id: "goPending", title: () => t().goPending, icon: icons.clock, can: () => true, run: () => goView({ kind: "pending" }) },
  { id: "goSnoozed", title: () => t().goSnoozed, icon: icons.snooze, can: () => true, run: () => goView({ kind: "snoozed" }) },
  { id: "goResolved", title: () => t().goResolved, icon: icons.check, can: () => true, run: () => goView({ kind: "resolved" }) },
  { id: "goMentions", title: () => t().goMentions, icon: icons.at, can: () => true, run: () => goView({ kind: "mentions" }) },
  { id: "goFollowed", title: () => al().goFollowed, icon: icons.eye, can: () => true, run: () => goView({ kind: "followed" }) },
  {
    id: "goAdmin",
    title: () => t().goAdmin,
    icon: icons.settings,
    can: () => desk.permissions.peek().has("settings.read"),
    run: () => go({ at: "admin", page: "brands", item: undefined }),
  },
  {
    id: "goCustomers",
    title: () => ct().goCustomers,
    icon: icons.users,
    can: () => desk.permissions.peek().has("contacts.read"),
    run: () => go({ at: "customers", tab: "people", item: undefined }),
  },
  {
    id: "help",
    title: () => t().help,
    icon: icons.keyboard,
    can: () => true,
    run: () => void import("./help.tsx").then((m) => m.openHelp()),
  },
  {
    id: "palette",
    title: () => t().palette,
    icon: icons.search,
    can: () => true,
    run: () => openPalette(),
  },
];

export function run(id: CommandId): void {
  const command = commands.find((c) => c.id === id);
  if (command?.can()) command.run();
}

/** On a wide screen the pane beside, else a sheet over the conversation. */
export const customerSheet = { toggle: () => {} };
export function toggleCustomer(): void {
  if (matchMedia("(min-width: 84rem)").matches) customerShown.update((s) => !s);
  else customerSheet.toggle();
}

/** Escape: out of the text field, then out of the conversation. */
function back(): void {
  const at = document.activeElement;
  if (at instanceof HTMLTextAreaElement || at instanceof HTMLInputElement) {
    at.blur();
    if (desk.openId.peek() !== undefined) parts.timeline?.focus();
    else parts.list?.focus();
    return;
  }
  if (desk.selection.active) return desk.selection.clear();
  if (desk.openId.peek() !== undefined) {
    closeConversation();
    parts.list?.focus();
  }
}
