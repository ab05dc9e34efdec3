/** Pages before the desk: sign-in, no access, no server. */
import { ApiError, isPassing } from "../../sdk/http.ts";
import { t } from "../../models/desk/strings.ts";
import { Button, Field, Icon } from "../../ui/basics.tsx";
import { lang } from "../../ui/i18n.ts";
import * as icons from "../../ui/icons.ts";
import type { Child } from "../../ui/jsx-runtime.ts";
import { batch, signal } from "../../ui/signals.ts";
import { chooseLang } from "./prefs.ts";
import { desk } from "./state.ts";

function Gate(props: { children: Child }) {
  return (
    <div class="gate">
      <main>
        <span class="mark" aria-hidden="true">
          <Icon d={icons.chat} />
        </span>
        {props.children}
      </main>
      <footer>
        <Button
          small
          kind="ghost"
          icon={icons.globe}
          onClick={() => chooseLang(lang.peek() === "fr" ? "en" : "fr")}
        >
          <span lang={() => (lang() === "fr" ? "en" : "fr")}>{() => (lang() === "fr" ? "English" : "Français")}</span>
        </Button>
      </footer>
    </div>
  );
}

export function SignIn() {
  const busy = signal(false), shown = signal(false);
  const wrong = signal<string | undefined>(undefined);
  const noUser = signal<string | undefined>(undefined), noPassword = signal<string | undefined>(undefined);
  let user: HTMLInputElement | undefined, password: HTMLInputElement | undefined;

  async function submit(e: SubmitEvent): Promise<void> {
    e.preventDefault();
    if (!user || !password || busy.peek()) return;
    batch(() => {
      noUser.set(user?.value.trim() === "" ? t.peek().enterUser : undefined);
      noPassword.set(password?.value === "" ? t.peek().enterPassword : undefined);
      wrong.set(undefined);
    });
    if (noUser.peek()) return user.focus();
    if (noPassword.peek()) return password.focus();
    busy.set(true);
    try {
      await desk.signIn(user.value, password.value);
    } catch (error) {
      if (error instanceof ApiError && error.code === "M_USER_DEACTIVATED") wrong.set(t.peek().accountOff);
      else if (error instanceof ApiError && (error.status === 403 || error.status === 401)) wrong.set(t.peek().wrongPassword);
      else if (error instanceof ApiError || isPassing(error)) wrong.set(desk.explain(error));
      else throw error;
      password.select();
      password.focus();
    } finally {
      busy.set(false);
    }
  }

  return (
    <Gate>
      <h1>{() => t().signInTitle}</h1>
      <p class="lead">{() => t().signInText}</p>
      <form novalidate onSubmit={submit}>
        <div role="alert">
          {() => (wrong() ? <p class="wrong">{[<Icon d={icons.alert} />, <span>{wrong()}</span>]}</p> : null)}
        </div>
        <Field label={() => t().user} hint={() => t().userHint} wrong={noUser}>
          {(tie) => (
            <input
              class="input"
              name="username"
              autocomplete="username"
              autocapitalize="none"
              spellcheck="false"
              {...tie}
              ref={(e) => user = e}
            />
          )}
        </Field>
        <Field label={() => t().password} wrong={noPassword}>
          {(tie) => (
            <div class="secret">
              <input
                class="input"
                name="password"
                type={() => (shown() ? "text" : "password")}
                autocomplete="current-password"
                {...tie}
                ref={(e) => password = e}
              />
              <Button
                kind="ghost"
                icon={icons.eye}
                label={() => t().showPassword}
                pressed={shown}
                onClick={() => shown.update((s) => !s)}
              />
            </div>
          )}
        </Field>
        <Button kind="primary" type="submit" disabled={busy}>{() => (busy() ? t().signingIn : t().signIn)}</Button>
      </form>
    </Gate>
  );
}

export function NotAgent() {
  return (
    <Gate>
      <h1>{() => t().notAgentTitle}</h1>
      <p class="lead">{() => t().notAgent(desk.keeper.session?.userId ?? "")}</p>
      <Button kind="primary" icon={icons.logout} onClick={() => desk.signOut()}>{() => t().signOut}</Button>
    </Gate>
  );
}

export function Broken() {
  return (
    <Gate>
      <h1>{() => t().brokenTitle}</h1>
      <p class="lead" role="status">{() => t().broken}</p>
      <Button kind="primary" icon={icons.refresh} onClick={() => desk.start()}>{() => t().tryNow}</Button>
    </Gate>
  );
}
