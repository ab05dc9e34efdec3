/** Where an agent writes: a reply to the customer, or a note for the team, which looks different all over. */
import type { ConversationModel, Mode } from "../../models/desk/conversation.ts";
import { al } from "../../models/desk/alert-strings.ts";
import { m } from "../../models/desk/automation-strings.ts";
import { best } from "../../models/desk/fuzzy.ts";
import { t } from "../../models/desk/strings.ts";
import { whenText } from "../../models/desk/times.ts";
import type { Agent, Canned, Conversation, Later } from "../../models/desk/types.ts";
import { w } from "../../models/desk/working-strings.ts";
import { Avatar, Button, freshId, Icon } from "../../ui/basics.tsx";
import { insertAtCursor } from "../../ui/composer.tsx";
import { byteSize, lang } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import { For, Show } from "../../ui/jsx-runtime.ts";
import { computed, effect, onCleanup, type Signal, signal } from "../../ui/signals.ts";
import { kt } from "../../ui/strings.ts";
import { firstName } from "./list.tsx";
import { openMacros } from "./macros.tsx";
import { pickSnooze } from "./menus.tsx";
import { openPicker } from "./picker.tsx";
import { desk, parts } from "./state.ts";

const mostBytes = 50 * 1024 * 1024;

type Hint =
  | { kind: "canned"; from: number; typed: string }
  | { kind: "mention"; from: number; typed: string };

/** What is being typed at the cursor: `/word` in a reply, `@name` in a note. */
export function hintAt(text: string, caret: number, mode: Mode): Hint | undefined {
  const before = text.slice(0, caret);
  const mark = mode === "reply" ? "/" : "@";
  const hit = new RegExp(`(?:^|\\s)${mark}([\\p{L}\\p{N}_.-]{0,30})$`, "u").exec(before);
  if (!hit) return undefined;
  const typed = hit[1] ?? "";
  return { kind: mode === "reply" ? "canned" : "mention", from: caret - typed.length - 1, typed };
}

