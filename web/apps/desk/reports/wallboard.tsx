/** The wallboard: who waits and since when, who is free, the day so far. Made to be read from across a room. */
import { rp } from "../../../models/desk/report-strings.ts";
import { numberText } from "../../../models/desk/reports.ts";
import { t } from "../../../models/desk/strings.ts";
import { duration, heat } from "../../../models/desk/times.ts";
import { type Wallboard, WallboardModel, type WallLine } from "../../../models/desk/wallboard.ts";
import { systemClock } from "../../../sdk/ports.ts";
import { Avatar, Button, Spinner } from "../../../ui/basics.tsx";
import { clockTime, lang } from "../../../ui/i18n.ts";
import * as icons from "../../../ui/icons.ts";
import { For, Show } from "../../../ui/jsx-runtime.ts";
import { computed, onCleanup, signal } from "../../../ui/signals.ts";
import { desk, go } from "../state.ts";
import { availabilityName } from "../texts.ts";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

export function WallboardPane() {
  const inbox = signal(""), team = signal("");
  const load = () =>
    desk.api.get<Wallboard>("/wallboard", { query: { time_zone: zone, inbox: inbox.peek() || undefined, team: team.peek() || undefined } });
  const model = new WallboardModel(load, systemClock, computed(() => `${desk.heard()} ${inbox()} ${team()}`));
  const second = signal(Date.now());
  const timer = setInterval(() => second.set(Date.now()), 1000);
  const isFull = signal(document.fullscreenElement !== null);
  const follow = () => isFull.set(document.fullscreenElement !== null);
  document.addEventListener("fullscreenchange", follow);
  onCleanup(() => {
    model.stop();
    clearInterval(timer);
    document.removeEventListener("fullscreenchange", follow);
    if (document.fullscreenElement) void document.exitFullscreen();
  });
  const now = () => second() + model.ahead;
  const waits = (since: number | null) => since === null ? "–" : duration(lang(), now() - since);
  const page = (
    <main class="conversation wall" id="conversation" tabIndex={-1} aria-label={() => rp().wall}>
      <header class="wall-top">
        <Button
          kind="ghost"
          icon={icons.left}
          label={() => rp().closeBoard}
          onClick={() => go({ at: "reports", metric: "volume", query: {} })}
        />
        <h1>{() => rp().wall}</h1>
        <time>{() => clockTime(lang(), now())}</time>
        <span class="grow" />
        <Show when={() => desk.inboxes().length > 1}>
          {() => (
            <select class="input" aria-label={() => rp().inbox} onChange={(e) => inbox.set(e.currentTarget.value)}>
              <option value="">{() => rp().everyInbox}</option>
              {() => desk.inboxes().map((i) => <option value={i.id}>{i.name}</option>)}
            </select>
          )}
        </Show>
        <Show when={() => desk.teams().length > 0}>
          {() => (
            <select class="input" aria-label={() => rp().team} onChange={(e) => team.set(e.currentTarget.value)}>
              <option value="">{() => rp().everyTeam}</option>
              {() => desk.teams().map((i) => <option value={i.id}>{i.name}</option>)}
            </select>
          )}
        </Show>
        {document.fullscreenEnabled
          ? (
            <Button
              kind="outline"
              icon={icons.sidebar}
              onClick={() => void (document.fullscreenElement ? document.exitFullscreen() : page.requestFullscreen())}
            >
              {() => (isFull() ? rp().leaveFull : rp().full)}
            </Button>
          )
          : null}
      </header>
      <p class="wall-stale" role="status">{() => (model.stale() || desk.stream.link() === "offline" ? rp().stale : "")}</p>
      <Show when={() => model.board() !== undefined} fallback={() => <Spinner label={() => t().loading} />}>
        {() => <Board board={() => model.board() as Wallboard} waits={waits} now={now} />}
      </Show>
    </main>
  ) as HTMLElement;
  return page;
}

