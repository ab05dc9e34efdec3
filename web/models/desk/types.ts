/** What the desk API says, typed. Names and shapes are the server's own (its OpenAPI document). */
import type { Lang } from "../../ui/i18n.ts";
import type { AttributeTest } from "./customers.ts";

export type Availability = "online" | "away" | "away_reassigning" | "offline";
/** One of the built-in ones, or the id of a role that was made here. */
export type Role = string;
export type Status = "open" | "pending" | "snoozed" | "resolved";
export type Priority = "none" | "low" | "normal" | "high" | "urgent";
export const priorities: readonly Priority[] = ["none", "low", "normal", "high", "urgent"];
/** Which of those who could take a conversation gets it. */
export type Strategy = "round_robin" | "least_busy" | "sticky";
export const strategies: readonly Strategy[] = ["round_robin", "least_busy", "sticky"];

export interface AgentRef {
  id: string;
  name: string;
  picture: string | null;
}

export interface Agent {
  id: string;
  name: string;
  public_name: string;
  email: string | null;
  role: Role;
  picture: string | null;
  availability: Availability;
  wanted_availability: Availability;
  capacity: number;
  load: number;
  languages: string[];
  skills: string[];
  inboxes: string[];
  teams: string[];
  /** The brands that she is limited to; null: every one. */
  brands: string[] | null;
  /** The inboxes whose conversations she sees, of those that I see; null: all. */
  sees: string[] | null;
  active: boolean;
  last_seen_at: number | null;
  created_at: number;
}

export interface RoleInfo {
  id: Role;
  name: string;
  built_in: boolean;
  permissions: string[];
  agents: number;
}

export interface Token {
  id: string;
  name: string;
  agent: string;
  maker: { id: string; name: string };
  scopes: string[];
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
  revoked_at: number | null;
  active: boolean;
}
export interface NewToken extends Token {
  token: string;
}

export interface Webhook {
  id: string;
  name: string;
  url: string;
  secret: string;
  events: string[];
  brands: string[] | null;
  inboxes: string[] | null;
  active: boolean;
  notice: string | null;
  failing_since: number | null;
  created_at: number;
}
export interface Delivery {
  id: string;
  event: string;
  body: string;
  state: "waiting" | "done" | "failed";
  attempts: number;
  status: number | null;
  error: string | null;
  took_ms: number | null;
  created_at: number;
  done_at: number | null;
}

export interface AuditEntry {
  id: string;
  at: number;
  actor: { id: string; name: string };
  token: string | null;
  action: string;
  label: string;
  target: string;
  target_name: string | null;
  data: Record<string, unknown>;
}

export interface PermissionInfo {
  id: string;
  name: string;
  implies: string[];
  always: boolean;
}

export interface ContactRef {
  id: string;
  name: string | null;
  display_name: string;
  email: string | null;
  verified: boolean;
  online: boolean;
}

export interface WebPage {
  url: string;
  title: string | null;
}

export interface Contact extends ContactRef {
  email_verified: boolean;
  phone: string | null;
  company: string | null;
  company_id: string | null;
  brand_id: string;
  /** The contact that this one was found to be. */
  merged_into: string | null;
  blocked: boolean;
  location: string | null;
  language: string | null;
  external_id: string | null;
  notes: string;
  attributes: Record<string, unknown>;
  picture: string | null;
  page: WebPage | null;
  conversations: number;
  first_seen_at: number;
  last_seen_at: number;
  version: number;
}

export interface SLA {
  policy: { id: string; name: string };
  kind: "first_response" | "next_response" | "resolution";
  /** null while the clock rests. */
  due_at: number | null;
  state: "ok" | "warning" | "breached" | "paused";
}

export interface SLAPolicy {
  id: string;
  name: string;
  position: number;
  inboxes: string[];
  teams: string[];
  priorities: string[];
  /** Seconds; null: nothing is promised. */
  first_response: number | null;
  next_response: number | null;
  resolution: number | null;
  warn_at: number;
  business_hours: boolean;
  created_at: number;
}

export interface Rating {
  score: number;
  max: number;
  scale: "faces" | "stars" | "nps";
  comment: string | null;
  at: number;
}

export interface SurveySettings {
  active: boolean;
  scale: Rating["scale"];
  questions: Record<string, string>;
  /** Seconds. */
  delay: number;
  every_days: number;
  change_hours: number;
}

export interface Conversation {
  id: string;
  number: number;
  version: number;
  room_id: string;
  brand_id: string;
  inbox: { id: string; name: string };
  status: Status;
  snoozed_until: number | null;
  priority: Priority;
  language: string | null;
  encrypted: boolean;
  contact: ContactRef;
  assignee: AgentRef | null;
  tags: string[];
  team: { id: string; name: string } | null;
  /** In no queue, count or routing. */
  spam: boolean;
  /** The conversation that goes on instead of this one. */
  merged_into: string | null;
  skills: string[];
  followers: string[];
  /** What is promised and due first; null when nothing is. */
  sla: SLA | null;
  /** What the customer said of it last. */
  rating: Rating | null;
  last_message: {
    event_id: string | null;
    author: "contact" | "agent" | "bot";
    author_name: string;
    type: string;
    preview: string;
    at: number;
  } | null;
  waiting_since: number | null;
  unread: number;
  mentioned: boolean;
  message_count: number;
  contact_read_at: number | null;
  page: WebPage | null;
  created_at: number;
  updated_at: number;
  resolved_at: number | null;
}

