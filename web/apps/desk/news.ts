/** Sound, desktop notifications and the title: telling somebody who looks elsewhere. */
import type { News } from "../../models/desk/desk.ts";
import { t } from "../../models/desk/strings.ts";
import { effect } from "../../ui/signals.ts";
import { notifications, sound } from "./prefs.ts";
import { desk, focused, openConversation, route, visible } from "./state.ts";
import { titleOf } from "./texts.ts";

let audio: AudioContext | undefined;

/** Two soft notes, upwards; made here, so there is no file to load. */
export function chime(): void {
  audio ??= new AudioContext();
  const now = audio.currentTime;
  [[659.25, 0], [880, 0.11]].forEach(([pitch, after]) => {
    if (!audio || pitch === undefined || after === undefined) return;
    const tone = audio.createOscillator(), volume = audio.createGain();
    tone.type = "sine";
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0, now + after);
    volume.gain.linearRampToValueAtTime(0.14, now + after + 0.015);
    volume.gain.exponentialRampToValueAtTime(0.0001, now + after + 0.38);
    tone.connect(volume).connect(audio.destination);
    tone.start(now + after);
    tone.stop(now + after + 0.4);
  });
}

export async function askNotifications(): Promise<boolean> {
  if (!("Notification" in globalThis)) return false;
  const answer = Notification.permission === "default" ? await Notification.requestPermission() : Notification.permission;
  return answer === "granted";
}

let last = 0;

function tellOut(news: News): void {
  const looking = visible.peek() && focused.peek();
  const onScreen = looking && desk.openId.peek() === news.conversation.id && news.kind !== "assigned";
  if (onScreen) return;
  // A burst of messages sounds once.
  if (sound.peek() && desk.alerts.wants(news.kind, "sound") && Date.now() - last > 1500) {
    last = Date.now();
    chime();
  }
  if (
    looking || !notifications.peek() || !desk.alerts.wants(news.kind, "desktop") || !("Notification" in globalThis) ||
    Notification.permission !== "granted"
  ) return;
  const shown = new Notification(news.title, { body: news.text.slice(0, 160), tag: news.conversation.id });
  shown.onclick = () => {
    globalThis.focus();
    openConversation(news.conversation.id);
    shown.close();
  };
}

export function startNews(): void {
  desk.news.on(tellOut);
  effect(() => {
    if (desk.phase() !== "ready") {
      document.title = `${t().desk} · Comptoir`;
      return;
    }
    const me = desk.myId();
    let waiting = desk.counts()?.unassigned ?? 0;
    for (const c of desk.conversations().values()) {
      if (c.status === "open" && c.assignee?.id === me && c.waiting_since !== null) waiting++;
    }
    document.title = t().titleWaiting(waiting, titleOf(route()));
  });
}