function Board({ board, waits, now }: { board: () => Wallboard; waits: (since: number | null) => string; now: () => number }) {
  const warm = (since: number | null) => since === null ? "fine" : heat(now() - since);
  const big = (name: () => string, value: () => string, mood: () => string = () => "") => (
    <div class={() => `big ${mood()}`}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
  const count = (n: () => number | null) => () => numberText(lang(), "count", n());
  const rows = (name: () => string, lines: () => readonly WallLine[]) => (
    <table>
      <thead>
        <tr>
          <th scope="col">{name}</th>
          <th scope="col">{() => rp().waiting}</th>
          <th scope="col">{() => rp().unassigned}</th>
          <th scope="col">{() => rp().longest}</th>
        </tr>
      </thead>
      <tbody>
        <For each={lines} by={(l: WallLine) => l.id}>
          {(l) => (
            <tr>
              <th scope="row">{() => l().name}</th>
              <td>{() => l().waiting}</td>
              <td>{() => l().unassigned}</td>
              <td class={() => warm(l().since)}>{() => waits(l().since)}</td>
            </tr>
          )}
        </For>
      </tbody>
    </table>
  );
  return (
    <div class="wall-body">
      <dl class="bigs">
        {big(() => rp().waiting, count(() => board().waiting), () => warm(board().since))}
        {big(() => rp().longest, () => waits(board().since), () => warm(board().since))}
        {big(() => rp().unassigned, count(() => board().unassigned))}
        {big(() => rp().free, count(() => board().free), () => (board().free === 0 && board().waiting > 0 ? "hot" : ""))}
        {big(() => rp().atRisk, count(() => board().at_risk), () => (board().at_risk > 0 ? "warm" : ""))}
      </dl>
      <section class="line" aria-label={() => rp().waiting}>
        <h2>{() => rp().waiting}</h2>
        <ol>
          <For each={() => board().line} by={(l) => l.id} fallback={() => <li class="none">{() => rp().nobodyWaits}</li>}>
            {(l) => (
              <li class={() => warm(l().since)}>
                <strong>{() => waits(l().since)}</strong>
                <span class="who">{() => `${t().number(l().number)} · ${l().inbox}`}</span>
                <span class="whom">{() => l().assignee?.name ?? rp().unassigned}</span>
              </li>
            )}
          </For>
        </ol>
        <Show when={() => board().waiting > board().line.length}>
          {() => <p class="rest">{() => rp().moreWait(board().waiting - board().line.length)}</p>}
        </Show>
      </section>
      <section class="people" aria-label={() => rp().people}>
        <h2>{() => rp().people}</h2>
        <ul>
          <For each={() => board().agents} by={(a) => a.id}>
            {(a) => (
              <li class={() => (a().availability === "online" && a().load < a().capacity ? "free" : "busy")}>
                <Avatar name={() => a().name} picture={() => a().picture} presence={() => a().availability} />
                <span class="grow">{() => a().name}</span>
                <span class="how">
                  {() => (a().availability === "online" ? rp().load(a().load, a().capacity) : availabilityName(a().availability))}
                </span>
              </li>
            )}
          </For>
        </ul>
      </section>
      <section class="lines" tabIndex={0} aria-label={() => rp().byInbox}>
        {rows(() => rp().byInbox, () => board().inboxes)}
        <Show when={() => board().teams.length > 0}>{() => rows(() => rp().byTeam, () => board().teams)}</Show>
      </section>
      <section class="today" aria-label={() => rp().today}>
        <h2>{() => rp().today}</h2>
        <dl class="bigs">
          {big(() => rp().openedToday, count(() => board().today.opened))}
          {big(() => rp().resolvedToday, count(() => board().today.resolved))}
          {big(() => rp().firstToday, () => numberText(lang(), "ms", board().today.first_response_ms))}
          {big(() => rp().satisfiedToday, () => numberText(lang(), "permille", board().today.satisfied))}
        </dl>
      </section>
    </div>
  );
}
