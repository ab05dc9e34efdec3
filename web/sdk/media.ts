/** Pictures and files: upload with progress, download with the token, sizes of pictures. */
import { ApiError, type Http, NetworkError } from "./http.ts";
import { aborted } from "./ports.ts";

/** XMLHttpRequest, since fetch does not tell how much of an upload has gone. */
export type Uploader = (
  request: { url: string; token: string | undefined; body: Blob; type: string; signal?: AbortSignal | undefined },
  progress: (sent: number, total: number) => void,
) => Promise<{ status: number; body: string }>;

export const xhrUploader: Uploader = (request, progress) =>
  new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", request.url);
    if (request.token) xhr.setRequestHeader("authorization", `Bearer ${request.token}`);
    xhr.setRequestHeader("content-type", request.type);
    xhr.upload.onprogress = (e) => progress(e.loaded, e.lengthComputable ? e.total : request.body.size);
    xhr.onload = () => resolve({ status: xhr.status, body: xhr.responseText });
    xhr.onerror = () => reject(new NetworkError("the upload was cut"));
    xhr.ontimeout = () => reject(new NetworkError("no answer in time"));
    xhr.onabort = () => reject(aborted());
    request.signal?.addEventListener("abort", () => xhr.abort(), { once: true });
    xhr.send(request.body);
  });

export async function upload(
  http: Http,
  file: Blob,
  name: string,
  options: { uploader?: Uploader; progress?: (part: number) => void; signal?: AbortSignal | undefined } = {},
): Promise<string> {
  const url = http.url("/_matrix/media/v3/upload", { filename: name });
  const type = file.type || "application/octet-stream";
  const answer = await (options.uploader ?? xhrUploader)(
    { url, token: http.token(), body: file, type, signal: options.signal },
    (sent, total) => options.progress?.(total > 0 ? sent / total : 0),
  );
  let body: Record<string, unknown> = {};
  try {
    body = JSON.parse(answer.body);
  } catch {
    if (answer.status < 300) throw new NetworkError("the answer is not JSON");
  }
  if (answer.status >= 300) {
    const after = typeof body.retry_after_ms === "number" ? body.retry_after_ms : undefined;
    throw new ApiError(answer.status, String(body.errcode ?? `HTTP_${answer.status}`), String(body.error ?? ""), after, body);
  }
  return String(body.content_uri);
}

/** The path of an `mxc:` address, or of its thumbnail; undefined when it is none. */
export function mediaPath(mxc: string, thumbnail?: { width: number; height: number; method?: "scale" | "crop" }): string | undefined {
  const parts = /^mxc:\/\/([^/]+)\/([A-Za-z0-9_-]+)$/.exec(mxc);
  if (!parts?.[1] || !parts[2]) return undefined;
  const id = `${encodeURIComponent(parts[1])}/${parts[2]}`;
  if (!thumbnail) return `/_matrix/client/v1/media/download/${id}`;
  const { width, height, method } = thumbnail;
  return `/_matrix/client/v1/media/thumbnail/${id}?width=${width}&height=${height}&method=${method ?? "scale"}`;
}

/** Downloads by `mxc:` address, each once; the addresses it gives are `blob:` ones, for `src`. */
export class MediaCache {
  #urls = new Map<string, Promise<string>>();
  constructor(private http: Http) {}

  url(mxc: string, thumbnail?: { width: number; height: number; method?: "scale" | "crop" }): Promise<string> {
    const path = mediaPath(mxc, thumbnail);
    if (!path) return Promise.reject(new Error(`not an mxc address: ${mxc}`));
    let found = this.#urls.get(path);
    if (!found) {
      found = this.http.blob(path).then((blob) => URL.createObjectURL(safe(blob)));
      // A failure is not kept: the next view tries again.
      found.catch(() => this.#urls.delete(path));
      this.#urls.set(path, found);
    }
    return found;
  }

  clear(): void {
    for (const url of this.#urls.values()) url.then((u) => URL.revokeObjectURL(u), () => undefined);
    this.#urls.clear();
  }
}

const shown = /^(image\/(png|jpeg|gif|webp|avif|apng|bmp)|audio\/|video\/|application\/pdf|text\/plain)/;

/** What a browser could run (HTML, SVG) becomes plain bytes. */
function safe(blob: Blob): Blob {
  return shown.test(blob.type) ? blob : blob.slice(0, blob.size, "application/octet-stream");
}

export async function imageSize(file: Blob): Promise<{ w: number; h: number } | undefined> {
  if (!file.type.startsWith("image/")) return undefined;
  try {
    const bitmap = await createImageBitmap(file);
    const size = { w: bitmap.width, h: bitmap.height };
    bitmap.close();
    return size;
  } catch {
    // Not a picture that this browser knows: it goes as a file.
    return undefined;
  }
}
