/**
 * Signals: values that views follow.
 *
 * Invariants: an effect never sees a half-updated state (writes mark first, effects run after); a computed value runs at
 * most once per change and only when somebody reads it; what an effect or root created is disposed with it.
 * Never touches the DOM.
 */
export interface Read<T> {
  (): T;
  /** The value, without following it. */
  peek(): T;
}

export interface Signal<T> extends Read<T> {
  set(value: T): void;
  update(change: (value: T) => T): void;
}

type Cleanup = () => void;
type Equals<T> = (a: T, b: T) => boolean;

const CLEAN = 0, CHECK = 1, DIRTY = 2;
type State = 0 | 1 | 2;

let listener: Cell<unknown> | undefined;
let scope: Cleanup[] | undefined;
let depth = 0;
let queue: Cell<unknown>[] = [];

class Cell<T> {
  observers = new Set<Cell<unknown>>();
  sources = new Set<Cell<unknown>>();
  cleanups: Cleanup[] = [];
  state: State = DIRTY;
  gone = false;
  #ran = false;

  constructor(
    public value: T,
    private compute: (() => T) | undefined,
    private effect: boolean,
    private equals: Equals<T>,
  ) {
    if (!compute) this.state = CLEAN;
    else scope?.push(() => this.dispose());
  }

  read(): T {
    // Refreshed before the reader is known: its own read is no news to it.
    this.refresh();
    if (listener && !listener.gone) {
      this.observers.add(listener);
      listener.sources.add(this as Cell<unknown>);
    }
    return this.value;
  }

  write(value: T): void {
    if (this.equals(this.value, value)) return;
    this.value = value;
    for (const o of this.observers) o.mark(DIRTY);
    if (depth === 0) flush();
  }

  mark(state: State): void {
    if (this.state >= state) return;
    const was = this.state;
    this.state = state;
    if (was !== CLEAN) return;
    if (this.effect) queue.push(this as Cell<unknown>);
    for (const o of this.observers) o.mark(CHECK);
  }

  refresh(): void {
    if (this.gone || this.state === CLEAN) return;
    if (this.state === CHECK) {
      for (const source of this.sources) {
        source.refresh();
        if ((this.state as State) === DIRTY) break;
      }
    }
    const stale = this.state === DIRTY;
    // Before the run: what it changes itself may mark it again.
    this.state = CLEAN;
    if (!stale) return;
    try {
      this.#run();
    } catch (error) {
      this.state = DIRTY;
      throw error;
    }
  }

  #run(): void {
    this.#release();
    const compute = this.compute;
    if (!compute) return;
    const [beforeListener, beforeScope] = [listener, scope];
    listener = this as Cell<unknown>;
    scope = this.cleanups;
    try {
      const value = compute();
      // Before the first run there is no value to compare with.
      if (this.effect || (this.#ran && this.equals(this.value, value))) return;
      this.#ran = true;
      this.value = value;
      for (const o of this.observers) o.state = DIRTY;
    } finally {
      listener = beforeListener;
      scope = beforeScope;
    }
  }

  #release(): void {
    const cleanups = this.cleanups.splice(0);
    for (let i = cleanups.length - 1; i >= 0; i--) cleanups[i]?.();
    for (const s of this.sources) s.observers.delete(this as Cell<unknown>);
    this.sources.clear();
  }

  dispose(): void {
    if (this.gone) return;
    this.gone = true;
    this.#release();
  }
}

function flush(): void {
  let rounds = 0;
  let failure: { error: unknown } | undefined;
  depth++;
  try {
    while (queue.length > 0) {
      if (++rounds > 100) {
        queue = [];
        throw new Error("signals: an effect keeps changing what it follows");
      }
      const now = queue;
      queue = [];
      for (const cell of now) {
        try {
          cell.refresh();
        } catch (error) {
          cell.state = CLEAN;
          failure ??= { error };
        }
      }
    }
  } finally {
    depth--;
  }
  if (failure) throw failure.error;
}

function reader<T>(cell: Cell<T>): Read<T> {
  const read = (() => cell.read()) as Read<T>;
  read.peek = () => {
    cell.refresh();
    return cell.value;
  };
  return read;
}

/** A value that can be set. */
export function signal<T>(value: T, equals: Equals<T> = Object.is): Signal<T> {
  const cell = new Cell<T>(value, undefined, false, equals);
  const s = reader(cell) as Signal<T>;
  s.set = (v) => cell.write(v);
  s.update = (change) => cell.write(change(cell.value));
  return s;
}

/** A value made from others; computed when read, kept until one of them changes. */
export function computed<T>(compute: () => T, equals: Equals<T> = Object.is): Read<T> {
  return reader(new Cell<T>(undefined as T, compute, false, equals));
}

/** Runs now, and again after each change of what it read. Returns its end. */
export function effect(run: () => void): Cleanup {
  const cell = new Cell<void>(undefined, run, true, Object.is);
  depth++;
  try {
    cell.refresh();
  } finally {
    depth--;
  }
  if (depth === 0) flush();
  return () => cell.dispose();
}

/** Several writes, then the effects once. */
export function batch<T>(run: () => T): T {
  depth++;
  try {
    return run();
  } finally {
    depth--;
    if (depth === 0) flush();
  }
}

/** Reads without following. */
export function untrack<T>(run: () => T): T {
  const before = listener;
  listener = undefined;
  try {
    return run();
  } finally {
    listener = before;
  }
}

/** Runs when the effect or root around it ends or runs again. */
export function onCleanup(run: Cleanup): void {
  scope?.push(run);
}

/** A scope of its own: everything made inside lives until `dispose`. */
export function root<T>(run: (dispose: Cleanup) => T): T {
  const cleanups: Cleanup[] = [];
  const [beforeListener, beforeScope] = [listener, scope];
  listener = undefined;
  scope = cleanups;
  try {
    return run(() => {
      const all = cleanups.splice(0);
      for (let i = all.length - 1; i >= 0; i--) all[i]?.();
    });
  } finally {
    listener = beforeListener;
    scope = beforeScope;
  }
}
