/** What was found: customers, and conversations with the messages and notes that have the words, these marked. */
import type { ListModel } from "../../models/desk/list.ts";
import { t } from "../../models/desk/strings.ts";
import { priorities, type SearchFilter } from "../../models/desk/types.ts";
import { w } from "../../models/desk/working-strings.ts";
import { Avatar, Button, Icon, Spinner } from "../../ui/basics.tsx";
import { dateTime, lang, shortAge } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import { For, Show } from "../../ui/jsx-runtime.ts";
import { onCleanup } from "../../ui/signals.ts";
import { run } from "./commands.ts";
import { openContact } from "./palette.tsx";
import { desk, openConversation, parts } from "./state.ts";
import { nameWithYou, statusName } from "./texts.ts";
import { TagChip } from "./chips.tsx";
import { Trouble } from "./trouble.tsx";

const rowId = (id: string) => `row-${id}`;

/** Opens a conversation at what was found in it. */
function openAt(list: ListModel, id: string, item?: string): void {
  const at = item ?? list.found.peek().get(id)?.hits[0]?.id;
  desk.cursor.set(id);
  openConversation(id);
  if (at !== undefined) desk.model(id).wanted.set(at);
}

function Filters() {
  const choice = (name: keyof SearchFilter, label: () => string, options: () => [string, string][]) => (
    <select
      class="input"
      aria-label={label}
      onChange={(e) => desk.filterSearch({ [name]: e.currentTarget.value || undefined })}
    >
      {() =>
        options().map(([value, text]) => <option value={value} selected={(desk.searchFilter.peek()[name] ?? "") === value}>{text}</option>)}
    </select>
  );
  return (
    <div class="filters" role="group" aria-label={() => w().filters}>
      {choice("in", () => w().searchIn, () => [["", w().inAll], ["messages", w().inMessages], ["notes", w().inNotes]])}
      {choice("status", () => w().status, () => [
        ["", w().anyStatus],
        ...(["open", "pending", "snoozed", "resolved"] as const).map((s): [string, string] => [s, statusName(s)]),
      ])}
      {choice("assignee", () => w().assignees, () => [
        ["", w().anybody],
        ["me", w().meMyself],
        ["nobody", w().nobodyYet],
        ...desk.agents().filter((a) => a.active && a.id !== desk.myId()).map((a): [string, string] => [a.id, a.public_name]),
      ])}
      {choice("tag", () => w().tags, () => [["", w().anyTag], ...desk.tags().map((tag): [string, string] => [tag.name, tag.name])])}
      {choice("priority", () => w().priority, () => [
        ["", w().anyPriority],
        ...[...priorities].reverse().map((p): [string, string] => [p, t()[`priority${p}`]]),
      ])}
      {() =>
        desk.inboxes().length > 1
          ? choice("inbox", () => w().inboxes, () => [["", w().anyInbox], ...desk.inboxes().map((i): [string, string] => [i.id, i.name])])
          : null}
    </div>
  );
}

