/** Signing in and staying signed in. The session lives in the store that it is given; a refused token is refreshed once. */
import { ApiError, Http, type HttpSettings } from "./http.ts";
import { Emitter } from "./ports.ts";
import type { KeyValue } from "./storage.ts";
import type { Session } from "./types.ts";

interface LoginAnswer {
  user_id: string;
  device_id: string;
  access_token: string;
  refresh_token?: string;
  expires_in_ms?: number;
}

export class SessionKeeper {
  session: Session | undefined;
  readonly http: Http;
  /** Emits undefined when the session has ended (signed out, or refused for good). */
  readonly changed = new Emitter<Session | undefined>();
  #refreshing: Promise<boolean> | undefined;

  constructor(
    private store: KeyValue,
    settings: Omit<HttpSettings, "token" | "onUnauthorized">,
    private key = "session",
    private now: () => number = () => settings.clock?.now() ?? Date.now(),
  ) {
    this.http = new Http({
      ...settings,
      token: () => this.session?.accessToken,
      onUnauthorized: (error) => this.#renew(error),
    });
  }

  /** The session of the last visit, if any. */
  async restore(): Promise<Session | undefined> {
    this.session = await this.store.get<Session>(this.key);
    return this.session;
  }

  async adopt(session: Session | undefined): Promise<void> {
    this.session = session;
    if (session) await this.store.set(this.key, session);
    else await this.store.delete(this.key);
    this.changed.emit(session);
  }

  async login(user: string, password: string, deviceName: string): Promise<Session> {
    const answer = await this.http.post<LoginAnswer>("/_matrix/client/v3/login", {
      type: "m.login.password",
      identifier: { type: "m.id.user", user },
      password,
      initial_device_display_name: deviceName,
      refresh_token: true,
    }, { auth: false });
    const session = this.sessionOf(answer);
    await this.adopt(session);
    return session;
  }

  async logout(): Promise<void> {
    try {
      if (this.session) await this.http.post("/_matrix/client/v3/logout");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The server does not know the token any more: that is what we wanted.
    } finally {
      await this.adopt(undefined);
    }
  }

  sessionOf(a: LoginAnswer): Session {
    return {
      userId: a.user_id,
      deviceId: a.device_id,
      accessToken: a.access_token,
      refreshToken: a.refresh_token,
      expiresAt: a.expires_in_ms === undefined ? undefined : this.now() + a.expires_in_ms,
    };
  }

  #renew(error: ApiError): Promise<boolean> {
    // The desk API's word for the same is `unauthorized`.
    if (!["M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "unauthorized"].includes(error.code)) return Promise.resolve(false);
    // Many requests may fail at once: one refresh for all.
    this.#refreshing ??= this.#refresh().finally(() => this.#refreshing = undefined);
    return this.#refreshing;
  }

  async #refresh(): Promise<boolean> {
    const before = this.session;
    if (!before) return false;
    // Another tab may have refreshed already: the stored one is newer then.
    const stored = await this.store.get<Session>(this.key);
    if (stored && stored.accessToken !== before.accessToken) {
      this.session = stored;
      return true;
    }
    if (!before.refreshToken) {
      await this.adopt(undefined);
      return false;
    }
    try {
      const answer = await this.http.post<Omit<LoginAnswer, "user_id" | "device_id">>(
        "/_matrix/client/v3/refresh",
        { refresh_token: before.refreshToken },
        { auth: false, tries: 3 },
      );
      await this.adopt({
        ...before,
        accessToken: answer.access_token,
        refreshToken: answer.refresh_token ?? before.refreshToken,
        expiresAt: answer.expires_in_ms === undefined ? undefined : this.now() + answer.expires_in_ms,
      });
      return true;
    } catch (refused) {
      if (refused instanceof ApiError && !refused.passing) {
        await this.adopt(undefined);
        return false;
      }
      throw refused;
    }
  }
}
