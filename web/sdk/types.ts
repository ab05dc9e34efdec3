/** The shapes of the Matrix Client-Server API that the SDK reads. */
export interface MatrixEvent {
  event_id: string;
  type: string;
  sender: string;
  origin_server_ts: number;
  content: Record<string, unknown>;
  state_key?: string;
  redacts?: string;
  room_id?: string;
  unsigned?: {
    transaction_id?: string;
    redacted_because?: MatrixEvent;
    prev_content?: Record<string, unknown>;
    "m.relations"?: Record<string, unknown>;
    age?: number;
  };
}

export interface EphemeralEvent {
  type: string;
  content: Record<string, unknown>;
}

export interface JoinedRoomSync {
  timeline?: { events?: MatrixEvent[]; limited?: boolean; prev_batch?: string };
  state?: { events?: MatrixEvent[] };
  ephemeral?: { events?: EphemeralEvent[] };
  account_data?: { events?: EphemeralEvent[] };
  unread_notifications?: { notification_count?: number; highlight_count?: number };
  summary?: { "m.heroes"?: string[]; "m.joined_member_count"?: number; "m.invited_member_count"?: number };
}

export interface SyncResponse {
  next_batch: string;
  rooms?: {
    join?: Record<string, JoinedRoomSync>;
    invite?: Record<string, { invite_state?: { events?: MatrixEvent[] } }>;
    leave?: Record<string, { timeline?: { events?: MatrixEvent[] }; state?: { events?: MatrixEvent[] } }>;
  };
  presence?: { events?: (EphemeralEvent & { sender?: string })[] };
  account_data?: { events?: EphemeralEvent[] };
  to_device?: { events?: (EphemeralEvent & { sender?: string })[] };
}

export interface Session {
  userId: string;
  deviceId: string;
  accessToken: string;
  refreshToken?: string | undefined;
  /** When the access token ends, in ms since 1970. */
  expiresAt?: number | undefined;
}

export interface FileInfo {
  mimetype?: string;
  size?: number;
  w?: number;
  h?: number;
}
