/** Talks with the page around the frame. Listens to the parent window only, and answers only where the first word came from. */
import type { Identity, Page } from "../../models/widget/api.ts";

export type FromHost =
  | { type: "init"; page?: Page; open?: boolean }
  | { type: "open"; page?: Page; draft?: string }
  | { type: "close" }
  | { type: "page"; page?: Page }
  | { type: "identify"; identity: Identity }
  | { type: "reset" };

export class HostPage {
  origin: string | undefined;
  /** No page around: the chat has the window for itself. */
  readonly alone = window.parent === window;

  constructor(take: (message: FromHost) => void) {
    if (this.alone) return;
    addEventListener("message", (e) => {
      if (e.source !== window.parent || (this.origin !== undefined && e.origin !== this.origin)) return;
      const m = e.data as Record<string, unknown> | null;
      if (m?.comptoir !== 1) return;
      if (m.type === "init") this.origin = e.origin;
      else if (this.origin === undefined) return;
      const page = pageOf(m.page);
      if (m.type === "identify") {
        const identity = identityOf(m.identity);
        if (identity) take({ type: "identify", identity });
      } else if (m.type === "init") take({ type: "init", open: m.open === true, ...(page ? { page } : {}) });
      else if (m.type === "page") take({ type: "page", ...(page ? { page } : {}) });
      else if (m.type === "open") {
        take({ type: "open", ...(page ? { page } : {}), ...(typeof m.draft === "string" ? { draft: m.draft } : {}) });
      } else if (m.type === "close" || m.type === "reset") take({ type: m.type });
    });
    // Nothing secret in it, and nobody known yet to whom it could be addressed.
    window.parent.postMessage({ comptoir: 1, type: "ready" }, "*");
  }

  tell(message: Record<string, unknown>): void {
    if (this.origin) window.parent.postMessage({ comptoir: 1, ...message }, this.origin);
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
