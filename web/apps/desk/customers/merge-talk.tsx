/** Into which other conversation of the customer the open one is merged. */
import { ct } from "../../../models/desk/customers-strings.ts";
import type { Conversation } from "../../../models/desk/types.ts";
import { Icon } from "../../../ui/basics.tsx";
import { lang, shortAge } from "../../../ui/i18n.ts";
import * as icons from "../../../ui/icons.ts";
import { signal } from "../../../ui/signals.ts";
import { openPicker } from "../picker.tsx";
import { desk, openConversation } from "../state.ts";
import { t } from "../../../models/desk/strings.ts";
import { statusName } from "../texts.ts";

export async function openMergeTalk(at: HTMLElement, id: string): Promise<void> {
  const c = desk.conversations.peek().get(id);
  if (!c) return;
  const others = signal<readonly Conversation[]>([]);
  await desk.attempt(async () => {
    const page = await desk.api.history(c.contact.id);
    others.set(page.items.filter((o) => o.id !== id && !o.spam));
  });
  openPicker(at, {
    label: ct.peek().mergeInto,
    placeholder: ct.peek().mergeInto,
    none: ct.peek().noOtherTalk,
    items: () =>
      others().map((o) => ({
        id: o.id,
        text: `#${o.number} ${o.last_message?.preview ?? ""}`,
        view: () => (
          <span class="person">
            <span class="round">
              <Icon d={icons.chat} />
            </span>
            <span class="grow">
              <span class="name">#{o.number} · {o.inbox.name} · {statusName(o.status)}</span>
              <span class="sub one">
                {o.last_message?.preview ?? ""} · {shortAge(lang(), o.last_message?.at ?? o.created_at, desk.now())}
              </span>
            </span>
          </span>
        ),
        pick: () => void merge(c, o),
      })),
  });
}

async function merge(c: Conversation, into: Conversation): Promise<void> {
  await desk.attempt(async () => {
    const kept = await desk.customers.mergeConversation(c.id, into.id);
    openConversation(kept.id);
    desk.tell(ct.peek().mergedInto(t.peek().number(kept.number)));
  });
}
