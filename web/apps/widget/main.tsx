/** The chat in the frame: joins the model, the page around and the views. */
import "./app.css";
import { openStore } from "../../sdk/storage.ts";
import { Avatar, Button, Icon, Spinner } from "../../ui/basics.tsx";
import { dropZone } from "../../ui/attachment.tsx";
import { applyBrand } from "../../ui/colour.ts";
import { Composer, insertAtCursor } from "../../ui/composer.tsx";
import { lang, pickLang } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import { For, mount, Show } from "../../ui/jsx-runtime.ts";
import { toast } from "../../ui/toast.tsx";
import { computed, effect, onCleanup, signal } from "../../ui/signals.ts";
import { kt } from "../../ui/strings.ts";
import { t } from "../../models/widget/strings.ts";
import { WidgetModel } from "../../models/widget/widget.ts";
import { HostPage } from "./host.ts";
import { Rows } from "./message.tsx";

/** Parts that come when they are wanted (or are about to be: the pointer is on their button). */
const camera = () => import("./camera.tsx");
const emoji = () => import("../../ui/emoji.tsx");
const form = () => import("./form.tsx");
const menu = () => import("./menu.tsx");
const under = () => import("./under.tsx");
const viewer = () => import("../../ui/viewer.tsx");

let styles: Promise<void> | undefined;
function moreStyles(): Promise<void> {
  styles ??= new Promise<void>((resolve, reject) => {
    const link = <link rel="stylesheet" href={document.documentElement.dataset.more} /> as HTMLLinkElement;
    link.onload = () => resolve();
    link.onerror = () => {
      link.remove();
      styles = undefined;
      reject(new Error("no styles"));
    };
    document.head.append(link);
  });
  return styles;
}

function part<M>(load: () => Promise<M>, use?: (m: M) => void, quiet?: boolean): void {
  Promise.all([load(), moreStyles()]).then(([m]) => use?.(m), () => use && !quiet && toast(t.peek().openFile, { bad: true }));
}

/** `quiet`: nobody has asked for it, so nothing is said while it comes or when it does not. */
function Later<M>(props: { load: () => Promise<M>; view: (m: M) => Node; quiet?: boolean }) {
  const loaded = signal<M | undefined>(undefined);
  part(props.load, (m) => loaded.set(m), props.quiet);
  return (
    <>
      {() => {
        const m = loaded();
        return m ? props.view(m) : props.quiet ? null : <Spinner label={() => t().loading} />;
      }}
    </>
  );
}

const query = new URLSearchParams(location.search);
const inbox = query.get("inbox") ?? "default";
lang.set(pickLang([query.get("lang"), ...navigator.languages]));
const host = new HostPage();
let store = await openStore(`comptoir-widget-${inbox}`);
// A browser may refuse a frame to keep anything: then the page around keeps it.
if (!store.lasting && await host.mayStore()) store = host;
const prefs = await store.get<{ lang?: "en" | "fr"; scheme?: string }>("prefs");
if (prefs?.lang) lang.set(prefs.lang);
if (prefs?.scheme) document.documentElement.dataset.scheme = prefs.scheme;

const model = new WidgetModel({ inbox, baseUrl: location.origin, store });
const shown = signal(false);
const visible = signal(document.visibilityState === "visible");
document.addEventListener("visibilitychange", () => visible.set(document.visibilityState === "visible"));

let area: HTMLTextAreaElement | undefined;
let focusWanted = false;
host.listen((m) => {
  if ((m.type === "init" || m.type === "open" || m.type === "page") && m.page) model.visit(m.page);
  if (m.type === "init") {
    shown.set(m.open === true);
    tellBrand();
  } else if (m.type === "open") {
    shown.set(true);
    model.opened();
    // What somebody has begun to write is his: a proposal never replaces it.
    if (m.draft && model.draft.peek().trim() === "") model.draft.set(m.draft);
    // A keyboard that jumps up by itself is in the way on a phone.
    focusWanted = matchMedia("(pointer: fine)").matches;
    if (focusWanted) area?.focus();
  } else if (m.type === "close") shown.set(false);
  else if (m.type === "identify") model.identify(m.identity);
  else if (m.type === "reset") forget();
});
if (host.alone) shown.set(true);

const refused = computed(() => {
  const allowed = model.config()?.allowed_origins ?? [];
  // Our own pages (the demo shop, the chat in a window) always may.
  return !host.alone && shown() && allowed.length > 0 && host.origin !== undefined && host.origin !== location.origin &&
      !allowed.includes(host.origin)
    ? t().originRefused
    : undefined;
});
const blocked = computed(() => refused() ?? (model.needsIdentity() ? t().identityRequired : model.identityProblem() ?? model.problem()));
const away = computed(() => model.config()?.online === false);
const formWanted = computed(() => away() && !model.started() && !model.thanked());

function tellBrand(): void {
  const brand = model.config.peek()?.brand;
  if (brand) host.tell({ type: "brand", brand, started: model.started.peek() });
}

