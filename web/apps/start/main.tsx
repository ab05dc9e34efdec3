/** The start page: in the demo a shop with the chat on it and the way to the other side; else the neutral page of a server. */
import "./app.css";
import { Http, isPassing } from "../../sdk/http.ts";
import { Avatar, Button, Icon } from "../../ui/basics.tsx";
import { lang, pickLang } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import { mount, Show } from "../../ui/jsx-runtime.ts";
import { effect, type Signal, signal } from "../../ui/signals.ts";
import { toast } from "../../ui/toast.tsx";
import { Aube, Galet, Lucarne, Nacelle, Orbe, Scene, Tige } from "./lamps.tsx";
import { startTexts, t } from "./strings.ts";

interface SignIn {
  name: string;
  user: string;
  password: string;
  role: string;
}
interface Start {
  server_name: string;
  base_url: string;
  demo: { sign_ins: SignIn[] } | null;
  inbox_key: string | null;
}
interface Policy {
  createScriptURL(url: string): string;
}
interface Chat {
  open(draft?: string): void;
}
const page = window as Window & {
  comptoir?: Chat;
  trustedTypes?: { createPolicy(name: string, rules: Policy): Policy };
};

const asked = new URLSearchParams(location.search).get("lang");
lang.set(pickLang([asked, localStorage.getItem("comptoir:lang"), ...navigator.languages]));
if (asked) localStorage.setItem("comptoir:lang", lang.peek());

const start: Signal<Start | undefined> = signal<Start | undefined>(undefined);
const trouble = signal(false);
const lit = signal(true);
const http = new Http({ baseUrl: location.origin });

