/** The desk API of the server, one method a call. Never keeps state. */
import type { Http, RequestOptions } from "../../sdk/http.ts";
import { lang } from "../../ui/i18n.ts";
import type { Hours } from "./hours.ts";
import type {
  Agent,
  Availability,
  Brand,
  BulkResult,
  Canned,
  Contact,
  Conversation,
  Counts,
  Deeds,
  Found,
  Inbox,
  Item,
  Later,
  Me,
  Media,
  Page,
  PermissionInfo,
  Priority,
  RoleInfo,
  SavedView,
  SearchFilter,
  ServerDraft,
  SLAPolicy,
  Status,
  Tag,
  Team,
  TimelinePage,
  Viewer,
  ViewFilter,
} from "./types.ts";

const base = "/_comptoir/desk/v1";
const enc = encodeURIComponent;

export interface ListQuery {
  view?: string;
  inbox?: string | undefined;
  team?: string | undefined;
  tag?: string | undefined;
  q?: string | undefined;
  contact?: string | undefined;
  cursor?: string | undefined;
  limit?: number | undefined;
}

export type OutMessage =
  | { key: string; type: "text"; body: string; reply_to?: string | undefined }
  | { key: string; type: "image" | "file" | "audio" | "video"; body: string; media: Partial<Media> & { mxc: string } };

export class DeskApi {
  constructor(readonly http: Http) {}

