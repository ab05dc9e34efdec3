/** The one model of the page, its media, and where the page stands. */
import { MediaCache } from "../../sdk/media.ts";
import { browserNetwork, systemClock } from "../../sdk/ports.ts";
import { SessionKeeper } from "../../sdk/session.ts";
import { openStore } from "../../sdk/storage.ts";
import { DeskModel } from "../../models/desk/desk.ts";
import { formatRoute, parseRoute, type Route } from "../../models/desk/route.ts";
import type { View } from "../../models/desk/lists.ts";
import { type Signal, signal } from "../../ui/signals.ts";

const store = await openStore("comptoir-desk");
const keeper = new SessionKeeper(store, { baseUrl: location.origin });

export const desk = new DeskModel({ keeper, store, clock: systemClock, network: browserNetwork });
export const media = new MediaCache(keeper.http);

export const route: Signal<Route> = signal<Route>(parseRoute(location.hash));

/** Where the page goes; a step that the browser's back button can undo, unless it only replaces. */
export function go(to: Route, replace = false): void {
  const hash = formatRoute(to);
  if (hash === location.hash) return;
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  route.set(to);
}

export function goView(view: View, open?: string): void {
  go({ at: "desk", view, open });
}

export function openConversation(id: string): void {
  const now = route.peek();
  // From one conversation to the next the back button still leads to the list.
  go({ at: "desk", view: now.at === "desk" ? now.view : desk.view.peek(), open: id }, now.at === "desk" && now.open !== undefined);
}

export function closeConversation(): void {
  const now = route.peek();
  if (now.at === "desk" && now.open !== undefined) go({ at: "desk", view: now.view, open: undefined });
}

addEventListener("popstate", () => route.set(parseRoute(location.hash)));
addEventListener("hashchange", () => route.set(parseRoute(location.hash)));

/** Parts that others call upon: set by the views that own them. */
export const parts: {
  composer?: { focus: (mode: "reply" | "note") => void } | undefined;
  search?: { focus: () => void } | undefined;
  list?: { focus: () => void; reveal: (id: string) => void } | undefined;
  timeline?: { focus: () => void } | undefined;
} = {};

export const visible = signal(document.visibilityState === "visible");
export const focused = signal(document.hasFocus());
document.addEventListener("visibilitychange", () => visible.set(document.visibilityState === "visible"));
addEventListener("focus", () => focused.set(true));
addEventListener("blur", () => focused.set(false));
