/**
 * A small store of values by key. `open` gives the best that the browser allows: IndexedDB keeps files too; without it
 * (private windows, blocked third-party storage) the page works on and forgets at its end.
 */
export interface KeyValue {
  /** False when what is stored is gone after a reload. */
  readonly lasting: boolean;
  get<T>(key: string): Promise<T | undefined>;
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  /** All values whose key begins with `prefix`, in the order of their keys. */
  list<T>(prefix: string): Promise<{ key: string; value: T }[]>;
}

export class MemoryStore implements KeyValue {
  readonly lasting = false;
  #values = new Map<string, unknown>();

  get<T>(key: string): Promise<T | undefined> {
    return Promise.resolve(this.#values.get(key) as T | undefined);
  }
  set(key: string, value: unknown): Promise<void> {
    this.#values.set(key, value);
    return Promise.resolve();
  }
  delete(key: string): Promise<void> {
    this.#values.delete(key);
    return Promise.resolve();
  }
  list<T>(prefix: string): Promise<{ key: string; value: T }[]> {
    const found = [...this.#values].filter(([k]) => k.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
    return Promise.resolve(found.map(([key, value]) => ({ key, value: value as T })));
  }
}

class IndexedStore implements KeyValue {
  readonly lasting = true;
  constructor(private db: IDBDatabase) {}

  #run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const tx = this.db.transaction("values", mode, { durability: "strict" });
      const request = work(tx.objectStore("values"));
      tx.oncomplete = () => resolve(request.result);
      tx.onerror = tx.onabort = () => reject(tx.error ?? request.error);
    });
  }

  get<T>(key: string): Promise<T | undefined> {
    return this.#run("readonly", (s) => s.get(key)) as Promise<T | undefined>;
  }
  async set(key: string, value: unknown): Promise<void> {
    await this.#run("readwrite", (s) => s.put(value, key));
  }
  async delete(key: string): Promise<void> {
    await this.#run("readwrite", (s) => s.delete(key));
  }
  async list<T>(prefix: string): Promise<{ key: string; value: T }[]> {
    const range = IDBKeyRange.bound(prefix, prefix + "\uffff");
    const keys = (await this.#run("readonly", (s) => s.getAllKeys(range))) as string[];
    const values = (await this.#run("readonly", (s) => s.getAll(range))) as T[];
    // A write between the two reads could shift them: read again one by one then.
    if (keys.length === values.length) return keys.map((key, i) => ({ key, value: values[i] as T }));
    const pairs = await Promise.all(keys.map(async (key) => ({ key, value: (await this.get<T>(key)) as T })));
    return pairs.filter((p) => p.value !== undefined);
  }
}

export function openStore(name: string): Promise<KeyValue> {
  return new Promise((resolve) => {
    const without = () => resolve(new MemoryStore());
    try {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore("values");
      request.onsuccess = () => resolve(new IndexedStore(request.result));
      request.onerror = request.onblocked = without;
    } catch {
      // indexedDB itself is refused here (blocked storage): the answer is the same.
      without();
    }
  });
}