export function SearchBody({ list }: { list: ListModel }) {
  let box: HTMLElement | undefined;
  const part = {
    focus: () => box?.focus(),
    reveal: (id: string) => document.getElementById(rowId(id))?.scrollIntoView({ block: "nearest" }),
  };
  parts.list = part;
  onCleanup(() => {
    if (parts.list === part) parts.list = undefined;
  });
  const nearEnd = () => {
    if (box && box.scrollTop + box.clientHeight > box.scrollHeight - 400) void list.more();
  };
  const asked = list.view.kind === "search" && list.view.q.trim() !== "";
  if (!asked) {
    return (
      <div class="empty">
        <Icon d={icons.search} />
        <h3>{() => t().searchHintTitle}</h3>
        <p>{() => t().searchHint}</p>
      </div>
    );
  }
  return (
    <div class="body search">
      <Filters />
      <Show when={() => list.indexing()}>{() => <p class="sub indexing" role="status">{() => w().stillIndexing}</p>}</Show>
      <Show when={() => list.people().length > 0}>
        {() => (
          <section class="people" aria-label={() => w().customers}>
            <h3>{() => w().customers}</h3>
            <div class="chips">
              <For each={list.people} by={(p) => p.id}>
                {(p) => (
                  <button type="button" class="person" onClick={() => void openContact(p.peek())}>
                    <Avatar name={() => p().display_name} picture={() => p().picture} size="1.75rem" />
                    <span class="grow">
                      <span class="name">{() => p().display_name}</span>
                      <span class="sub one">{() => p().email ?? p().company ?? p().phone ?? ""}</span>
                    </span>
                  </button>
                )}
              </For>
            </div>
          </section>
        )}
      </Show>
      <Show when={() => list.rows().length > 0} fallback={() => <None list={list} />}>
        {() => (
          <div
            class="rows found"
            role="listbox"
            tabIndex={0}
            aria-multiselectable="true"
            aria-label={() => w().foundConversations}
            aria-activedescendant={() => {
              const id = desk.cursor();
              return id !== undefined && list.rows().some((r) => r.id === id) ? rowId(id) : undefined;
            }}
            ref={(e) => {
              box = e;
              requestAnimationFrame(nearEnd);
            }}
            onScroll={nearEnd}
            onFocus={() => {
              const rows = list.rows.peek();
              if (!rows.some((r) => r.id === desk.cursor.peek())) desk.cursor.set(rows[0]?.id);
            }}
            onKeydown={(e) => {
              const rows = list.rows.peek(), id = desk.cursor.peek();
              const jump = e.key === "Home" ? rows[0] : e.key === "End" ? rows.at(-1) : undefined;
              if (e.key === "ArrowDown") run("next");
              else if (e.key === "ArrowUp") run("previous");
              else if (e.key === "Enter" && id !== undefined) openAt(list, id);
              else if (jump) {
                desk.cursor.set(jump.id);
                part.reveal(jump.id);
              } else return;
              e.preventDefault();
              e.stopPropagation();
            }}
          >
            <For each={list.rows} by={(c) => c.id}>
              {(c) => {
                const id = c.peek().id;
                const hits = () => list.found().get(id)?.hits ?? [];
                const picking = () => desk.selection.picked().length > 0, picked = () => desk.selection.has(id);
                return (
                  <div
                    id={rowId(id)}
                    role="option"
                    data-id={id}
                    aria-selected={() => picking() ? picked() : desk.openId() === id}
                    aria-current={() => desk.openId() === id ? "true" : undefined}
                    class={() =>
                      `result ${desk.openId() === id ? "open" : ""} ${desk.cursor() === id ? "cursor" : ""} ${picked() ? "picked" : ""}`}
                    onClick={(e) => {
                      const hit = e.target instanceof Element ? e.target.closest<HTMLElement>("[data-hit]") : null;
                      if (e.ctrlKey || e.metaKey) desk.selection.toggle(id);
                      else openAt(list, id, hit?.dataset.hit);
                    }}
                  >
                    <div class="line">
                      <Avatar
                        name={() => c().contact.display_name}
                        size="1.75rem"
                        presence={() => (c().contact.online ? "online" : undefined)}
                      />
                      <span class="name">{() => c().contact.display_name}</span>
                      <span class="sub">{() => t().number(c().number)}</span>
                      <span class={() => `state ${c().status}`}>{() => statusName(c().status)}</span>
                      <span class="sub who">
                        {() => {
                          const who = c().assignee;
                          return who ? nameWithYou(who) : "";
                        }}
                      </span>
                      {() => c().tags.slice(0, 2).map((name) => <TagChip name={name} />)}
                      <span class="time" title={() => dateTime(lang(), c().last_message?.at ?? c().created_at)}>
                        {() => shortAge(lang(), c().last_message?.at ?? c().created_at, desk.now())}
                      </span>
                    </div>
                    {() =>
                      hits().map((hit) => (
                        <p class={`hit ${hit.kind}`} data-hit={hit.id}>
                          <Icon
                            d={hit.kind === "note" ? icons.note : hit.author.kind === "contact" ? icons.chat : icons.reply}
                            label={hit.kind === "note" ? t().note : hit.author.name}
                          />
                          <span>{hit.pieces.map((p) => p.found ? <mark>{p.text}</mark> : p.text)}</span>
                        </p>
                      ))}
                    {() =>
                      hits().length === 0 && c().last_message
                        ? (
                          <p class="hit">
                            <Icon d={icons.chat} />
                            <span>{c().last_message?.preview ?? ""}</span>
                          </p>
                        )
                        : null}
                  </div>
                );
              }}
            </For>
          </div>
        )}
      </Show>
      <Show when={() => list.loading() && list.rows().length > 0}>
        {() => (
          <div class="loading">
            <Spinner label={() => t().loading} />
          </div>
        )}
      </Show>
      <Trouble list={list} />
    </div>
  );
}

function None({ list }: { list: ListModel }) {
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
        if (!list.loaded() || list.loading()) return <Spinner label={t().loading} />;
        // The beginning held nothing, but further back there may be more.
        if (!list.complete()) queueMicrotask(() => void list.more());
        return [<Icon d={icons.search} />, <h3 role="status">{t().emptySearchTitle}</h3>, <p>{t().emptySearch}</p>];
      }}
    </div>
  );
}
