/** How many fit a filter, as one chooses. */
import { effect, onCleanup, signal } from "../../ui/signals.ts";

/** `ask` gives undefined where nobody needs to be asked; what is wrong with a filter is said when it is saved or applied. */
export function Fitting<F>(props: {
  filter: () => F;
  ask: (filter: F, signal: AbortSignal) => Promise<number | undefined> | undefined;
  text: (count: number) => string;
}) {
  const count = signal<number | undefined>(undefined);
  let timer: ReturnType<typeof setTimeout> | undefined, asking: AbortController | undefined;
  effect(() => {
    const filter = props.filter();
    clearTimeout(timer);
    timer = setTimeout(async () => {
      asking?.abort();
      const run = asking = new AbortController();
      let found: number | undefined;
      try {
        found = await props.ask(filter, run.signal);
      } catch {
        found = undefined;
      }
      if (!run.signal.aborted) count.set(found);
    }, 200);
  });
  onCleanup(() => {
    clearTimeout(timer);
    asking?.abort();
  });
  return (
    <p class="fitting" role="status">
      {() => {
        const n = count();
        return n === undefined ? "" : props.text(n);
      }}
    </p>
  );
}