  /** The person's language goes along: problems and system lines come in it. */
  #o(options: RequestOptions = {}): RequestOptions {
    return { ...options, headers: { "accept-language": lang.peek(), ...options.headers } };
  }
  get<T>(path: string, options?: RequestOptions): Promise<T> {
    return this.http.get<T>(base + path, this.#o(options));
  }
  post<T>(path: string, body: unknown = {}, options?: RequestOptions): Promise<T> {
    return this.http.post<T>(base + path, body, this.#o(options));
  }
  put<T>(path: string, body: unknown = {}, options?: RequestOptions): Promise<T> {
    return this.http.put<T>(base + path, body, this.#o(options));
  }
  patch<T>(path: string, body: unknown, options?: RequestOptions): Promise<T> {
    return this.http.request<T>("PATCH", base + path, this.#o({ ...options, body }));
  }
  /** An answer that is no JSON. */
  blob(path: string, options?: RequestOptions): Promise<Blob> {
    return this.http.blob(base + path, this.#o(options));
  }
  delete<T>(path: string): Promise<T> {
    return this.http.request<T>("DELETE", base + path, this.#o());
  }
  async remove(path: string): Promise<void> {
    await this.http.delete(base + path, this.#o());
  }

  me(): Promise<Me> {
    return this.get("/me");
  }
  counts(): Promise<Counts> {
    return this.get("/counts");
  }
  stream(since: string | undefined, signal: AbortSignal): Promise<Response> {
    const query: RequestOptions["query"] = { since, lang: lang.peek() };
    return this.http.stream(`${base}/stream`, this.#o({ query, signal, headers: { accept: "text/event-stream" }, timeoutMs: 15_000 }));
  }
  availability(availability: Availability): Promise<Agent> {
    return this.put("/me/availability", { availability });
  }
  saveMe(change: Partial<Pick<Agent, "public_name" | "name" | "languages">>): Promise<Agent> {
    return this.patch("/me", change);
  }

  conversations(query: ListQuery, signal?: AbortSignal): Promise<Page<Conversation>> {
    return this.get("/conversations", { query: { ...query }, signal });
  }
  conversation(id: string): Promise<Conversation> {
    return this.get(`/conversations/${enc(id)}`);
  }
  timeline(id: string, query: { before?: string | undefined; after?: string | undefined; limit?: number }): Promise<TimelinePage> {
    return this.get(`/conversations/${enc(id)}/timeline`, { query: { ...query } });
  }
  take(id: string, force: boolean): Promise<Conversation> {
    return this.post(`/conversations/${enc(id)}/take`, force ? { force } : {});
  }
  assign(id: string, agent: string | null, version: number | undefined): Promise<Conversation> {
    return this.post(
      `/conversations/${enc(id)}/assign`,
      { agent },
      version === undefined ? {} : { headers: { "if-match": `"${version}"` } },
    );
  }
  status(id: string, status: Status, until?: number): Promise<Conversation> {
    return this.put(`/conversations/${enc(id)}/status`, until === undefined ? { status } : { status, until });
  }
  priority(id: string, priority: Priority): Promise<Conversation> {
    return this.put(`/conversations/${enc(id)}/priority`, { priority });
  }
  tags(id: string, tags: string[], version: number): Promise<Conversation> {
    return this.put(`/conversations/${enc(id)}/tags`, { tags }, { headers: { "if-match": `"${version}"` } });
  }
  spam(id: string, spam: boolean): Promise<Conversation> {
    return this.put(`/conversations/${enc(id)}/spam`, { spam });
  }
  block(contact: string, blocked: boolean): Promise<Contact> {
    return this.put(`/contacts/${enc(contact)}/blocked`, { blocked });
  }
  language(id: string, language: string): Promise<Conversation> {
    return this.put(`/conversations/${enc(id)}/language`, { language });
  }
  send(id: string, message: OutMessage): Promise<Item> {
    return this.post(`/conversations/${enc(id)}/messages`, message);
  }
  correct(id: string, event: string, body: string): Promise<Item> {
    return this.patch(`/conversations/${enc(id)}/messages/${enc(event)}`, { body });
  }
  removeMessage(id: string, event: string): Promise<void> {
    return this.remove(`/conversations/${enc(id)}/messages/${enc(event)}`);
  }
  note(id: string, note: { key: string; body: string; mentions: string[] }): Promise<Item> {
    return this.post(`/conversations/${enc(id)}/notes`, note);
  }
  removeNote(id: string, note: string): Promise<void> {
    return this.remove(`/conversations/${enc(id)}/notes/${enc(note)}`);
  }
  async read(id: string, upTo: string): Promise<void> {
    await this.post(`/conversations/${enc(id)}/read`, { up_to: upTo }, { tries: 3 });
  }
  async typing(id: string, typing: boolean): Promise<void> {
    await this.post(`/conversations/${enc(id)}/typing`, { typing });
  }
  viewing(id: string, viewing: boolean, composing: boolean): Promise<{ viewers: Viewer[] }> {
    return this.post(`/conversations/${enc(id)}/viewing`, { viewing, composing });
  }

  async later(conversation: string): Promise<Later[]> {
    return (await this.get<{ items: Later[] }>(`/conversations/${enc(conversation)}/later`)).items;
  }
  sendLater(
    conversation: string,
    message: { key: string; body: string; reply_to?: string; at?: number; delay_ms?: number; if_written?: string },
  ): Promise<Later> {
    return this.post(`/conversations/${enc(conversation)}/later`, message);
  }
  async sendLaterNow(id: string): Promise<void> {
    await this.post(`/later/${enc(id)}/now`);
  }
  removeLater(id: string): Promise<void> {
    return this.remove(`/later/${enc(id)}`);
  }
  async drafts(): Promise<ServerDraft[]> {
    return (await this.get<{ items: ServerDraft[] }>("/drafts")).items;
  }
  keepDraft(conversation: string, draft: { reply: string; note: string; mode: string; device: string }): Promise<ServerDraft> {
    return this.put(`/conversations/${enc(conversation)}/draft`, draft);
  }
  search(q: string, filter: SearchFilter, cursor: string | undefined): Promise<Found> {
    return this.get("/search", { query: { q, ...filter, cursor } });
  }
  bulk(ids: readonly string[], deeds: Deeds): Promise<BulkResult> {
    return this.post("/conversations/bulk", { ids, ...deeds });
  }
  undoBulk(id: string): Promise<BulkResult> {
    return this.post(`/bulk/${enc(id)}/undo`);
  }
  async views(): Promise<SavedView[]> {
    return (await this.get<{ items: SavedView[] }>("/views")).items;
  }
  async viewCounts(): Promise<Record<string, number>> {
    return (await this.get<{ counts: Record<string, number> }>("/views/counts")).counts;
  }
  async viewPreview(filter: Partial<ViewFilter>, signal?: AbortSignal): Promise<number> {
    return (await this.post<{ count: number }>("/views/preview", { filter }, { signal })).count;
  }
  saveView(id: string | undefined, view: Partial<SavedView>): Promise<SavedView> {
    return id === undefined ? this.post("/views", view) : this.patch(`/views/${enc(id)}`, view);
  }
  removeView(id: string): Promise<void> {
    return this.remove(`/views/${enc(id)}`);
  }
  viewConversations(id: string, query: { cursor?: string | undefined; limit?: number }): Promise<Page<Conversation>> {
    return this.get(`/views/${enc(id)}/conversations`, { query });
  }

  contacts(q: string, signal?: AbortSignal): Promise<Page<Contact>> {
    return this.get("/contacts", { query: { q, limit: 8 }, signal });
  }
  contact(id: string): Promise<Contact> {
    return this.get(`/contacts/${enc(id)}`);
  }
  saveContact(id: string, change: Partial<Contact>): Promise<Contact> {
    return this.patch(`/contacts/${enc(id)}`, change);
  }
  history(contact: string, cursor?: string): Promise<Page<Conversation>> {
    return this.get(`/contacts/${enc(contact)}/conversations`, { query: { limit: 20, cursor } });
  }

  async agents(): Promise<Agent[]> {
    return (await this.get<{ items: Agent[] }>("/agents")).items;
  }
  roles(): Promise<{ items: RoleInfo[]; permissions: PermissionInfo[] }> {
    return this.get("/roles");
  }
  async promises(): Promise<SLAPolicy[]> {
    return (await this.get<{ items: SLAPolicy[] }>("/sla-policies")).items;
  }
  async hours(): Promise<Hours[]> {
    return (await this.get<{ items: Hours[] }>("/hours")).items;
  }
  async teams(): Promise<Team[]> {
    return (await this.get<{ items: Team[] }>("/teams")).items;
  }
  team(id: string, team: string | null): Promise<Conversation> {
    return this.put(`/conversations/${enc(id)}/team`, { team });
  }
  skills(id: string, skills: string[]): Promise<Conversation> {
    return this.put(`/conversations/${enc(id)}/skills`, { skills });
  }
  async tagList(): Promise<Tag[]> {
    return (await this.get<{ items: Tag[] }>("/tags")).items;
  }
  async brands(): Promise<Brand[]> {
    return await this.#all<Brand>("/brands");
  }
  async inboxes(): Promise<Inbox[]> {
    return await this.#all<Inbox>("/inboxes");
  }
  async canned(): Promise<Canned[]> {
    return await this.#all<Canned>("/canned");
  }
  preview(what: { id: string } | { body: string }, conversation: string): Promise<{ text: string; missing: string[] }> {
    return this.post("/canned/preview", { ...what, conversation });
  }

  /** Raw bytes; `fetch` of its own since everything else is JSON. */
  async putPicture(path: string, file: Blob): Promise<string | null> {
    const answer = await this.http.put<{ picture: string | null }>(base + path, undefined, this.#o({ raw: file }));
    return answer.picture;
  }

  async #all<T>(path: string): Promise<T[]> {
    const all: T[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: T[]; next_cursor?: string | null } = await this.get(path, {
        query: { limit: 100, cursor: cursor ?? undefined },
      });
      all.push(...page.items);
      cursor = page.next_cursor ?? null;
    } while (cursor);
    return all;
  }
}
