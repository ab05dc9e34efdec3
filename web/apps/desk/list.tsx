/** The list of a view: only the rows near the screen exist, so a thousand scroll like ten. */
import type { ListModel } from "../../models/desk/list.ts";
import { countOf, isQueue } from "../../models/desk/lists.ts";
import { whenText } from "../../models/desk/times.ts";
import { t } from "../../models/desk/strings.ts";
import { w } from "../../models/desk/working-strings.ts";
import type { ContactRef, Conversation } from "../../models/desk/types.ts";
import { Avatar, Button, Icon, Spinner } from "../../ui/basics.tsx";
import { dateTime, lang, shortAge } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import { For, Show } from "../../ui/jsx-runtime.ts";
import { computed, effect, onCleanup, type Read, signal } from "../../ui/signals.ts";
import { BulkBar } from "./bulk.tsx";
import { Due, PriorityMark, TagChip, Wait } from "./chips.tsx";
import { run } from "./commands.ts";
import { MeButton, ViewsButton } from "./rail.tsx";
import { SearchBody } from "./search.tsx";
import { Trouble } from "./trouble.tsx";
import { desk, goView, openConversation, parts } from "./state.ts";
import { listOfNames, nameWithYou, statusName, viewName } from "./texts.ts";

const rowId = (id: string) => `row-${id}`;

export function ListPane() {
  return (
    <section class="list" aria-label={() => t().conversations}>
      <header class="top">
        <ViewsButton />
        <h2 class="title">
          {() => viewName(desk.view())} <span class="sub">{() => countOf(desk.view(), desk.counts()) ?? savedCount() ?? ""}</span>
        </h2>
        <EditView />
        <MeButton small />
      </header>
      <Search />
      {() => {
        const list = desk.list();
        return list.view.kind === "search" ? <SearchBody list={list} /> : <Body list={list} />;
      }}
      <BulkBar />
    </section>
  );
}

function savedCount(): number | undefined {
  const v = desk.view();
  return v.kind === "saved" ? desk.views.counts()[v.id] : undefined;
}

/** The pencil beside the name of a view that may be changed. */
function EditView() {
  const saved = () => {
    const v = desk.view();
    const found = v.kind === "saved" ? desk.views.find(v.id) : undefined;
    return found && (found.scope === "personal" || desk.may("views.team")) ? found : undefined;
  };
  return (
    <Show when={() => saved() !== undefined}>
      {() => (
        <Button
          small
          kind="ghost"
          icon={icons.edit}
          label={() => w().editView}
          onClick={() => void import("./views.tsx").then((m) => m.openViewEditor(saved()))}
        />
      )}
    </Show>
  );
}

function Search() {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let field: HTMLInputElement | undefined;
  let before = desk.view.peek();
  parts.search = {
    focus: () => {
      field?.focus();
      field?.select();
    },
  };
  const find = (q: string) => {
    const now = desk.view.peek();
    if (now.kind !== "search") before = now;
    goView(q.trim() === "" ? before.kind === "search" ? { kind: "mine" } : before : { kind: "search", q: q.trim() }, desk.openId.peek());
  };
  effect(() => {
    const v = desk.view();
    // Another view was chosen: the field is empty again; a search of the address bar fills it.
    if (field && document.activeElement !== field) field.value = v.kind === "search" ? v.q : "";
  });
  onCleanup(() => clearTimeout(timer));
  return (
    <div class="find" role="search">
      <Icon d={icons.search} />
      <input
        class="input"
        type="search"
        autocomplete="off"
        spellcheck="false"
        aria-label={() => t().search}
        placeholder={() => t().searchPlaceholder}
        aria-keyshortcuts="/"
        ref={(e) => {
          field = e;
          const v = desk.view.peek();
          e.value = v.kind === "search" ? v.q : "";
        }}
        onInput={(e) => {
          const q = e.currentTarget.value;
          clearTimeout(timer);
          timer = setTimeout(() => find(q), 180);
        }}
        onKeydown={(e) => {
          if (e.key === "ArrowDown") {
            e.preventDefault();
            parts.list?.focus();
          } else if (e.key === "Enter") {
            clearTimeout(timer);
            find(e.currentTarget.value);
          }
        }}
      />
    </div>
  );
}

function rowHeight(): number {
  return 5.25 * parseFloat(getComputedStyle(document.documentElement).fontSize);
}

