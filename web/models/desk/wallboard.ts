/** The wallboard: asks again when the desk says that something has changed, at most every two seconds, and once a minute. No document here. */
import type { Clock } from "../../sdk/ports.ts";
import { effect, type Read, type Signal, signal } from "../../ui/signals.ts";
import type { AgentRef, Availability, Priority } from "./types.ts";

export interface WallLine {
  id: string;
  name: string;
  waiting: number;
  unassigned: number;
  since: number | null;
}
export interface Wallboard {
  now: number;
  waiting: number;
  unassigned: number;
  since: number | null;
  at_risk: number;
  free: number;
  line: { id: string; number: number; inbox: string; priority: Priority; since: number; assignee: AgentRef | null; sla: string | null }[];
  inboxes: WallLine[];
  teams: WallLine[];
  agents: { id: string; name: string; picture: string | null; availability: Availability; load: number; capacity: number }[];
  today: { opened: number | null; resolved: number | null; first_response_ms: number | null; satisfied: number | null };
}

export const atMostEvery = 2000, atLeastEvery = 60_000;

export class WallboardModel {
  readonly board: Signal<Wallboard | undefined> = signal<Wallboard | undefined>(undefined);
  /** What is shown may not be true any more. */
  readonly stale: Signal<boolean> = signal(false);
  /** How far the server's clock is ahead of ours. */
  ahead = 0;
  #loading = false;
  #wanted = false;
  #last = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  #unhook: () => void;

  constructor(private load: () => Promise<Wallboard>, private clock: Clock, heard: Read<unknown>) {
    this.#unhook = effect(() => {
      heard();
      this.#want();
    });
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#unhook();
  }

  #want(): void {
    this.#wanted = true;
    if (!this.#loading) this.#in(Math.max(0, this.#last + atMostEvery - this.clock.now()));
  }
  #in(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#run(), ms);
  }
  async #run(): Promise<void> {
    this.#loading = true;
    this.#wanted = false;
    this.#last = this.clock.now();
    let failed = false;
    try {
      const board = await this.load();
      this.ahead = board.now - this.clock.now();
      this.board.set(board);
    } catch {
      failed = true;
    }
    this.#loading = false;
    this.stale.set(failed);
    this.#in(failed || this.#wanted ? Math.max(0, this.#last + (failed ? 5000 : atMostEvery) - this.clock.now()) : atLeastEvery);
  }
}
