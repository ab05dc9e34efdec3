/** The menu of the chat: details, language, colours, forgetting. */
import type { KeyValue } from "../../sdk/storage.ts";
import { lang } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import { confirmDialog, openMenu } from "../../ui/overlay.tsx";
import { mt } from "../../models/widget/menu-strings.ts";
import { t } from "../../models/widget/strings.ts";
import type { WidgetModel } from "../../models/widget/widget.ts";
import { openDetails } from "./form.tsx";

export function openMore(anchor: HTMLElement, app: { model: WidgetModel; store: KeyValue; forget: () => Promise<void> }): void {
  const { model, store, forget } = app;
  const root = document.documentElement;
  const scheme = root.dataset.scheme;
  const toScheme = (next: string | undefined) => {
    if (next) root.dataset.scheme = next;
    else delete root.dataset.scheme;
    savePrefs(store, { scheme: next });
  };
  openMenu(anchor, t().menu, [
    { text: mt().yourDetails, icon: icons.user, run: () => openDetails(model) },
    {
      text: mt().language,
      icon: icons.globe,
      run: () => {
        const next = lang.peek() === "fr" ? "en" : "fr";
        lang.set(next);
        savePrefs(store, { lang: next });
      },
    },
    "line",
    { text: mt().systemMode, icon: icons.settings, checked: scheme === undefined, run: () => toScheme(undefined) },
    { text: mt().lightMode, icon: icons.sun, checked: scheme === "light", run: () => toScheme("light") },
    { text: mt().darkMode, icon: icons.moon, checked: scheme === "dark", run: () => toScheme("dark") },
    ...(model.started.peek()
      ? ["line" as const, {
        text: mt().forget,
        icon: icons.trash,
        danger: true,
        run: async () => {
          const say = mt.peek();
          if (await confirmDialog({ title: say.forgetTitle, text: say.forgetText, yes: say.forgetYes, danger: true })) await forget();
        },
      }]
      : []),
  ]);
}

function savePrefs(store: KeyValue, change: { lang?: "en" | "fr"; scheme?: string | undefined }): void {
  store.get<Record<string, unknown>>("prefs").then((old) => store.set("prefs", { ...old, ...change }))
    // Not kept: it holds for this visit.
    .catch(() => undefined);
}