async function forget(): Promise<void> {
  await model.forget();
  host.tell({ type: "forgotten" });
}

function close(): void {
  shown.set(false);
  host.tell({ type: "close" });
}

function Faces() {
  return (
    <span class="faces">
      <For each={() => model.faces().slice(0, 3)} by={(f: { name: string }) => f.name}>
        {(f) => <Avatar name={() => f().name} picture={() => f().picture} presence={() => (away() ? undefined : "online")} />}
      </For>
    </span>
  );
}

function Header() {
  const sub = () => {
    if (model.started() && model.faces().length > 0) return model.faces().map((f) => f.name).join(", ");
    return away() ? model.awayText() : model.config()?.reply_time?.text[lang()] ?? "";
  };
  return (
    <header class="top">
      <Show when={model.started}>{() => <Faces />}</Show>
      <div class="who">
        <h1>{() => model.texts()?.title ?? model.config()?.brand.name ?? t().chat}</h1>
        <p class="sub">{sub}</p>
      </div>
      <Button
        kind="ghost"
        icon={icons.more}
        label={() => t().menu}
        popup="menu"
        expanded={false}
        onClick={({ currentTarget }) => part(menu, (m) => m.openMore(currentTarget, { model, store, forget }))}
        onPointerenter={() => part(menu)}
      />
      {host.alone ? null : <Button kind="ghost" icon={icons.close} label={() => t().closeChat} onClick={close} />}
    </header>
  );
}

function Bars() {
  return (
    <div aria-live="polite">
      <Show when={() => model.link() === "offline"}>
        {() => (
          <div class="bar">
            <Icon d={icons.wifiOff} />
            <span>{() => t().offline}</span>
          </div>
        )}
      </Show>
      <Show when={() => away() && model.started() && !model.thanked()}>
        {() => (
          <div class="bar">
            <span>
              {() => (model.contact()?.email ? `${model.awayText()} ${t().emailNoted(model.contact()?.email ?? "")}` : model.awayText())}
            </span>
            <Show when={() => !model.contact()?.email}>
              {() => <Button small kind="ghost" onClick={() => part(form, (m) => m.openDetails(model))}>{() => t().leaveEmail}</Button>}
            </Show>
          </div>
        )}
      </Show>
      {() => {
        const notice = model.notice();
        if (!notice) return null;
        return (
          <div class={`bar ${notice.bad ? "bad" : "good"}`} role={notice.bad ? "alert" : "status"}>
            <span>{notice.text}</span>
            <Button small kind="ghost" icon={icons.close} label={() => kt().close} onClick={() => model.notice.set(undefined)} />
          </div>
        );
      }}
    </div>
  );
}

function Log() {
  const pinned = signal(true);
  let box: HTMLElement | undefined;
  const toEnd = () => {
    if (box) box.scrollTop = box.scrollHeight;
  };
  const view = (
    <div
      class="log"
      role="log"
      aria-label={() => t().conversation}
      aria-busy={model.loadingOlder}
      tabIndex={0}
      ref={(el) => box = el}
      onScroll={(e) => {
        const el = e.currentTarget;
        pinned.set(el.scrollHeight - el.scrollTop - el.clientHeight < 60);
      }}
    >
      <Show when={model.hasOlder}>
        {() => (
          <div class="older">
            <Button small kind="outline" disabled={model.loadingOlder} onClick={older}>{() => t().older}</Button>
          </div>
        )}
      </Show>
      <Show when={() => !model.hasOlder() && !formWanted()}>
        {() => (
          <div class="hello">
            <Show when={() => !model.started()}>{() => <Faces />}</Show>
            <h2>{() => model.texts()?.greeting}</h2>
            <p>{() => model.texts()?.intro}</p>
          </div>
        )}
      </Show>
      <Show when={formWanted}>{() => <Later load={form} view={(m) => <m.ContactForm model={model} />} />}</Show>
      <Rows model={model} view={(picture) => part(viewer, (m) => m.openViewer(picture))} />
      <Show when={model.thanked}>{() => <Later load={form} view={(m) => <m.Thanks model={model} />} />}</Show>
      <Show when={model.started}>{() => <Later quiet load={under} view={(m) => <m.Under model={model} />} />}</Show>
      <div class="typing" aria-live="polite">
        {() => (model.typing()
          ? [
            <span class="dots" aria-hidden="true">
              <i />
              <i />
              <i />
            </span>,
            model.typing(),
          ]
          : null)}
      </div>
    </div>
  );
  const older = async () => {
    if (!box) return;
    const before = box.scrollHeight - box.scrollTop;
    await model.older();
    box.scrollTop = box.scrollHeight - before;
  };
  // New lines keep the end in sight when it was.
  const follow = new ResizeObserver(() => {
    if (pinned.peek()) toEnd();
  });
  if (box) {
    follow.observe(box);
    for (const child of box.querySelectorAll("ol")) follow.observe(child);
  }
  effect(() => {
    const rows = model.rows(), newest = rows.at(-1);
    model.typing();
    // One's own message always comes into sight.
    if (pinned.peek() || (newest?.kind === "message" && newest.mine && newest.tick !== "read")) queueMicrotask(toEnd);
  });
  effect(() => {
    if (shown()) requestAnimationFrame(() => pinned.peek() && toEnd());
  });
  return (
    <>
      {view}
      <Show when={() => !pinned()}>
        {() => <Button class="jump" icon={icons.down} label={() => t().newest} onClick={toEnd} />}
      </Show>
    </>
  );
}

