/** The widget API of the server, typed. */
import type { Http } from "../../sdk/http.ts";
import type { Lang } from "../../ui/i18n.ts";

export interface OpenHours {
  open: boolean;
  opens_at: number | null;
  closes_at: number | null;
  time_zone: string;
}

/** Where the visitor stands in the queue. */
export interface QueueAnswer {
  state: "none" | "waiting" | "served";
  position: number | null;
  wait_seconds: number | null;
  hours: OpenHours | null;
  /** Sent along with the next question, which is answered when it would be another. */
  tag: string;
}

export interface Config {
  inbox: { key: string; name: string };
  brand: {
    id: string;
    name: string;
    colour: string;
    colour_dark: string;
    on_colour: string;
    on_colour_dark: string;
    logo: string | null;
    website: string | null;
  };
  language: Lang;
  languages: Lang[];
  texts: Record<Lang, { title: string; greeting: string; intro: string; offline: string; contact_form: string; thanks: string }>;
  online: boolean;
  /** null: nobody has said any, so it is always open. */
  hours: OpenHours | null;
  agents: { name: string; picture: string | null }[];
  reply_time: { seconds: number; text: Record<Lang, string> } | null;
  limits: { message_characters: number; file_bytes: number; name_characters: number; email_characters: number };
  identity: "optional" | "required";
  allowed_origins: string[];
  bot_user_id: string;
}

export interface Contact {
  id: string;
  name: string | null;
  email: string | null;
  verified: boolean;
}

export interface SessionAnswer {
  user_id: string;
  access_token: string;
  device_id: string;
  resume_token: string;
  homeserver: string;
  room_id: string | null;
  conversation_id: string | null;
  resumed: boolean;
  contact: Contact;
}

export type Identity = { token: string } | { user_id: string; hash: string; name?: string; email?: string };

export interface Page {
  url: string;
  title: string;
  referrer?: string | undefined;
}

export interface Started {
  room_id: string;
  conversation_id: string;
  event_id: string;
  created: boolean;
}

const base = "/_comptoir/widget/v1";

export class WidgetApi {
  constructor(private http: Http, readonly inbox: string) {}

  config(lang: Lang): Promise<Config> {
    return this.http.get(`${base}/config`, { query: { inbox: this.inbox, lang }, auth: false, tries: 2, timeoutMs: 10_000 });
  }

  session(
    options: { lang: Lang; resumeToken?: string | undefined; identity?: Identity | undefined; page?: Page | undefined },
  ): Promise<SessionAnswer> {
    const { lang, resumeToken, identity, page } = options;
    return this.http.post(`${base}/session`, { inbox: this.inbox, lang, resume_token: resumeToken, identity, page }, { auth: false });
  }

  start(txn: string, content: Record<string, unknown>, lang: Lang, page: Page | undefined): Promise<Started> {
    return this.http.post(`${base}/conversations`, { inbox: this.inbox, txn_id: txn, lang, content, page });
  }

  form(
    form: { key: string; name: string; email: string; message: string; lang: Lang; page: Page | undefined },
  ): Promise<Started> {
    // Safe to repeat: the server knows the key.
    return this.http.post(`${base}/contact-form`, { inbox: this.inbox, ...form }, { tries: 3 });
  }

  me(change: { name?: string | null; email?: string | null }): Promise<{ contact: Contact }> {
    return this.http.put(`${base}/me`, change);
  }

  async page(page: Page): Promise<void> {
    await this.http.post(`${base}/page`, { inbox: this.inbox, ...page });
  }

  async end(): Promise<void> {
    await this.http.post(`${base}/end`);
  }
}
