/** Reports: a metric, the period and the one before it, a chart with its table, who contributed what, and the conversations behind each number. */
import { rp } from "../../../models/desk/report-strings.ts";
import {
  changeText,
  columns,
  daysOf,
  groupings,
  isBetterLow,
  isNeutral,
  leading,
  type Metric,
  metrics,
  numberText,
  partName,
  partOf,
  ranges,
  type Recount,
  type Report,
  type ReportGroups,
  type ReportLine,
  type ReportNumber,
  type ReportQuery,
  steps,
  ticks,
  unitOf,
} from "../../../models/desk/reports.ts";
import { formatRoute } from "../../../models/desk/route.ts";
import { t } from "../../../models/desk/strings.ts";
import type { Page } from "../../../models/desk/types.ts";
import { Button, Spinner } from "../../../ui/basics.tsx";
import { Chart, type ChartPart } from "../../../ui/chart.tsx";
import { lang, shortAge } from "../../../ui/i18n.ts";
import * as icons from "../../../ui/icons.ts";
import { For, Show } from "../../../ui/jsx-runtime.ts";
import { openDialog } from "../../../ui/overlay.tsx";
import { computed, effect, onCleanup, type Signal, signal } from "../../../ui/signals.ts";
import { RatingMark } from "../rating.tsx";
import { Back } from "../back.tsx";
import { desk, go, route } from "../state.ts";
import { Mails } from "./mails.tsx";
import { dateTime } from "../texts.ts";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

function keyName(metric: Metric, key: string): string {
  const texts = rp();
  if (key.startsWith("score_")) return texts.score(Number(key.slice(6)));
  if (metric === "csat" && key === "mean") return texts.meanScore;
  if (metric === "nps" && key === "nps") return texts.npsValue;
  const name = (texts as unknown as Record<string, unknown>)[key];
  return typeof name === "string" ? name : key;
}

export function ReportsPane() {
  const metric = computed((): Metric => {
    const r = route();
    return r.at === "reports" ? r.metric : "volume";
  });
  const query = computed((): ReportQuery => {
    const r = route();
    return r.at === "reports" ? r.query : {};
  });
  const change = (more: ReportQuery) => go({ at: "reports", metric: metric.peek(), query: { ...query.peek(), ...more } }, true);
  const asked = computed(() => {
    const { group: _, range: __, ...rest } = query();
    return { ...rest, ...daysOf(query(), desk.now()), time_zone: zone };
  });
  const report: Signal<Report | undefined> = signal<Report | undefined>(undefined);
  const failed = signal<string | undefined>(undefined);
  const again = signal(0);
  void desk.attempt(async () => {
    if (tags.peek().length === 0) tags.set((await desk.api.tagList()).map((tag) => tag.name));
  });
  // Only what was asked for last is shown; what is there stays until then.
  const shape = computed(() => JSON.stringify([metric(), asked()]));
  let number = 0;
  effect(() => {
    shape();
    again();
    const mine = ++number, what = metric.peek(), wanted = asked.peek();
    failed.set(undefined);
    desk.api.get<Report>(`/reports/${what}`, { query: { ...wanted } }).then((answer) => {
      if (mine === number) report.set(answer);
    }, (error) => {
      if (mine === number) failed.set(desk.explain(error));
    });
  });
  let tabs: HTMLElement | undefined;
  effect(() => {
    metric();
    queueMicrotask(() => tabs?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }));
  });
  return (
    <main class="conversation admin reports" id="conversation" tabIndex={-1} aria-label={() => rp().reports}>
      <header class="top">
        <Back label={() => t().back} />
        <h1>{() => rp().reports}</h1>
        <nav aria-label={() => rp().metrics} ref={(e) => tabs = e}>
          <ul>
            {metrics.map((m) => (
              <li>
                <a
                  href={() => formatRoute({ at: "reports", metric: m, query: query() })}
                  aria-current={() => (metric() === m ? "page" : undefined)}
                >
                  {() => rp()[m]}
                </a>
              </li>
            ))}
          </ul>
        </nav>
      </header>
      <div class="scroll">
        <Asked query={query} change={change} />
        {() => {
          const why = failed();
          return why
            ? (
              <div class="box" role="alert">
                <p>{`${rp().notLoaded} ${why}`}</p>
                <Button small kind="outline" icon={icons.refresh} onClick={() => again.update((n) => n + 1)}>{rp().again}</Button>
              </div>
            )
            : null;
        }}
        {() => {
          const r = report();
          if (!r) return failed() ? null : <Spinner label={() => t().loading} />;
          return r.metric === metric()
            ? <Told report={r} asked={asked.peek()} query={query} change={change} />
            : <Spinner label={() => t().loading} />;
        }}
        <Mails />
        <Show when={() => desk.may("settings.manage")}>{() => <Recounting onDone={() => again.update((n) => n + 1)} />}</Show>
      </div>
    </main>
  );
}