function Body({ list }: { list: ListModel }) {
  const top = signal(0), height = signal(innerHeight), rem = signal(rowHeight());
  let box: HTMLElement | undefined;
  const spare = 6;
  const range = computed(() => {
    const from = Math.max(0, Math.floor(top() / rem()) - spare);
    return { from, to: Math.ceil((top() + height()) / rem()) + spare };
  }, (a, b) => a.from === b.from && a.to === b.to);
  const shown = computed(() => {
    const { from, to } = range();
    return list.rows().slice(from, to).map((c, i) => ({ c, index: from + i }));
  });
  const reveal = (id: string) => {
    const index = list.rows.peek().findIndex((r) => r.id === id);
    if (!box || index < 0) return;
    const h = rem.peek(), y = index * h;
    if (y < box.scrollTop) box.scrollTop = y;
    else if (y + h > box.scrollTop + box.clientHeight) box.scrollTop = y + h - box.clientHeight;
    top.set(box.scrollTop);
  };
  const part = { focus: () => box?.focus(), reveal };
  parts.list = part;
  onCleanup(() => {
    if (parts.list === part) parts.list = undefined;
  });
  const size = new ResizeObserver(() => {
    if (!box) return;
    height.set(box.clientHeight);
    rem.set(rowHeight());
  });
  onCleanup(() => size.disconnect());
  // While the end of the list is near, the next page is on its way.
  effect(() => {
    if (range().to >= list.rows().length && list.loaded() && !list.complete() && !list.loading() && !list.trouble()) {
      queueMicrotask(() => list.more());
    }
  });
  const active = () => {
    const id = desk.cursor();
    return id !== undefined && shown().some((r) => r.c.id === id) ? rowId(id) : undefined;
  };
  return (
    <div class="body">
      <Show when={() => list.rows().length > 0} fallback={() => <Empty list={list} />}>
        {() => (
          <div
            class="rows"
            role="listbox"
            tabIndex={0}
            aria-label={() => t().inView(viewName(list.view), list.rows().length)}
            aria-activedescendant={active}
            aria-multiselectable="true"
            ref={(e) => {
              box = e;
              size.observe(e);
            }}
            onScroll={(e) => top.set(e.currentTarget.scrollTop)}
            onFocus={() => {
              const rows = list.rows.peek(), has = (id: string | undefined) => rows.some((r) => r.id === id);
              // A cursor that was left in another list does not count here.
              if (!has(desk.cursor.peek())) desk.cursor.set(has(desk.openId.peek()) ? desk.openId.peek() : rows[0]?.id);
            }}
            onKeydown={(e) => {
              const rows = list.rows.peek();
              const jump = e.key === "Home" ? rows[0] : e.key === "End" ? rows.at(-1) : undefined;
              if (e.key === "ArrowDown" || e.key === "ArrowUp") {
                const from = desk.cursor.peek();
                if (e.shiftKey && from !== undefined && !desk.selection.has(from)) desk.selection.toggle(from);
                run(e.key === "ArrowDown" ? "next" : "previous");
                if (e.shiftKey) run("selectTo");
              } else if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "a") run("selectAll");
              else if (e.key === "Enter" || e.key === " ") run("open");
              else if (jump) {
                desk.cursor.set(jump.id);
                reveal(jump.id);
              } else return;
              e.preventDefault();
              e.stopPropagation();
            }}
          >
            <div class="canvas" role="presentation" style={() => ({ height: `${list.rows().length * rem()}px` })}>
              <For each={shown} by={(r) => r.c.id}>
                {(r) => (
                  <Row
                    c={() => r().c}
                    index={() => r().index}
                    rem={rem}
                    total={() => list.rows().length}
                    queue={isQueue(list.view, list.view.kind === "saved" ? desk.views.find(list.view.id) : undefined)}
                  />
                )}
              </For>
            </div>
          </div>
        )}
      </Show>
      <Trouble list={list} />
    </div>
  );
}

