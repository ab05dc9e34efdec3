/** One list of conversations: the server's pages, kept in order by what is known since. */
import { isAbort } from "../../sdk/ports.ts";
import { isPassing } from "../../sdk/http.ts";
import { batch, computed, type Read, type Signal, signal } from "../../ui/signals.ts";
import type { DeskModel } from "./desk.ts";
import { rowsOf, type View, viewQuery } from "./lists.ts";
import type { Contact, Conversation, FoundConversation, Page } from "./types.ts";

export class ListModel {
  readonly rows: Read<readonly Conversation[]>;
  readonly loaded = signal(false);
  readonly loading = signal(false);
  readonly complete = signal(false);
  readonly trouble: Signal<string | undefined> = signal<string | undefined>(undefined);
  /** Of a search: what was found in which conversation, and customers; whether an old database is not indexed to its end yet. */
  readonly found: Signal<ReadonlyMap<string, FoundConversation>> = signal<ReadonlyMap<string, FoundConversation>>(new Map());
  readonly people: Signal<readonly Contact[]> = signal<readonly Contact[]>([]);
  readonly indexing = signal(false);
  #ids: Signal<readonly string[]> = signal<readonly string[]>([]);
  #cursor: string | undefined;
  #stale = true;
  /** How often it was outdated. */
  #version = 0;
  /** It was asked for anew while something was on its way. */
  #again = false;
  #running: Promise<void> | undefined;

  constructor(private desk: DeskModel, readonly view: View) {
    this.rows = computed(() => {
      const saved = view.kind === "saved" ? desk.views.find(view.id) : undefined;
      // Only a view that asks how long somebody waits changes by time alone.
      const now = saved?.filter.waiting_minutes ? desk.now() : 0;
      return rowsOf(view, desk.conversations(), this.#ids(), this.complete(), desk.myId(), saved, now);
    });
  }

  /** The first page, unless it is there. */
  load(): Promise<void> {
    if (!this.#stale || (this.view.kind === "search" && this.view.q.trim() === "")) return Promise.resolve();
    // What is on its way was asked for before it was outdated.
    if (this.#running) this.#again = true;
    return this.#running ??= this.#run(undefined);
  }

  #run(cursor: string | undefined): Promise<void> {
    return this.#page(cursor).finally(() => this.#running = undefined).then(() => {
      if (!this.#again) return;
      this.#again = false;
      return this.load();
    });
  }

  more(): Promise<void> {
    if (this.#running || this.complete.peek() || !this.loaded.peek() || this.trouble.peek()) return Promise.resolve();
    return this.#running = this.#run(this.#cursor);
  }

  async again(): Promise<void> {
    this.trouble.set(undefined);
    await (this.loaded.peek() && !this.#stale ? this.more() : this.load());
  }

  outdate(): void {
    this.#stale = true;
    this.#version++;
  }

  async #page(cursor: string | undefined): Promise<void> {
    this.loading.set(true);
    this.trouble.set(undefined);
    const version = this.#version;
    try {
      const view = this.view, limit = cursor ? 100 : 50;
      const page = view.kind === "search"
        ? await this.#search(view.q, cursor)
        : view.kind === "saved"
        ? await this.desk.api.viewConversations(view.id, { cursor, limit })
        : await this.desk.api.conversations({ ...viewQuery(view), cursor, limit });
      this.desk.put(...page.items);
      const ids = page.items.map((c) => c.id);
      if (cursor === undefined && version === this.#version) this.#stale = false;
      this.#ids.update((now) => [...new Set(cursor === undefined ? ids : [...now, ...ids])]);
      this.#cursor = page.next_cursor ?? undefined;
      this.complete.set(page.next_cursor === null);
      this.loaded.set(true);
    } catch (error) {
      if (isAbort(error)) return;
      if (!isPassing(error)) this.desk.ignorePassing(error);
      this.trouble.set(this.desk.explain(error));
    } finally {
      this.loading.set(false);
    }
  }

  async #search(q: string, cursor: string | undefined): Promise<Page<Conversation>> {
    const answer = await this.desk.api.search(q, this.desk.searchFilter.peek(), cursor);
    batch(() => {
      this.found.update((all) => new Map([...(cursor ? all : []), ...answer.results.map((r) => [r.conversation.id, r] as const)]));
      if (!cursor) this.people.set(answer.contacts);
      this.indexing.set(!answer.complete);
    });
    return { items: answer.results.map((r) => r.conversation), next_cursor: answer.next_cursor };
  }
}
