/** What stands under the conversation: where one stands in the queue, or the question how it was. */
import { askedBy, SurveyModel } from "../../models/widget/survey.ts";
import { st } from "../../models/widget/survey-strings.ts";
import type { WidgetModel } from "../../models/widget/widget.ts";
import { Button } from "../../ui/basics.tsx";
import { Show } from "../../ui/jsx-runtime.ts";
import { computed } from "../../ui/signals.ts";
import { QueueLine } from "./queue.tsx";

export function Under({ model }: { model: WidgetModel }) {
  const unanswered = computed(() => {
    const last = model.rows().findLast((r) => r.kind === "message");
    return last?.kind === "message" && last.mine;
  });
  const asked = computed(() => askedBy(model.rows()));
  return (
    <>
      <Show when={unanswered}>{() => <QueueLine model={model} />}</Show>
      {() => {
        const id = asked();
        return id === undefined ? null : <Survey model={new SurveyModel(model.session, id)} />;
      }}
    </>
  );
}

const faces = ["😞", "🙁", "😐", "🙂", "😀"];

function Survey({ model }: { model: SurveyModel }) {
  void model.load();
  let first: HTMLInputElement | undefined;
  const isOpen = computed(() => model.now() !== undefined);
  const given = computed(() => model.score() === undefined && model.now()?.score !== null);
  return (
    <Show when={isOpen}>
      {() => (
        <form
          class="survey"
          aria-label={() => st().rating}
          onSubmit={(e) => {
            e.preventDefault();
            void model.send();
          }}
        >
          <Show
            when={given}
            fallback={() => (
              <Show when={() => model.now()?.open}>
                {() => [
                  <Scale model={model} first={(el) => first ??= el} />,
                  <Show when={() => model.score() !== undefined}>
                    {() => [
                      <textarea
                        class="input"
                        rows={2}
                        maxLength={2000}
                        aria-label={() => st().comment}
                        placeholder={() => st().comment}
                        value={model.comment}
                        ref={(el) => requestAnimationFrame(() => el.closest("form")?.scrollIntoView({ block: "end" }))}
                        onInput={(e) => model.comment.set(e.currentTarget.value)}
                      />,
                      <Button kind="primary" type="submit" disabled={model.busy}>{() => st().send}</Button>,
                    ]}
                  </Show>,
                ]}
              </Show>
            )}
          >
            {() => (
              <p class="given" role="status">
                <span class="mark" aria-hidden="true">{() => shown(model)}</span>
                <span class="vh">{() => named(model, model.now()?.score ?? 0)}</span>
                <span>{() => st().thanks}</span>
                <Show when={() => model.now()?.open}>
                  {() => (
                    <Button
                      small
                      kind="ghost"
                      onClick={() => {
                        model.choose(model.now.peek()?.score ?? 1);
                        queueMicrotask(() => first?.focus());
                      }}
                    >
                      {() => st().change}
                    </Button>
                  )}
                </Show>
              </p>
            )}
          </Show>
          {() => {
            const why = model.failed();
            return why ? <p class="wrong" role="alert">{st()[why]}</p> : null;
          }}
        </form>
      )}
    </Show>
  );
}

function shown(model: SurveyModel): string {
  const now = model.now(), score = now?.score ?? 0;
  if (now?.scale === "faces") return faces[score - 1] ?? "";
  return now?.scale === "stars" ? "★".repeat(score) + "☆".repeat(5 - score) : `${score}/10`;
}

function named(model: SurveyModel, score: number): string {
  switch (model.now()?.scale) {
    case "faces":
      return st()[`face${score}` as "face1"];
    case "stars":
      return st().starsOf(score);
    default:
      return st().outOf(score);
  }
}

/** Radio buttons: arrows choose, as everywhere. */
function Scale({ model, first }: { model: SurveyModel; first: (el: HTMLInputElement) => void }) {
  const now = model.now.peek();
  if (!now) return <span />;
  const scores = Array.from({ length: now.max - now.min + 1 }, (_, i) => now.min + i);
  const name = `survey-${now.id}`;
  return (
    <fieldset class={`scale ${now.scale}`}>
      <legend class="vh">{() => st().rating}</legend>
      <div class="marks">
        {scores.map((score) => (
          <label
            class={() => (now.scale === "stars" && score <= (model.score() ?? 0) ? "lit" : "")}
            title={() => named(model, score)}
          >
            <input
              type="radio"
              class="vh"
              name={name}
              value={String(score)}
              checked={() => model.score() === score}
              ref={(el) => score === (model.score.peek() ?? now.min) && first(el)}
              onChange={() => model.choose(score)}
            />
            <span aria-hidden="true">{now.scale === "faces" ? faces[score - 1] : now.scale === "stars" ? "★" : String(score)}</span>
            <span class="vh">{() => named(model, score)}</span>
          </label>
        ))}
      </div>
      {now.scale === "nps"
        ? (
          <p class="ends" aria-hidden="true">
            <span>{() => st().least}</span>
            <span>{() => st().most}</span>
          </p>
        )
        : null}
    </fieldset>
  );
}
