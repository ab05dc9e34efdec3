/** The state of a form: values, what the server found wrong with which field, whether there is something to save. */
import { ApiError, isPassing } from "../../sdk/http.ts";
import { batch, computed, type Read, type Signal, signal } from "../../ui/signals.ts";

export class Form<T extends object> {
  readonly values: Signal<T>;
  readonly wrong: Signal<Readonly<Record<string, string>>> = signal<Readonly<Record<string, string>>>({});
  readonly busy = signal(false);
  readonly saved = signal(false);
  readonly changed: Read<boolean>;
  #first: Signal<T>;

  constructor(first: T, private explain: (error: unknown) => string) {
    this.values = signal(first);
    this.#first = signal(first);
    this.changed = computed(() => JSON.stringify(this.values()) !== JSON.stringify(this.#first()));
  }

  set<K extends keyof T>(name: K, value: T[K]): void {
    batch(() => {
      this.values.update((all) => ({ ...all, [name]: value }));
      this.saved.set(false);
      const { [String(name)]: _, ...rest } = this.wrong.peek();
      this.wrong.set(rest);
    });
  }

  /** What is wrong with a field, or with a part of it (`texts.fr.title`). */
  wrongWith(name: string): string | undefined {
    const all = this.wrong();
    return all[name] ?? Object.entries(all).find(([field]) => field.startsWith(`${name}.`))?.[1];
  }

  /** Only what differs from the beginning. */
  difference(): Partial<T> {
    const now = this.values.peek(), before = this.#first.peek(), out: Partial<T> = {};
    for (const name of Object.keys(now) as (keyof T)[]) {
      if (JSON.stringify(now[name]) !== JSON.stringify(before[name])) out[name] = now[name];
    }
    return out;
  }

  /** `isTrial`: nothing is saved by it. True when the work was done; errors of fields stay in `wrong`, all others in `wrong[""]`. */
  async submit(save: () => Promise<void>, isTrial = false): Promise<boolean> {
    if (this.busy.peek()) return false;
    this.busy.set(true);
    this.wrong.set({});
    try {
      await save();
      if (!isTrial) {
        batch(() => {
          this.#first.set(this.values.peek());
          this.saved.set(true);
        });
      }
      return true;
    } catch (error) {
      if (!(error instanceof ApiError) && !isPassing(error)) throw error;
      const told = error instanceof ApiError ? error.body.errors as { field: string; detail: string }[] | undefined : undefined;
      this.wrong.set(told?.length ? Object.fromEntries(told.map((e) => [e.field, e.detail])) : { "": this.explain(error) });
      return false;
    } finally {
      this.busy.set(false);
    }
  }
}