export function Composer({ model, c }: { model: ConversationModel; c: () => Conversation }) {
  const { mode } = model;
  const text = computed(() => (mode() === "note" ? model.note() : model.reply()));
  const empty = computed(() => text().trim() === "" && (mode() === "note" || model.staged().length === 0));
  const hint: Signal<Hint | undefined> = signal<Hint | undefined>(undefined);
  const active = signal(0), listId = freshId("hints");
  const missing = signal<readonly string[]>([]);
  let area: HTMLTextAreaElement | undefined;

  parts.composer = {
    focus: (m) => {
      model.setMode(m);
      area?.focus();
      area?.setSelectionRange(area.value.length, area.value.length);
    },
  };

  const cannedFound = computed(() => {
    const h = hint();
    if (h?.kind !== "canned") return [];
    const l = c().language;
    const fit = [...desk.canned()].sort((a, b) =>
      Number(b.language === l) - Number(a.language === l) || a.shortcut.localeCompare(b.shortcut)
    );
    return best(h.typed, fit, (r) => `${r.shortcut} ${r.title}`, 8);
  });
  const agentsFound = computed(() => {
    const h = hint();
    if (h?.kind !== "mention") return [];
    return best(h.typed, desk.agents().filter((a) => a.active && a.id !== desk.myId()), (a) => `${a.public_name} ${a.name}`, 8);
  });
  const count = () => (hint()?.kind === "canned" ? cannedFound().length : agentsFound().length);
  const preview = signal<{ id: string; text: string } | undefined>(undefined);
  const texts = new Map<string, Promise<{ text: string; missing: string[] }>>();
  const filled = (r: Canned) => {
    const key = `${r.id}/${r.updated_at}`;
    let found = texts.get(key);
    if (!found) {
      found = desk.api.preview({ id: r.id }, model.id);
      found.catch(() => texts.delete(key));
      texts.set(key, found);
    }
    return found;
  };
  effect(() => {
    const one = cannedFound()[active()];
    preview.set(one ? { id: one.id, text: one.body } : undefined);
    if (one) {
      filled(one).then((p) => {
        if (preview.peek()?.id === one.id) preview.set({ id: one.id, text: p.text });
      }, (error) => desk.ignorePassing(error));
    }
  });

  function look(): void {
    if (!area) return;
    const next = area.selectionStart === area.selectionEnd ? hintAt(area.value, area.selectionStart, mode.peek()) : undefined;
    const before = hint.peek();
    if (next?.from !== before?.from || next?.typed !== before?.typed || next?.kind !== before?.kind) {
      active.set(0);
      hint.set(next);
    }
  }

  /** Puts a text in the place of what was typed since the mark. */
  function replace(from: number, by: string): void {
    if (!area) return;
    area.setRangeText(by, from, area.selectionStart, "end");
    hint.set(undefined);
    model.typed(area.value);
    area.focus();
  }

  async function useCanned(r: Canned, from: number | undefined): Promise<void> {
    await desk.attempt(async () => {
      const made = await filled(r);
      if (!area) return;
      if (from === undefined) insertAtCursor(area, made.text);
      else replace(from, made.text);
      missing.set(made.missing);
    });
  }
  const useMention = (a: Agent, from: number) => replace(from, `@${a.public_name} `);

  function choose(i: number): void {
    const h = hint.peek();
    if (h?.kind === "canned") {
      const r = cannedFound.peek()[i];
      if (r) void useCanned(r, h.from);
    } else if (h) {
      const a = agentsFound.peek()[i];
      if (a) useMention(a, h.from);
    }
  }

  function onKeydown(e: KeyboardEvent): void {
    if (e.isComposing) return;
    const n = hint.peek() ? count() : 0;
    if (hint.peek() && e.key === "Escape") {
      hint.set(undefined);
      e.preventDefault();
      e.stopPropagation();
      return;
    }
    if (n > 0 && (e.key === "ArrowDown" || e.key === "ArrowUp")) {
      active.update((a) => (a + (e.key === "ArrowDown" ? 1 : n - 1)) % n);
      e.preventDefault();
      return;
    }
    if (n > 0 && (e.key === "Enter" || e.key === "Tab") && !e.shiftKey) {
      choose(active.peek());
      e.preventDefault();
      return;
    }
    if (e.key === "Escape" && mode.peek() === "reply" && (model.quoted.peek() || model.corrected.peek())) {
      e.preventDefault();
      e.stopPropagation();
      return model.dropRelation();
    }
    if (e.key === "ArrowUp" && mode.peek() === "reply" && area?.value === "" && !model.quoted.peek()) {
      const last = model.lastOfMine();
      if (!last) return;
      e.preventDefault();
      model.correct(last);
      return queueMicrotask(() => area?.setSelectionRange(area.value.length, area.value.length));
    }
    if (e.key === "Enter" && !e.shiftKey && !e.altKey) {
      e.preventDefault();
      send();
    } else if (e.altKey && (e.key === "n" || e.key === "r")) {
      e.preventDefault();
      model.setMode(e.key === "n" ? "note" : "reply");
    }
  }

  function send(): void {
    if (empty.peek()) return;
    missing.set([]);
    hint.set(undefined);
    void model.send();
  }

  function take(files: File[]): void {
    if (mode.peek() === "note") {
      desk.tell(t.peek().noFilesInNotes, true);
      return;
    }
    const fit = files.filter((f) => f.size <= mostBytes);
    for (const f of files) if (f.size > mostBytes) desk.tell(t.peek().tooLarge(f.name, byteSize(lang.peek(), mostBytes)), true);
    model.stage(fit);
    area?.focus();
  }

  const picker = (
    <input
      type="file"
      multiple
      class="vh"
      tabIndex={-1}
      aria-hidden="true"
      data-testid="files"
      onChange={(e) => {
        take([...(e.currentTarget.files ?? [])]);
        e.currentTarget.value = "";
      }}
    />
  ) as HTMLInputElement;

  const tab = (m: Mode, label: () => string, icon: string) => (
    <button
      type="button"
      role="tab"
      id={`${listId}-${m}`}
      class={`tab ${m}`}
      aria-selected={() => mode() === m}
      aria-controls={`${listId}-panel`}
      tabIndex={() => (mode() === m ? 0 : -1)}
      onClick={() => {
        model.setMode(m);
        area?.focus();
      }}
      onKeydown={(e) => {
        if (e.key !== "ArrowRight" && e.key !== "ArrowLeft") return;
        e.preventDefault();
        const other = m === "reply" ? "note" : "reply";
        model.setMode(other);
        document.getElementById(`${listId}-${other}`)?.focus();
      }}
    >
      <Icon d={icon} />
      {label}
    </button>
  );

  onCleanup(() => texts.clear());

  return (
    <div class={() => `write ${mode()}`} data-mode={mode}>
      <LaterList model={model} />
      <Notices model={model} c={c} missing={missing} />
      <div class="tabs" role="tablist" aria-label={() => t().reply}>
        {tab("reply", () => t().replyTab, icons.reply)}
        {tab("note", () => t().noteTab, icons.note)}
        <span class="hint">{() => (mode() === "note" ? t().noteHint : t().replyHint)}</span>
      </div>
      <div id={`${listId}-panel`} role="tabpanel" aria-labelledby={() => `${listId}-${mode()}`} class="panel">
        {picker}
        <Hints
          id={listId}
          hint={hint}
          active={active}
          canned={cannedFound}
          agents={agentsFound}
          preview={() => preview()?.text}
          choose={choose}
        />
        {() => {
          const item = mode() === "reply" ? model.corrected() ?? model.quoted() : undefined;
          if (!item) return null;
          return (
            <div class="relation" role="status">
              <Icon d={model.corrected() ? icons.edit : icons.reply} />
              <span class="grow one">
                <strong>{model.corrected() ? al().correcting : al().quoting(item.author.name)}</strong>{" "}
                <span class="sub">{item.message.body}</span>
              </span>
              <Button small kind="ghost" icon={icons.close} label={() => al().dropIt} onClick={() => model.dropRelation()} />
            </div>
          );
        }}
        <Show when={() => mode() === "reply" && model.staged().length > 0}>
          {() => (
            <ul class="staged">
              <For each={model.staged} by={(s) => s.id}>
                {(s) => {
                  const { id, file, preview: src } = s.peek();
                  return (
                    <li>
                      {src ? <img src={src} alt="" /> : <Icon d={icons.file} />}
                      <span class="name">{file.name}</span>
                      <span class="sub">{() => byteSize(lang(), file.size)}</span>
                      <Button
                        small
                        kind="ghost"
                        icon={icons.close}
                        label={() => t().removeFile(file.name)}
                        onClick={() => model.unstage(id)}
                      />
                    </li>
                  );
                }}
              </For>
            </ul>
          )}
        </Show>
        <textarea
          rows={1}
          value={text}
          maxLength={16000}
          class="area"
          aria-label={() => (mode() === "note" ? t().noteFor : t().replyTo(c().contact.display_name))}
          placeholder={() => (mode() === "note" ? t().noteFor : t().replyTo(firstName(c().contact)))}
          aria-autocomplete="list"
          aria-haspopup="listbox"
          aria-controls={() => (hint() && count() > 0 ? `${listId}-list` : undefined)}
          aria-activedescendant={() => (hint() && count() > 0 ? `${listId}-${active()}` : undefined)}
          enterkeyhint="send"
          autocapitalize="sentences"
          lang={() => c().language ?? undefined}
          onInput={(e) => {
            model.typed(e.currentTarget.value);
            look();
          }}
          onKeydown={onKeydown}
          onKeyup={(e) => {
            if (e.key.startsWith("Arrow") || e.key === "Home" || e.key === "End") look();
          }}
          onClick={look}
          onBlur={() => setTimeout(() => document.activeElement !== area && hint.set(undefined), 150)}
          onPaste={(e) => {
            const files = [...(e.clipboardData?.files ?? [])];
            if (files.length === 0) return;
            e.preventDefault();
            take(files);
          }}
          ref={(e) => area = e}
        />
        <div class="tools">
          <Show when={() => mode() === "reply"}>
            {() => (
              <span class="pair">
                <Button small kind="ghost" icon={icons.attach} label={() => t().attach} onClick={() => picker.click()} />
                <Button
                  small
                  kind="ghost"
                  icon={icons.bolt}
                  label={() => t().cannedReplies}
                  popup="dialog"
                  expanded={false}
                  onClick={({ currentTarget }) => openCanned(currentTarget, (r) => void useCanned(r, undefined))}
                />
              </span>
            )}
          </Show>
          <Show when={() => mode() === "note"}>
            {() => (
              <Button
                small
                kind="ghost"
                icon={icons.at}
                label={() => t().mentionSomeone}
                onClick={() => {
                  if (!area) return;
                  const gap = area.selectionStart > 0 && !/\s/.test(area.value[area.selectionStart - 1] ?? "") ? " " : "";
                  insertAtCursor(area, `${gap}@`);
                  look();
                }}
              />
            )}
          </Show>
          <Button
            small
            kind="ghost"
            icon={icons.smile}
            label={() => kt().emoji}
            popup="dialog"
            expanded={false}
            onClick={({ currentTarget }) =>
              void import("../../ui/emoji.tsx").then((m) => m.openEmoji(currentTarget, (e) => area && insertAtCursor(area, e)))}
          />
          <span data-anchor="macro">
            <Button
              small
              kind="ghost"
              icon={icons.wand}
              label={() => m().runMacro}
              popup="dialog"
              expanded={false}
              shortcut="m"
              onClick={({ currentTarget }) => openMacros(currentTarget, [model.id])}
            />
          </span>
          <span class="grow" />
          <Show when={() => mode() === "reply" && model.staged().length === 0 && !model.corrected()}>
            {() => (
              <Button
                kind="ghost"
                icon={icons.clock}
                label={() => w().sendLater}
                popup="menu"
                expanded={false}
                disabled={empty}
                onClick={({ currentTarget }) =>
                  pickSnooze(currentTarget, (when) => void model.sendLater(when), {
                    title: w.peek().sendLaterTitle,
                    done: w.peek().sendLater,
                  })}
              />
            )}
          </Show>
          <Button kind="primary" class="send" icon={() => (mode() === "note" ? icons.note : icons.send)} disabled={empty} onClick={send}>
            <span>{() => (mode() === "note" ? t().addNote : model.corrected() ? al().saveIt : t().sendReply)}</span>
          </Button>
        </div>
      </div>
    </div>
  );
}

