/**
 * Builds `dist/`: one script and one style sheet an app under names that carry their hash, the pages that load them, the
 * widget's loader, a compressed copy of each beside it, and `manifest.json`. Fails when a size budget is passed.
 *
 * An app is a folder `apps/NAME` with `main.tsx` and `index.html`; `{{js}}` and `{{css}}` in the page become its addresses,
 * `{{more}}` that of `more.css`, styles that its script loads when they are wanted.
 */
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const web = new URL("..", import.meta.url).pathname;
const out = `${web}dist`;
const development = Deno.args.includes("--dev");

/** Most bytes, after gzip, of all that a browser fetches before the app runs; what is imported on demand comes on top (`+`). */
const budgets: Record<string, number> = { "loader": 5 * 1024, "widget": 30 * 1024 };

interface Manifest {
  /** Address -> file; sent with `cache-control: no-cache`. */
  pages: Record<string, string>;
  /** Logical name -> file under `assets/`; immutable. */
  assets: Record<string, string>;
}

interface Output {
  bytes: number;
  entryPoint?: string;
  cssBundle?: string;
  imports: { path: string; kind: string }[];
}

/** Bundles one entry into `scratch`; answers esbuild's account of what it wrote. */
async function bundle(entry: string, name: string, format: "esm" | "iife"): Promise<Record<string, Output>> {
  const meta = `${scratch}/${name}.json`;
  const run = new Deno.Command("esbuild", {
    cwd: web,
    args: [
      entry,
      "--bundle",
      `--outdir=${scratch}`,
      `--metafile=${meta}`,
      `--entry-names=${name}-[hash]`,
      `--chunk-names=${name}-[name]-[hash]`,
      `--format=${format}`,
      ...(format === "esm" ? ["--splitting"] : []),
      "--target=es2022,chrome114,firefox115,safari16",
      "--jsx=automatic",
      "--jsx-import-source=@ui",
      `--alias:@ui/jsx-runtime=${web}ui/jsx-runtime.ts`,
      "--loader:.svg=dataurl",
      "--charset=utf8",
      "--legal-comments=none",
      "--log-level=warning",
      ...(development ? ["--sourcemap=inline"] : ["--minify"]),
    ],
    stdout: "inherit",
    stderr: "inherit",
  });
  if (!(await run.output()).success) throw new Error(`esbuild could not bundle ${entry}`);
  const account = JSON.parse(await Deno.readTextFile(meta)) as { outputs: Record<string, Output> };
  await Deno.remove(meta);
  return Object.fromEntries(Object.entries(account.outputs).map(([path, output]) => [base(path), output]));
}

function base(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The scripts that a page needs at once: its entry and all that this imports by name, not by `import()`. */
function needed(outputs: Record<string, Output>, entry: string): string[] {
  const found = new Set<string>();
  const visit = (name: string) => {
    if (found.has(name)) return;
    found.add(name);
    for (const i of outputs[name]?.imports ?? []) if (i.kind === "import-statement") visit(base(i.path));
  };
  visit(entry);
  return [...found];
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
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
const scratch = `${stage}/.scratch`;
const manifest: Manifest = { pages: {}, assets: {} };
const sizes: { name: string; gzip: number }[] = [];
let ok = true;
try {
  await Deno.mkdir(scratch);
  for (const entry of [...Deno.readDirSync(`${web}apps`)].sort((a, b) => a.name < b.name ? -1 : 1)) {
    const app = entry.name, folder = `${web}apps/${app}`;
    if (!entry.isDirectory || !(await exists(`${folder}/main.tsx`))) continue;
    const outputs = await bundle(`apps/${app}/main.tsx`, app, "esm");
    const main = Object.keys(outputs).find((name) => outputs[name]?.entryPoint === `apps/${app}/main.tsx`);
    if (!main) throw new Error(`apps/${app} has no script`);
    const css = base(outputs[main]?.cssBundle ?? Object.keys(outputs).find((name) => name.endsWith(".css")) ?? "");
    const first = new Set([...needed(outputs, main), css]);
    let total = 0;
    for (const name of Object.keys(outputs)) {
      const gzip = await put(`assets/${name}`, await Deno.readFile(`${scratch}/${name}`));
      if (first.has(name)) total += gzip;
      else sizes.push({ name: `+ ${name}`, gzip });
    }
    manifest.assets[`${app}.js`] = `assets/${main}`;
    if (css) manifest.assets[`${app}.css`] = `assets/${css}`;
    // Styles of the parts that come on demand; the page says where they are.
    let more = "";
    if (await exists(`${folder}/more.css`)) {
      more = Object.keys(await bundle(`apps/${app}/more.css`, `${app}-more`, "esm"))[0] ?? "";
      sizes.push({ name: `+ ${more}`, gzip: await put(`assets/${more}`, await Deno.readFile(`${scratch}/${more}`)) });
    }
    const preload = needed(outputs, main).slice(1).map((name) => `<link rel="modulepreload" href="/assets/${name}">`).join("");
    const page = (await Deno.readTextFile(`${folder}/index.html`))
      .replaceAll("{{js}}", `/assets/${main}`)
      .replaceAll("{{css}}", `/assets/${css}`)
      .replaceAll("{{more}}", `/assets/${more}`)
      .replace("</head>", `${preload}</head>`);
    if (page.includes("{{")) throw new Error(`apps/${app}/index.html asks for something that was not built`);
    const [address, file] = app === "start" ? ["/", "index.html"] : app === "messenger" ? ["/app", "app.html"] : [`/${app}`, `${app}.html`];
    total += await put(file, new TextEncoder().encode(page));
    manifest.pages[address] = file;
    if (app === "widget") manifest.pages["/widget/"] = file;
    sizes.push({ name: app, gzip: total });
  }
  if (await exists(`${web}apps/widget/loader.ts`)) {
    const [name] = Object.keys(await bundle("apps/widget/loader.ts", "loader", "iife"));
    sizes.push({ name: "loader", gzip: await put("widget.js", await Deno.readFile(`${scratch}/${name}`)) });
    manifest.pages["/widget.js"] = "widget.js";
  }
  await Deno.remove(scratch, { recursive: true }).catch(() => undefined);
  await Deno.writeTextFile(`${stage}/manifest.json`, JSON.stringify(manifest, null, 2) + "\n");
  for (const { name, gzip } of sizes) {
    const budget = budgets[name];
    const over = budget !== undefined && gzip > budget && !development;
    if (over) ok = false;
    const of = budget === undefined ? "" : ` of ${budget}`;
    await say(`${name.padEnd(34)} ${String(gzip).padStart(7)}${of} bytes gzip${over ? "  TOO LARGE" : ""}`);
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