const tags = signal<readonly string[]>([]);

function Asked({ query, change }: { query: () => ReportQuery; change: (more: ReportQuery) => void }) {
  const custom = signal(query().from !== undefined);
  const days = computed(() => daysOf(query(), desk.now()));
  const Choice = (props: { label: () => string; value: () => string; options: () => [string, string][]; set: (value: string) => void }) => (
    <label>
      <span>{props.label}</span>
      <select class="input" onChange={(e) => props.set(e.currentTarget.value)}>
        {() => props.options().map(([value, name]) => <option value={value} selected={() => props.value() === value}>{name}</option>)}
      </select>
    </label>
  );
  const day = (name: "from" | "to") => (
    <label>
      <span>{() => rp()[name]}</span>
      <input
        class="input"
        type="date"
        value={() => days()[name]}
        onChange={(e) => e.currentTarget.value && change({ ...days.peek(), [name]: e.currentTarget.value, range: undefined })}
      />
    </label>
  );
  return (
    <div class="asked">
      <Choice
        label={() => rp().period}
        value={() => (custom() ? "custom" : query().range ?? "last30")}
        options={() => [...ranges.map((r): [string, string] => [r, rp()[r]]), ["custom", rp().custom]]}
        set={(value) => {
          custom.set(value === "custom");
          change(value === "custom" ? { ...days.peek(), range: undefined } : { range: value, from: undefined, to: undefined });
        }}
      />
      <Show when={custom}>{() => [day("from"), day("to")]}</Show>
      <Choice
        label={() => rp().inbox}
        value={() => query().inbox ?? ""}
        options={() => [["", rp().everyInbox], ...desk.inboxes().map((i): [string, string] => [i.id, i.name])]}
        set={(inbox) => change({ inbox: inbox || undefined })}
      />
      <Show when={() => desk.teams().length > 0}>
        {() => (
          <Choice
            label={() => rp().team}
            value={() => query().team ?? ""}
            options={() => [["", rp().everyTeam], ...desk.teams().map((i): [string, string] => [i.id, i.name])]}
            set={(team) => change({ team: team || undefined })}
          />
        )}
      </Show>
      <Choice
        label={() => rp().agent}
        value={() => query().agent ?? ""}
        options={() => [["", rp().everyAgent], ...desk.agents().map((a): [string, string] => [a.id, a.public_name])]}
        set={(agent) => change({ agent: agent || undefined })}
      />
      <Show when={() => tags().length > 0}>
        {() => (
          <Choice
            label={() => rp().tag}
            value={() => query().tag ?? ""}
            options={() => [["", rp().everyTag], ...tags().map((name): [string, string] => [name, name])]}
            set={(tag) => change({ tag: tag || undefined })}
          />
        )}
      </Show>
    </div>
  );
}

