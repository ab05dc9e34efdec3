/** Where the visitor stands in the queue, live, while he looks. Asks only then, and one question at a time. */
import { type Signal, signal } from "../../ui/signals.ts";
import type { QueueAnswer } from "./api.ts";
import type { VisitorSession } from "./session.ts";

/** Answers when it knows something else than what was seen; undefined when asking is of no use. */
export type Ask = (seen: string | undefined, cut: AbortSignal) => Promise<QueueAnswer | undefined>;

/** Over a broken network it is asked again; what the server refuses is not. */
export function askBy(session: VisitorSession, pause = 3000): Ask {
  return async (seen, cut) => {
    while (!cut.aborted) {
      // The first message is still on its way.
      if (!session.visitor?.roomId) {
        await new Promise((resolve) => setTimeout(resolve, pause / 10));
        continue;
      }
      try {
        return await session.http.get<QueueAnswer>("/_comptoir/widget/v1/queue", {
          query: { inbox: session.api.inbox, seen },
          signal: cut,
          timeoutMs: 40_000,
        });
      } catch (error) {
        const status = (error as { status?: number }).status ?? 0;
        if (status >= 400 && status < 500 && status !== 429) break;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
    return undefined;
  };
}

export class QueueWatch {
  readonly now: Signal<QueueAnswer | undefined> = signal<QueueAnswer | undefined>(undefined);
  #stop = new AbortController();

  constructor(private ask: Ask) {}

  /** Until it is stopped, or asking is of no use. Who is served may be put back into the queue, and a message may still be on its way. */
  async run(): Promise<void> {
    const cut = this.#stop.signal;
    while (!cut.aborted) {
      const answer = await this.ask(this.now.peek()?.tag, cut);
      if (cut.aborted || !answer) return;
      this.now.set(answer);
    }
  }

  stop(): void {
    this.#stop.abort();
  }
}
