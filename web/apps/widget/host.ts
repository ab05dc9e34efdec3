/** Talks with the page around the frame. Listens to the parent window only, and answers only where the first word came from. */
import type { Identity, Page } from "../../models/widget/api.ts";
import type { KeyValue } from "../../sdk/storage.ts";

export type FromHost =
  | { type: "init"; page?: Page; open?: boolean }
  | { type: "open"; page?: Page; draft?: string }
  | { type: "close" }
  | { type: "page"; page?: Page }
  | { type: "identify"; identity: Identity }
  | { type: "reset" };

/** The page around; also a store, when it keeps for the frame what the browser does not let the frame keep. */
export class HostPage implements KeyValue {
  readonly lasting = true;
  origin: string | undefined;
  /** No page around: the chat has the window for itself. */
  readonly alone = window.parent === window;
  #early: FromHost[] = [];
  #take: (message: FromHost) => void = (m) => void this.#early.push(m);
  #asked = new Map<number, (answer: { ok?: unknown; value?: unknown }) => void>();
  #met: () => void = () => undefined;
  #meeting = new Promise<void>((resolve) => this.#met = resolve);

  constructor() {
    if (this.alone) return;
    addEventListener("message", (e) => {
      if (e.source !== window.parent || (this.origin !== undefined && e.origin !== this.origin)) return;
      const m = e.data as Record<string, unknown> | null;
      if (m?.comptoir !== 1) return;
      if (m.type === "init") {
        this.origin = e.origin;
        this.#met();
      } else if (this.origin === undefined) return;
      if (m.type === "stored") {
        this.#asked.get(Number(m.id))?.(m);
        this.#asked.delete(Number(m.id));
        return;
      }
      const page = pageOf(m.page);
      const where = page ? { page } : {};
      if (m.type === "identify") {
        const identity = identityOf(m.identity);
        if (identity) this.#take({ type: "identify", identity });
      } else if (m.type === "init") this.#take({ type: "init", open: m.open === true, ...where });
      else if (m.type === "page") this.#take({ type: "page", ...where });
      else if (m.type === "open") this.#take({ type: "open", ...where, ...(typeof m.draft === "string" ? { draft: m.draft } : {}) });
      else if (m.type === "close" || m.type === "reset") this.#take({ type: m.type });
    });
    // Nothing secret in it, and nobody known yet to whom it could be addressed.
    window.parent.postMessage({ comptoir: 1, type: "ready" }, "*");
  }

  /** From now on; what came before comes first. */
  listen(take: (message: FromHost) => void): void {
    this.#take = take;
    for (const m of this.#early.splice(0)) take(m);
  }

  tell(message: Record<string, unknown>): void {
    if (this.origin) window.parent.postMessage({ comptoir: 1, ...message }, this.origin);
  }

  /** Whether the page around can keep things; a page that does not answer cannot. */
  mayStore(): Promise<boolean> {
    if (this.alone) return Promise.resolve(false);
    const asked = this.#meeting.then(() => this.#ask("lasting", "")).then((yes) => yes === true, () => false);
    return Promise.race([asked, new Promise<boolean>((resolve) => setTimeout(resolve, 2000, false))]);
  }

  get<T>(key: string): Promise<T | undefined> {
    return this.#ask("get", key) as Promise<T | undefined>;
  }
  async set(key: string, value: unknown): Promise<void> {
    await this.#ask("set", key, value);
  }
  async delete(key: string): Promise<void> {
    await this.#ask("delete", key);
  }
  list<T>(prefix: string): Promise<{ key: string; value: T }[]> {
    return this.#ask("list", prefix) as Promise<{ key: string; value: T }[]>;
  }

  #ids = 0;
  #ask(op: string, key: string, value?: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = ++this.#ids;
      this.#asked.set(id, (answer) => answer.ok ? resolve(answer.value) : reject(new Error("not stored")));
      this.tell({ type: "store", id, op, key, value });
    });
  }
}

function pageOf(value: unknown): Page | undefined {
  const p = value as Record<string, unknown> | null | undefined;
  if (typeof p?.url !== "string") return undefined;
  return { url: p.url, title: String(p.title ?? ""), ...(p.referrer ? { referrer: String(p.referrer) } : {}) };
}

function identityOf(value: unknown): Identity | undefined {
  const i = value as Record<string, unknown> | null | undefined;
  if (typeof i?.token === "string") return { token: i.token };
  if ((typeof i?.user_id !== "string" && typeof i?.user_id !== "number") || typeof i.hash !== "string") return undefined;
  const { name, email } = i;
  return {
    user_id: String(i.user_id),
    hash: i.hash,
    ...(typeof name === "string" ? { name } : {}),
    ...(typeof email === "string" ? { email } : {}),
  };
}