async function load(): Promise<void> {
  for (;;) {
    try {
      start.set(await http.get<Start>("/_comptoir/start", { tries: 1, timeoutMs: 8000 }));
      trouble.set(false);
      return;
    } catch (error) {
      if (!isPassing(error)) throw error;
      trouble.set(true);
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

/** Puts the chat on this page the way a shop does: one script tag. */
function addWidget(inbox: string): void {
  const rules: Policy = {
    createScriptURL: (url) => {
      if (url !== "/widget.js") throw new TypeError("only our own loader");
      return url;
    },
  };
  const policy = page.trustedTypes?.createPolicy("comptoir", rules) ?? rules;
  const tag = document.createElement("script");
  tag.dataset.inbox = inbox;
  tag.dataset.lang = lang.peek();
  tag.dataset.colour = "#9A3D12";
  tag.dataset.colourDark = "#F2A071";
  tag.async = true;
  tag.src = policy.createScriptURL("/widget.js");
  document.head.append(tag);
}

const chat = (draft?: string) => page.comptoir?.open(draft);

function Tongue() {
  const other = () => (lang() === "fr" ? "en" : "fr");
  return <a class="tongue" href={() => `?lang=${other()}`} lang={other} hreflang={other}>{() => t().switchLang}</a>;
}

function Shop() {
  const lamps = [
    { name: "Aube", text: "aube", price: 189, draw: Aube },
    { name: "Orbe", text: "orbe", price: 145, draw: Orbe },
    { name: "Tige", text: "tige", price: 210, draw: Tige },
    { name: "Nacelle", text: "nacelle", price: 165, draw: Nacelle },
    { name: "Galet", text: "galet", price: 98, draw: Galet },
    { name: "Lucarne", text: "lucarne", price: 132, draw: Lucarne },
  ] as const;
  const euro = (n: number) => new Intl.NumberFormat(lang(), { style: "currency", currency: "EUR", maximumFractionDigits: 0 }).format(n);
  return (
    <div class={() => (lit() ? "shop lit" : "shop")}>
      <aside class="ribbon" aria-label={() => t().demo}>
        <p>
          <b>{() => t().demo}</b> <span class="wide">{() => t().demoYou}</span>
        </p>
        <a href="/desk">{() => t().toDesk}</a>
        <Tongue />
      </aside>
      <header class="head">
        <a class="logo" href="#top">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path d="M10 6h12l5 13H5z" />
            <path d="M15 19h2v7h-2zM10 26h12v2H10z" />
          </svg>
          Maison Lumen
        </a>
        <nav aria-label={() => t().nav}>
          <a href="#lamps">{() => t().lamps}</a>
          <a href="#workshop">{() => t().workshop}</a>
          <a href="#try">{() => t().tryIt}</a>
        </nav>
      </header>
      <main id="top">
        <section class="hero">
          <div>
            <h1>{() => t().hero}</h1>
            <p>{() => t().heroText}</p>
            <div class="do">
              <Button kind="primary" icon={icons.chat} onClick={() => chat()}>{() => t().ask}</Button>
              <a class="btn outline" href="#lamps">{() => t().seeLamps}</a>
            </div>
          </div>
          <div class="stage">
            <Scene />
            <button type="button" class="switch" aria-pressed={lit} onClick={() => lit.update((l) => !l)}>
              <span class="vh">{() => (lit() ? t().lampOff : t().lampOn)}</span>
              <Icon d={icons.bolt} />
            </button>
          </div>
        </section>
        <section id="lamps" class="band">
          <h2>{() => t().collection}</h2>
          <ul class="cards">
            {lamps.map((lamp) => (
              <li>
                <div class="niche">
                  <lamp.draw />
                </div>
                <h3>{lamp.name}</h3>
                <p>{() => t()[lamp.text]}</p>
                <p class="price">{() => euro(lamp.price)}</p>
                <Button small kind="outline" onClick={() => chat(t().question(lamp.name))}>
                  {() => t().askAbout}
                  <span class="vh">{` : ${lamp.name}`}</span>
                </Button>
              </li>
            ))}
          </ul>
        </section>
        <section id="workshop" class="facts">
          {([["delivery", icons.cart], ["repair", icons.settings], ["answer", icons.chat]] as const).map(([key, d]) => (
            <div>
              <Icon d={d} />
              <h2>{() => t()[key]}</h2>
              <p>{() => t()[`${key}Text`]}</p>
            </div>
          ))}
        </section>
        <section id="try" class="band try">
          <h2>{() => t().howTitle}</h2>
          <ol class="steps">
            <li>
              <h3>{() => t().how1}</h3>
              <p>{() => t().how1Text}</p>
              <Button kind="primary" icon={icons.chat} onClick={() => chat()}>{() => t().how1Do}</Button>
            </li>
            <li>
              <h3>{() => t().how2}</h3>
              <p>{() => t().how2Text}</p>
              <a class="btn primary" href="/desk" target="_blank">
                <Icon d={icons.inbox} />
                {() => t().how2Do}
              </a>
            </li>
            <li>
              <h3>{() => t().how3}</h3>
              <p>{() => t().how3Text}</p>
              <a class="btn outline" href="/app">
                <Icon d={icons.users} />
                {() => t().how3Do}
              </a>
            </li>
          </ol>
          <SignIns />
        </section>
      </main>
      <footer class="end">
        <p>{() => t().footer}</p>
      </footer>
    </div>
  );
}

function SignIns() {
  const copy = async (text: string) => {
    try {
      await navigator.clipboard.writeText(text);
      toast(t.peek().copied, { ms: 2000 });
    } catch {
      toast(t.peek().notCopied, { bad: true });
    }
  };
  const cell = (text: string, what: () => string) => (
    <td>
      <code>{text}</code> <Button small kind="ghost" icon={icons.copy} label={() => t().copy(what())} onClick={() => copy(text)} />
    </td>
  );
  const role = (r: string) => {
    const known = { owner: t().owner, admin: t().admin, supervisor: t().supervisor, agent: t().agent, customer: t().customer };
    return r in known ? known[r as keyof typeof known] : r;
  };
  return (
    <Show when={() => (start()?.demo?.sign_ins.length ?? 0) > 0}>
      {() => (
        <div class="signs" tabIndex={0} role="region" aria-labelledby="signs">
          <table>
            <caption id="signs">{() => t().signIns}</caption>
            <thead>
              <tr>
                <th scope="col">{() => t().person}</th>
                <th scope="col">{() => t().role}</th>
                <th scope="col">{() => t().user}</th>
                <th scope="col">{() => t().password}</th>
              </tr>
            </thead>
            <tbody>
              {() =>
                start()?.demo?.sign_ins.map((s) => (
                  <tr>
                    <th scope="row">
                      <Avatar name={s.name} size="1.75rem" /> {s.name}
                    </th>
                    <td>{() => role(s.role)}</td>
                    {cell(s.user, () => `${t().user} ${s.user}`)}
                    {cell(s.password, () => `${t().password} ${s.user}`)}
                  </tr>
                ))}
            </tbody>
          </table>
        </div>
      )}
    </Show>
  );
}

function Neutral() {
  return (
    <div class="neutral">
      <header>
        <b>{() => start()?.server_name}</b>
        <Tongue />
      </header>
      <main>
        <h1>{() => t().neutral}</h1>
        <p>{() => t().neutralText}</p>
        <ul>
          <li>
            <a href="/desk">
              <Icon d={icons.inbox} />
              <b>{() => t().how2Do}</b>
              <span>{() => t().deskText}</span>
            </a>
          </li>
          <li>
            <a href="/app">
              <Icon d={icons.users} />
              <b>{() => t().how3Do}</b>
              <span>{() => t().appText}</span>
            </a>
          </li>
        </ul>
      </main>
    </div>
  );
}

mount(document.body, () => [
  () => {
    const s = start();
    if (!s) {
      return trouble()
        ? (
          <main class="wait">
            <p role="alert">{t().noAnswer}</p>
          </main>
        )
        : <main class="wait" aria-busy="true" />;
    }
    return s.demo ? <Shop /> : <Neutral />;
  },
]);
effect(() => {
  document.documentElement.lang = lang();
  const s = start();
  document.title = s && !s.demo ? startTexts[lang()].serverTitle(s.server_name) : t().title;
});
await load();
const got = start.peek();
if (got?.demo) addWidget(got.inbox_key ?? "default");
