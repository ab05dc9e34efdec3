/** The question how it was. */
import assert from "node:assert/strict";
import { ApiError } from "../../sdk/http.ts";
import type { Row } from "./rows.ts";
import type { VisitorSession } from "./session.ts";
import { askedBy, SurveyModel } from "./survey.ts";

const row = (mine: boolean, content: Record<string, unknown>): Row => ({ kind: "message", mine, item: { content } }) as unknown as Row;

Deno.test("the question is asked while it is the last message", () => {
  const asked = row(false, { "comptoir.survey": { id: "su_1" } });
  assert.equal(askedBy([row(true, {}), asked, { kind: "system" } as Row]), "su_1");
  assert.equal(askedBy([asked, row(true, { body: "4" })]), undefined);
  assert.equal(askedBy([row(true, { "comptoir.survey": { id: "su_1" } })]), undefined);
  assert.equal(askedBy([row(false, { "comptoir.survey": { id: 7 } })]), undefined);
  assert.equal(askedBy([]), undefined);
});

Deno.test("an answer is sent, kept, and may fail", async () => {
  const survey = {
    id: "su_1",
    event_id: "$e",
    scale: "faces",
    min: 1,
    max: 5,
    score: null as number | null,
    comment: null as string | null,
    open: true,
    until: 9,
  };
  const sent: unknown[] = [];
  let error: Error | undefined;
  const http = {
    get: () => Promise.resolve({ survey }),
    put: (_: string, body: { score: number; comment: string | null }) => {
      sent.push(body);
      return error ? Promise.reject(error) : Promise.resolve({ survey: { ...survey, ...body } });
    },
  };
  const model = new SurveyModel({ http } as unknown as VisitorSession, "su_1");
  assert.equal(await model.send(), false);
  await model.load();
  model.choose(4);
  model.comment.set("  bien ");
  assert.equal(await model.send(), true);
  assert.deepEqual(sent, [{ survey: "su_1", score: 4, comment: "bien" }]);
  assert.equal(model.now.peek()?.score, 4);
  error = new ApiError(409, "conflict", "too late", undefined, {});
  model.choose(1);
  assert.equal(await model.send(), false);
  assert.equal(model.failed.peek(), "over");
  assert.equal(model.score.peek(), 1);
  error = new TypeError("no network");
  assert.equal(await model.send(), false);
  assert.equal(model.failed.peek(), "failed");
});
