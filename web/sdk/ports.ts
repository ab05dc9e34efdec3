/** What the SDK needs from the world, as values: a test brings its own. */
export interface Clock {
  now(): number;
  /** Resolves after `ms`, or rejects with AbortError. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(aborted());
      const onAbort = () => {
        clearTimeout(timer);
        reject(aborted());
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
};

/** Says when the network comes and goes. */
export interface Network {
  online(): boolean;
  /** Calls back on each sign that trying again is worth it now (online, tab shown). */
  onWake(run: () => void): () => void;
  /** Calls back when the device says that it has no network any more. */
  onLost(run: () => void): () => void;
}

export const browserNetwork: Network = {
  online: () => globalThis.navigator?.onLine !== false,
  onWake(run) {
    const shown = () => {
      if (globalThis.document?.visibilityState === "visible") run();
    };
    globalThis.addEventListener("online", run);
    globalThis.document?.addEventListener("visibilitychange", shown);
    return () => {
      globalThis.removeEventListener("online", run);
      globalThis.document?.removeEventListener("visibilitychange", shown);
    };
  },
  onLost(run) {
    globalThis.addEventListener("offline", run);
    return () => globalThis.removeEventListener("offline", run);
  },
};

export function aborted(): DOMException {
  return new DOMException("aborted", "AbortError");
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Doubles from `first` to `most`, with a quarter of chance so that clients do not come back all at once. */
export function backoff(attempt: number, first = 1000, most = 30_000, random: () => number = Math.random): number {
  const base = Math.min(most, first * 2 ** Math.min(attempt, 10));
  return Math.round(base * (0.75 + random() * 0.5));
}

/** Random letters and digits, for transaction ids and keys. */
export function token(length = 16): string {
  const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (b) => letters[b % letters.length]).join("");
}

/** Listeners of one kind of news. */
export class Emitter<T> {
  #listeners = new Set<(news: T) => void>();

  on(run: (news: T) => void): () => void {
    this.#listeners.add(run);
    return () => this.#listeners.delete(run);
  }

  emit(news: T): void {
    for (const run of [...this.#listeners]) run(news);
  }
}
