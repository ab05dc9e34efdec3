/** A fake world for tests of the SDK and the models: time that jumps, a network that can be cut, a server in a function. */
import type { Clock, Network } from "../sdk/ports.ts";

/** Sleeps end as soon as everything else has had its turn; time is what was slept. */
export class JumpClock implements Clock {
  time = 1_700_000_000_000;
  now(): number {
    return this.time;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        reject(new DOMException("aborted", "AbortError"));
      };
      if (signal?.aborted) return stop();
      const timer = setTimeout(() => {
        this.time += ms;
        resolve();
      }, 1);
      signal?.addEventListener("abort", stop, { once: true });
    });
  }
}

export class SwitchNetwork implements Network {
  isOnline = true;
  private wakes = new Set<() => void>();
  private losses = new Set<() => void>();
  online(): boolean {
    return this.isOnline;
  }
  onWake(run: () => void): () => void {
    this.wakes.add(run);
    return () => this.wakes.delete(run);
  }
  onLost(run: () => void): () => void {
    this.losses.add(run);
    return () => this.losses.delete(run);
  }
  cut(): void {
    this.isOnline = false;
    for (const run of [...this.losses]) run();
  }
  restore(): void {
    this.isOnline = true;
    for (const run of [...this.wakes]) run();
  }
}

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  body: Record<string, unknown>;
  token: string | undefined;
}

export type Answer = { status?: number; body?: unknown; headers?: Record<string, string> };

/** A `fetch` over a function; `undefined` is a broken connection. */
export function fakeFetch(serve: (asked: Asked) => Answer | undefined | Promise<Answer | undefined>): typeof fetch & { log: Asked[] } {
  const log: Asked[] = [];
  const run = async (input: URL | RequestInfo, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(String(input));
    const headers = init.headers as Record<string, string> | undefined;
    const asked: Asked = {
      method: init.method ?? "GET",
      path: decodeURIComponent(url.pathname),
      query: url.searchParams,
      body: typeof init.body === "string" ? JSON.parse(init.body) : {},
      token: headers?.authorization?.replace("Bearer ", ""),
    };
    log.push(asked);
    const cut = new Promise<never>((_, reject) =>
      init.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")), { once: true })
    );
    cut.catch(() => undefined);
    const answer = await Promise.race([Promise.resolve(serve(asked)), cut]);
    if (!answer) throw new TypeError("network error");
    const text = answer.body === undefined ? null : typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
    const status = answer.status ?? 200;
    return new Response(status === 204 ? null : text, { status, headers: answer.headers ?? {} });
  };
  return Object.assign(run, { log });
}

/** Waits until `test` holds; fails after a second. */
export async function until(test: () => boolean, what = "the condition"): Promise<void> {
  for (let i = 0; i < 1600; i++) {
    if (test()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`${what} did not come true`);
}
