/**
 * `/widget.js`: one script tag puts the chat on any page. A closed shadow root holds the button and the frame; the
 * `:host` rules are `!important`, and from a shadow tree that wins over the page's own `!important`. Top layer where the
 * browser has it, so no z-index of the page counts. Styles by CSSOM only: a strict CSP needs just script-src and frame-src.
 */
import { type KeyValue, openStore } from "../../sdk/storage.ts";

type Listener = (detail: unknown) => void;
type Api = {
  open(draft?: string): void;
  close(): void;
  toggle(): void;
  identify(identity: unknown): void;
  reset(): void;
  on(name: string, run: Listener): () => void;
};
type Host = Window & { comptoir?: Api; comptoirReady?: { push(run: (api: Api) => void): void } | ((api: Api) => void)[] };

const css = `
:host{all:initial!important;position:fixed!important;inset:auto 0 0 auto!important;width:0!important;height:0!important;display:block!important;
overflow:visible!important;z-index:2147483647!important;margin:0!important;padding:0!important;border:0!important;color-scheme:light dark!important}
@media print{:host{display:none!important}}
*{box-sizing:border-box!important}
button{all:initial;position:absolute!important;right:20px;bottom:20px;width:60px;height:60px;border-radius:30px;cursor:pointer;display:grid;
place-items:center;background:var(--b,#0b6355);color:var(--o,#fff);box-shadow:0 4px 16px rgb(20 15 5/28%);transition:transform .15s,opacity .15s}
button:hover{transform:scale(1.05)}
button:focus-visible{outline:3px solid #1a56c4;outline-offset:3px;box-shadow:0 0 0 3px #fff}
svg{width:28px;height:28px;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.n{position:absolute;top:-4px;right:-4px;min-width:22px;height:22px;padding:0 6px;border-radius:11px;background:#b3261e;color:#fff;
font:600 13px/22px system-ui,sans-serif;text-align:center;box-shadow:0 0 0 2px #fff}
.p{position:absolute;right:20px;bottom:92px;width:400px;height:min(660px,100vh - 112px);height:min(660px,100dvh - 112px);max-width:calc(100vw - 40px);
border-radius:16px;overflow:hidden;background:Canvas;box-shadow:0 12px 48px rgb(20 15 5/30%);transition:opacity .18s,transform .18s,visibility .18s}
.p:not(.on){visibility:hidden;opacity:0;transform:translateY(12px);pointer-events:none}
iframe{display:block;width:100%;height:100%;border:0}
[hidden]{display:none!important}
@media(prefers-color-scheme:dark){button{background:var(--bd,var(--b,#62cdb6));color:var(--od,var(--o,#06231e))}}
@media(max-width:520px),(max-height:480px){.p{position:fixed;right:0;bottom:auto;left:0;top:var(--t,0);width:auto;max-width:none;
height:var(--h,100vh);height:var(--h,100dvh);border-radius:0}.on~button{visibility:hidden}}
@media(prefers-reduced-motion:reduce){*{transition:none!important}}
@media(forced-colors:active){button{border:2px solid ButtonText}}`;

const texts = {
  en: {
    open: "Open the chat",
    close: "Close the chat",
    frame: "Chat",
    unread: (n: number) => (n === 1 ? "1 unread message" : `${n} unread messages`),
  },
  fr: {
    open: "Ouvrir la discussion",
    close: "Fermer la discussion",
    frame: "Discussion",
    unread: (n: number) => (n < 2 ? `${n} message non lu` : `${n} messages non lus`),
  },
};

const page = window as Host;
const script = (document.currentScript ?? document.querySelector("script[src$='/widget.js'][data-inbox]")) as HTMLScriptElement | null;
if (script && !page.comptoir) start(script);

