/**
 * The live stream: Server-Sent Events read by fetch, resumed where it was cut.
 *
 * Laws: events reach `apply` in order; the position moves only after an event was applied, so a cut loses none and brings
 * none twice; silence longer than the server's ping counts as a cut. Never touches the DOM.
 */
import { ApiError } from "../../sdk/http.ts";
import { aborted, backoff, type Clock, isAbort, type Network } from "../../sdk/ports.ts";
import { batch, type Signal, signal } from "../../ui/signals.ts";

export interface StreamEvent {
  event: string;
  id: string | undefined;
  data: unknown;
}

/** Cuts the text of a stream into events; takes pieces as they come. */
export class SseParser {
  #rest = "";
  #event = "";
  #id: string | undefined;
  #data: string[] = [];

  push(text: string): StreamEvent[] {
    const found: StreamEvent[] = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (this.#data.length > 0) {
          found.push({ event: this.#event || "message", id: this.#id, data: JSON.parse(this.#data.join("\n")) });
        }
        this.#event = "";
        this.#id = undefined;
        this.#data = [];
        continue;
      }
      if (line.startsWith(":")) continue;
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
      if (field === "event") this.#event = value;
      else if (field === "id") this.#id = value;
      else if (field === "data") this.#data.push(value);
    }
    return found;
  }
}

export type Link = "connecting" | "live" | "offline";

export interface StreamSettings {
  open: (since: string | undefined, signal: AbortSignal) => Promise<Response>;
  apply: (event: StreamEvent) => void;
  /** The server refused for good (signed out, switched off). */
  refused: (error: ApiError) => void;
  clock: Clock;
  network: Network;
  /** Silence after which the link counts as cut. */
  silenceMs?: number;
}

export class LiveStream {
  readonly link: Signal<Link> = signal<Link>("connecting");
  /** When the next try comes, while offline. */
  readonly retryAt: Signal<number | undefined> = signal<number | undefined>(undefined);
  position: string | undefined;
  /** How many times it was open. */
  connections = 0;
  #run: AbortController | undefined;
  #pause: AbortController | undefined;
  #unhook: (() => void)[] = [];

  constructor(private settings: StreamSettings) {}

  start(position: string | undefined): void {
    this.stop();
    this.position = position;
    const run = new AbortController();
    this.#run = run;
    const { network } = this.settings;
    this.#unhook = [
      network.onWake(() => this.retryNow()),
      network.onLost(() => this.#cut?.abort()),
    ];
    void this.#loop(run.signal);
  }

  stop(): void {
    this.#run?.abort();
    this.#pause?.abort();
    this.#cut?.abort();
    for (const end of this.#unhook.splice(0)) end();
  }

  /** Does not wait for the next try. */
  retryNow(): void {
    this.#pause?.abort();
  }

  #cut: AbortController | undefined;

  async #loop(over: AbortSignal): Promise<void> {
    let failures = 0;
    while (!over.aborted) {
      try {
        await this.#once(over, () => failures = 0);
      } catch (error) {
        if (over.aborted) return;
        if (error instanceof ApiError && !error.passing) {
          this.link.set("offline");
          this.settings.refused(error);
          return;
        }
      }
      if (over.aborted) return;
      // An orderly end (a restart of the server) comes back at once, and is not shown unless that fails.
      if (failures > 0) this.link.set("offline");
      const wait = failures === 0 ? 100 : backoff(failures - 1, 500, 15_000);
      failures++;
      this.#pause = new AbortController();
      this.retryAt.set(this.settings.clock.now() + wait);
      await this.settings.clock.sleep(wait, this.#pause.signal).catch(() => undefined);
      this.retryAt.set(undefined);
    }
  }

  async #once(over: AbortSignal, opened: () => void): Promise<void> {
    const { clock } = this.settings, silence = this.settings.silenceMs ?? 40_000;
    const cut = new AbortController();
    this.#cut = cut;
    const end = () => cut.abort();
    over.addEventListener("abort", end, { once: true });
    let heard = clock.now();
    const watch = setInterval(() => {
      if (clock.now() - heard > silence) cut.abort();
    }, 5000);
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    try {
      const response = await this.settings.open(this.position, cut.signal);
      reader = response.body?.getReader();
      if (!reader) throw new Error("the stream has no body");
      // A reader that waits does not always notice an abort by itself.
      const stop = new Promise<never>((_, reject) => cut.signal.addEventListener("abort", () => reject(aborted()), { once: true }));
      stop.catch(() => undefined);
      const text = new TextDecoder(), parser = new SseParser();
      for (;;) {
        const { done, value } = await Promise.race([reader.read(), stop]);
        if (done) return;
        heard = clock.now();
        if (this.link.peek() !== "live") {
          this.connections++;
          this.link.set("live");
        }
        opened();
        const events = parser.push(text.decode(value, { stream: true }));
        batch(() => {
          for (const event of events) {
            if (over.aborted) return;
            this.settings.apply(event);
            if (event.event === "reset") this.position = String((event.data as { position: number }).position);
            else if (event.event === "hello") this.position ??= String((event.data as { position: number }).position);
            else if (event.id !== undefined) this.position = event.id;
          }
        });
      }
    } catch (error) {
      if (isAbort(error) && !over.aborted) throw new Error("the stream was cut");
      throw error;
    } finally {
      clearInterval(watch);
      over.removeEventListener("abort", end);
      reader?.cancel().catch(() => undefined);
    }
  }
}
