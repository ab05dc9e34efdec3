/** The rows of a timeline: messages, notes, system lines, days. */
import type { ConversationModel } from "../../models/desk/conversation.ts";
import type { Row, Tick } from "../../models/desk/timeline.ts";
import { al } from "../../models/desk/alert-strings.ts";
import { t } from "../../models/desk/strings.ts";
import type { Media, MessageItem, Rating } from "../../models/desk/types.ts";
import { FileTile, PictureTile, saveAs } from "../../ui/attachment.tsx";
import { Avatar, Button, Icon, Spinner } from "../../ui/basics.tsx";
import { clockTime, dateTime, dayName, lang } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import { type Child, For, Show } from "../../ui/jsx-runtime.ts";
import { confirmDialog, type MenuItem, openMenu, toast } from "../../ui/overlay.tsx";
import { computed, onCleanup, type Read, signal } from "../../ui/signals.ts";
import { kt } from "../../ui/strings.ts";
import { isBigEmoji, linked } from "../../ui/text.tsx";
import { RatingMark } from "./rating.tsx";
import { desk, media, parts } from "./state.ts";

type MessageRow = Extract<Row, { kind: "message" }>;
type NoteRow = Extract<Row, { kind: "note" }>;

export function Rows(props: { model: ConversationModel }) {
  return (
    <ol>
      <For each={props.model.rows} by={(r: Row) => r.id}>
        {(row) => {
          const r = row.peek();
          if (r.kind === "message") return <Message row={row as Read<MessageRow>} model={props.model} />;
          if (r.kind === "note") return <Note row={row as Read<NoteRow>} model={props.model} />;
          return (
            <li class={r.kind}>
              {() => {
                const now = row();
                if (now.kind === "day") return <span>{dayName(lang(), now.at, desk.now())}</span>;
                if (now.kind === "unread") return <span>{t().newMessages}</span>;
                if (now.kind === "system" && now.item.system.type === "rating") {
                  const comment = now.item.system.data.comment;
                  return [
                    now.item.system.text,
                    " ",
                    <RatingMark rating={now.item.system.data as unknown as Rating} />,
                    " ",
                    <time datetime={iso(now.item.at)}>{clockTime(lang(), now.item.at)}</time>,
                    typeof comment === "string" ? <q class="comment" dir="auto">{comment}</q> : null,
                  ];
                }
                if (now.kind === "system") {
                  const { text, data } = now.item.system, merge = data.merge;
                  const isUndone = typeof merge !== "string" ||
                    props.model.timeline.items().some((i) => i.kind === "system" && i.system.data.undone === merge);
                  return [
                    text,
                    " ",
                    <time datetime={iso(now.item.at)}>{clockTime(lang(), now.item.at)}</time>,
                    isUndone ? null : (
                      <button
                        type="button"
                        class="take-back"
                        onClick={() => void desk.attempt(() => desk.customers.undoConversationMerge(props.model.id, merge))}
                      >
                        {t().undo}
                      </button>
                    ),
                  ];
                }
                return null;
              }}
            </li>
          );
        }}
      </For>
    </ol>
  );
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

function Time(props: { at: () => number }) {
  return (
    <time datetime={() => iso(props.at())} title={() => dateTime(lang(), props.at())}>
      {() => clockTime(lang(), props.at())}
    </time>
  );
}

function Message({ row, model }: { row: Read<MessageRow>; model: ConversationModel }) {
  const { ours } = row.peek();
  const first = computed(() => row().first), last = computed(() => row().last), tick = computed(() => row().tick);
  const at = computed(() => row().item.at), author = computed(() => row().item.author.name);
  const picture = computed(() => row().item.author.picture);
  return (
    <li
      class={() =>
        `msg ${ours ? "ours" : "theirs"} ${first() ? "first" : ""} ${last() ? "last" : ""} ${tick() === "failed" ? "failed" : ""}`}
      data-event={() => row().item.message.event_id}
      data-item={() => row().id}
      data-tick={tick}
    >
      {() => (last() ? <Avatar name={author} picture={picture} size="1.75rem" /> : <span class="space" />)}
      <div class="col">
        {() => (first() ? <span class="author" aria-hidden="true">{author()}</span> : null)}
        <span class="vh">{() => t().says(author(), clockTime(lang(), at()))}</span>
        <Quoted row={row} model={model} />
        <div class="said">
          <Content row={row} model={model} />
          {() => {
            const item = row().item;
            return item.message.event_id === null || item.message.redacted ? null : <MessageMenu item={item} model={model} />;
          }}
        </div>
        {() => {
          const state = tick();
          if (state === "failed") return <Failed row={row.peek()} model={model} />;
          if (!last() && state !== "waiting" && state !== "sending") return null;
          return (
            <span class="meta">
              {row().item.message.edited ? `${t().edited} · ` : null}
              <Time at={at} />
              {state ? <TickMark tick={state} /> : null}
            </span>
          );
        }}
      </div>
    </li>
  );
}

/** What it answers, in a line; it leads there. */
function Quoted({ row, model }: { row: Read<MessageRow>; model: ConversationModel }) {
  const to = computed(() => row().item.message.reply_to);
  return (
    <>
      {() => {
        const event = to();
        if (event === null) return null;
        const item = model.timeline.items().find((i) => i.kind === "message" && i.message.event_id === event);
        const text = item?.kind === "message" ? item.message.redacted ? t().redacted : item.message.body : al().notLoaded;
        return (
          <button
            type="button"
            class="quoted"
            onClick={() =>
              document.querySelector(`[data-event="${CSS.escape(event)}"]`)?.scrollIntoView({ block: "center", behavior: "smooth" })}
          >
            {item ? <strong>{item.author.name}</strong> : null}
            <span class="one">{text}</span>
          </button>
        );
      }}
    </>
  );
}

function MessageMenu({ item, model }: { item: MessageItem; model: ConversationModel }) {
  return (
    <Button
      small
      kind="ghost"
      class="message-menu"
      icon={icons.more}
      label={() => al().messageActions}
      popup="menu"
      expanded={false}
      onClick={({ currentTarget }) => {
        const texts = al.peek(), write = () => queueMicrotask(() => parts.composer?.focus("reply"));
        const items: MenuItem[] = [{
          text: texts.quote,
          icon: icons.reply,
          run: () => {
            model.quote(item);
            write();
          },
        }];
        if (model.mayCorrect(item)) {
          items.push({
            text: texts.correct,
            icon: icons.edit,
            run: () => {
              model.correct(item);
              write();
            },
          });
        }
        if (model.mayDelete(item)) {
          items.push({
            text: texts.removeMessage,
            icon: icons.trash,
            run: async () => {
              const yes = await confirmDialog({
                title: texts.removeMessage,
                text: texts.removeAsk,
                yes: texts.removeMessage,
                danger: true,
              });
              if (yes) await model.removeMessage(item);
            },
          });
        }
        openMenu(currentTarget, texts.messageActions, items);
      }}
    />
  );
}

function TickMark({ tick }: { tick: Tick }) {
  const d = tick === "waiting" || tick === "sending" ? icons.clock : tick === "sent" ? icons.check : icons.checks;
  return (
    <span class={`tick ${tick}`} title={() => t()[tick]}>
      <Icon d={d} label={() => t()[tick]} />
    </span>
  );
}

function Failed({ row, model }: { row: MessageRow | NoteRow; model: ConversationModel }) {
  const key = row.echo?.key ?? "";
  return (
    <div class="meta failure" role="alert">
      <Icon d={icons.alert} />
      <span>{() => `${t().failed} ${row.echo?.error?.message ?? ""}`}</span>
      <Button small kind="ghost" onClick={() => model.retry(key)}>{() => t().retry}</Button>
      <Button small kind="ghost" onClick={() => model.discard(key)}>{() => t().discard}</Button>
    </div>
  );
}

function Content({ row, model: _ }: { row: Read<MessageRow>; model: ConversationModel }) {
  const message = computed(() => row().item.message);
  const type = computed(() => (message().redacted ? "redacted" : message().type));
  const body = computed(() => message().body);
  // The file of this browser shows at once and stays, so that nothing flickers when the server has it.
  const file = row.peek().echo?.file;
  const own = file ? URL.createObjectURL(file) : undefined;
  if (own) onCleanup(() => URL.revokeObjectURL(own));
  const progress = () => {
    const echo = row().echo;
    return echo?.file && echo.state !== "failed" ? echo.progress ?? 0 : undefined;
  };
  const piece = (kind: string): Child => {
    const m = row.peek().item.message;
    switch (kind) {
      case "redacted":
        return <div class="bubble quiet">{() => t().redacted}</div>;
      case "image":
        return m.media ? <Picture m={m} media={m.media} own={own} current={() => message().media} /> : null;
      case "file":
        return m.media
          ? <FileTile name={m.media.name ?? m.body} size={m.media.size ?? undefined} onOpen={() => void download(message.peek())} />
          : null;
      case "audio":
      case "video":
        return m.media ? <Sound kind={kind} own={own} current={() => message().media} /> : null;
      case "encrypted":
        return <div class="bubble quiet">{() => t().encryptedMessage}</div>;
      case "location":
        return <div class="bubble">{() => [<Icon d={icons.pin} />, " ", body() || t().location]}</div>;
      case "other":
        return <div class="bubble quiet">{() => body() || t().otherMessage}</div>;
      default:
        return (
          <div class={() => (isBigEmoji(body()) ? "bubble big" : "bubble")} dir="auto">
            {() => (kind === "emote" ? <em>{[row.peek().item.author.name, " ", ...[linked(body())]]}</em> : linked(body()))}
          </div>
        );
    }
  };
  return (
    <div class="content">
      {() => piece(type())}
      {() => {
        const m = message();
        const said = m.media && m.body && m.body !== m.media.name && ["image", "video"].includes(m.type) ? m.body : "";
        return said ? <div class="bubble" dir="auto">{linked(said)}</div> : null;
      }}
      <Show when={() => progress() !== undefined}>
        {() => (
          <progress
            class="bar"
            max="1"
            value={() => String(progress() ?? 0)}
            aria-label={() => kt().uploading(Math.round((progress() ?? 0) * 100))}
          />
        )}
      </Show>
    </div>
  );
}

async function download(m: MessageItem["message"]): Promise<void> {
  if (!m.media?.mxc) return;
  try {
    saveAs(await media.url(m.media.mxc), m.media.name ?? m.body);
  } catch {
    toast(t.peek().openFailed, { bad: true });
  }
}

function Picture(props: { m: MessageItem["message"]; media: Media; own: string | undefined; current: () => Media | null }) {
  const { m } = props, name = props.media.name ?? m.body;
  const src = signal<string | undefined>(props.own), wrong = signal(false);
  const load = () => {
    wrong.set(false);
    const mxc = props.current()?.mxc;
    if (!mxc) return;
    media.url(mxc, { width: 640, height: 480 }).catch(() => media.url(mxc)).then((url) => src.set(url), () => wrong.set(true));
  };
  if (!props.own) load();
  const open = async () => {
    const mxc = props.current()?.mxc;
    const { openViewer } = await import("../../ui/viewer.tsx");
    try {
      openViewer({ src: mxc ? await media.url(mxc) : src.peek() ?? "", name });
    } catch {
      toast(t.peek().openFailed, { bad: true });
    }
  };
  return (
    <Show
      when={() => !wrong()}
      fallback={() => (
        <div class="bubble quiet">
          {() => t().openFailed} <Button small kind="ghost" icon={icons.refresh} label={() => t().again} onClick={load} />
        </div>
      )}
    >
      {() => (
        <PictureTile
          src={src}
          name={name}
          width={props.media.width ?? undefined}
          height={props.media.height ?? undefined}
          maxWidth={320}
          maxHeight={280}
          onOpen={open}
        />
      )}
    </Show>
  );
}

function Sound(props: { kind: "audio" | "video"; own: string | undefined; current: () => Media | null }) {
  const src = signal<string | undefined>(props.own), wrong = signal(false);
  const mxc = props.current()?.mxc;
  if (!props.own && mxc) media.url(mxc).then((url) => src.set(url), () => wrong.set(true));
  return (
    <>
      {() => {
        const url = src();
        if (wrong()) return <div class="bubble quiet">{t().openFailed}</div>;
        if (!url) return <Spinner label={t().loading} />;
        return props.kind === "audio"
          ? <audio controls src={url} preload="metadata" />
          : <video controls src={url} preload="metadata" playsinline />;
      }}
    </>
  );
}

function Note({ row, model }: { row: Read<NoteRow>; model: ConversationModel }) {
  const at = computed(() => row().item.at), author = computed(() => row().item.author.name);
  const waiting = computed(() => row().echo?.state);
  const mayDelete = () => {
    const item = row().item;
    return item.note.id !== "" && (item.author.id === desk.myId() || desk.may("notes.moderate"));
  };
  return (
    <li class={() => `memo ${waiting() === "failed" ? "failed" : ""}`} data-note={() => row().item.note.id} data-item={() => row().id}>
      <div class="head">
        <Icon d={icons.note} />
        <strong>{() => t().noteMark}</strong>
        <span class="vh">{() => t().noteBy(author(), clockTime(lang(), at()))}</span>
        <span class="sub" aria-hidden="true">
          {author} · <Time at={at} />
        </span>
        <span class="grow" />
        {() => (waiting() === "waiting" || waiting() === "sending" ? <Icon d={icons.clock} label={() => t().sending} /> : null)}
        <Show when={mayDelete}>
          {() => (
            <Button
              small
              kind="ghost"
              icon={icons.trash}
              label={() => t().deleteNote}
              onClick={() =>
                void confirmDialog({ title: t.peek().deleteNote, text: t.peek().deleteNoteAsk, yes: t.peek().delete, danger: true })
                  .then((yes) => yes ? model.removeNote(row.peek().item.note.id) : undefined)}
            />
          )}
        </Show>
      </div>
      <div class="text" dir="auto">{() => noteText(row().item.note.body)}</div>
      {() => (waiting() === "failed" ? <Failed row={row.peek()} model={model} /> : null)}
    </li>
  );
}

/** The text with the names of colleagues marked. */
function noteText(body: string): Child {
  const names = desk.agents().map((a) => a.public_name).filter((n) => n !== "").sort((a, b) => b.length - a.length);
  if (names.length === 0 || !body.includes("@")) return linked(body);
  const pattern = new RegExp(`@(?:${names.map((n) => n.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})(?![\\p{L}\\p{N}])`, "giu");
  const out: Child[] = [];
  let at = 0;
  for (const hit of body.matchAll(pattern)) {
    out.push(linked(body.slice(at, hit.index)));
    out.push(<mark class="mention">{hit[0]}</mark>);
    at = hit.index + hit[0].length;
  }
  out.push(linked(body.slice(at)));
  return out;
}
