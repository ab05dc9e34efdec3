/** The walls of the workspace, and what no file may contain. */
const root = new URL(".", import.meta.url).pathname;

function* sources(folder = ""): Generator<{ path: string; text: string }> {
  for (const entry of Deno.readDirSync(root + folder)) {
    const path = folder + entry.name;
    if (entry.isDirectory && entry.name !== "dist" && !entry.name.startsWith(".")) yield* sources(`${path}/`);
    else if (/\.tsx?$/.test(entry.name)) yield { path, text: Deno.readTextFileSync(root + path) };
  }
}

function report(name: string, wrong: string[]): void {
  if (wrong.length > 0) throw new Error(`${name}:\n  ${wrong.join("\n  ")}`);
}

const shipped = (path: string) => !/_test\.tsx?$|^tools\//.test(path);

const forbidden: [pattern: RegExp, instead: string][] = [
  [/\b(inner|outer)HTML\b|insertAdjacentHTML|document\.write\b/, "make DOM by TSX"],
  [/\beval\s*\(|new Function\b/, "write the code"],
  [/\bstyle\s*=\s*"/, "a class, or style={{…}}"],
  [/\bDeno\./, "only tests and tools run in deno"],
  [/from "(https?:|npm:|jsr:)/, "no third-party code"],
  [/\bTODO\b|\bFIXME\b/, "do it"],
];

Deno.test("no file holds what is forbidden", () => {
  const wrong: string[] = [];
  for (const { path, text } of sources()) {
    if (!shipped(path)) continue;
    for (const [pattern, instead] of forbidden) if (pattern.test(text)) wrong.push(`${path}: ${pattern} -> ${instead}`);
  }
  report("forbidden", wrong);
});

Deno.test("imports stay inside the walls", () => {
  const may: Record<string, RegExp> = {
    sdk: /^sdk\//,
    ui: /^ui\//,
    models: /^(models|sdk)\/|^ui\/(signals|i18n)\.ts$/,
  };
  const wrong: string[] = [];
  for (const { path, text } of sources()) {
    const wall = may[path.split("/")[0] ?? ""];
    for (const [, target] of text.matchAll(/from "(\.[^"]+)"/g)) {
      if (!shipped(path)) continue;
      const resolved = new URL(target ?? "", `file:///${path}`).pathname.slice(1);
      if (wall && !wall.test(resolved)) wrong.push(`${path} imports ${resolved}`);
      const app = /^apps\/(\w+)\//.exec(path)?.[1];
      if (app && resolved.startsWith("apps/") && !resolved.startsWith(`apps/${app}/`)) wrong.push(`${path} imports ${resolved}`);
    }
  }
  report("walls", wrong);
});

Deno.test("sdk and models know no document", () => {
  const wrong: string[] = [];
  for (const { path, text } of sources()) {
    if (shipped(path) && /^(sdk|models)\//.test(path) && /(?<!globalThis\.)\bdocument\./.test(text)) wrong.push(path);
  }
  report("document", wrong);
});

Deno.test("files stay short", () => {
  const wrong: string[] = [];
  for (const { path, text } of sources()) if (text.split("\n").length > 900) wrong.push(path);
  report("longer than 900 lines", wrong);
});