interface Given {
  report: Report;
  asked: Record<string, string | undefined>;
  query: () => ReportQuery;
  change: (more: ReportQuery) => void;
}

function Delta({ metric, n }: { metric: Metric; n: ReportNumber }) {
  const text = changeText(lang.peek(), n);
  if (text === undefined || n.value === null || n.previous === null) return <span />;
  const isUp = n.value > n.previous, isSame = n.value === n.previous;
  const mood = isSame || isNeutral(metric, n.key) ? "" : isUp !== isBetterLow(metric, n.key) ? "good" : "bad";
  return <span class={`by ${mood}`}>{isSame ? rp().noChange : `${isUp ? "▲" : "▼"} ${text}`}</span>;
}

function Told({ report, asked, query, change }: Given) {
  const { metric } = report, key = leading[metric];
  const timed = metric === "first_response" || metric === "resolution";
  const numbers = [...report.numbers].sort((a, b) => Number(b.key === key) - Number(a.key === key));
  const isEmpty = numbers.every((n) => n.value === null || n.value === 0);
  return (
    <>
      <ul class="numbers">
        {numbers.map((n) => (
          <li>
            <button
              type="button"
              data-key={n.key}
              onClick={() => void behind(report, asked, keyName(metric, n.key), { part: partOf(metric, n.key) })}
            >
              <span class="what">{() => keyName(metric, n.key)}</span>
              <span class="value">{() => numberText(lang(), n.unit, n.value)}</span>
              <span class="was">
                {() => [
                  <Delta metric={metric} n={n} />,
                  n.previous === null ? null : ` ${rp().was(numberText(lang(), n.unit, n.previous))}`,
                ]}
              </span>
            </button>
          </li>
        ))}
      </ul>
      <details class="formula" open>
        <summary>{() => rp().formula}</summary>
        <p>{report.formula}</p>
      </details>
      <section class="box" aria-label={() => rp()[metric]}>
        <div class="head">
          <h2>{() => (isEmpty ? rp().nothing : keyName(metric, key))}</h2>
          <span class="grow" />
          <select class="input" aria-label={() => rp().step} onChange={(e) => change({ step: e.currentTarget.value })}>
            {steps.map((s) => (
              <option value={s} selected={report.step === s}>
                {() => ({ day: rp().stepDay, week: rp().stepWeek, month: rp().stepMonth })[s]}
              </option>
            ))}
          </select>
          {timed
            ? (
              <select class="input" aria-label={() => rp().clock} onChange={(e) => change({ clock: e.currentTarget.value })}>
                <option value="plain" selected={query().clock !== "open"}>{() => rp().clockPlain}</option>
                <option value="open" selected={query().clock === "open"}>{() => rp().clockOpen}</option>
              </select>
            )
            : null}
        </div>
        <Parts report={report} asked={asked} />
      </section>
      <Groups report={report} asked={asked} query={query} change={change} />
    </>
  );
}

