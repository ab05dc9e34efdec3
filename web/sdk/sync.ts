/**
 * The sync loop: long-polls from the last position, backs off while nothing answers, goes on at once when the network
 * comes back. An answer is handed over whole before the position moves, so a cut never skips one.
 */
import { ApiError, type Http, isPassing } from "./http.ts";
import { backoff, browserNetwork, type Clock, Emitter, isAbort, type Network, systemClock } from "./ports.ts";
import type { SyncResponse } from "./types.ts";

export type LinkState = "connecting" | "live" | "offline" | "ended";

export interface SyncSettings {
  http: Http;
  filter?: unknown;
  timeoutMs?: number;
  /** `false`: do not show this client as online. */
  presence?: "online" | "offline" | "unavailable";
  clock?: Clock;
  network?: Network;
}

export class SyncLoop {
  state: LinkState = "connecting";
  since: string | undefined;
  readonly stateChanged = new Emitter<LinkState>();
  readonly answers = new Emitter<SyncResponse>();
  /** The session is refused: sign in again. */
  readonly refused = new Emitter<ApiError>();

  #stop: AbortController | undefined;
  #pause: AbortController | undefined;
  #poll: AbortController | undefined;

  constructor(private settings: SyncSettings) {}

  start(since?: string): void {
    if (this.#stop) return;
    this.since = since ?? this.since;
    this.#stop = new AbortController();
    const network = this.settings.network ?? browserNetwork;
    const unwake = network.onWake(() => this.wake());
    const unlost = network.onLost(() => this.#poll?.abort());
    this.#run(this.#stop.signal).finally(() => {
      unwake();
      unlost();
    });
  }

  stop(): void {
    this.#stop?.abort();
    this.#poll?.abort();
    this.#stop = undefined;
    this.#to("ended");
  }

  /** Ends a pause between two tries. */
  wake(): void {
    this.#pause?.abort();
  }

  async #run(stop: AbortSignal): Promise<void> {
    const { http, filter } = this.settings;
    const clock = this.settings.clock ?? systemClock;
    const long = this.settings.timeoutMs ?? 25_000;
    let failures = 0;
    this.#to("connecting");
    while (!stop.aborted) {
      // After a failure the first answer comes at once: it tells that the link works.
      const wait = this.since === undefined || failures > 0 ? 0 : long;
      this.#poll = new AbortController();
      try {
        const answer = await http.get<SyncResponse>("/_matrix/client/v3/sync", {
          query: {
            since: this.since,
            timeout: wait,
            filter: filter === undefined ? undefined : JSON.stringify(filter),
            set_presence: this.settings.presence,
          },
          timeoutMs: wait + 20_000,
          tries: 1,
          signal: this.#poll.signal,
        });
        if (stop.aborted) return;
        failures = 0;
        this.answers.emit(answer);
        this.since = answer.next_batch;
        this.#to("live");
      } catch (error) {
        if (stop.aborted) return;
        // A poll that is cut while we go on: the network was lost.
        if (!isPassing(error) && !isAbort(error)) {
          if (error instanceof ApiError) {
            this.#to("ended");
            this.refused.emit(error);
            return;
          }
          throw error;
        }
        this.#to("offline");
        const asked = error instanceof ApiError ? error.retryAfterMs : undefined;
        this.#pause = new AbortController();
        const cut = () => this.#pause?.abort();
        stop.addEventListener("abort", cut, { once: true });
        await clock.sleep(asked ?? backoff(failures++, 500, 15_000), this.#pause.signal).catch(() => undefined);
        stop.removeEventListener("abort", cut);
        failures = Math.max(failures, 1);
      }
    }
  }

  #to(state: LinkState): void {
    if (this.state === state) return;
    this.state = state;
    this.stateChanged.emit(state);
  }
}
