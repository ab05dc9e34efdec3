/** The popups of a conversation: whose it is, until when it sleeps, how urgent it is, its tags. */
import { fromLocalInput, snoozeTimes, toLocalInput, whenText } from "../../models/desk/times.ts";
import { rt } from "../../models/desk/routing-strings.ts";
import { t } from "../../models/desk/strings.ts";
import { priorities } from "../../models/desk/types.ts";
import { Avatar, Button, Field, Icon } from "../../ui/basics.tsx";
import { lang } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import type { Child } from "../../ui/jsx-runtime.ts";
import { type MenuItem, openDialog, openMenu } from "../../ui/overlay.tsx";
import { signal } from "../../ui/signals.ts";
import { keysOf } from "../../models/desk/keys.ts";
import { type CommandId } from "../../models/desk/keys.ts";
import { commands } from "./commands.ts";
import { openPicker } from "./picker.tsx";
import { desk } from "./state.ts";
import { availabilityName, nameWithYou } from "./texts.ts";
import { TagChip } from "./chips.tsx";

export function openAssign(at: HTMLElement, id: string): void {
  const c = desk.conversations.peek().get(id);
  pickAgent(at, {
    label: c?.assignee ? t.peek().transfer : t.peek().assignTo,
    current: c?.assignee?.id,
    inboxes: c ? [c.inbox.id] : [],
    queue: (c?.assignee ?? null) !== null,
    pick: (agent) => void (c?.assignee?.id !== agent && desk.assign(id, agent)),
  });
}

/** Agents who see all of these inboxes, those who are there first; and the queue. */
export function pickAgent(at: HTMLElement, options: {
  label: string;
  current?: string | undefined;
  inboxes: readonly string[];
  queue: boolean;
  pick: (agent: string | null) => void;
}): void {
  const { current, inboxes, pick } = options;
  const order = { online: 0, away: 1, away_reassigning: 2, offline: 3 };
  openPicker(at, {
    label: options.label,
    placeholder: t.peek().findAgent,
    none: t.peek().noAgent,
    items: () => {
      const me = desk.myId();
      const fit = desk.agents().filter((a) => a.active && inboxes.every((i) => a.sees?.includes(i) ?? true));
      const sorted = [...fit].sort((a, b) =>
        Number(b.id === me) - Number(a.id === me) || order[a.availability] - order[b.availability] || a.load - b.load
      );
      const people = sorted.map((a) => ({
        id: a.id,
        text: `${a.public_name} ${a.name} ${a.id === me ? t.peek().you : ""}`,
        checked: current === a.id,
        view: () => (
          <span class="person">
            <Avatar name={a.public_name} picture={a.picture} size="1.75rem" presence={a.availability} />
            <span class="grow">
              <span class="name">{nameWithYou(a)}</span>
              <span class="sub">{availabilityName(a.availability)} · {t.peek().loadOf(a.load, a.capacity)}</span>
            </span>
            {current === a.id ? <Icon d={icons.check} /> : null}
          </span>
        ),
        pick: () => pick(a.id),
      }));
      if (!options.queue) return people;
      return [...people, {
        id: "queue",
        text: t.peek().unassign,
        view: () => (
          <span class="person">
            <span class="round">
              <Icon d={icons.inbox} />
            </span>
            <span class="grow">{t.peek().unassign}</span>
          </span>
        ),
        pick: () => pick(null),
      }];
    },
  });
}

/** Whose queue it stands in. */
export function openTeam(at: HTMLElement, id: string): void {
  const now = desk.conversations.peek().get(id)?.team?.id ?? null;
  const row = (team: string | null, name: string, sub: string) => ({
    id: team ?? "none",
    text: name,
    checked: now === team,
    view: () => (
      <span class="person">
        <span class="round">
          <Icon d={team === null ? icons.inbox : icons.users} />
        </span>
        <span class="grow">
          <span class="name">{name}</span>
          <span class="sub">{sub}</span>
        </span>
        {now === team ? <Icon d={icons.check} /> : null}
      </span>
    ),
    pick: () => void (now !== team && desk.setTeam(id, team)),
  });
  openPicker(at, {
    label: rt.peek().team,
    placeholder: rt.peek().team,
    none: rt.peek().noTeam,
    items: () => [
      ...desk.teams().map((team) => row(team.id, team.name, rt.peek().people(team.members.length))),
      row(null, rt.peek().noTeam, rt.peek().everybody),
    ],
  });
}

/** Names that are on or off, and new ones that are typed: tags, skills. */
export function pickNames(at: HTMLElement, options: {
  label: string;
  placeholder: string;
  none: string;
  stay?: boolean;
  names: () => readonly string[];
  isOn: (name: string) => boolean;
  /** How one looks; its name where nothing is said. */
  look?: (name: string) => Child;
  /** Whether there is one of this name already. */
  isKnown: (name: string) => boolean;
  create: (name: string) => string;
  set: (name: string, on: boolean) => void;
}): void {
  openPicker(at, {
    label: options.label,
    placeholder: options.placeholder,
    none: options.none,
    stay: options.stay ?? false,
    items: () =>
      options.names().map((name) => {
        const on = options.isOn(name);
        return {
          id: name,
          text: name,
          checked: on,
          view: () => (
            <span class="person">
              <span class="grow">{options.look?.(name) ?? name}</span>
              {on ? <Icon d={icons.check} /> : null}
            </span>
          ),
          pick: () => options.set(name, !on),
        };
      }),
    create: (typed) => {
      const name = typed.toLowerCase().slice(0, 40);
      if (options.isKnown(name)) return undefined;
      return {
        id: "new",
        text: name,
        view: () => (
          <span class="person">
            <Icon d={icons.plus} />
            <span>{options.create(name)}</span>
          </span>
        ),
        pick: () => options.set(name, true),
      };
    },
  });
}