function Row(props: { c: () => Conversation; index: () => number; rem: Read<number>; total: () => number; queue: boolean }) {
  const { c } = props;
  const id = c().id;
  const open = () => desk.openId() === id;
  const picking = () => desk.selection.picked().length > 0;
  const picked = () => desk.selection.has(id);
  const others = () => (desk.viewing().get(id) ?? []).filter((v) => v.agent.id !== desk.myId());
  const typing = () => desk.typing().get(id)?.contact ?? false;
  return (
    <div
      id={rowId(id)}
      role="option"
      data-id={id}
      aria-selected={() => picking() ? picked() : open()}
      aria-current={() => open() ? "true" : undefined}
      aria-posinset={() => props.index() + 1}
      aria-setsize={props.total}
      class={() =>
        `row ${open() ? "open" : ""} ${picked() ? "picked" : ""} ${picking() ? "picking" : ""} ${desk.cursor() === id ? "cursor" : ""} ${
          c().unread > 0 ? "unread" : ""
        }`}
      style={() => ({ transform: `translateY(${props.index() * props.rem()}px)` })}
      onMousedown={(e) => {
        // Shift extends the selection, not the marking of text.
        if (e.shiftKey) e.preventDefault();
      }}
      onClick={(e) => {
        desk.cursor.set(id);
        const onMark = e.target instanceof Element && e.target.closest(".pick") !== null;
        if (e.shiftKey) desk.selection.upTo(id);
        else if (onMark || e.ctrlKey || e.metaKey) desk.selection.toggle(id);
        else openConversation(id);
      }}
      onPointerenter={() => desk.prefetch(id)}
    >
      <span class="pick" title={() => w().select}>
        <Avatar
          name={() => c().contact.display_name}
          size="2.25rem"
          presence={() => (c().contact.online ? "online" : undefined)}
        />
        <span class="box" aria-hidden="true">
          <Icon d={icons.check} />
        </span>
      </span>
      <div class="text">
        <div class="line">
          <span class="name">{() => c().contact.display_name}</span>
          {() => (c().mentioned ? <Icon d={icons.at} label={() => t().mentions} class="mention" /> : null)}
          <PriorityLine c={c} />
          <span class="time" title={() => dateTime(lang(), c().last_message?.at ?? c().created_at)}>
            {() => shortAge(lang(), c().last_message?.at ?? c().created_at, desk.now())}
          </span>
        </div>
        <div class="line">
          <span class="preview">
            {() => {
              if (typing()) return <em class="typing">{t().customerTypes(firstName(c().contact))}</em>;
              if (desk.drafts().has(id) && !open()) {
                return [<strong class="draft">{t().draft}</strong>, " ", c().last_message?.preview ?? ""];
              }
              const last = c().last_message;
              if (!last) return "";
              return last.author === "agent"
                ? [<Icon d={icons.reply} />, <span class="vh">{last.author_name}</span>, last.preview]
                : last.preview;
            }}
          </span>
          {() => (c().unread > 0
            ? (
              <span class="badge">
                <span aria-hidden="true">{c().unread > 99 ? "99+" : c().unread}</span>
                <span class="vh">{t().unread(c().unread)}</span>
              </span>
            )
            : null)}
        </div>
        <div class="line marks">
          <Wait c={c} />
          <Due c={c} />
          {() => {
            const status = c().status, until = c().snoozed_until;
            if (status === "open") return null;
            return (
              <span class={`state ${status}`}>
                {status === "snoozed" && until ? whenText(lang(), until, desk.now()) : statusName(status)}
              </span>
            );
          }}
          {() => {
            const who = c().assignee;
            if (!who || desk.view().kind === "mine") return null;
            return (
              <span class="who">
                <Avatar name={who.name} picture={who.picture} size="1.125rem" />
                {nameWithYou(who)}
              </span>
            );
          }}
          {() => c().tags.slice(0, 2).map((name) => <TagChip name={name} />)}
          {() => {
            const names = others().map((v) => v.agent.name);
            return names.length === 0 ? null : (
              <span class="eyes" title={t().alsoHere(listOfNames(names))}>
                <Icon d={icons.eye} label={t().alsoHere(listOfNames(names))} />
              </span>
            );
          }}
        </div>
      </div>
    </div>
  );
}

function PriorityLine(props: { c: () => Conversation }) {
  const priority = computed(() => props.c().priority);
  return <span class="prio">{() => <PriorityMark priority={priority()} />}</span>;
}

/** How one speaks of a customer: by the first name, or as the visitor with his number. */
export function firstName(contact: ContactRef | undefined): string {
  return contact?.name ? contact.name.split(/\s+/)[0] ?? contact.name : contact?.display_name ?? "";
}

function Empty({ list }: { list: ListModel }) {
  return (
    <div class="empty">
      {() => {
        if (list.trouble()) {
          return [
            <Icon d={icons.wifiOff} />,
            <p role="alert">{list.trouble()}</p>,
            <Button small kind="outline" icon={icons.refresh} onClick={() => list.again()}>{t().again}</Button>,
          ];
        }
        const v = list.view;
        if (!list.loaded()) return <Spinner label={t().loading} />;
        if (v.kind === "mine") {
          const waiting = desk.counts()?.unassigned ?? 0;
          return [
            <Icon d={icons.chat} />,
            <h3>{t().emptyMineTitle}</h3>,
            <p>{t().emptyMine}</p>,
            waiting > 0 ? <Button small kind="primary" icon={icons.bolt} onClick={() => run("takeNext")}>{t().takeNext}</Button> : null,
          ];
        }
        if (v.kind === "saved" && !desk.views.find(v.id)) return [<Icon d={icons.filter} />, <h3>{w().goneTitle}</h3>, <p>{w().gone}</p>];
        if (v.kind === "unassigned") return [<Icon d={icons.check} />, <h3>{t().emptyUnassignedTitle}</h3>, <p>{t().emptyUnassigned}</p>];
        return [<Icon d={icons.inbox} />, <h3>{t().emptyTitle}</h3>, <p>{t().empty}</p>];
      }}
    </div>
  );
}
