/**
 * Customers beside their conversations: who they are, what is known of them, companies, segments. Lists are pages of the server; what the stream
 * tells of a contact goes into the rows that show it. Never touches the DOM.
 */
import { batch, type Signal, signal } from "../../ui/signals.ts";
import type { DeskModel } from "./desk.ts";
import { t } from "./strings.ts";
import type { Contact, Conversation, Page } from "./types.ts";

export type AttributeKind = "text" | "number" | "date" | "boolean" | "list" | "link";
export const attributeKinds: readonly AttributeKind[] = ["text", "number", "date", "boolean", "list", "link"];
export interface Attribute {
  key: string;
  name: string;
  kind: AttributeKind;
  choices: string[];
  position: number;
}

export type Rule = "is" | "is_not" | "contains" | "more" | "less" | "set" | "unset";
export interface AttributeTest {
  key: string;
  rule: Rule;
  value: string;
}
/** The rules that make sense for a kind of attribute. */
export function rulesOf(kind: AttributeKind): readonly Rule[] {
  if (kind === "number" || kind === "date") return ["is", "is_not", "more", "less", "set", "unset"];
  if (kind === "boolean" || kind === "list") return ["is", "is_not", "set", "unset"];
  return ["is", "is_not", "contains", "set", "unset"];
}

export interface ContactFilter {
  text: string | null;
  brands: string[];
  companies: string[];
  languages: string[];
  verified: boolean | null;
  has_email: boolean | null;
  blocked: boolean | null;
  consent: { channel: Channel; purpose: string } | null;
  attributes: AttributeTest[];
  seen_days: number | null;
  unseen_days: number | null;
  first_seen_from: number | null;
  first_seen_before: number | null;
  conversations: number | null;
}
export const everybody: ContactFilter = {
  text: null,
  brands: [],
  companies: [],
  languages: [],
  verified: null,
  has_email: null,
  blocked: null,
  consent: null,
  attributes: [],
  seen_days: null,
  unseen_days: null,
  first_seen_from: null,
  first_seen_before: null,
  conversations: null,
};

export type Channel = "email" | "phone" | "sms" | "chat" | "post";
export const channels: readonly Channel[] = ["email", "phone", "sms", "chat", "post"];
export interface Consent {
  id: string;
  channel: Channel;
  purpose: string;
  state: "given" | "withdrawn";
  at: number;
  by: { kind: string; id: string; name: string };
  source: string;
  wording: string;
}

export interface Segment {
  id: string;
  name: string;
  scope: "personal" | "team";
  owner: string | null;
  filter: ContactFilter;
  updated_at: number;
}

export interface Company {
  id: string;
  brand_id: string;
  name: string;
  domain: string | null;
  website: string | null;
  phone: string | null;
  notes: string;
  contacts: number;
  created_at: number;
  version: number;
}

export interface Identity {
  id: string;
  kind: "shop" | "email" | "phone" | "browser" | "matrix";
  value: string;
  proved: boolean;
  main: boolean;
  since: number | null;
  last_used_at: number | null;
  place: string | null;
}

export interface Duplicate {
  contact: Contact;
  reasons: { kind: "email" | "phone" | "name"; value: string; proved: boolean }[];
}
export interface Merge {
  id: string;
  contact: string;
  at: number;
  name: string;
}

export const entryKinds = ["all", "conversations", "notes", "changes", "pages"] as const;
export type EntryKind = typeof entryKinds[number];
export interface Entry {
  id: string;
  kind: string;
  at: number;
  actor: { kind: string; id: string; name: string };
  text: string;
  // deno-lint-ignore no-explicit-any
  data: any;
  conversation: Conversation | null;
}

/** A list that comes page by page. An answer that was overtaken by a newer question is dropped. */
export class Pages<T extends { id: string }> {
  readonly items: Signal<readonly T[]> = signal<readonly T[]>([]);
  readonly loading = signal(false);
  readonly loaded = signal(false);
  readonly hasMore = signal(false);
  readonly failed: Signal<unknown> = signal<unknown>(undefined);
  #next: string | null = null;
  #turn = 0;

  constructor(private fetch: (cursor: string | undefined) => Promise<Page<T>>) {}

