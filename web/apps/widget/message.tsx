/** One message: text, picture, file, sound or film, with its time and how far it got. */
import { Avatar, Button, Icon, Spinner } from "../../ui/basics.tsx";
import { FileTile, PictureTile, saveAs } from "../../ui/attachment.tsx";
import { clockTime, dateTime, lang } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import { For } from "../../ui/jsx-runtime.ts";
import { toast } from "../../ui/toast.tsx";
import { computed, effect, onCleanup, type Read, signal } from "../../ui/signals.ts";
import { kt } from "../../ui/strings.ts";
import { isBigEmoji, linked } from "../../ui/text.tsx";
import type { MessageRow, Row, Tick } from "../../models/widget/rows.ts";
import { t } from "../../models/widget/strings.ts";
import type { WidgetModel } from "../../models/widget/widget.ts";

/** Opens the picture viewer; the page says how, since it comes on demand. */
let view: (picture: { src: string; name: string }) => void = () => undefined;

export function Rows(props: { model: WidgetModel; view: typeof view }) {
  view = props.view;
  return (
    <ol>
      <For each={props.model.rows} by={(r: Row) => r.id}>
        {(row) => {
          const kind = row.peek().kind;
          if (kind === "message") return <Message row={row as Read<MessageRow>} model={props.model} />;
          return (
            <li class={kind}>
              {() => {
                const r = row();
                return r.kind === "day" ? r.text : r.kind === "system" ? t()[r.what](r.name) : "";
              }}
            </li>
          );
        }}
      </For>
    </ol>
  );
}

function Message({ row, model }: { row: Read<MessageRow>; model: WidgetModel }) {
  const { mine, authorId } = row.peek();
  const first = computed(() => row().first), last = computed(() => row().last);
  const tick = computed(() => row().tick);
  const at = computed(() => row().item.at);
  // The desk itself speaks for the shop.
  const author = computed(() => row().author || model.config()?.brand.name || "");
  const name = () => `msg ${mine ? "mine" : ""} ${first() ? "first" : ""} ${last() ? "last" : ""} ${tick() === "failed" ? "failed" : ""}`;
  const time = () => <time datetime={new Date(at()).toISOString()} title={dateTime(lang(), at())}>{clockTime(lang(), at())}</time>;
  return (
    <li class={name} data-event={() => row().item.eventId} data-tick={tick}>
      {mine
        ? null
        : () => (last()
          ? <Avatar name={author} picture={() => row().author ? model.pictureOf(authorId)() : model.config()?.brand.logo} />
          : <span />)}
      <div class="col">
        {() => (first() && !mine ? <span class="author" aria-hidden="true">{author()}</span> : null)}
        <span class="vh">{() => t().says(mine ? t().you : author(), clockTime(lang(), at()))}</span>
        <Content row={row} model={model} />
        {() => {
          const state = tick();
          if (state === "failed") return <Failed row={row.peek()} model={model} />;
          if (!last()) return null;
          return <span class="meta">{row().item.edited ? `${t().edited} · ` : null}{time()}{state ? <TickMark tick={state} /> : null}
          </span>;
        }}
      </div>
    </li>
  );
}

function TickMark(props: { tick: Tick }) {
  const tick = props.tick;
  const d = tick === "waiting" || tick === "sending" ? icons.clock : tick === "sent" ? icons.check : icons.checks;
  return (
    <span class={tick} title={() => t()[tick]}>
      <Icon d={d} label={() => t()[tick]} />
    </span>
  );
}

function Failed({ row, model }: { row: MessageRow; model: WidgetModel }) {
  const error = row.item.error;
  return (
    <div class="meta what" role="alert">
      <Icon d={icons.alert} />
      <span>{() => `${t().failed}. ${error ? model.reason(error) : t().tooLate}`}</span>
      <Button small kind="ghost" onClick={() => model.retry(row.id)}>{() => t().retry}</Button>
      <Button small kind="ghost" onClick={() => model.remove(row.id)}>{() => t().remove}</Button>
    </div>
  );
}

