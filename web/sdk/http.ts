/**
 * JSON over HTTP: time limits, typed errors, and tries again where that is safe (GET, PUT, DELETE; 429 and a broken
 * network for all that the caller calls repeatable). Never keeps a token: it asks for it before each request.
 */
import { aborted, backoff, type Clock, isAbort, systemClock } from "./ports.ts";

/** The server answered, and said no. */
export class ApiError extends Error {
  override name = "ApiError";
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfterMs: number | undefined,
    readonly body: Record<string, unknown>,
  ) {
    super(message);
  }
  /** Worth another try later: overload, restart, too fast. */
  get passing(): boolean {
    return this.status === 429 || this.status === 408 || this.status >= 500;
  }
}

/** No answer: no network, no server, or none in time. */
export class NetworkError extends Error {
  override name = "NetworkError";
}

/** True for what goes away by itself: the caller keeps its work and tries later. */
export function isPassing(error: unknown): boolean {
  return error instanceof NetworkError || (error instanceof ApiError && error.passing);
}

export interface RequestOptions {
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  /** Bytes to send as they are, under their own type. */
  raw?: Blob;
  /** Time limit of one try. */
  timeoutMs?: number;
  /** Tries in all. */
  tries?: number;
  signal?: AbortSignal | undefined;
  headers?: Record<string, string>;
  /** False: send no token. */
  auth?: boolean;
}

export interface HttpSettings {
  baseUrl: string;
  token?: () => string | undefined;
  /** Sent with every request, such as the language of the answers' texts. */
  headers?: () => Record<string, string>;
  /** A token was refused; true when there is a new one and the request should go again. */
  onUnauthorized?: (error: ApiError) => Promise<boolean>;
  fetch?: typeof fetch;
  clock?: Clock;
}

export type Method = "GET" | "PUT" | "POST" | "DELETE" | "PATCH";

export class Http {
  readonly baseUrl: string;
  #clock: Clock;
  #fetch: typeof fetch;

  constructor(private settings: HttpSettings) {
    this.baseUrl = settings.baseUrl.replace(/\/+$/, "");
    this.#clock = settings.clock ?? systemClock;
    this.#fetch = settings.fetch ?? ((input, init) => fetch(input, init));
  }

  token(): string | undefined {
    return this.settings.token?.();
  }

  url(path: string, query: RequestOptions["query"] = {}): string {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
    const tail = search.toString();
    return this.baseUrl + path + (tail ? `?${tail}` : "");
  }

  get<T>(path: string, options?: RequestOptions): Promise<T> {
    return this.request<T>("GET", path, options);
  }
  post<T>(path: string, body: unknown = {}, options?: RequestOptions): Promise<T> {
    return this.request<T>("POST", path, { ...options, body });
  }
  put<T>(path: string, body: unknown = {}, options?: RequestOptions): Promise<T> {
    return this.request<T>("PUT", path, { ...options, body });
  }
  delete<T>(path: string, options?: RequestOptions): Promise<T> {
    return this.request<T>("DELETE", path, options);
  }

  async request<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
    const tries = options.tries ?? (method === "POST" || method === "PATCH" ? 1 : 3);
    let renewed = false;
    for (let attempt = 0;; attempt++) {
      try {
        const response = await this.#once(method, path, options);
        return (await readJson(response)) as T;
      } catch (error) {
        if (isAbort(error)) throw error;
        if (error instanceof ApiError && error.status === 401 && !renewed && options.auth !== false) {
          renewed = true;
          if (await this.settings.onUnauthorized?.(error)) continue;
          throw error;
        }
        if (!isPassing(error) || attempt + 1 >= tries) throw error;
        const wait = error instanceof ApiError ? error.retryAfterMs : undefined;
        await this.#clock.sleep(Math.min(wait ?? backoff(attempt, 500), 60_000), options.signal);
      }
    }
  }

  /** The bytes of an address, with the token. */
  async blob(path: string, options: RequestOptions = {}): Promise<Blob> {
    const response = await this.#once("GET", path, { timeoutMs: 120_000, ...options });
    return await response.blob();
  }

  /** One answer whose body the caller reads as it comes (streams). */
  async stream(path: string, options: RequestOptions = {}): Promise<Response> {
    try {
      return await this.#once("GET", path, options, true);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401 || !(await this.settings.onUnauthorized?.(error))) throw error;
      return await this.#once("GET", path, options, true);
    }
  }

  async #once(method: Method, path: string, options: RequestOptions, streaming = false): Promise<Response> {
    const outer = options.signal;
    if (outer?.aborted) throw aborted();
    const cut = new AbortController();
    const onAbort = () => cut.abort();
    outer?.addEventListener("abort", onAbort, { once: true });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      cut.abort();
    }, options.timeoutMs ?? 20_000);
    const headers: Record<string, string> = { accept: "application/json", ...this.settings.headers?.(), ...options.headers };
    const bearer = options.auth === false ? undefined : this.settings.token?.();
    if (bearer) headers.authorization = `Bearer ${bearer}`;
    const init: RequestInit = {
      method,
      headers,
      signal: cut.signal,
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
    };
    if (options.raw) {
      headers["content-type"] = options.raw.type || "application/octet-stream";
      init.body = options.raw;
    } else if (options.body !== undefined) {
      headers["content-type"] = "application/json";
      init.body = JSON.stringify(options.body);
    }
    try {
      const response = await this.#fetch(this.url(path, options.query), init);
      if (!response.ok) throw await errorOf(response);
      if (streaming) return response;
      // The body is part of the answer: it must come within the same time limit.
      const bytes = await response.arrayBuffer();
      return new Response(response.status === 204 ? null : bytes, { status: response.status, headers: response.headers });
    } catch (error) {
      if (error instanceof ApiError) throw error;
      if (outer?.aborted) throw aborted();
      throw new NetworkError(late ? "no answer in time" : String(error));
    } finally {
      clearTimeout(timer);
      if (!streaming) outer?.removeEventListener("abort", onAbort);
    }
  }
}

async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // A proxy's page instead of our server's answer: as good as none.
    throw new NetworkError("the answer is not JSON");
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(await response.text());
    if (parsed && typeof parsed === "object") body = parsed as Record<string, unknown>;
  } catch {
    // Not ours (a proxy's page): the status says enough.
  }
  const header = Number(response.headers.get("retry-after"));
  const after = typeof body.retry_after_ms === "number" ? body.retry_after_ms : header > 0 ? header * 1000 : undefined;
  const code = String(body.errcode ?? body.code ?? body.type ?? `HTTP_${response.status}`);
  const message = String(body.error ?? body.detail ?? body.title ?? response.statusText);
  return new ApiError(response.status, code, message, after, body);
}