function Foot() {
  const picker = (
    <input
      type="file"
      multiple
      class="vh"
      tabIndex={-1}
      aria-hidden="true"
      onChange={(e) => {
        take([...(e.currentTarget.files ?? [])]);
        e.currentTarget.value = "";
      }}
    />
  ) as HTMLInputElement;
  // Where no live camera can be shown, the phone's own camera app takes the picture.
  const lens = (
    <input
      type="file"
      accept="image/*"
      capture="environment"
      class="vh"
      tabIndex={-1}
      aria-hidden="true"
      onChange={(e) => {
        take([...(e.currentTarget.files ?? [])]);
        e.currentTarget.value = "";
      }}
    />
  ) as HTMLInputElement;
  return (
    <footer class="foot">
      {picker}
      {lens}
      <Composer
        text={model.draft}
        label={() => t().write}
        maxLength={model.config.peek()?.limits.message_characters ?? 8000}
        onInput={(text) => model.typed(text)}
        onSend={async (text) => {
          if (!(await model.send(text))) model.draft.set(text);
        }}
        onFiles={take}
        ref={(el) => {
          area = el;
          // Opened before there was a field.
          if (focusWanted) requestAnimationFrame(() => el.focus());
        }}
        before={<Button kind="ghost" icon={icons.attach} label={() => t().attach} onClick={() => picker.click()} />}
        after={
          <>
            <Button
              kind="ghost"
              icon={icons.camera}
              label={() => t().camera}
              popup="dialog"
              onClick={() => part(camera, (m) => m.takePhoto((photo) => take([photo]), () => lens.click()))}
              onPointerenter={() => part(camera)}
            />
            <Button
              kind="ghost"
              icon={icons.smile}
              label={() => t().emoji}
              popup="dialog"
              expanded={false}
              onClick={({ currentTarget }) =>
                part(emoji, (m) => m.openEmoji(currentTarget, (picked) => area && insertAtCursor(area, picked)))}
              onPointerenter={() => part(emoji)}
            />
          </>
        }
      />
      {store.lasting ? null : <p class="credit">{() => t().storageOff}</p>}
    </footer>
  );
}

function take(files: File[]): void {
  model.sendFiles(files).catch((error) => toast(model.explain(error), { bad: true }));
}

function App() {
  const app = (
    <div class="app">
      <Header />
      <Bars />
      <Show when={() => blocked() === undefined && model.config()} fallback={() => <Blocked />}>
        {() => [
          <main class="app">
            <Log />
          </main>,
          <Show when={() => !formWanted()}>{() => <Foot />}</Show>,
        ]}
      </Show>
    </div>
  ) as HTMLElement;
  const over = dropZone(app, (files) => {
    if (!formWanted.peek() && blocked.peek() === undefined) take(files);
  });
  return (
    <>
      {app}
      <Show when={() => over() && !formWanted()}>{() => <div class="drop">{() => t().dropHere}</div>}</Show>
    </>
  );
}

function Blocked() {
  return (
    <main class="sorry">
      {() => {
        const why = blocked();
        if (why === undefined) return <Spinner label={() => t().loading} />;
        return [
          <Icon d={icons.alert} />,
          <p role="alert">{why}</p>,
          model.problem() && !model.identityProblem()
            ? <Button kind="outline" icon={icons.refresh} onClick={() => model.refresh()}>{() => t().tryNow}</Button>
            : null,
        ];
      }}
    </main>
  );
}

mount(document.body, App);
effect(() => {
  document.documentElement.lang = lang();
  document.title = model.config()?.brand.name ?? t().chat;
});
effect(() => {
  const brand = model.config()?.brand;
  if (!brand) return;
  applyBrand(document.documentElement, brand);
  model.started();
  tellBrand();
});
effect(() => host.tell({ type: "unread", count: model.unread() }));
effect(() => model.watched.set(shown() && visible()));
// What is shown in a conversation only: who types, the waiting line.
effect(() => void (model.started() && moreStyles().catch(() => undefined)));
effect(() => {
  // Who waits before the form gets the chat as soon as somebody is there.
  if (!away() || !model.watched()) return;
  const timer = setInterval(() => model.refresh(), 20_000);
  onCleanup(() => clearInterval(timer));
});
document.addEventListener("keydown", (e) => {
  // Escape closes what is open on top first: dialogs and popups take it themselves.
  if (e.key === "Escape" && !e.defaultPrevented && !document.querySelector("dialog[open], :popover-open")) close();
});
await model.start();