  async load(): Promise<void> {
    await this.#ask(undefined);
  }
  async more(): Promise<void> {
    if (this.#next !== null && !this.loading.peek()) await this.#ask(this.#next);
  }
  async #ask(cursor: string | undefined): Promise<void> {
    const turn = ++this.#turn;
    this.loading.set(true);
    try {
      const page = await this.fetch(cursor);
      if (turn !== this.#turn) return;
      this.#next = page.next_cursor;
      batch(() => {
        const before = cursor === undefined ? [] : this.items.peek();
        const known = new Set(before.map((i) => i.id));
        this.items.set([...before, ...page.items.filter((i) => !known.has(i.id))]);
        this.hasMore.set(page.next_cursor !== null);
        this.failed.set(undefined);
        this.loaded.set(true);
      });
    } catch (error) {
      if (turn === this.#turn) this.failed.set(error);
    } finally {
      if (turn === this.#turn) this.loading.set(false);
    }
  }
  replace(item: T): void {
    if (this.items.peek().some((i) => i.id === item.id)) {
      this.items.update((all) => all.map((i) => i.id === item.id ? item : i));
    }
  }
  drop(id: string): void {
    this.items.update((all) => all.filter((i) => i.id !== id));
  }
}

const enc = encodeURIComponent;

export class Customers {
  readonly attributes: Signal<readonly Attribute[]> = signal<readonly Attribute[]>([]);
  readonly segments: Signal<readonly Segment[]> = signal<readonly Segment[]>([]);
  /** What the list shows: a segment, or a filter that nobody has saved, and words beside it. */
  readonly segment: Signal<string | undefined> = signal<string | undefined>(undefined);
  readonly filter: Signal<ContactFilter> = signal<ContactFilter>(everybody);
  readonly words = signal("");
  readonly companyWords = signal("");
  readonly count: Signal<number | undefined> = signal<number | undefined>(undefined);
  readonly people: Pages<Contact>;
  readonly companies: Pages<Company>;

  constructor(private desk: DeskModel) {
    this.people = new Pages(async (cursor) => {
      const page = await this.find(this.wanted(), cursor, cursor === undefined);
      if (cursor === undefined) this.count.set(page.count ?? undefined);
      return page;
    });
    this.companies = new Pages((cursor) =>
      this.desk.api.get<Page<Company>>("/companies", { query: { q: this.companyWords.peek() || undefined, cursor } })
    );
  }

  wanted(): ContactFilter {
    const base = this.segments.peek().find((s) => s.id === this.segment.peek())?.filter ?? this.filter.peek();
    const words = this.words.peek().trim();
    return words === "" ? base : { ...base, text: [base.text, words].filter(Boolean).join(" ") };
  }
  find(filter: ContactFilter, cursor: string | undefined, count: boolean): Promise<Page<Contact> & { count: number | null }> {
    return this.desk.api.post("/contacts/find", { filter, count, ...(cursor ? { cursor } : {}) });
  }
  choose(segment: string | undefined, filter: ContactFilter = everybody): void {
    batch(() => {
      this.segment.set(segment);
      this.filter.set(filter);
    });
    void this.people.load();
  }

  async load(what: "attributes" | "segments"): Promise<void> {
    try {
      if (what === "attributes") this.attributes.set((await this.desk.api.get<{ items: Attribute[] }>("/attributes")).items);
      else {
        const all = (await this.desk.api.get<{ items: Segment[] }>("/segments")).items, chosen = this.segment.peek();
        this.segments.set(all);
        if (chosen !== undefined && !all.some((s) => s.id === chosen)) this.choose(undefined);
      }
    } catch (error) {
      this.desk.ignorePassing(error);
    }
  }

  async saveSegment(id: string | undefined, segment: Partial<Segment>): Promise<Segment> {
    const { api } = this.desk;
    const saved = id === undefined
      ? await api.post<Segment>("/segments", segment)
      : await api.patch<Segment>(`/segments/${enc(id)}`, segment);
    this.segments.update((all) => [...all.filter((s) => s.id !== saved.id), saved].sort((a, b) => a.name.localeCompare(b.name)));
    return saved;
  }
  async removeSegment(id: string): Promise<void> {
    await this.desk.api.remove(`/segments/${enc(id)}`);
    this.segments.update((all) => all.filter((s) => s.id !== id));
    if (this.segment.peek() === id) this.choose(undefined);
  }

  /** Of the stream, or of an answer. */
  changed(contact: Contact): void {
    if (contact.merged_into) this.people.drop(contact.id);
    else this.people.replace(contact);
  }

  async setAttribute(contact: string, key: string, value: string | null): Promise<void> {
    this.desk.putContact(await this.desk.api.put<Contact>(`/contacts/${enc(contact)}/attributes/${enc(key)}`, { value }));
  }
  async identities(contact: string): Promise<Identity[]> {
    return (await this.desk.api.get<{ items: Identity[] }>(`/contacts/${enc(contact)}/identities`)).items;
  }
  async addAddress(contact: string, kind: "email" | "phone", value: string): Promise<Identity[]> {
    return (await this.desk.api.post<{ items: Identity[] }>(`/contacts/${enc(contact)}/addresses`, { kind, value })).items;
  }
  removeAddress(contact: string, id: string): Promise<void> {
    return this.desk.api.remove(`/contacts/${enc(contact)}/addresses/${enc(id)}`);
  }
  async mainAddress(contact: string, id: string): Promise<Identity[]> {
    return (await this.desk.api.put<{ items: Identity[] }>(`/contacts/${enc(contact)}/addresses/${enc(id)}/main`)).items;
  }
  async duplicates(contact: string): Promise<Duplicate[]> {
    return (await this.desk.api.get<{ items: Duplicate[] }>(`/contacts/${enc(contact)}/duplicates`)).items;
  }
  async apart(contact: string, other: string): Promise<void> {
    await this.desk.api.put(`/contacts/${enc(contact)}/duplicates/${enc(other)}/dismissed`);
  }
  async merges(contact: string): Promise<Merge[]> {
    return (await this.desk.api.get<{ items: Merge[] }>(`/contacts/${enc(contact)}/merges`)).items;
  }
  async merge(contact: string, other: string): Promise<{ contact: Contact; merge: string }> {
    const done = await this.desk.api.post<{ contact: Contact; merge: string }>(`/contacts/${enc(contact)}/merge`, { other });
    this.desk.putContact(done.contact);
    this.people.drop(done.contact.id === contact ? other : contact);
    return done;
  }
  async undoMerge(contact: string, merge: string): Promise<void> {
    const { contact: one, other } = await this.desk.api.post<{ contact: Contact; other: Contact }>(
      `/contacts/${enc(contact)}/merges/${enc(merge)}/undo`,
    );
    this.desk.putContact(one);
    this.desk.putContact(other);
    void this.people.load();
  }
  timeline(contact: string, kind: EntryKind): Pages<Entry> {
    return new Pages((cursor) =>
      this.desk.api.get<Page<Entry>>(`/contacts/${enc(contact)}/timeline`, { query: { kind, cursor, limit: 30 } })
    );
  }
  note(contact: string, key: string, body: string): Promise<Entry> {
    return this.desk.api.post(`/contacts/${enc(contact)}/notes`, { key, body });
  }
  removeNote(contact: string, id: string): Promise<void> {
    return this.desk.api.remove(`/contacts/${enc(contact)}/notes/${enc(id)}`);
  }
  async setBlocked(contact: string, blocked: boolean, quiet = false): Promise<void> {
    await this.desk.attempt(async () => {
      const now = await this.desk.api.block(contact, blocked);
      this.desk.putContact(now);
      if (quiet) return;
      const texts = t.peek();
      this.desk.tell(blocked ? texts.nowBlocked(now.display_name) : texts.nowUnblocked(now.display_name), false, {
        text: texts.undo,
        run: () => void this.setBlocked(contact, !blocked, true),
      });
    });
  }

  async consents(contact: string): Promise<Consent[]> {
    return (await this.desk.api.get<{ items: Consent[] }>(`/contacts/${enc(contact)}/consents`)).items;
  }
  async addConsent(contact: string, consent: Pick<Consent, "channel" | "purpose" | "state" | "source" | "wording">): Promise<Consent[]> {
    return (await this.desk.api.post<{ items: Consent[] }>(`/contacts/${enc(contact)}/consents`, consent)).items;
  }
  /** One that was merged is answered with the one that goes on. */
  answered(asked: string, c: Conversation): Conversation[] {
    return c.id === asked ? [c] : [c, { ...c, id: asked, merged_into: c.id }];
  }
  /** Gives the one that goes on. */
  async mergeConversation(id: string, into: string): Promise<Conversation> {
    const { api } = this.desk;
    const kept = await api.post<Conversation>(`/conversations/${enc(id)}/merge`, { into });
    const gone = this.desk.conversations.peek().get(id);
    this.desk.put(kept, ...(gone ? [{ ...gone, merged_into: kept.id }] : []));
    return kept;
  }
  async undoConversationMerge(id: string, merge: string): Promise<void> {
    const done = await this.desk.api.post<{ conversation: Conversation; other: Conversation }>(
      `/conversations/${enc(id)}/merges/${enc(merge)}/undo`,
    );
    this.desk.put(done.conversation, done.other);
  }
  company(id: string): Promise<Company> {
    return this.desk.api.get(`/companies/${enc(id)}`);
  }
  async saveCompany(company: Company, change: Partial<Company>): Promise<Company> {
    const saved = await this.desk.api.patch<Company>(`/companies/${enc(company.id)}`, change, {
      headers: { "if-match": `"${company.version}"` },
    });
    this.companies.replace(saved);
    return saved;
  }
  async addCompany(company: Partial<Company>): Promise<Company> {
    const made = await this.desk.api.post<Company>("/companies", company);
    await this.companies.load();
    return made;
  }
  async removeCompany(id: string): Promise<void> {
    await this.desk.api.remove(`/companies/${enc(id)}`);
    this.companies.drop(id);
  }
  companyContacts(id: string): Pages<Contact> {
    return new Pages((cursor) => this.desk.api.get(`/companies/${enc(id)}/contacts`, { query: { cursor } }));
  }
  companyConversations(id: string): Pages<Conversation> {
    return new Pages(async (cursor) => {
      const page = await this.desk.api.get<Page<Conversation>>(`/companies/${enc(id)}/conversations`, { query: { cursor } });
      this.desk.put(...page.items);
      return page;
    });
  }
}
