/** What I am told of, and how: settings that follow me to every device; and which conversations of others I follow. Never touches the DOM. */
import { type Signal, signal } from "../../ui/signals.ts";
import { lang } from "../../ui/i18n.ts";
import type { DeskModel, News } from "./desk.ts";
import type { Conversation, Item } from "./types.ts";

export const alertEvents = ["assigned", "new", "reply", "followed", "mention", "sla"] as const;
export const alertWays = ["sound", "desktop", "email"] as const;
export type AlertEvent = typeof alertEvents[number];
export type AlertWay = typeof alertWays[number];

export interface AlertSettings {
  events: Record<AlertEvent, AlertWay[]>;
  quiet: { on: boolean; from: string; to: string; time_zone: string };
  language: string;
  /** Whether mails can reach me. */
  mail: boolean;
}

const standard: AlertSettings = {
  events: {
    assigned: ["sound", "desktop"],
    new: ["sound", "desktop"],
    reply: ["sound", "desktop"],
    followed: ["desktop"],
    mention: ["sound", "desktop"],
    sla: ["sound", "desktop"],
  },
  quiet: { on: false, from: "22:00", to: "07:00", time_zone: "UTC" },
  language: "fr",
  mail: false,
};

/** Which of the settings a piece of news goes by. */
const eventOf: Record<News["kind"], AlertEvent> = {
  message: "reply",
  waiting: "new",
  assigned: "assigned",
  mention: "mention",
  followed: "followed",
  sla: "sla",
};

/** What an entry of the timeline is to me; undefined: nothing that I am told of. */
export function newsOf(item: Item, c: Conversation, me: string): News["kind"] | undefined {
  if (item.author.id === me) return undefined;
  const mine = c.assignee?.id === me, follows = c.followers.includes(me);
  if (item.kind === "note" && item.note.mentions.includes(me)) return "mention";
  if (item.kind === "message" && item.author.kind === "contact") {
    return mine ? "message" : c.assignee === null ? "waiting" : follows ? "followed" : undefined;
  }
  if (item.kind === "system") return item.system.type === "sla" && (mine || follows || c.assignee === null) ? "sla" : undefined;
  return follows && !mine && item.author.kind === "agent" ? "followed" : undefined;
}

/** Whether a text names somebody by `@`; both folded. */
export function hasMention(hay: string, name: string): boolean {
  if (name === "") return false;
  for (let at = hay.indexOf(`@${name}`); at >= 0; at = hay.indexOf(`@${name}`, at + 1)) {
    const next = hay[at + 1 + name.length] ?? "";
    if (!/[\p{L}\p{N}]/u.test(next)) return true;
  }
  return false;
}

/** A line of it, for a notification. */
export function previewOf(item: Item): string {
  if (item.kind === "note") return item.note.body;
  if (item.kind === "system") return item.system.text;
  return item.message.type === "text" ? item.message.body : "";
}

/** Whether a moment is in quiet hours, by the clocks of their zone. */
export function isQuiet(quiet: AlertSettings["quiet"], now: number): boolean {
  if (!quiet.on || quiet.from === quiet.to) return false;
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone: quiet.time_zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const at = parts.format(now);
  return quiet.from < quiet.to ? at >= quiet.from && at < quiet.to : at >= quiet.from || at < quiet.to;
}

export class Alerts {
  readonly settings: Signal<AlertSettings> = signal<AlertSettings>(standard);

  constructor(private desk: DeskModel) {}

  async load(): Promise<void> {
    try {
      this.settings.set(await this.desk.api.get<AlertSettings>("/me/notifications"));
    } catch (error) {
      this.desk.ignorePassing(error);
    }
  }
  take(settings: AlertSettings): void {
    this.settings.set({ ...settings, mail: this.settings.peek().mail });
  }

  /** Shown at once, and as the server has it then. */
  async save(change: { events?: Partial<AlertSettings["events"]>; quiet?: Partial<AlertSettings["quiet"]> }): Promise<void> {
    const before = this.settings.peek();
    this.settings.set({ ...before, events: { ...before.events, ...change.events }, quiet: { ...before.quiet, ...change.quiet } });
    const done = await this.desk.attempt(async () => {
      this.settings.set(await this.desk.api.put<AlertSettings>("/me/notifications", { ...change, language: lang.peek() }));
    });
    if (!done) this.settings.set(before);
  }

  wants(kind: News["kind"], way: AlertWay): boolean {
    const { events, quiet } = this.settings.peek();
    return events[eventOf[kind]].includes(way) && !isQuiet(quiet, this.desk.clock.now());
  }

  async follow(id: string, on: boolean): Promise<void> {
    await this.desk.attempt(async () => {
      const path = `/conversations/${encodeURIComponent(id)}/follow`;
      this.desk.put(await (on ? this.desk.api.put<Conversation>(path) : this.desk.api.delete<Conversation>(path)));
    });
  }
}
