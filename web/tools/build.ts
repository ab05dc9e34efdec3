/**
 * Builds `dist/`: one script and one style sheet an app under names that carry their hash, the pages that load them, the
 * widget's loader, a compressed copy of each beside it, and `manifest.json`. Fails when a size budget is passed.
 *
 * An app is a folder `apps/NAME` with `main.tsx` and `index.html`; `{{js}}` and `{{css}}` in the page become its addresses.
 */
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const web = new URL("..", import.meta.url).pathname;
const out = `${web}dist`;
const development = Deno.args.includes("--dev");

/** Most bytes, after gzip, of all that a browser fetches for it. */
const budgets: Record<string, number> = { "loader": 5 * 1024, "widget": 30 * 1024 };

interface Manifest {
  /** Address -> file; sent with `cache-control: no-cache`. */
  pages: Record<string, string>;
  /** Logical name -> file under `assets/`; immutable. */
  assets: Record<string, string>;
}

async function bundle(entry: string, into: string, format: "esm" | "iife"): Promise<void> {
  const run = new Deno.Command("esbuild", {
    cwd: web,
    args: [
      entry,
      "--bundle",
      `--outfile=${into}`,
      `--format=${format}`,
      "--target=es2022,chrome114,firefox115,safari16",
      "--jsx=automatic",
      "--jsx-import-source=@ui",
      `--alias:@ui/jsx-runtime=${web}ui/jsx-runtime.ts`,
      "--loader:.svg=dataurl",
      "--charset=utf8",
      "--legal-comments=none",
      "--log-level=warning",
      "--define:DEVELOPMENT=" + development,
      ...(development ? ["--sourcemap=inline"] : ["--minify"]),
    ],
    stdout: "inherit",
    stderr: "inherit",
  });
  if (!(await run.output()).success) throw new Error(`esbuild could not bundle ${entry}`);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function hash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.slice(0, 6), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** Writes a file with its compressed copies; answers its size after gzip. */
async function put(name: string, bytes: Uint8Array): Promise<number> {
  const path = `${stage}/${name}`;
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeFile(path, bytes);
  const gz = gzipSync(bytes, { level: 9 });
  await Deno.writeFile(`${path}.gz`, gz);
  await Deno.writeFile(`${path}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  return gz.length;
}

const stage = await Deno.makeTempDir({ dir: web, prefix: ".dist-" });
const manifest: Manifest = { pages: {}, assets: {} };
const sizes: { name: string; gzip: number }[] = [];
let ok = true;
try {
  const scratch = `${stage}/.scratch`;
  for (const entry of [...Deno.readDirSync(`${web}apps`)].sort((a, b) => a.name < b.name ? -1 : 1)) {
    const app = entry.name, folder = `${web}apps/${app}`;
    if (!entry.isDirectory || !(await exists(`${folder}/main.tsx`))) continue;
    await bundle(`apps/${app}/main.tsx`, `${scratch}/${app}.js`, "esm");
    let page = await Deno.readTextFile(`${folder}/index.html`);
    let total = 0;
    for (const kind of ["js", "css"]) {
      const built = `${scratch}/${app}.${kind}`;
      if (!(await exists(built))) continue;
      const bytes = await Deno.readFile(built);
      const name = `assets/${app}-${await hash(bytes)}.${kind}`;
      total += await put(name, bytes);
      manifest.assets[`${app}.${kind}`] = name;
      page = page.replaceAll(`{{${kind}}}`, `/${name}`);
    }
    if (page.includes("{{")) throw new Error(`apps/${app}/index.html asks for something that was not built`);
    const [address, file] = app === "start" ? ["/", "index.html"] : app === "messenger" ? ["/app", "app.html"] : [`/${app}`, `${app}.html`];
    total += await put(file, new TextEncoder().encode(page));
    manifest.pages[address] = file;
    if (app === "widget") manifest.pages["/widget/"] = file;
    sizes.push({ name: app, gzip: total });
  }
  if (await exists(`${web}apps/widget/loader.ts`)) {
    await bundle("apps/widget/loader.ts", `${scratch}/loader.js`, "iife");
    sizes.push({ name: "loader", gzip: await put("widget.js", await Deno.readFile(`${scratch}/loader.js`)) });
    manifest.pages["/widget.js"] = "widget.js";
  }
  await Deno.remove(scratch, { recursive: true }).catch(() => undefined);
  await Deno.writeTextFile(`${stage}/manifest.json`, JSON.stringify(manifest, null, 2) + "\n");
  for (const { name, gzip } of sizes) {
    const budget = budgets[name];
    const over = budget !== undefined && gzip > budget && !development;
    if (over) ok = false;
    const of = budget === undefined ? "" : ` of ${budget}`;
    await say(`${name.padEnd(12)} ${String(gzip).padStart(7)}${of} bytes gzip${over ? "  TOO LARGE" : ""}`);
  }
  if (ok) {
    await Deno.chmod(stage, 0o755);
    await Deno.remove(out, { recursive: true }).catch(() => undefined);
    await Deno.rename(stage, out);
  }
} finally {
  await Deno.remove(stage, { recursive: true }).catch(() => undefined);
}
if (!ok) Deno.exit(1);

async function say(line: string): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(line + "\n"));
}