/** What an agent must be able to do to be given it. */
export function openSkills(at: HTMLElement, id: string): void {
  const now = () => desk.conversations().get(id)?.skills ?? [];
  pickNames(at, {
    label: rt.peek().skillsNeeded,
    placeholder: rt.peek().findSkill,
    none: rt.peek().noSkills,
    stay: true,
    names: () => [...new Set([...now(), ...desk.agents().flatMap((a) => a.skills)])].sort(),
    isOn: (name) => now().includes(name),
    isKnown: (name) => now().includes(name) || desk.agents.peek().some((a) => a.skills.includes(name)),
    create: (name) => rt.peek().addSkill(name),
    set: (name, on) => void desk.setSkills(id, (on ? [...now(), name] : now().filter((s) => s !== name)).sort()),
  });
}

export function openSnooze(at: HTMLElement, id: string): void {
  pickSnooze(at, (until) => void desk.setStatus(id, "snoozed", until));
}

export function pickSnooze(at: HTMLElement, pick: (until: number) => void, texts?: { title: string; done: string }): void {
  const now = Date.now();
  openMenu(at, texts?.title ?? t.peek().snoozeUntil, [
    ...snoozeTimes(now).map((choice): MenuItem => ({
      text: t.peek()[choice.id],
      end: whenText(lang.peek(), choice.at, now),
      run: () => pick(choice.at),
    })),
    "line",
    { text: t.peek().custom, icon: icons.clock, run: () => void customSnooze(pick, texts) },
  ]);
}

function customSnooze(pick: (until: number) => void, texts?: { title: string; done: string }): Promise<void> {
  const text = signal(toLocalInput(snoozeTimes(Date.now()).find((c) => c.id === "tomorrow")?.at ?? Date.now()));
  const wrong = signal<string | undefined>(undefined);
  return openDialog({
    title: () => texts?.title ?? t().customTitle,
    body: (close) => (
      <form
        class="stack"
        novalidate
        onSubmit={(e) => {
          e.preventDefault();
          const until = fromLocalInput(text.peek());
          if (until === undefined || until <= Date.now()) {
            wrong.set(t.peek().customPast);
            return;
          }
          close();
          pick(until);
        }}
      >
        <Field label={() => t().customLabel} wrong={wrong}>
          {(tie) => (
            <input
              class="input"
              type="datetime-local"
              value={text.peek()}
              min={toLocalInput(Date.now())}
              {...tie}
              onInput={(e) => text.set(e.currentTarget.value)}
            />
          )}
        </Field>
        <div class="actions">
          <Button onClick={close}>{() => t().cancel}</Button>
          <Button kind="primary" type="submit">{() => texts?.done ?? t().snooze}</Button>
        </div>
      </form>
    ),
  });
}

export function openPriority(at: HTMLElement, id: string): void {
  const now = desk.conversations.peek().get(id)?.priority ?? "none";
  openMenu(
    at,
    t.peek().priority,
    [...priorities].reverse().map((p): MenuItem => ({
      text: t.peek()[`priority${p}`],
      checked: p === now,
      run: () => void (p !== now && desk.setPriority(id, p)),
    })),
  );
}

export function openTags(at: HTMLElement, id: string): void {
  const now = () => desk.conversations().get(id)?.tags ?? [];
  pickNames(at, {
    label: t.peek().tags,
    placeholder: t.peek().findTag,
    none: t.peek().noTags,
    stay: true,
    names: () => [...new Set([...now(), ...desk.tags().map((tag) => tag.name)])],
    isOn: (name) => now().includes(name),
    look: (name) => <TagChip name={name} />,
    isKnown: (name) => desk.tags.peek().some((tag) => tag.name === name) || now().includes(name),
    create: (name) => t.peek().createTag(name),
    set: (name, on) => void desk.changeTags(id, on ? { add: name } : { remove: name }),
  });
}

/** Everything that can be done with a conversation, for small screens and for those who look for it. */
export function openActions(at: HTMLElement): void {
  const all: CommandId[] = [
    "take",
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
    "team",
    "skills",
    "mergeTalk",
    "spam",
    "block",
    "customer",
  ];
  openMenu(
    at,
    t.peek().more,
    all.flatMap((id): MenuItem[] => {
      const command = commands.find((c) => c.id === id);
      if (!command?.can()) return [];
      const keys = keysOf(id);
      return [{ text: command.title(), icon: command.icon, ...(keys ? { end: keys.replace("Shift+", "⇧") } : {}), run: command.run }];
    }),
  );
}
