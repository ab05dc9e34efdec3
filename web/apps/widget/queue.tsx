/** The line under the conversation that says where one stands and how long it may take; or when the shop opens. */
import { qt } from "../../models/widget/queue-strings.ts";
import type { QueueAnswer } from "../../models/widget/api.ts";
import { askBy, QueueWatch } from "../../models/widget/queue.ts";
import type { WidgetModel } from "../../models/widget/widget.ts";
import { effect, onCleanup, signal } from "../../ui/signals.ts";

export function QueueLine({ model }: { model: WidgetModel }) {
  const shown = signal<QueueAnswer | undefined>(undefined);
  effect(() => {
    if (!model.watched()) return;
    const own = new QueueWatch(askBy(model.session));
    const copy = effect(() => shown.set(own.now()));
    void own.run();
    onCleanup(() => {
      own.stop();
      copy();
    });
  });
  const text = () => {
    const now = shown();
    if (!now || now.state !== "waiting") return undefined;
    if (now.hours && !now.hours.open) {
      const opens = now.hours.opens_at;
      return [qt().closed, opens === null ? "" : qt().opens(model.whenOpen(opens))];
    }
    const place = now.position ?? 1, seconds = now.wait_seconds;
    const time = seconds === null ? "" : seconds <= 60 ? qt().soon : qt().about(Math.round(seconds / 60));
    return [place <= 1 ? qt().first : qt().place(place), time];
  };
  return (
    <div class="queue" role="status">
      {() => {
        const lines = text();
        return lines ? lines.filter(Boolean).map((line) => <p>{line}</p>) : null;
      }}
    </div>
  );
}
