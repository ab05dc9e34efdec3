/** `/app`: how to reach this server with any Matrix app. */
import "./app.css";
import { Http, isPassing } from "../../sdk/http.ts";
import { Button, Icon } from "../../ui/basics.tsx";
import { lang, pickLang } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import { type Child, mount, Show } from "../../ui/jsx-runtime.ts";
import { effect, type Signal, signal } from "../../ui/signals.ts";
import { toast } from "../../ui/toast.tsx";
import { t } from "./strings.ts";

interface Start {
  server_name: string;
  base_url: string;
  demo: { sign_ins: { user: string }[] } | null;
}

const asked = new URLSearchParams(location.search).get("lang");
lang.set(pickLang([asked, localStorage.getItem("comptoir:lang"), ...navigator.languages]));
if (asked) localStorage.setItem("comptoir:lang", lang.peek());

const start: Signal<Start | undefined> = signal<Start | undefined>(undefined);
const trouble = signal(false);
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

async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(t.peek().copied, { ms: 2000 });
  } catch {
    toast(t.peek().notCopied, { bad: true });
  }
}

function Fact(props: { name: () => string; value: string; hint: () => string }) {
  return (
    <div class="fact">
      <dt>{props.name}</dt>
      <dd>
        <code>{props.value}</code>
        <Button small kind="outline" icon={icons.copy} label={() => t().copy(props.name())} onClick={() => copy(props.value)} />
      </dd>
      <dd class="hint">{props.hint}</dd>
    </div>
  );
}

function App(props: { name: string; where: string; steps: (() => string)[]; note?: () => string }) {
  return (
    <li>
      <h3>{props.name}</h3>
      <p class="where">{props.where}</p>
      <ol>{props.steps.map((step) => <li>{step}</li>)}</ol>
      {props.note ? <p class="note">{props.note}</p> : null}
    </li>
  );
}

function Guide({ s }: { s: Start }): Node {
  const base = s.base_url || location.origin;
  const id = () => `@${s.demo?.sign_ins[0]?.user ?? "anna"}:${s.server_name}`;
  const local = /^https?:\/\/(127\.|localhost|\[::1\])/.test(base);
  return (
    <main>
      <h1>{() => t().title}</h1>
      <p class="lead">{() => t().lead}</p>
      <dl>
        <Fact name={() => t().address} value={base} hint={() => t().addressHint} />
        <Fact name={() => t().name} value={s.server_name} hint={() => t().nameHint(id())} />
      </dl>
      {local
        ? (
          <p class="local">
            <Icon d={icons.info} />
            <span>{() => t().local}</span>
          </p>
        )
        : null}
      <h2>{() => t().choose}</h2>
      <ul class="apps">
        <App
          name="Element"
          where="Web, Linux, macOS, Windows, iOS, Android"
          steps={[() => t().element1, () => t().element2, () => t().element3, () => t().element4]}
          note={() => t().elementNote}
        />
        <App
          name="FluffyChat"
          where="iOS, Android, Linux, Web"
          steps={[() => t().fluffy1, () => t().fluffy2, () => t().fluffy3]}
        />
        <App
          name="nheko"
          where="Linux, macOS, Windows"
          steps={[() => t().nheko1, () => t().nheko2(id()), () => t().nheko3, () => t().nheko4]}
        />
      </ul>
      <h2>{() => t().noAccount}</h2>
      <p>
        {() => (s.demo ? t().demoText : t().noAccountText)} <Show when={() => s.demo}>{() => <a href="/#try">{() => t().toStart}</a>}</Show>
      </p>
    </main>
  );
}

mount(document.body, (): Child => (
  <div class="page">
    <header>
      <a href="/">
        <Icon d={icons.left} />
        {() => t().back}
      </a>
      <a href={() => `?lang=${lang() === "fr" ? "en" : "fr"}`} lang={() => (lang() === "fr" ? "en" : "fr")}>{() => t().switchLang}</a>
    </header>
    {() => {
      const s = start();
      return s ? <Guide s={s} /> : <main aria-busy="true">{trouble() ? <p role="alert">{t().noAnswer}</p> : null}</main>;
    }}
  </div>
));
effect(() => {
  document.documentElement.lang = lang();
  document.title = t().title;
});
await load();