/** What leaves later or in a moment, over the field in which it was written. */
function LaterList({ model }: { model: ConversationModel }) {
  const now = signal(Date.now());
  const timer = setInterval(() => model.later.peek().length > 0 && now.set(Date.now()), 500);
  onCleanup(() => clearInterval(timer));
  const says = (one: Later) => {
    if (one.state === "held") return one.held === "customer_wrote" ? w().heldWritten : w().heldRefused;
    const left = Math.ceil((one.at - now()) / 1000);
    return left <= 60 ? w().leavesIn(Math.max(0, left)) : w().leavesAt(whenText(lang(), one.at, now()));
  };
  return (
    <Show when={() => model.later().length > 0}>
      {() => (
        <ul class="later" aria-label={() => w().laterList}>
          <For each={model.later} by={(one: Later) => one.id}>
            {(one) => (
              <li class={() => one().state}>
                <Icon d={() => one().state === "held" ? icons.alert : icons.clock} />
                <span class="grow">
                  <strong>{() => says(one())}</strong>
                  {() => one().agent.id === desk.myId() ? null : <span class="sub">{w().by(one().agent.name)}</span>}
                  <span class="one">{() => one().body}</span>
                </span>
                {() =>
                  one().agent.id === desk.myId()
                    ? <Button small kind="ghost" onClick={() => void model.sendNow(one.peek())}>{w().sendNow}</Button>
                    : null}
                {() =>
                  one().agent.id === desk.myId() || desk.may("conversations.assign")
                    ? <Button small kind="outline" onClick={() => void model.takeBack(one.peek())}>{w().takeBack}</Button>
                    : null}
              </li>
            )}
          </For>
        </ul>
      )}
    </Show>
  );
}

