/** Macros and rules: what they are made of, which there are, and running a macro. Never touches the DOM. */
import { token } from "../../sdk/ports.ts";
import { batch, type Signal, signal } from "../../ui/signals.ts";
import { m } from "./automation-strings.ts";
import type { DeskModel } from "./desk.ts";
import { t } from "./strings.ts";
import type { BulkResult, Conversation, Priority, Status } from "./types.ts";

/** What is done, by a macro or a rule. `assign` and `team` that are not there stay as they are; null is the queue, no team. */
export interface Steps {
  assign?: string | null;
  team?: string | null;
  status: Status | null;
  snooze_minutes: number | null;
  priority: Priority | null;
  add_tags: string[];
  remove_tags: string[];
  reply: string | null;
  note: string | null;
  mentions: string[];
}

export const noSteps: Steps = {
  status: null,
  snooze_minutes: null,
  priority: null,
  add_tags: [],
  remove_tags: [],
  reply: null,
  note: null,
  mentions: [],
};

export type StepKind = "assign" | "team" | "priority" | "status" | "add_tags" | "remove_tags" | "reply" | "note";
export const stepKinds: readonly StepKind[] = ["reply", "note", "assign", "team", "priority", "add_tags", "remove_tags", "status"];

/** Which things are done, in the order of the editor. */
export function kindsOf(s: Steps): StepKind[] {
  return stepKinds.filter((kind) => {
    const value = s[kind];
    return kind === "assign" || kind === "team" ? value !== undefined : Array.isArray(value) ? value.length > 0 : value !== null;
  });
}

/** Without one of them. */
export function without(s: Steps, kind: StepKind): Steps {
  const { assign, team, ...rest } = s;
  const next: Steps = { ...rest };
  if (assign !== undefined && kind !== "assign") next.assign = assign;
  if (team !== undefined && kind !== "team") next.team = team;
  if (kind === "add_tags" || kind === "remove_tags") next[kind] = [];
  else if (kind === "status") Object.assign(next, { status: null, snooze_minutes: null });
  else if (kind === "note") Object.assign(next, { note: null, mentions: [] });
  else if (kind === "priority" || kind === "reply") next[kind] = null;
  return next;
}

export interface Macro {
  id: string;
  name: string;
  scope: "personal" | "team" | "all";
  owner: string | null;
  team_id: string | null;
  brand_id: string | null;
  deeds: Steps;
  updated_at: number;
}

export class Macros {
  readonly all: Signal<readonly Macro[]> = signal<readonly Macro[]>([]);

  constructor(private desk: DeskModel) {}

  async load(): Promise<void> {
    if (!this.desk.permissions.peek().has("conversations.write")) return;
    try {
      this.all.set((await this.desk.api.get<{ items: Macro[] }>("/macros")).items);
    } catch (error) {
      this.desk.ignorePassing(error);
    }
  }

  /** What it does, in a line. */
  summary(macro: Macro): string {
    const s = macro.deeds, texts = m();
    return kindsOf(s).map((kind) => {
      switch (kind) {
        case "reply":
          return s.reply ?? "";
        case "note":
          return texts.stepnote;
        case "assign":
          return s.assign === null ? texts.toQueue : texts.toAgent(s.assign === "me" ? t().you : this.desk.nameOf(s.assign ?? ""));
        case "team":
          return this.desk.teams().find((one) => one.id === s.team)?.name ?? texts.noTeam;
        case "priority":
          return t()[`priority${s.priority ?? "none"}`];
        case "status":
          return texts[`to${s.status ?? "open"}`];
        case "add_tags":
          return s.add_tags.map((tag) => `+${tag}`).join(" ");
        case "remove_tags":
          return s.remove_tags.map((tag) => `−${tag}`).join(" ");
      }
    }).join(" · ");
  }

  /** Once for each, also when the answer is lost and it is asked for again. */
  async run(macro: Macro, meant: readonly Conversation[]): Promise<void> {
    const key = token(16);
    await this.desk.sendingDone(meant.map((c) => c.id));
    await this.desk.selection.carryOut(
      meant,
      (ids) => this.desk.api.post<BulkResult>(`/macros/${encodeURIComponent(macro.id)}/run`, { ids, key }, { tries: 3 }),
      (n) => m.peek().ran(macro.name, n),
    );
  }
}

export type Operator = "is" | "is_not" | "contains" | "contains_not" | "has_all" | "known" | "unknown";
export interface Condition {
  field: string;
  key: string | null;
  op: Operator;
  values: string[];
}
export interface Finding extends Condition {
  actual: string[];
  holds: boolean;
}
export interface FieldInfo {
  field: string;
  operators: Operator[];
  choices: string[] | null;
}

export interface Rule {
  id: string;
  name: string;
  brand_id: string | null;
  event: string;
  minutes: number | null;
  match: "all" | "any";
  conditions: Condition[];
  deeds: Steps;
  answer: Record<string, string>;
  answer_hours: number;
  webhook: string | null;
  every: "always" | "hour" | "day" | "once";
  stops: boolean;
  position: number;
  active: boolean;
  updated_at: number;
}
export type Outcome = "fired" | "not" | "limited" | "failed";
export interface RuleEntry {
  id: string;
  rule: { id: string; name: string };
  conversation: { id: string; number: number };
  event: string;
  outcome: Outcome;
  conditions: Finding[];
  actions: string[];
  error: string | null;
  at: number;
}
export interface RuleTrial {
  examined: number;
  matched: number;
  results: {
    conversation: { id: string; number: number };
    contact: { display_name: string };
    matches: boolean;
    conditions: Finding[];
    actions: string[];
  }[];
}

export const isTimed = (event: string): boolean => event === "customer.waiting" || event === "conversation.idle";

export class Rules {
  readonly all: Signal<readonly Rule[]> = signal<readonly Rule[]>([]);
  readonly fields: Signal<readonly FieldInfo[]> = signal<readonly FieldInfo[]>([]);
  readonly events: Signal<readonly string[]> = signal<readonly string[]>([]);

  constructor(private desk: DeskModel) {}

  /** For administration only: fetched when it is opened. */
  async load(): Promise<void> {
    const { items, fields, events } = await this.desk.api.get<{ items: Rule[]; fields: FieldInfo[]; events: string[] }>("/rules");
    batch(() => {
      this.fields.set(fields);
      this.events.set(events);
      this.all.set(items);
    });
  }
  changed(): void {
    if (this.fields.peek().length > 0) this.load().catch((error) => this.desk.ignorePassing(error));
  }
  /** One place up or down. */
  async move(id: string, by: 1 | -1): Promise<void> {
    const ids = this.all.peek().map((r) => r.id), at = ids.indexOf(id), to = at + by;
    if (at < 0 || to < 0 || to >= ids.length) return;
    ids.splice(to, 0, ...ids.splice(at, 1));
    await this.desk.api.post("/rules/order", { ids });
    await this.load();
  }
}
