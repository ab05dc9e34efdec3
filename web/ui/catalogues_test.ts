import assert from "node:assert/strict";

const root = new URL("..", import.meta.url).pathname;

function* catalogues(folder = ""): Generator<string> {
  for (const entry of Deno.readDirSync(root + folder)) {
    const path = folder + entry.name;
    if (entry.isDirectory && entry.name !== "dist" && !entry.name.startsWith(".")) yield* catalogues(`${path}/`);
    else if (/strings\.ts$/.test(entry.name)) yield path;
  }
}

type Text = string | ((...args: unknown[]) => string);
type Book = { en: Record<string, Text>; fr: Record<string, Text> };

const books: [string, Book][] = [];
for (const path of catalogues()) {
  const module = await import(`${root}${path}`) as Record<string, unknown>;
  for (const value of Object.values(module)) {
    const book = value as Partial<Book> | null;
    if (typeof value === "object" && book?.en && book.fr) books.push([path, book as Book]);
  }
}

const said = (text: Text) => typeof text === "string" ? text : text("X", "Y");

Deno.test("there are catalogues", () => assert.ok(books.length >= 6));

Deno.test("both languages have the same keys and none is empty", () => {
  for (const [path, book] of books) {
    assert.deepEqual(Object.keys(book.en).sort(), Object.keys(book.fr).sort(), path);
    for (const l of ["en", "fr"] as const) {
      for (const [key, text] of Object.entries(book[l])) assert.notEqual(said(text).trim(), "", `${path} ${l} ${key}`);
    }
  }
});

Deno.test("French punctuation does not begin a line", () => {
  for (const [path, book] of books) {
    for (const [key, text] of Object.entries(book.fr)) assert.doesNotMatch(said(text), / [?!;:»]/, `${path} ${key}`);
  }
});

Deno.test("apostrophes and quotes are typographic", () => {
  for (const [path, book] of books) {
    for (const l of ["en", "fr"] as const) {
      for (const [key, text] of Object.entries(book[l])) assert.doesNotMatch(said(text), /\w'\w|"/, `${path} ${l} ${key}`);
    }
  }
});