function openCanned(at: HTMLElement, use: (r: Canned) => void): void {
  openPicker(at, {
    label: t.peek().cannedReplies,
    placeholder: t.peek().search,
    none: t.peek().emptySearchTitle,
    prefer: "above",
    items: () =>
      desk.canned().map((r) => ({
        id: r.id,
        text: `${r.shortcut} ${r.title} ${r.body}`,
        view: () => <CannedLine r={r} />,
        pick: () => use(r),
      })),
  });
}

function CannedLine({ r }: { r: Canned }) {
  return (
    <span class="canned">
      <span class="line">
        <strong>/{r.shortcut}</strong> <span class="grow">{r.title}</span>
        <span class="sub">{r.scope === "personal" ? t.peek().personal : r.language ?? ""}</span>
      </span>
      <span class="sub one">{r.body}</span>
    </span>
  );
}

/** The list over the text field: canned replies with their filled-in text, or colleagues. */
function Hints(props: {
  id: string;
  hint: () => Hint | undefined;
  active: Signal<number>;
  canned: () => readonly Canned[];
  agents: () => readonly Agent[];
  preview: () => string | undefined;
  choose: (i: number) => void;
}) {
  const { id, active } = props;
  const option = (i: number, view: () => Node) => (
    <div
      id={`${id}-${i}`}
      role="option"
      class={() => (active() === i ? "option active" : "option")}
      aria-selected={() => active() === i}
      onPointermove={() => active.set(i)}
      onPointerdown={(e) => {
        e.preventDefault();
        props.choose(i);
      }}
    >
      {view()}
    </div>
  );
  return (
    <>
      {() => {
        const h = props.hint();
        if (!h) return null;
        const rows = h.kind === "canned"
          ? props.canned().map((r, i) => option(i, () => <CannedLine r={r} />))
          : props.agents().map((a, i) =>
            option(i, () => (
              <span class="person">
                <Avatar name={a.public_name} picture={a.picture} size="1.5rem" presence={a.availability} />
                {a.public_name}
              </span>
            ))
          );
        const label = h.kind === "canned" ? t().cannedReplies : t().mentionSomeone;
        if (rows.length === 0) {
          return h.kind === "canned" && h.typed !== ""
            ? (
              <div class="hints">
                <p class="none" role="status">{t().noCanned}</p>
              </div>
            )
            : null;
        }
        return (
          <div class={`hints ${h.kind}`}>
            <div id={`${id}-list`} class="options" role="listbox" aria-label={label}>{rows}</div>
            {h.kind === "canned"
              ? (
                <div class="preview" aria-live="polite">
                  <span class="sub">{t().preview}</span>
                  <p>{props.preview}</p>
                </div>
              )
              : null}
          </div>
        );
      }}
    </>
  );
}

function Notices({ model, c, missing }: { model: ConversationModel; c: () => Conversation; missing: Signal<readonly string[]> }) {
  const text = computed(() => {
    if (missing().length > 0) return t().missing(missing().join(", "));
    if (model.mode() === "note") return undefined;
    if (c().status === "resolved") return t().resolvedNotice;
    const who = c().assignee;
    if (!who) return t().takenByReply;
    return who.id === desk.myId() ? undefined : t().colleagueHas(who.name);
  });
  return (
    <div aria-live="polite">
      {() => (text() ? <p class="notice">{[<Icon d={icons.info} />, <span>{text()}</span>]}</p> : null)}
    </div>
  );
}
