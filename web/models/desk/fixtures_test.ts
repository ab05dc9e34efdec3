/** Conversations and messages for the tests beside. */
import type { Author, Conversation, Item } from "./types.ts";

export function conversation(id: string, change: Partial<Conversation> = {}): Conversation {
  return {
    id,
    number: Number(id.replace(/\D/g, "")) || 1,
    version: 1,
    room_id: "!r",
    brand_id: "br",
    inbox: { id: "in_1", name: "Site" },
    status: "open",
    snoozed_until: null,
    priority: "none",
    language: "fr",
    encrypted: false,
    contact: { id: `ct_${id}`, name: null, display_name: `Visitor ${id}`, email: null, verified: false, online: false },
    assignee: null,
    tags: [],
    team: null,
    skills: [],
    followers: [],
    spam: false,
    merged_into: null,
    sla: null,
    rating: null,
    last_message: null,
    waiting_since: null,
    unread: 0,
    mentioned: false,
    message_count: 1,
    contact_read_at: null,
    page: null,
    created_at: 1000,
    updated_at: 1000,
    resolved_at: null,
    ...change,
  };
}

export function message(id: string, author: Author, body: string, at = Number(id) * 1000, key: string | null = null): Item {
  return {
    id,
    at,
    author,
    kind: "message",
    message: {
      event_id: `$${id}`,
      type: "text",
      body,
      html: null,
      media: null,
      edited: false,
      redacted: false,
      reply_to: null,
      key,
    },
  };
}
