/** The conversations that are picked in a list, and what is done to all of them by one call. */
import { batch, computed, type Read, type Signal, signal } from "../../ui/signals.ts";
import type { DeskModel } from "./desk.ts";
import { type View, viewKey } from "./lists.ts";
import type { BulkResult, Conversation, Deeds } from "./types.ts";
import { w } from "./working-strings.ts";

/** The server takes so many in one call. */
const mostAtOnce = 200;

export class Selection {
  readonly #ids: Signal<ReadonlySet<string>> = signal<ReadonlySet<string>>(new Set());
  /** Those of them that the list still has: what has left it is no longer meant. */
  readonly picked: Read<readonly Conversation[]> = computed(() => {
    const ids = this.#ids();
    return ids.size === 0 ? [] : this.desk.list().rows().filter((c) => ids.has(c.id));
  });
  readonly working: Signal<boolean> = signal(false);
  #anchor: string | undefined;
  #view = "";

  constructor(private desk: DeskModel) {}

  has(id: string): boolean {
    return this.#ids().has(id);
  }
  get active(): boolean {
    return this.picked.peek().length > 0;
  }

  toggle(id: string): void {
    const next = new Set(this.#ids.peek());
    if (!next.delete(id)) next.add(id);
    this.#anchor = id;
    this.#ids.set(next);
  }
  /** From the one that was picked last up to this one. */
  upTo(id: string): void {
    const rows = this.desk.list.peek().rows.peek();
    const from = rows.findIndex((c) => c.id === this.#anchor), to = rows.findIndex((c) => c.id === id);
    if (to < 0) return;
    if (from < 0) return this.toggle(id);
    this.#ids.set(new Set([...this.#ids.peek(), ...rows.slice(Math.min(from, to), Math.max(from, to) + 1).map((c) => c.id)]));
  }
  /** All that the list shows, or none when they are picked already. */
  all(): void {
    const rows = this.desk.list.peek().rows.peek(), ids = this.#ids.peek();
    this.#ids.set(rows.every((c) => ids.has(c.id)) ? new Set() : new Set(rows.map((c) => c.id)));
  }
  clear(): void {
    this.#anchor = undefined;
    if (this.#ids.peek().size > 0) this.#ids.set(new Set());
  }
  /** Another list: what was picked in the one before is forgotten. */
  over(view: View): void {
    const key = viewKey(view);
    if (key !== this.#view) this.clear();
    this.#view = key;
  }

  /** Does it to all of them. What was refused stays picked, and why is told. */
  change(deeds: Deeds): Promise<void> {
    return this.carryOut(this.picked.peek(), (ids) => this.desk.api.bulk(ids, deeds), (n) => w.peek().changed(n));
  }

  /** The same for any conversations and whatever the server can do to many. */
  async carryOut(
    meant: readonly Conversation[],
    ask: (ids: readonly string[]) => Promise<BulkResult>,
    say: (done: number) => string,
  ): Promise<void> {
    if (meant.length === 0 || this.working.peek()) return;
    this.working.set(true);
    const undo: string[] = [], results: BulkResult["results"] = [];
    await this.desk.attempt(async () => {
      for (let i = 0; i < meant.length; i += mostAtOnce) {
        const answer = await ask(meant.slice(i, i + mostAtOnce).map((c) => c.id));
        if (answer.undo !== undefined) undo.push(answer.undo);
        results.push(...answer.results);
        this.#take(answer);
      }
    });
    this.working.set(false);
    const done = results.filter((r) => r.error === null);
    batch(() => {
      const left = new Set(this.#ids.peek());
      for (const r of done) left.delete(r.id);
      this.#ids.set(left);
    });
    if (done.length > 0) {
      this.desk.tell(
        say(done.length),
        false,
        undo.length > 0 ? { text: w.peek().undo, run: () => void this.#undo(undo) } : undefined,
      );
    }
    this.#tellFailures(results, meant);
  }

  async #undo(bulks: readonly string[]): Promise<void> {
    const results: BulkResult["results"] = [];
    await this.desk.attempt(async () => {
      for (const id of bulks) {
        const answer = await this.desk.api.undoBulk(id);
        results.push(...answer.results);
        this.#take(answer);
      }
    });
    const done = results.filter((r) => r.error === null).length;
    if (done > 0) this.desk.tell(w.peek().undone(done));
    this.#tellFailures(results, []);
  }

  #take(answer: BulkResult): void {
    this.desk.put(...answer.results.flatMap((r) => r.conversation ?? []));
  }

  /** Which ones, and why: those with the same reason together. */
  #tellFailures(results: BulkResult["results"], meant: readonly Conversation[]): void {
    const reasons = new Map<string, string[]>();
    for (const { id, error } of results) {
      if (error === null) continue;
      const c = this.desk.conversations.peek().get(id) ?? meant.find((m) => m.id === id);
      reasons.set(error.detail, [...(reasons.get(error.detail) ?? []), c ? `#${c.number}` : id]);
    }
    for (const [detail, which] of reasons) {
      this.desk.tell(w.peek().refused(which.slice(0, 8).join(", ") + (which.length > 8 ? "…" : ""), detail), true);
    }
  }
}
