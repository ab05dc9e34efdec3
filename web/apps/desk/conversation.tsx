/** The open conversation: its head, its marks, its messages. */
import type { ConversationModel } from "../../models/desk/conversation.ts";
import { al } from "../../models/desk/alert-strings.ts";
import { keysOf } from "../../models/desk/keys.ts";
import { whenText } from "../../models/desk/times.ts";
import { t } from "../../models/desk/strings.ts";
import type { Conversation } from "../../models/desk/types.ts";
import { dropZone } from "../../ui/attachment.tsx";
import { Avatar, Button, Icon, Spinner } from "../../ui/basics.tsx";
import { lang } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import { For, Show } from "../../ui/jsx-runtime.ts";
import { computed, effect, onCleanup, signal } from "../../ui/signals.ts";
import { Due, PriorityMark, TagChip, Wait } from "./chips.tsx";
import { run, toggleCustomer } from "./commands.ts";
import { Composer } from "./composer.tsx";
import { Rows } from "./item.tsx";
import { firstName } from "./list.tsx";
import { openActions, openAssign, openPriority, openSnooze, openTags } from "./menus.tsx";
import { closeConversation, desk, focused, parts, visible } from "./state.ts";
import { listOfNames, nameWithYou, statusName } from "./texts.ts";

export function ConversationPane() {
  return (
    <section class="conversation" id="conversation" tabIndex={-1} aria-label={() => t().conversation}>
      {() => {
        const model = desk.open();
        return model ? <Open model={model} /> : <Choose />;
      }}
    </section>
  );
}

function Choose() {
  return (
    <div class="choose">
      <Icon d={icons.chat} />
      <h2>{() => t().chooseTitle}</h2>
      <p class="keys">{() => t().choose}</p>
      <p class="touch">{() => t().chooseTouch}</p>
    </div>
  );
}

function Open({ model }: { model: ConversationModel }) {
  const known = computed(() => model.conversation() !== undefined);
  const c = () => model.conversation() as Conversation;
  const view = (
    <div class="open" data-conversation={model.id}>
      <Show when={known} fallback={() => <Unknown model={model} />}>
        {() => [<Head c={c} />, <Marks c={c} model={model} />, <Timeline model={model} />, <Foot model={model} c={c} />]}
      </Show>
    </div>
  ) as HTMLElement;
  const over = dropZone(view, (files) => {
    if (model.mode.peek() === "note") desk.tell(t.peek().noFilesInNotes, true);
    else model.stage(files);
  });
  return (
    <>
      {view}
      <Show when={over}>{() => <div class="drop" aria-hidden="true">{() => t().dropHere}</div>}</Show>
    </>
  );
}

/** Nobody writes into spam: the way out of it stands where one would. */
function Foot({ model, c }: { model: ConversationModel; c: () => Conversation }) {
  const spam = computed(() => c().spam);
  return (
    <>
      {() =>
        spam()
          ? (
            <div class="spam-note" role="status">
              <Icon d={icons.bellOff} />
              <p class="grow">{t().isSpam}</p>
              <Button kind="outline" shortcut="!" onClick={() => void desk.setSpam(c().id, false)}>{t().notSpam}</Button>
            </div>
          )
          : <Composer model={model} c={c} />}
    </>
  );
}

function Unknown({ model }: { model: ConversationModel }) {
  return (
    <div class="choose">
      {() => {
        const trouble = model.timeline.failed();
        if (!trouble) return <Spinner label={t().loading} />;
        return [
          <Icon d={icons.alert} />,
          <p role="alert">{desk.explain(trouble)}</p>,
          <Button small kind="outline" icon={icons.left} onClick={closeConversation}>{t().back}</Button>,
        ];
      }}
    </div>
  );
}

