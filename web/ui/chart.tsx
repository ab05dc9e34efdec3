/**
 * Charts of our own: bars and lines as SVG, in the colours of the page. For eyes only: a table with the same numbers stands beside each, for everybody else
 * and for the keyboard.
 */
import { For } from "./jsx-runtime.ts";
import { onCleanup, type Read, signal } from "./signals.ts";

export interface ChartPart {
  name: string;
  /** What the tip says. */
  tip: string;
  /** One for each series; null: nothing was measured. */
  values: readonly (number | null)[];
}
export interface ChartSeries {
  name: string;
  kind: "bar" | "line" | "past";
}

/** What the pointer shows: a title of SVG, which is another element than that of HTML. */
function tip(text: string): Node {
  const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
  title.textContent = text;
  return title;
}

const height = 240, top = 12, bottom = 28, right = 8;

export function Chart(props: {
  label: () => string;
  series: readonly ChartSeries[];
  parts: Read<readonly ChartPart[]>;
  ticks: (lowest: number, highest: number) => number[];
  tickText: (value: number) => string;
  onPick?: (index: number) => void;
}) {
  const width = signal(720);
  const figure = (
    <figure class="chart">
      <figcaption>
        <For each={() => props.series} by={(s: ChartSeries) => s.name}>
          {(s) => (
            <span class={() => `key ${s().kind} s${props.series.indexOf(s())}`}>
              <i aria-hidden="true" />
              {() => s().name}
            </span>
          )}
        </For>
      </figcaption>
      {() => draw(width())}
    </figure>
  ) as HTMLElement;
  const watch = new ResizeObserver(([entry]) => entry && width.set(Math.max(280, Math.round(entry.contentRect.width))));
  watch.observe(figure);
  onCleanup(() => watch.disconnect());

  function draw(w: number) {
    const parts = props.parts();
    const all = parts.flatMap((p) => p.values.filter((v): v is number => v !== null));
    const stacked = parts.map((p) => props.series.reduce((sum, s, i) => s.kind === "bar" ? sum + (p.values[i] ?? 0) : sum, 0));
    const marks = props.ticks(Math.min(0, ...all), Math.max(0, ...all, ...stacked));
    const low = marks[0] ?? 0, high = marks[marks.length - 1] ?? 1;
    const left = 16 + 7 * Math.max(...marks.map((m) => props.tickText(m).length));
    const y = (v: number) => top + (height - top - bottom) * (1 - (v - low) / (high - low || 1));
    const slot = (w - left - right) / Math.max(1, parts.length);
    const x = (i: number) => left + slot * (i + 0.5);
    const every = Math.max(1, Math.ceil(parts.length / Math.max(2, Math.floor((w - left) / 84))));
    return (
      <svg viewBox={`0 0 ${w} ${height}`} width={w} height={height} role="img" aria-label={props.label()}>
        {marks.map((m) => [
          <line class="grid" x1={left} x2={w - right} y1={y(m)} y2={y(m)} />,
          <text class="tick" x={left - 8} y={y(m) + 4} text-anchor="end">{props.tickText(m)}</text>,
        ])}
        {parts.map((p, i) =>
          i % every === 0
            ? (
              <text
                class="tick"
                x={x(i)}
                y={height - 8}
                text-anchor={slot < 60 && i === 0 ? "start" : slot < 60 && x(i) > w - 40 ? "end" : "middle"}
              >
                {p.name}
              </text>
            )
            : null
        )}
        {props.series.map((s, n) =>
          s.kind === "bar" ? null : <path class={`${s.kind} s${n}`} d={line(parts.map((p) => p.values[n] ?? null))} />
        )}
        {parts.map((p, i) => {
          let base = 0;
          return props.series.map((s, n) => {
            const value = p.values[n];
            if (s.kind !== "bar" || value === null || value === undefined || value === 0) return null;
            const from = y(base), to = y(base += value), thick = Math.max(1, Math.min(40, slot * 0.68));
            return (
              <rect
                class={`bar s${n}`}
                x={x(i) - thick / 2}
                width={thick}
                y={Math.min(from, to)}
                height={Math.max(1, Math.abs(from - to))}
              />
            );
          });
        })}
        {parts.length <= 62
          ? parts.map((p, i) =>
            props.series.map((s, n) => {
              const value = p.values[n];
              return s.kind === "line" && value !== null && value !== undefined
                ? <circle class={`dot s${n}`} cx={x(i)} cy={y(value)} r="3" />
                : null;
            })
          )
          : null}
        {parts.map((p, i) => (
          <rect
            class={props.onPick ? "pick" : "pick still"}
            x={left + slot * i}
            width={slot}
            y={top}
            height={height - top - bottom}
            onClick={() => props.onPick?.(i)}
          >
            {tip(p.tip)}
          </rect>
        ))}
      </svg>
    );

    /** Gaps where nothing was measured. */
    function line(values: readonly (number | null)[]): string {
      let d = "", isDown = false;
      values.forEach((v, i) => {
        if (v === null) isDown = false;
        else {
          d += `${isDown ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
          // A point of its own shows as a dot of the line's width.
          if (!isDown && (values[i + 1] ?? null) === null) d += "h0.1";
          isDown = true;
        }
      });
      return d;
    }
  }
  return figure;
}
