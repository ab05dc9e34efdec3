/**
 * The saved views: the team's and one's own, with how many conversations each has. What the lists show of them moves with the stream; the
 * counts come from the server, at most every two seconds.
 */
import { type Signal, signal } from "../../ui/signals.ts";
import type { DeskModel } from "./desk.ts";
import type { SavedView, ViewFilter } from "./types.ts";

/** The server counts no further. */
export const countedUpTo = 1000;

export const emptyFilter: ViewFilter = {
  statuses: ["open"],
  inboxes: [],
  assignees: [],
  tags: [],
  tags_rule: "any",
  priorities: [],
  languages: [],
  text: null,
  waiting_minutes: null,
  created_from: null,
  created_before: null,
  teams: [],
  companies: [],
  attributes: [],
};

/** What is asked of words, or of the customer, only the server can answer. */
export function isAsked(f: ViewFilter): boolean {
  return f.text !== null || f.companies.length > 0 || f.attributes.length > 0;
}

export class Views {
  readonly all: Signal<readonly SavedView[]> = signal<readonly SavedView[]>([]);
  readonly counts: Signal<Readonly<Record<string, number>>> = signal<Readonly<Record<string, number>>>({});
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ticks = 0;

  constructor(private desk: DeskModel) {}

  find(id: string): SavedView | undefined {
    return this.all().find((v) => v.id === id);
  }

  async load(): Promise<void> {
    const before = this.all.peek();
    try {
      const all = await this.desk.api.views();
      this.all.set(all);
      const changed = all.filter((v) => before.find((old) => old.id === v.id)?.updated_at !== v.updated_at).map((v) => v.id);
      this.desk.outdate((v) => v.kind === "saved" && changed.includes(v.id));
    } catch (error) {
      this.desk.ignorePassing(error);
    }
    this.#soon(0);
  }

  async save(id: string | undefined, view: Partial<SavedView>): Promise<SavedView> {
    const saved = await this.desk.api.saveView(id, view);
    this.all.update((all) => [...all.filter((v) => v.id !== saved.id), saved]);
    if (id !== undefined) this.desk.outdate((v) => v.kind === "saved" && v.id === id);
    await this.load();
    return saved;
  }

  async remove(id: string): Promise<void> {
    await this.desk.api.removeView(id);
    this.all.update((all) => all.filter((v) => v.id !== id));
  }

  /** A conversation has changed. */
  changed(): void {
    if (this.all.peek().length > 0) this.#soon(2000);
  }

  /** Every fifteen seconds; once a minute what only time changes is looked at. */
  timePasses(): void {
    if (++this.#ticks % 4 === 0 && this.all.peek().some((v) => v.filter.waiting_minutes !== null)) {
      this.#soon(0);
      this.desk.outdate((v) => v.kind === "saved" && (this.all.peek().find((s) => s.id === v.id)?.filter.waiting_minutes ?? null) !== null);
    }
  }

  forget(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.all.set([]);
    this.counts.set({});
  }

  #soon(ms: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.desk.phase.peek() !== "ready" || this.all.peek().length === 0) return;
      this.desk.api.viewCounts().then((counts) => this.counts.set(counts), (error) => this.desk.ignorePassing(error));
      const asked = new Set(this.all.peek().filter((s) => isAsked(s.filter)).map((s) => s.id));
      this.desk.outdate((v) => v.kind === "saved" && asked.has(v.id));
    }, ms);
  }
}