export interface Media {
  mxc: string;
  name: string | null;
  mimetype: string | null;
  size: number | null;
  width: number | null;
  height: number | null;
  thumbnail_mxc: string | null;
}

export type MessageType = "text" | "emote" | "notice" | "image" | "file" | "audio" | "video" | "location" | "encrypted" | "other";

export interface Author {
  kind: "contact" | "agent" | "bot" | "system";
  id: string;
  name: string;
  picture: string | null;
}

interface ItemBase {
  id: string;
  at: number;
  author: Author;
}

export interface MessageItem extends ItemBase {
  kind: "message";
  message: {
    event_id: string | null;
    type: MessageType;
    body: string;
    html: string | null;
    media: Media | null;
    edited: boolean;
    redacted: boolean;
    reply_to: string | null;
    key: string | null;
  };
}

export interface NoteItem extends ItemBase {
  kind: "note";
  note: { id: string; body: string; mentions: string[]; edited: boolean };
}

export interface SystemItem extends ItemBase {
  kind: "system";
  system: { type: string; text: string; data: Record<string, unknown> };
}

export type Item = MessageItem | NoteItem | SystemItem;

export interface BrandTexts {
  title: string;
  greeting: string;
  intro: string;
  offline: string;
  contact_form: string;
  thanks: string;
}

export interface Brand {
  id: string;
  name: string;
  colour: string;
  colour_dark: string;
  on_colour: string;
  on_colour_dark: string;
  logo: string | null;
  website: string | null;
  texts: Partial<Record<Lang, BrandTexts>>;
  created_at: number;
}

export interface Inbox {
  id: string;
  key: string;
  brand_id: string;
  name: string;
  channel: string;
  languages: string[];
  default_language: string;
  assignment: "automatic" | "manual";
  language_rule: "prefer" | "require";
  identity: "optional" | "required";
  identity_secret: string | null;
  allowed_origins: string[];
  reopen_days: number;
  members: string[];
  team: string | null;
  strategy: Strategy;
  skills: string[];
  hours: string | null;
  created_at: number;
}

export interface Team {
  id: string;
  name: string;
  strategy: Strategy;
  members: string[];
  hours: string | null;
  overflow_team: string | null;
  /** Seconds of open time. */
  overflow_after: number | null;
  escalate_after: number | null;
  created_at: number;
}

export interface Tag {
  name: string;
  colour: string | null;
  uses: number;
}

export interface Canned {
  id: string;
  shortcut: string;
  title: string;
  language: string | null;
  scope: "personal" | "team";
  owner: string | null;
  /** Of a team's reply: null for every brand. */
  brand_id: string | null;
  body: string;
  updated_at: number;
}

export interface ViewFilter {
  statuses: Status[];
  inboxes: string[];
  /** Agents; `me` is whoever looks, `nobody` the queue. */
  assignees: string[];
  tags: string[];
  tags_rule: "any" | "all";
  priorities: Priority[];
  languages: string[];
  text: string | null;
  waiting_minutes: number | null;
  created_from: number | null;
  created_before: number | null;
  /** `nobody` is none. */
  teams: string[];
  companies: string[];
  attributes: AttributeTest[];
}

export interface SavedView {
  id: string;
  name: string;
  scope: "personal" | "team";
  owner: string | null;
  filter: ViewFilter;
  sort: "waiting" | "newest" | "oldest";
  updated_at: number;
}

/** A message that leaves later, or is held until somebody decides. */
export interface Later {
  id: string;
  conversation_id: string;
  agent: AgentRef;
  key: string;
  body: string;
  at: number;
  state: "waiting" | "held";
  held: "customer_wrote" | "refused" | null;
  if_written: "hold" | "send" | "cancel";
  created_at: number;
}

export interface ServerDraft {
  conversation_id: string;
  reply: string;
  note: string;
  mode: "reply" | "note";
  updated_at: number;
}

export interface SearchFilter {
  in?: string | undefined;
  status?: string | undefined;
  inbox?: string | undefined;
  assignee?: string | undefined;
  tag?: string | undefined;
  priority?: string | undefined;
}

export interface FoundConversation {
  conversation: Conversation;
  by_contact: boolean;
  hits: { id: string; kind: "message" | "note"; at: number; author: Author; pieces: { text: string; found: boolean }[] }[];
}

export interface Found {
  contacts: Contact[];
  results: FoundConversation[];
  next_cursor: string | null;
  complete: boolean;
}

/** What is done to several conversations at once. */
export interface Deeds {
  assign?: string | null;
  status?: Status;
  until?: number;
  priority?: Priority;
  spam?: boolean;
  team?: string | null;
  add_tags?: string[];
  remove_tags?: string[];
}

export interface BulkResult {
  done: number;
  failed: number;
  undo?: string;
  results: { id: string; error: { code: string; detail: string } | null; conversation: Conversation | null }[];
}

export interface Counts {
  mine: number;
  unassigned: number;
  all: number;
  pending: number;
  snoozed: number;
  resolved: number;
  mentions: number;
  at_risk: number;
  spam: number;
}

export interface Me {
  agent: Agent;
  permissions: string[];
  server_name: string;
  position: number;
  brands: Brand[];
  teams: Team[];
  inboxes: Inbox[];
  counts: Counts;
}

export interface Viewer {
  agent: AgentRef;
  composing: boolean;
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface TimelinePage {
  items: Item[];
  more_before: boolean;
  more_after: boolean;
}
