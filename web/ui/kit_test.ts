import assert from "node:assert/strict";
import { hue, initials } from "./basics.tsx";
import { contrast, readable } from "./colour.ts";
import { emojiOf, findEmoji, groups } from "./emoji-data.ts";
import { fitted } from "./attachment.tsx";
import { byteSize, dayName, pickLang, plural, shortAge } from "./i18n.ts";
import { isBigEmoji, pieces } from "./text.tsx";

const links = (text: string) => pieces(text).filter((p) => p.href).map((p) => p.href);

Deno.test("links are found, and the punctuation around them is not part of them", () => {
  assert.deepEqual(links("voir https://a.example/x?y=1, puis http://b.example."), ["https://a.example/x?y=1", "http://b.example"]);
  assert.deepEqual(links("(https://a.example/x)"), ["https://a.example/x"]);
  assert.deepEqual(links("https://a.example/x_(y)"), ["https://a.example/x_(y)"]);
  assert.deepEqual(links("www.shop.example et julie@shop.example !"), ["https://www.shop.example", "mailto:julie@shop.example"]);
});

Deno.test("nothing but web and mail addresses becomes a link", () => {
  for (const text of ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "a.b", "@anna:lumen.example", "vbscript:x"]) {
    assert.deepEqual(links(text), [], text);
  }
});

Deno.test("pieces put together are the text", () => {
  for (const text of ["", "a", "https://a.example", "x https://a.example y www.b.example. z@c.example", "<b>http://a.example</b>"]) {
    assert.equal(pieces(text).map((p) => p.text).join(""), text);
  }
});

Deno.test("emoji alone are shown large, words and digits are not", () => {
  for (const yes of ["😀", "👍👍", "❤️", "🇫🇷", "👨‍👩‍👧", "🎉 🎉"]) assert.ok(isBigEmoji(yes), yes);
  for (const no of ["", "a", "1", "#", "😀 ok", "😀😀😀😀😀😀", "!", "...", "→"]) assert.ok(!isBigEmoji(no), no);
});

Deno.test("the emoji are each there once, with words", () => {
  const all = groups.flatMap(emojiOf).filter((e) => e.words);
  assert.ok(all.length > 250);
  const seen = new Set<string>();
  const twice = groups.flatMap((g) => emojiOf(g).filter((e) => seen.size === seen.add(e.char).size)).map((e) => e.char);
  assert.deepEqual(twice, []);
});

Deno.test("emoji are found in both languages, without accents", () => {
  assert.ok(findEmoji("lampe").some((e) => e.char === "💡"));
  assert.ok(findEmoji("light").some((e) => e.char === "💡"));
  assert.ok(findEmoji("Fête").some((e) => e.char === "🎉"));
  assert.deepEqual(findEmoji("qwertz"), []);
});

Deno.test("text on a brand colour can be read", () => {
  for (const back of ["#9a3d12", "#ffff00", "#777777", "#000000", "#ffffff", "#12a0f0"]) {
    for (const wish of [undefined, "#ffffff", "#888888", "nonsense"]) {
      assert.ok(contrast(back, readable(back, wish)) >= 4.5, `${back} ${wish}`);
    }
  }
  assert.equal(readable("#9a3d12", "#fff6ee"), "#fff6ee");
});

Deno.test("initials and colours of names", () => {
  assert.equal(initials("Julie Martin"), "JM");
  assert.equal(initials("anna"), "A");
  assert.equal(initials("Émile de la Tour"), "ÉT");
  assert.equal(initials(""), "?");
  assert.equal(hue("Anna"), hue("Anna"));
});

Deno.test("pictures fit their box and keep their shape", () => {
  assert.deepEqual(fitted(4000, 3000, 240, 280), { width: 240, height: 180 });
  assert.deepEqual(fitted(100, 80, 240, 280), { width: 100, height: 80 });
  assert.deepEqual(fitted(undefined, undefined, 240, 280), { width: 200, height: 150 });
});

Deno.test("languages", () => {
  assert.equal(pickLang(["fr-CA", "en"]), "fr");
  assert.equal(pickLang([null, undefined, "de-DE", "en;q=0.8"]), "en");
  assert.equal(pickLang(["ja"]), "en");
  assert.equal(plural("fr", 0, "# message", "# messages"), "0 message");
  assert.equal(plural("en", 0, "# message", "# messages"), "0 messages");
  assert.equal(plural("fr", 2, "# message", "# messages"), "2 messages");
});

Deno.test("days, ages and sizes are said in both languages", () => {
  const now = new Date(2026, 5, 10, 15, 0).getTime(), hour = 3_600_000;
  assert.equal(dayName("fr", now - hour, now), "Aujourd’hui");
  assert.equal(dayName("en", now - 20 * hour, now), "Yesterday");
  assert.equal(dayName("fr", now - 72 * hour, now), "Dimanche");
  assert.match(dayName("en", new Date(2024, 0, 2).getTime(), now), /2024/);
  assert.equal(shortAge("fr", now - 5000, now), "à l’instant");
  assert.equal(shortAge("en", now - 5 * 60_000, now), "5 min");
  assert.equal(byteSize("fr", 2_400_000), "2,4\u00a0Mo");
  assert.equal(byteSize("en", 900), "900\u00a0B");
});
