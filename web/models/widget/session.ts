/**
 * The visitor's session. It is made only when somebody writes or is identified, lives in the browser's store, and is
 * renewed by its resume token when the server does not know the access token any more.
 */
import { type ApiError, Http, type HttpSettings } from "../../sdk/http.ts";
import type { KeyValue } from "../../sdk/storage.ts";
import type { Lang } from "../../ui/i18n.ts";
import { type Contact, type Identity, type Page, type SessionAnswer, WidgetApi } from "./api.ts";

export interface Visitor {
  userId: string;
  accessToken: string;
  resumeToken: string;
  roomId: string | null;
  conversationId: string | null;
  contact: Contact;
  /** Whom the site said this is, if it did. */
  subject?: string | undefined;
}

const key = "visitor";

export class VisitorSession {
  visitor: Visitor | undefined;
  readonly http: Http;
  readonly api: WidgetApi;
  /** Called with each new session and each change of it. */
  onChange: (now: Visitor | undefined, before: Visitor | undefined) => void = () => undefined;
  page: Page | undefined;
  #identity: Identity | undefined;
  #asking: Promise<Visitor> | undefined;

  constructor(
    private store: KeyValue,
    private lang: () => Lang,
    inbox: string,
    settings: Omit<HttpSettings, "token" | "onUnauthorized">,
  ) {
    this.http = new Http({
      ...settings,
      token: () => this.visitor?.accessToken,
      headers: () => ({ "accept-language": lang() }),
      onUnauthorized: (error) => this.#renew(error),
    });
    this.api = new WidgetApi(this.http, inbox);
  }

  async restore(): Promise<Visitor | undefined> {
    this.visitor = await this.store.get<Visitor>(key);
    if (this.visitor) this.onChange(this.visitor, undefined);
    return this.visitor;
  }

  /** The session, made now when there is none, neither here nor in another tab. */
  async ensure(): Promise<Visitor> {
    return this.visitor ?? (this.#identity ? undefined : await this.restore()) ?? await this.#ask();
  }

  /** The site says who its signed-in customer is. */
  async identify(identity: Identity): Promise<void> {
    const subject = subjectOf(identity);
    this.#identity = identity;
    if (this.visitor && subject !== undefined && this.visitor.subject === subject) return;
    await this.#asking?.catch(() => undefined);
    await this.#ask();
  }

  async change(values: Partial<Visitor>): Promise<void> {
    if (!this.visitor) return;
    await this.#adopt({ ...this.visitor, ...values });
  }

  async forget(): Promise<void> {
    const had = this.visitor;
    this.#identity = undefined;
    if (had) await this.api.end();
    await this.#adopt(undefined);
  }

  #ask(): Promise<Visitor> {
    // Whoever asks while one is on its way gets the same.
    this.#asking ??= this.api.session({
      lang: this.lang(),
      resumeToken: this.visitor?.resumeToken,
      identity: this.#identity,
      page: this.page,
    }).then((answer) => this.#take(answer)).finally(() => this.#asking = undefined);
    return this.#asking;
  }

  async #take(answer: SessionAnswer): Promise<Visitor> {
    const visitor: Visitor = {
      userId: answer.user_id,
      accessToken: answer.access_token,
      resumeToken: answer.resume_token,
      roomId: answer.room_id,
      conversationId: answer.conversation_id,
      contact: answer.contact,
      subject: this.#identity ? subjectOf(this.#identity) : undefined,
    };
    await this.#adopt(visitor);
    return visitor;
  }

  async #adopt(visitor: Visitor | undefined): Promise<void> {
    const before = this.visitor;
    this.visitor = visitor;
    if (visitor) await this.store.set(key, visitor);
    else await this.store.delete(key);
    this.onChange(visitor, before);
  }

  async #renew(error: ApiError): Promise<boolean> {
    if (error.status !== 401 || error.code === "identity_invalid" || error.code === "identity_required") return false;
    // Another tab may have renewed it already.
    const stored = await this.store.get<Visitor>(key);
    if (stored && this.visitor && stored.accessToken !== this.visitor.accessToken) {
      const before = this.visitor;
      this.visitor = stored;
      this.onChange(stored, before);
      return true;
    }
    await this.#ask();
    return true;
  }
}

/** Who an identity speaks of: `sub` of the token, or the user's id. Only to notice a change; the server checks. */
export function subjectOf(identity: Identity): string | undefined {
  if ("user_id" in identity) return `id:${identity.user_id}`;
  const payload = identity.token.split(".")[1];
  if (!payload) return undefined;
  try {
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const sub = (claims as { sub?: unknown } | null)?.sub;
    return typeof sub === "string" ? `id:${sub}` : undefined;
  } catch {
    // No token at all: the server will say so.
    return undefined;
  }
}
