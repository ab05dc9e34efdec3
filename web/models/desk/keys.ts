/** Keys to commands: single keys, sequences such as `g u`, and combinations with Ctrl or Cmd. Pure. */

export type CommandId =
  | "next"
  | "previous"
  | "open"
  | "back"
  | "reply"
  | "note"
  | "take"
  | "assign"
  | "unassign"
  | "snooze"
  | "pending"
  | "resolve"
  | "reopen"
  | "priority"
  | "tags"
  | "team"
  | "skills"
  | "search"
  | "help"
  | "palette"
  | "customer"
  | "goMine"
  | "goUnassigned"
  | "goAll"
  | "goPending"
  | "goSnoozed"
  | "goResolved"
  | "goMentions"
  | "goAdmin"
  | "goCustomers"
  | "spam"
  | "mergeTalk"
  | "block"
  | "goSpam"
  | "takeNext"
  | "select"
  | "selectTo"
  | "selectAll"
  | "newView"
  | "macro"
  | "follow"
  | "goFollowed";

export const keymap: readonly { keys: string; command: CommandId }[] = [
  { keys: "j", command: "next" },
  { keys: "k", command: "previous" },
  { keys: "Enter", command: "open" },
  { keys: "o", command: "open" },
  { keys: "Escape", command: "back" },
  { keys: "x", command: "select" },
  { keys: "Shift+X", command: "selectTo" },
  { keys: "* a", command: "selectAll" },
  { keys: "g v", command: "newView" },
  { keys: "r", command: "reply" },
  { keys: "n", command: "note" },
  { keys: "t", command: "take" },
  { keys: "Shift+T", command: "takeNext" },
  { keys: "a", command: "assign" },
  { keys: "u", command: "unassign" },
  { keys: "s", command: "snooze" },
  { keys: "w", command: "pending" },
  { keys: "e", command: "resolve" },
  { keys: "Shift+E", command: "reopen" },
  { keys: "p", command: "priority" },
  { keys: "!", command: "spam" },
  { keys: "l", command: "tags" },
  { keys: "m", command: "macro" },
  { keys: "f", command: "follow" },
  { keys: "c", command: "customer" },
  { keys: "/", command: "search" },
  { keys: "?", command: "help" },
  { keys: "g i", command: "goMine" },
  { keys: "g u", command: "goUnassigned" },
  { keys: "g a", command: "goAll" },
  { keys: "g p", command: "goPending" },
  { keys: "g s", command: "goSnoozed" },
  { keys: "g r", command: "goResolved" },
  { keys: "g m", command: "goMentions" },
  { keys: "g f", command: "goFollowed" },
  { keys: "g c", command: "goAdmin" },
  { keys: "g k", command: "goCustomers" },
  { keys: "Mod+K", command: "palette" },
];

export function keysOf(command: CommandId): string | undefined {
  return keymap.find((k) => k.command === command)?.keys;
}

export interface Press {
  key: string;
  ctrl: boolean;
  meta: boolean;
  alt: boolean;
  shift: boolean;
}

/** `Shift+E`, `Mod+K`, `?`: how the keymap writes a press. */
export function nameOf(p: Press): string {
  if (p.ctrl || p.meta) return p.alt ? "" : `Mod+${p.key.toUpperCase()}`;
  if (p.alt) return "";
  if (p.key.length === 1 && /\p{L}/u.test(p.key)) return p.shift ? `Shift+${p.key.toUpperCase()}` : p.key.toLowerCase();
  return p.key;
}

/** Follows the presses; a sequence must be finished within a second and a half. */
export class KeyReader {
  #before: { name: string; at: number } | undefined;

  /** `writing`: the focus is where letters are typed; `letters`: single letters are commands at all. */
  press(p: Press, now: number, where: { writing: boolean; letters: boolean }): CommandId | undefined {
    const name = nameOf(p);
    if (name === "") return undefined;
    if (name.startsWith("Mod+") || name === "Escape") {
      this.#before = undefined;
      return keymap.find((k) => k.keys === name)?.command;
    }
    if (where.writing) return undefined;
    const isLetter = p.key.length === 1;
    if (isLetter && !where.letters) return undefined;
    const before = this.#before;
    this.#before = undefined;
    if (before && now - before.at < 1500) {
      const pair = keymap.find((k) => k.keys === `${before.name} ${name}`);
      if (pair) return pair.command;
    }
    if (keymap.some((k) => k.keys.startsWith(`${name} `))) {
      this.#before = { name, at: now };
      return undefined;
    }
    return keymap.find((k) => k.keys === name)?.command;
  }
}