function Parts({ report, asked }: { report: Report; asked: Given["asked"] }) {
  const { metric, step, time_zone } = report, key = leading[metric], unit = unitOf(report.numbers, key);
  const stacked = metric === "volume";
  const keys = stacked ? ["new", "returning"] : [key];
  const name = (start: number) => partName(lang(), step, start, time_zone);
  const parts = computed((): ChartPart[] =>
    report.series.map((p, i) => {
      const before = report.previous_series[i]?.values[key] ?? null;
      const said = keys.map((k) => `${keyName(metric, k)} ${numberText(lang(), unit, p.values[k])}`).join(" · ");
      return { name: name(p.start), tip: `${name(p.start)} · ${said}`, values: [...keys.map((k) => p.values[k] ?? null), before] };
    })
  );
  const kind = unit === "count" && metric !== "backlog" ? "bar" : "line";
  const list = (i: number) => {
    const p = report.series[i];
    if (p) void behind(report, asked, name(p.start), { start: p.start, end: p.end });
  };
  return (
    <>
      <Chart
        label={() => `${keyName(metric, key)}, ${name(report.start)} – ${name(report.end - 1)}`}
        series={[...keys.map((k) => ({ name: keyName(metric, k), kind } as const)), { name: rp.peek().before, kind: "past" as const }]}
        parts={parts}
        ticks={(low, high) => ticks(unit, low, high)}
        tickText={(v) => (unit === "ms" ? numberText(lang(), unit, v).replace(/ 00 (s|min)$/, "") : numberText(lang(), unit, v))}
        onPick={list}
      />
      <details>
        <summary>{() => rp().table}</summary>
        <div class="sheet-of">
          <table>
            <thead>
              <tr>
                <th scope="col">{() => rp().period}</th>
                {keys.map((k) => <th scope="col">{() => keyName(metric, k)}</th>)}
                <th scope="col">{() => rp().before}</th>
              </tr>
            </thead>
            <tbody>
              {report.series.map((p, i) => (
                <tr>
                  <th scope="row">
                    <button type="button" onClick={() => list(i)}>{() => name(p.start)}</button>
                  </th>
                  {keys.map((k) => <td>{() => numberText(lang(), unit, p.values[k])}</td>)}
                  <td>{() => numberText(lang(), unit, report.previous_series[i]?.values[key])}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </>
  );
}

function Groups({ report, asked, query, change }: Given) {
  const { metric } = report;
  const group = computed(() => groupings.find((g) => g === query().group) ?? "agent");
  const groups: Signal<ReportGroups | undefined> = signal<ReportGroups | undefined>(undefined);
  let number = 0;
  effect(() => {
    const by = group(), mine = ++number;
    desk.api.get<ReportGroups>(`/reports/${metric}/groups`, { query: { ...asked, group: by } }).then((answer) => {
      if (mine === number) groups.set(answer);
    }, (error) => desk.ignorePassing(error));
  });
  onCleanup(() => number++);
  const unit = (key: string) => key === "median" ? "ms" as const : unitOf(report.numbers, key);
  const filterOf = (id: string): ReportQuery => {
    const by = group();
    if (by === "agent") return { agent: id || "nobody" };
    if (by === "team") return { team: id || "none" };
    return { [by]: id };
  };
  const save = () =>
    desk.attempt(async () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await desk.api.blob(`/reports/${metric}/export`, { query: { ...asked } }));
      link.download = `${metric}.csv`;
      link.click();
      URL.revokeObjectURL(link.href);
    });
  return (
    <section class="box" aria-label={() => `${rp().by} ${rp()[group()]}`}>
      <div class="head">
        <label class="line">
          <span>{() => rp().by}</span>
          <select class="input" onChange={(e) => change({ group: e.currentTarget.value })}>
            {groupings.map((g) => <option value={g} selected={() => group() === g}>{() => rp()[g]}</option>)}
          </select>
        </label>
        <span class="grow" />
        <Button small kind="outline" icon={icons.download} onClick={save}>{() => rp().export}</Button>
      </div>
      {() => {
        const now = groups();
        if (!now || now.group !== group()) return <Spinner label={() => t().loading} />;
        if (now.items.length === 0) return <p class="sub">{rp().nothing}</p>;
        return (
          <div class="sheet-of">
            <table>
              <thead>
                <tr>
                  <th scope="col">{rp()[now.group]}</th>
                  {columns[metric].map((k) => <th scope="col">{keyName(metric, k)}</th>)}
                </tr>
              </thead>
              <tbody>
                {now.items.map((row) => (
                  <tr>
                    <th scope="row">
                      <button
                        type="button"
                        onClick={() => void behind(report, { ...asked, ...filterOf(row.id) } as Given["asked"], row.name, {})}
                      >
                        {row.name}
                      </button>
                    </th>
                    {columns[metric].map((k, i) => (
                      <td>
                        {numberText(lang(), unit(k), row.values[k])}
                        {i === 0 && row.previous[k] !== undefined
                          ? [" ", <span class="was">{`(${numberText(lang(), unit(k), row.previous[k])})`}</span>]
                          : null}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        );
      }}
    </section>
  );
}

/** The list behind a number. */
function behind(
  report: Report,
  asked: Given["asked"],
  name: string,
  more: { part?: string | undefined; start?: number; end?: number },
): Promise<void> {
  const lines = signal<readonly ReportLine[] | undefined>(undefined), next = signal<string | null>(null);
  const load = (cursor?: string) =>
    desk.attempt(async () => {
      const page = await desk.api.get<Page<ReportLine>>(`/reports/${report.metric}/conversations`, {
        query: { ...asked, ...more, cursor, limit: 30 },
      });
      lines.update((all) => [...(cursor ? all ?? [] : []), ...page.items]);
      next.set(page.next_cursor);
    });
  void load();
  const figure = (line: ReportLine): string => {
    const open = asked.clock === "open";
    if (report.metric === "first_response") return numberText(lang(), "ms", open ? line.first_response_open_ms : line.first_response_ms);
    if (report.metric === "resolution") return numberText(lang(), "ms", open ? line.resolution_open_ms : line.resolution_ms);
    return shortAge(lang(), line.at, desk.now());
  };
  return openDialog({
    title: () => rp().behindOf(name),
    body: (close) => (
      <>
        <ul class="behind">
          <For
            each={() => lines() ?? []}
            by={(l: ReportLine) => `${l.conversation?.id} ${l.case}`}
            fallback={() => <li class="sub">{() => (lines() === undefined ? t().loading : rp().nothing)}</li>}
          >
            {(line) => (
              <li>
                <button
                  type="button"
                  onClick={() => {
                    const id = line.peek().conversation?.id;
                    close();
                    if (id) go({ at: "desk", view: desk.view.peek(), open: id });
                  }}
                >
                  <strong>{() => t().number(line().conversation?.number ?? 0)}</strong>
                  <span class="one">{() => line().conversation?.contact?.display_name ?? ""}</span>
                  <span>
                    {() => {
                      const rating = line().conversation?.rating;
                      return (report.metric === "csat" || report.metric === "nps") && rating
                        ? <RatingMark rating={rating} />
                        : figure(line());
                    }}
                  </span>
                  <span class="sub one">
                    {() =>
                      [line().conversation?.inbox.name, line().conversation?.assignee?.name, dateTime(line().at)].filter(Boolean).join(
                        " · ",
                      )}
                  </span>
                </button>
              </li>
            )}
          </For>
        </ul>
        {() => (next() ? <Button kind="outline" onClick={() => void load(next.peek() ?? undefined)}>{rp().more}</Button> : null)}
      </>
    ),
  });
}

function Recounting({ onDone }: { onDone: () => void }) {
  const now = signal<Recount | undefined>(undefined);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const follow = async () => {
    await desk.attempt(async () => now.set(await desk.api.get<Recount>("/recount")));
    if (now.peek()?.running) timer = setTimeout(follow, 700);
    else onDone();
  };
  onCleanup(() => clearTimeout(timer));
  return (
    <details class="recount">
      <summary>{() => rp().recount}</summary>
      <p class="sub">{() => rp().recountHint}</p>
      <p role="status">
        {() => {
          const r = now();
          if (!r) return null;
          return r.running ? rp().recountRuns(r.done, r.total) : r.finished_at ? rp().recountDone(r.facts, r.corrected) : null;
        }}
      </p>
      <Button
        small
        kind="outline"
        icon={icons.refresh}
        disabled={() => now()?.running === true}
        onClick={() =>
          void desk.attempt(async () => {
            now.set(await desk.api.post<Recount>("/recount"));
            await follow();
          })}
      >
        {() => rp().recount}
      </Button>
    </details>
  );
}
