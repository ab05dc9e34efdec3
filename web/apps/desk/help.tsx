/** All keys on one page. */
import { type CommandId, keysOf } from "../../models/desk/keys.ts";
import { al } from "../../models/desk/alert-strings.ts";
import { t } from "../../models/desk/strings.ts";
import type { Child } from "../../ui/jsx-runtime.ts";
import { openDialog } from "../../ui/overlay.tsx";
import { commands } from "./commands.ts";

const apple = /Mac|iPhone|iPad/.test(navigator.userAgent);

export function Keys(props: { keys: string }) {
  const one = (key: string) =>
    key === "Mod"
      ? (apple ? "⌘" : "Ctrl")
      : key === "Shift"
      ? "⇧"
      : key === "Escape"
      ? "Esc"
      : key === "Enter"
      ? "↵"
      : key === "ArrowUp"
      ? "↑"
      : key;
  const sequence = props.keys.split(" ");
  return (
    <span class="keys">
      {sequence.map((part, i): Child => [
        i > 0 ? <span class="sub">{() => t().then}</span> : null,
        ...part.split("+").filter(Boolean).map((key) => <kbd>{one(key)}</kbd>),
      ])}
    </span>
  );
}

export function openHelp(): void {
  if (document.querySelector("dialog.help")) return;
  const line = (title: () => string, keys: string) => (
    <div class="line">
      <dt>{title}</dt>
      <dd>
        <Keys keys={keys} />
      </dd>
    </div>
  );
  const of = (...ids: CommandId[]) => ids.map((id) => line(() => commands.find((c) => c.id === id)?.title() ?? "", keysOf(id) ?? ""));
  const group = (title: () => string, ...lines: Child[]) => (
    <section>
      <h3>{title}</h3>
      <dl>{lines}</dl>
    </section>
  );
  void openDialog({
    title: () => t().help,
    class: "help",
    body: () => (
      <div class="columns">
        {group(() => t().helpMove, of("next", "previous", "open", "back", "search", "select", "selectTo", "selectAll"))}
        {group(
          () => t().helpGo,
          of("goMine", "goUnassigned", "goAll", "goPending", "goSnoozed", "goResolved", "goMentions", "goFollowed", "goAdmin", "newView"),
        )}
        {group(
          () => t().helpWork,
          of(
            "take",
            "takeNext",
            "reply",
            "note",
            "assign",
            "unassign",
            "snooze",
            "pending",
            "resolve",
            "reopen",
            "priority",
            "tags",
            "macro",
            "follow",
            "customer",
          ),
        )}
        {group(
          () => t().helpOther,
          of("palette", "help"),
          line(() => t().sendKey, "Enter"),
          line(() => t().lineKey, "Shift+Enter"),
          line(() => t().cannedKey, "/"),
          line(() => t().mentionKey, "@"),
          line(() => t().switchKey, "Alt+N"),
          line(() => `${al().correct} (${t().replyTab})`, "ArrowUp"),
        )}
      </div>
    ),
  });
}