function Head({ c }: { c: () => Conversation }) {
  const mine = computed(() => c().assignee?.id === desk.myId());
  const taken = computed(() => c().assignee !== null);
  const status = computed(() => c().status);
  return (
    <header class="head">
      <Button kind="ghost" class="backward" icon={icons.left} label={() => t().back} onClick={closeConversation} />
      <Avatar name={() => c().contact.display_name} size="2.25rem" presence={() => (c().contact.online ? "online" : undefined)} />
      <div class="grow">
        <h2 class="name">{() => c().contact.display_name}</h2>
        <p class="sub">
          <span class="place">
            {() => t().number(c().number)} · {() => c().inbox.name}
            {() => (c().team ? ` · ${c().team?.name}` : "")}
          </span>
          {() => {
            const until = c().snoozed_until;
            if (c().spam) return <span class="state resolved">{t().spam}</span>;
            if (status() === "open") return null;
            return (
              <span class={`state ${status()}`}>
                {statusName(status())}
                {status() === "snoozed" && until ? ` ${t().until(whenText(lang(), until, desk.now()))}` : null}
              </span>
            );
          }}
          <Wait c={c} />
          <Due c={c} always />
        </p>
      </div>
      <div class="actions">
        {() =>
          mine() || status() === "resolved"
            ? null
            : (
              <Button kind={taken() ? "outline" : "primary"} class="take" shortcut="t" onClick={() => void desk.take(c().id, taken.peek())}>
                {() => (taken() ? t().takeOver : t().take)}
              </Button>
            )}
        <Show when={() => status() !== "resolved"}>
          {() => (
            <span class="pair">
              <span data-anchor="snooze">
                <Button
                  kind="ghost"
                  icon={icons.clock}
                  label={() => t().snoozeUntil}
                  popup="menu"
                  expanded={false}
                  shortcut="s"
                  onClick={({ currentTarget }) => openSnooze(currentTarget, c().id)}
                />
              </span>
              {() => (
                <Button
                  kind={mine() ? "primary" : "outline"}
                  class="resolve"
                  icon={icons.check}
                  shortcut="e"
                  onClick={() => run("resolve")}
                >
                  <span>{() => t().resolve}</span>
                </Button>
              )}
            </span>
          )}
        </Show>
        <Show when={() => status() !== "open"}>
          {() => (
            <Button kind="outline" class="reopen" icon={icons.refresh} shortcut="Shift+E" onClick={() => run("reopen")}>
              <span>{() => t().reopen}</span>
            </Button>
          )}
        </Show>
        <span data-anchor="more">
          <Button
            kind="ghost"
            icon={icons.more}
            label={() => t().more}
            popup="menu"
            expanded={false}
            onClick={({ currentTarget }) => openActions(currentTarget)}
          />
        </span>
        <Button kind="ghost" class="side" icon={icons.sidebar} label={() => t().showCustomer} shortcut="c" onClick={toggleCustomer} />
      </div>
    </header>
  );
}

function Marks({ c, model }: { c: () => Conversation; model: ConversationModel }) {
  const assignee = computed(() => c().assignee, (a, b) => a?.id === b?.id && a?.name === b?.name && a?.picture === b?.picture);
  const priority = computed(() => c().priority);
  return (
    <div class="marks" role="group" aria-label={() => t().details}>
      <button
        type="button"
        class="chip"
        data-anchor="assign"
        aria-haspopup="dialog"
        aria-expanded="false"
        aria-keyshortcuts={keysOf("assign")}
        title={() => (assignee() ? t().transfer : t().assignTo)}
        onClick={({ currentTarget }) => openAssign(currentTarget, c().id)}
      >
        {() => {
          const who = assignee();
          return who
            ? [<Avatar name={who.name} picture={who.picture} size="1.25rem" />, nameWithYou(who)]
            : [<Icon d={icons.user} />, t().assign];
        }}
        <Icon d={icons.down} class="small" />
      </button>
      <button
        type="button"
        class="chip"
        data-anchor="priority"
        aria-haspopup="menu"
        aria-expanded="false"
        aria-keyshortcuts={keysOf("priority")}
        title={() => t().priority}
        onClick={({ currentTarget }) => openPriority(currentTarget, c().id)}
      >
        {() => (priority() === "none" ? [<Icon d={icons.flag} />, t().priority] : <PriorityMark priority={priority()} text />)}
        <Icon d={icons.down} class="small" />
      </button>
      <For each={() => c().tags} by={(name: string) => name}>
        {(name) => (
          <TagChip name={name.peek()}>
            <button
              type="button"
              class="x"
              aria-label={() => t().removeTag(name())}
              title={() => t().removeTag(name())}
              onClick={() => void desk.changeTags(c().id, { remove: name.peek() })}
            >
              <Icon d={icons.close} />
            </button>
          </TagChip>
        )}
      </For>
      <button
        type="button"
        class="chip"
        data-anchor="tags"
        aria-haspopup="dialog"
        aria-expanded="false"
        aria-keyshortcuts={keysOf("tags")}
        aria-label={() => t().addTag}
        title={() => t().addTag}
        onClick={({ currentTarget }) => openTags(currentTarget, c().id)}
      >
        <Icon d={icons.tag} />
        <Icon d={icons.plus} class="small" />
      </button>
      <button
        type="button"
        class={() => (c().followers.includes(desk.myId()) ? "chip on" : "chip")}
        aria-pressed={() => c().followers.includes(desk.myId())}
        aria-keyshortcuts={keysOf("follow")}
        aria-label={() => al().follow}
        title={() => [al().follow, ...c().followers.map((one) => desk.nameOf(one))].join("\n")}
        onClick={() => void desk.alerts.follow(c().id, !c().followers.includes(desk.myId.peek()))}
      >
        <Icon d={icons.eye} />
        {() => (c().followers.length > 0 ? String(c().followers.length) : "")}
      </button>
      <Here model={model} />
    </div>
  );
}

