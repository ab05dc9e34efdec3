/** `/desk`: joins the model, the address, the keys and the views. */
import "./app.css";
import { KeyReader } from "../../models/desk/keys.ts";
import { t } from "../../models/desk/strings.ts";
import { Button, Icon, Spinner } from "../../ui/basics.tsx";
import { lang } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import { mount, Show } from "../../ui/jsx-runtime.ts";
import { toast } from "../../ui/overlay.tsx";
import { computed, effect, signal } from "../../ui/signals.ts";
import { customerSheet, run } from "./commands.ts";
import { ConversationPane } from "./conversation.tsx";
import { CustomerPane } from "./customer.tsx";
import { ListPane } from "./list.tsx";
import { startNews } from "./news.ts";
import { customerShown, letters, startPrefs, undoSeconds } from "./prefs.ts";
import { Rail } from "./rail.tsx";
import { Broken, NotAgent, SignIn } from "./sign-in.tsx";
import { desk, media, openConversation, route } from "./state.ts";
import { titleOf } from "./texts.ts";

startPrefs();

const wide = matchMedia("(min-width: 84rem)");
const isWide = signal(wide.matches);
wide.addEventListener("change", () => isWide.set(wide.matches));
const sheet = signal(false);
customerSheet.toggle = () => sheet.update((s) => !s);

function Banner() {
  // A short cut is mended before anybody would have read about it.
  const late = signal(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    clearTimeout(timer);
    if (desk.stream.link() === "live") late.set(false);
    else timer = setTimeout(() => late.set(true), 1500);
  });
  return (
    <div class="banner" role="status">
      <Show when={() => late() && desk.stream.link() === "offline"}>
        {() => (
          <p>
            <Icon d={icons.wifiOff} />
            <span>{() => t().offline}</span>
            <Button small kind="ghost" onClick={() => desk.stream.retryNow()}>{() => t().tryNow}</Button>
          </p>
        )}
      </Show>
    </div>
  );
}

function Sheet() {
  const dialog = (
    <dialog class="sheet" aria-label={() => t().customer} onClose={() => sheet.set(false)}>
      {() => (sheet() ? <CustomerPane onClose={() => dialog.close()} /> : null)}
    </dialog>
  ) as HTMLDialogElement;
  dialog.addEventListener("click", (e) => {
    if (e.target === dialog) dialog.close();
  });
  effect(() => {
    if (sheet() && !dialog.open) dialog.showModal();
    else if (!sheet() && dialog.open) dialog.close();
  });
  // Another conversation, or room enough for the pane: the sheet has done its work.
  effect(() => {
    desk.openId();
    isWide();
    sheet.set(false);
  });
  return dialog;
}

/** A part of the console that is fetched when it is first shown. */
function Later(props: { part: () => Promise<() => Node> }) {
  const part = signal<(() => Node) | undefined>(undefined);
  props.part().then((found) => part.set(found), () => desk.tell(t.peek().noNetwork, true));
  return (
    <>
      {() => {
        const Part = part();
        return Part ? <Part /> : (
          <main class="conversation">
            <div class="choose">
              <Spinner label={() => t().loading} />
            </div>
          </main>
        );
      }}
    </>
  );
}

const places = {
  admin: () => import("./admin/admin.tsx").then((m) => m.AdminPane),
  customers: () => import("./customers/customers.tsx").then((m) => m.CustomersPane),
  reports: () => import("./reports/reports.tsx").then((m) => m.ReportsPane),
  wallboard: () => import("./reports/wallboard.tsx").then((m) => m.WallboardPane),
};

/** Which part of the console: what it shows within is its own matter. */
const place = computed(() => route().at);

function Place() {
  return (
    <>
      {() => {
        const at = place();
        return at === "desk" ? null : <Later part={places[at]} />;
      }}
    </>
  );
}

function Shell() {
  return (
    <div
      class="desk"
      data-at={() => route().at}
      data-view={() => {
        const r = route();
        return r.at === "desk" ? r.view.kind : undefined;
      }}
      data-open={() => {
        const r = route();
        return r.at === "desk" && r.open !== undefined ? "yes" : "no";
      }}
      data-customer={() => (customerShown() && isWide() && desk.openId() !== undefined ? "yes" : "no")}
    >
      <a
        class="skip"
        href="#conversation"
        onClick={(e) => {
          e.preventDefault();
          document.getElementById("conversation")?.focus();
        }}
      >
        {() => t().skip}
      </a>
      <Banner />
      <Rail />
      <Show
        when={() => route().at === "desk"}
        fallback={() => <Place />}
      >
        {() => [
          <main class="work">
            <h1 class="vh">{() => `${titleOf(route())} · ${t().desk}`}</h1>
            <ListPane />
            <ConversationPane />
          </main>,
          <Show when={() => customerShown() && isWide() && desk.openId() !== undefined}>{() => <CustomerPane />}</Show>,
          <Sheet />,
        ]}
      </Show>
    </div>
  );
}

mount(document.body, () => () => {
  switch (desk.phase()) {
    case "starting":
      return (
        <main class="gate">
          <Spinner label={() => t().loading} />
        </main>
      );
    case "signedOut":
      return <SignIn />;
    case "notAgent":
      return <NotAgent />;
    case "broken":
      return <Broken />;
    case "ready":
      return <Shell />;
  }
});

effect(() => {
  document.documentElement.lang = lang();
});
effect(() => {
  const r = route();
  const ready = desk.phase() === "ready";
  if (ready && r.at === "desk") queueMicrotask(() => desk.show(r.view, r.open));
  // What one does not look at is not told as looked at.
  if (ready && r.at !== "desk") queueMicrotask(() => desk.show(desk.view.peek(), undefined));
});
// What was merged goes on elsewhere.
effect(() => {
  const next = desk.open()?.conversation()?.merged_into;
  if (next) queueMicrotask(() => openConversation(next));
});
effect(() => desk.undoSeconds.set(undoSeconds()));
effect(() => {
  if (desk.phase() === "signedOut") media.clear();
});
desk.notices.on(({ text, bad, action }) => toast(text, { bad, ...(action ? { action } : {}), ...(bad ? { ms: 12_000 } : {}) }));
startNews();

const keys = new KeyReader();
document.addEventListener("keydown", (e) => {
  if (e.defaultPrevented || e.isComposing || desk.phase.peek() !== "ready") return;
  const at = e.target instanceof HTMLElement ? e.target : document.body;
  // Dialogs, menus and popups have keys of their own.
  const over = document.querySelector("dialog[open], :popover-open") !== null;
  const writing = at.matches("input, textarea, select, [contenteditable]");
  if (e.key === "Enter" && at.closest("button, a, summary, label")) return;
  const command = keys.press(
    { key: e.key, ctrl: e.ctrlKey, meta: e.metaKey, alt: e.altKey, shift: e.shiftKey },
    Date.now(),
    { writing, letters: letters.peek() },
  );
  if (!command || (over && !(command === "palette" && !document.querySelector("dialog[open]")))) return;
  e.preventDefault();
  run(command);
});

await desk.start();