function start(tag: HTMLScriptElement): void {
  const origin = new URL(tag.src).origin;
  const inbox = tag.dataset.inbox ?? "default";
  const wanted = tag.dataset.lang ?? document.documentElement.lang ?? "";
  const lang = /^fr/i.test(wanted || navigator.language) ? "fr" : "en";
  const say = texts[lang];
  const flag = `comptoir:${inbox}`;
  const listeners = new Map<string, Set<Listener>>();
  let isOpen = false, ready = false, unread = 0;
  let frame: HTMLIFrameElement | undefined;
  const waiting: Record<string, unknown>[] = [];

  const host = document.createElement("div");
  const shadow = host.attachShadow({ mode: "closed" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  shadow.adoptedStyleSheets = [sheet];
  const panel = document.createElement("div");
  panel.className = "p";
  const button = document.createElement("button");
  button.type = "button";
  const icon = svg("M12 4.5c5 0 9 3.2 9 7.3s-4 7.2-9 7.2c-1 0-2-.1-3-.4L4.5 20.5l1-3.6C4 15.6 3 13.8 3 11.8c0-4.1 4-7.3 9-7.3Z");
  const count = document.createElement("span");
  count.className = "n";
  button.append(icon.root, count);
  button.onclick = () => (isOpen ? close() : open());
  shadow.append(panel, button);
  draw();

  function svg(d: string) {
    const ns = "http://www.w3.org/2000/svg";
    const root = document.createElementNS(ns, "svg"), path = document.createElementNS(ns, "path");
    root.setAttribute("viewBox", "0 0 24 24");
    root.setAttribute("aria-hidden", "true");
    path.setAttribute("d", d);
    root.append(path);
    return { root, path };
  }

  function draw(): void {
    panel.classList.toggle("on", isOpen);
    const label = isOpen ? say.close : say.open;
    button.setAttribute("aria-label", unread > 0 ? `${label} (${say.unread(unread)})` : label);
    button.setAttribute("aria-expanded", String(isOpen));
    count.hidden = unread === 0 || isOpen;
    count.textContent = unread > 99 ? "99+" : String(unread);
    icon.path.setAttribute(
      "d",
      isOpen
        ? "m6 9.5 6 6 6-6"
        : "M12 4.5c5 0 9 3.2 9 7.3s-4 7.2-9 7.2c-1 0-2-.1-3-.4L4.5 20.5l1-3.6C4 15.6 3 13.8 3 11.8c0-4.1 4-7.3 9-7.3Z",
    );
  }

  function attach(): void {
    if (host.isConnected) return;
    document.documentElement.append(host);
    try {
      host.popover = "manual";
      host.showPopover();
    } catch {
      // An older browser: the z-index has to do.
    }
  }

  function load(): void {
    if (frame) return;
    frame = document.createElement("iframe");
    frame.title = say.frame;
    frame.allow = "camera; microphone; clipboard-write; autoplay";
    frame.src = `${origin}/widget/?inbox=${encodeURIComponent(inbox)}&lang=${lang}`;
    panel.append(frame);
  }

  function tell(message: Record<string, unknown>): void {
    if (ready) frame?.contentWindow?.postMessage({ comptoir: 1, ...message }, origin);
    else waiting.push(message);
  }

  function where(): Record<string, unknown> {
    return { url: location.href.slice(0, 2000), title: document.title.slice(0, 300), referrer: document.referrer.slice(0, 2000) };
  }

  function emit(name: string, detail?: unknown): void {
    for (const run of listeners.get(name) ?? []) run(detail);
  }

  function open(draft?: unknown): void {
    attach();
    load();
    const text = typeof draft === "string" ? draft.slice(0, 2000) : undefined;
    if (isOpen) return text ? tell({ type: "open", page: where(), draft: text }) : undefined;
    isOpen = true;
    draw();
    fit();
    tell({ type: "open", page: where(), draft: text });
    frame?.focus();
    emit("open");
  }

  function close(): void {
    if (!isOpen) return;
    isOpen = false;
    draw();
    tell({ type: "close" });
    button.focus({ preventScroll: true });
    emit("close");
  }

  /** On a phone the panel keeps clear of the keyboard. */
  function fit(): void {
    const view = window.visualViewport;
    if (!view || !isOpen) return;
    panel.style.setProperty("--h", `${view.height}px`);
    panel.style.setProperty("--t", `${view.offsetTop}px`);
  }
  window.visualViewport?.addEventListener("resize", fit);
  window.visualViewport?.addEventListener("scroll", fit);

  let store: Promise<KeyValue> | undefined;
  const keep = () => store ??= openStore(`comptoir-widget-${inbox}`);

  /** Keeps for the frame what the browser does not let a frame of another site keep. */
  async function serve(m: Record<string, unknown>): Promise<void> {
    let ok = true, value: unknown;
    try {
      const values = await keep(), key = String(m.key);
      if (m.op === "lasting") value = values.lasting;
      else if (m.op === "set") await values.set(key, m.value);
      else if (m.op === "delete") await values.delete(key);
      else value = m.op === "list" ? await values.list(key) : await values.get(key);
    } catch {
      // Full, most likely. The frame goes on without, and says so where it matters.
      ok = false;
    }
    tell({ type: "stored", id: m.id, ok, value });
  }

  function remember(value: string | undefined): void {
    try {
      if (value === undefined) localStorage.removeItem(flag);
      else localStorage.setItem(flag, value);
    } catch {
      // The page may not store: the chat then loads when it is opened.
    }
  }

  function paint(colours: unknown): void {
    const c = (colours ?? {}) as Record<string, unknown>;
    for (const [name, key] of [["--b", "colour"], ["--o", "on_colour"], ["--bd", "colour_dark"], ["--od", "on_colour_dark"]] as const) {
      const value = c[key];
      if (typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value)) host.style.setProperty(name, value, "important");
    }
  }

  addEventListener("message", (e) => {
    if (e.origin !== origin || !frame || e.source !== frame.contentWindow) return;
    const m = e.data as Record<string, unknown> | null;
    if (m?.comptoir !== 1) return;
    if (m.type === "ready") {
      ready = true;
      tell({ type: "init", page: where(), open: isOpen });
      for (const message of waiting.splice(0)) tell(message);
    } else if (m.type === "unread") {
      const now = Number(m.count) || 0;
      if (now === unread) return;
      unread = now;
      draw();
      emit("unread", unread);
    } else if (m.type === "store") serve(m);
    else if (m.type === "close") close();
    else if (m.type === "brand") {
      paint(m.brand);
      if (m.started) remember(JSON.stringify(m.brand));
    } else if (m.type === "forgotten") remember(undefined);
    else if (m.type === "event") emit(String(m.name), m.detail);
  });

  let seen = location.href;
  setInterval(() => {
    // Shops that change the page without loading: the advisor sees where the customer is.
    if (location.href === seen) return;
    seen = location.href;
    if (frame) tell({ type: "page", page: where() });
  }, 2000);

  const api: Api = {
    open,
    close,
    toggle: () => (isOpen ? close() : open()),
    identify(identity) {
      load();
      tell({ type: "identify", identity });
    },
    reset() {
      load();
      tell({ type: "reset" });
    },
    on(name, run) {
      const all = listeners.get(name) ?? new Set();
      listeners.set(name, all.add(run));
      return () => void all.delete(run);
    },
  };
  page.comptoir = api;

  const begin = () => {
    attach();
    let kept: string | null = null;
    try {
      kept = localStorage.getItem(flag);
      if (kept) paint(JSON.parse(kept));
    } catch {
      // Blocked or spoilt: as on a first visit.
    }
    // Who has written here before gets the badge; everyone else loads nothing until the chat is opened.
    if (kept) (window.requestIdleCallback ?? setTimeout)(load);
    const queued = page.comptoirReady;
    page.comptoirReady = { push: (run: (api: Api) => void) => run(api) };
    if (Array.isArray(queued)) { for (const run of queued) run(api); }
    dispatchEvent(new Event("comptoir:ready"));
  };
  paint({ colour: tag.dataset.colour, colour_dark: tag.dataset.colourDark });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
}
