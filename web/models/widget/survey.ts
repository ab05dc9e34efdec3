/** The question how it was: what it asks, and the customer's answer. No document here. */
import { type Signal, signal } from "../../ui/signals.ts";
import type { Row } from "./rows.ts";
import type { VisitorSession } from "./session.ts";

export interface SurveyAnswer {
  id: string;
  event_id: string | null;
  scale: "faces" | "stars" | "nps";
  min: number;
  max: number;
  score: number | null;
  comment: string | null;
  /** It may still be answered, or changed. */
  open: boolean;
  until: number;
}

const path = "/_comptoir/widget/v1/rating";

/** The survey that the last message asks for; none once somebody has written something else. */
export function askedBy(rows: readonly Row[]): string | undefined {
  const last = rows.findLast((r) => r.kind === "message");
  const asked = last?.kind === "message" && !last.mine ? last.item.content["comptoir.survey"] as { id?: unknown } | undefined : undefined;
  return typeof asked?.id === "string" ? asked.id : undefined;
}

export class SurveyModel {
  readonly now: Signal<SurveyAnswer | undefined> = signal<SurveyAnswer | undefined>(undefined);
  /** What is chosen and not sent yet. */
  readonly score: Signal<number | undefined> = signal<number | undefined>(undefined);
  readonly comment: Signal<string> = signal("");
  readonly busy: Signal<boolean> = signal(false);
  readonly failed: Signal<"failed" | "over" | undefined> = signal<"failed" | "over" | undefined>(undefined);

  constructor(private session: VisitorSession, readonly id: string) {}

  async load(): Promise<void> {
    try {
      const { survey } = await this.session.http.get<{ survey: SurveyAnswer | null }>(path, { tries: 3 });
      if (survey?.id !== this.id) return;
      this.now.set(survey);
      this.comment.set(survey.comment ?? "");
    } catch {
      // Not shown: the message itself can be answered with a number.
    }
  }

  choose(score: number): void {
    this.failed.set(undefined);
    this.score.set(score);
  }

  /** Safe to repeat: the same answer twice is one. */
  async send(): Promise<boolean> {
    const score = this.score.peek();
    if (score === undefined || this.busy.peek()) return false;
    this.busy.set(true);
    this.failed.set(undefined);
    try {
      const body = { survey: this.id, score, comment: this.comment.peek().trim() || null };
      const { survey } = await this.session.http.put<{ survey: SurveyAnswer }>(path, body, { tries: 3 });
      this.now.set(survey);
      this.score.set(undefined);
      return true;
    } catch (error) {
      this.failed.set((error as { status?: number }).status === 409 ? "over" : "failed");
      return false;
    } finally {
      this.busy.set(false);
    }
  }
}