function Content({ row, model }: { row: Read<MessageRow>; model: WidgetModel }) {
  // The parts that a picture's node depends on: it is not made again when a tick changes.
  const redacted = computed(() => row().item.redacted);
  // What is answered by buttons here has a longer text for other apps.
  const body = computed(() => String(row().item.content["comptoir.text"] ?? row().item.content.body ?? ""));
  const kind = computed(() => String(row().item.content.msgtype ?? "m.text"));
  return (
    <>
      {() => {
        if (redacted()) return <div class="bubble gone">{t().redacted}</div>;
        switch (kind()) {
          case "m.image":
            return <Picture row={row} model={model} />;
          case "m.file":
          case "m.audio":
          case "m.video":
            return <Attached row={row} model={model} kind={kind()} />;
          default:
            return <div class={() => `bubble ${isBigEmoji(body()) ? "big" : ""}`}>{() => linked(body())}</div>;
        }
      }}
    </>
  );
}

interface FileContent {
  body?: string;
  filename?: string;
  url?: string;
  info?: { w?: number; h?: number; size?: number; mimetype?: string };
}

function Progress({ row }: { row: Read<MessageRow> }) {
  const progress = computed(() => row().item.status === "sent" ? undefined : row().item.progress);
  return (
    <>
      {() => {
        const part = progress();
        if (part === undefined || part >= 1) return null;
        const percent = Math.round(part * 100);
        return (
          <div class="up">
            <progress class="bar" max="100" value={percent} aria-label={kt().uploading(percent)} />
          </div>
        );
      }}
    </>
  );
}

/** The address of a message's file: the own copy while there is one, else the server's, loaded when wanted. */
function source(row: Read<MessageRow>, model: WidgetModel, thumbnail: boolean) {
  const src = signal<string | undefined>(undefined);
  const broken = signal(false);
  let own: string | undefined;
  const mxc = computed(() => (row().item.content as FileContent).url);
  const load = () => {
    const url = mxc();
    if (own || !url) return;
    broken.set(false);
    model.media.url(url, thumbnail ? { width: 640, height: 640 } : undefined).then((u) => src.set(u), () => broken.set(true));
  };
  effect(() => {
    const file = row().item.file;
    if (file && !own) {
      own = URL.createObjectURL(file);
      src.set(own);
    } else if (!file) load();
  });
  onCleanup(() => {
    if (own) URL.revokeObjectURL(own);
  });
  return { src, broken, load };
}

function Picture({ row, model }: { row: Read<MessageRow>; model: WidgetModel }) {
  const content = row.peek().item.content as FileContent;
  const { src, broken, load } = source(row, model, true);
  const name = content.filename ?? content.body ?? t.peek().photo;
  const open = async () => {
    const url = (row.peek().item.content as FileContent).url;
    const file = row.peek().item.file;
    try {
      const full = file || !url ? src.peek() : await model.media.url(url);
      if (full) view({ src: full, name });
    } catch {
      toast(t.peek().openFile, { bad: true });
    }
  };
  return (
    <div class="bubble media">
      <div class="holder">
        {() => (broken()
          ? (
            <div class="tile">
              <Icon d={icons.image} />
              <span class="what">{t().fileLost}</span>
              <Button small onClick={load}>{t().retry}</Button>
            </div>
          )
          : <PictureTile src={src} name={name} width={content.info?.w} height={content.info?.h} onOpen={open} />)}
        <Progress row={row} />
      </div>
    </div>
  );
}

function Attached({ row, model, kind }: { row: Read<MessageRow>; model: WidgetModel; kind: string }) {
  const content = row.peek().item.content as FileContent;
  const name = content.filename ?? content.body ?? "";
  const busy = signal(false);
  if (kind !== "m.file") {
    const { src, broken } = source(row, model, false);
    return (
      <div class="bubble media">
        <div class="holder">
          {() => {
            const url = src();
            if (broken()) return <p class="tile" role="alert">{t().fileLost}</p>;
            if (!url) return <Spinner label={() => kt().uploading(0)} />;
            return kind === "m.audio" ? <audio controls src={url} title={name} /> : <video controls playsinline src={url} title={name} />;
          }}
          <Progress row={row} />
        </div>
      </div>
    );
  }
  const open = async () => {
    const { content: now, file } = row.peek().item;
    const url = (now as FileContent).url;
    busy.set(true);
    try {
      if (file) {
        const own = URL.createObjectURL(file);
        saveAs(own, name);
        setTimeout(() => URL.revokeObjectURL(own), 60_000);
      } else if (url) saveAs(await model.media.url(url), name);
    } catch {
      toast(t.peek().openFile, { bad: true });
    } finally {
      busy.set(false);
    }
  };
  return (
    <div class="bubble media">
      <FileTile name={name} size={content.info?.size} onOpen={open} busy={busy} />
      <Progress row={row} />
    </div>
  );
}