/** Colleagues in the same conversation. */
function Here({ model }: { model: ConversationModel }) {
  const text = () => {
    const viewers = model.viewers(), typing = new Set(model.colleaguesType());
    const writes = viewers.filter((v) => v.composing || typing.has(v.agent.id)).map((v) => v.agent.name);
    for (const id of typing) if (!viewers.some((v) => v.agent.id === id)) writes.push(desk.nameOf(id));
    if (writes.length > 0) return { warn: true, text: t().alsoWrites(listOfNames(writes)) };
    return viewers.length > 0 ? { warn: false, text: t().alsoHere(listOfNames(viewers.map((v) => v.agent.name))) } : undefined;
  };
  return (
    <span class="here" role="status">
      {() => {
        const here = text();
        if (!here) return null;
        return [
          ...model.viewers().slice(0, 3).map((v) => <Avatar name={v.agent.name} picture={v.agent.picture} size="1.25rem" />),
          <span class={here.warn ? "warn" : ""}>{here.text}</span>,
        ];
      }}
    </span>
  );
}

function Timeline({ model }: { model: ConversationModel }) {
  const pinned = signal(true);
  let box: HTMLElement | undefined;
  // On the way to an item: where the page scrolls by itself meanwhile says nothing.
  let seeking = false;
  const atEnd = (el: HTMLElement) => el.scrollHeight - el.scrollTop - el.clientHeight < 48;
  const { timeline } = model;
  const toEnd = () => {
    if (box) box.scrollTop = box.scrollHeight;
  };
  const older = async () => {
    if (!box || timeline.loadingOlder.peek()) return;
    const before = box.scrollHeight - box.scrollTop;
    await model.older();
    requestAnimationFrame(() => {
      if (box) box.scrollTop = box.scrollHeight - before;
    });
  };
  parts.timeline = { focus: () => box?.focus() };
  const view = (
    <div
      class="timeline"
      role="log"
      tabIndex={0}
      aria-label={() => t().timeline}
      aria-busy={timeline.loading}
      ref={(e) => box = e}
      onScroll={(e) => {
        const el = e.currentTarget;
        if (!seeking) pinned.set(atEnd(el));
        if (el.scrollTop < 160 && timeline.moreBefore.peek()) void older();
      }}
    >
      <Show when={timeline.moreBefore}>
        {() => (
          <p class="older">
            <Button small kind="outline" disabled={timeline.loadingOlder} onClick={older}>{() => t().older}</Button>
          </p>
        )}
      </Show>
      <Rows model={model} />
      {() => {
        if (timeline.failed()) {
          return (
            <p class="trouble" role="alert">
              <span>{t().cannotLoad}</span>
              <Button small kind="outline" onClick={() => timeline.load()}>{t().again}</Button>
            </p>
          );
        }
        if (!timeline.loaded()) {
          return (
            <div class="loading">
              <Spinner label={t().loading} />
            </div>
          );
        }
        return null;
      }}
      <p class="typing" aria-live="polite">
        {() => {
          if (!model.customerTypes()) return null;
          return [
            <span class="dots" aria-hidden="true">
              <i />
              <i />
              <i />
            </span>,
            t().customerTypes(firstName(model.conversation()?.contact)),
          ];
        }}
      </p>
    </div>
  );
  const showItem = async (id: string) => {
    seeking = true;
    pinned.set(false);
    // An old conversation is read back to where it is.
    for (let i = 0; i < 100 && timeline.moreBefore.peek() && !timeline.items.peek().some((item) => item.id === id); i++) {
      await model.older();
    }
    requestAnimationFrame(() => {
      const found = box?.querySelector(`[data-item="${id}"]`);
      found?.scrollIntoView({ block: "center" });
      found?.classList.add("sought");
      setTimeout(() => {
        seeking = false;
        if (box) pinned.set(atEnd(box));
      }, 200);
      setTimeout(() => found?.classList.remove("sought"), 2500);
    });
  };
  effect(() => {
    const id = model.wanted();
    if (id === undefined || !timeline.loaded()) return;
    queueMicrotask(() => {
      model.wanted.set(undefined);
      void showItem(id);
    });
  });
  const follow = new ResizeObserver(() => {
    if (pinned.peek()) toEnd();
  });
  onCleanup(() => follow.disconnect());
  if (box) {
    follow.observe(box);
    for (const list of box.querySelectorAll("ol")) follow.observe(list);
  }
  effect(() => {
    const newest = model.rows().at(-1);
    model.customerTypes();
    const own = newest?.kind === "message" && newest.echo !== undefined;
    if (pinned.peek() || own) queueMicrotask(toEnd);
  });
  effect(() => {
    // Read is what somebody could see: the newest on the screen, the page in front.
    const newest = timeline.newest();
    if (newest && timeline.loaded() && pinned() && visible() && focused()) queueMicrotask(() => model.seen());
  });
  return (
    <div class="stage">
      {view}
      <Show when={() => !pinned()}>
        {() => <Button class="jump" icon={icons.down} label={() => t().toNewest} onClick={toEnd} />}
      </Show>
    </div>
  );
}
