/** Tokens for programs: made (and then shown once), looked at, revoked. */
import { at } from "../../../models/desk/admin-strings.ts";
import { gt } from "../../../models/desk/governing-strings.ts";
import { t } from "../../../models/desk/strings.ts";
import { Form } from "../../../models/desk/form.ts";
import type { NewToken, Token } from "../../../models/desk/types.ts";
import { Button, Icon } from "../../../ui/basics.tsx";
import * as icons from "../../../ui/icons.ts";
import { For, Show } from "../../../ui/jsx-runtime.ts";
import { confirmDialog } from "../../../ui/overlay.tsx";
import { signal } from "../../../ui/signals.ts";
import { desk } from "../state.ts";
import { dateTime } from "../texts.ts";
import { copy, FormFrame, SelectField, SetField, TextField } from "./fields.tsx";

interface Values {
  name: string;
  days: string;
  scopes: string[];
}

export function TokensPage() {
  const tokens = signal<readonly Token[]>([]);
  const made = signal<NewToken | undefined>(undefined);
  const isNew = signal(false);
  const load = () => desk.attempt(async () => tokens.set((await desk.api.get<{ items: Token[] }>("/tokens")).items));
  void load();
  return (
    <div class="page wide">
      <p class="sub">{() => gt().tokensHint}</p>
      <Show when={() => made() !== undefined}>
        {() => (
          <section class="told" role="status">
            <h2>{() => gt().tokenMade(made()?.name ?? "")}</h2>
            <p>{() => gt().tokenOnce}</p>
            <div class="snippet">
              <code>{() => made()?.token}</code>
              <Button small kind="outline" icon={icons.copy} onClick={() => copy(made.peek()?.token ?? "")}>{() => at().copy}</Button>
            </div>
          </section>
        )}
      </Show>
      {() =>
        isNew()
          ? (
            <TokenForm
              done={(token) => {
                if (token) made.set(token);
                isNew.set(false);
                void load();
              }}
            />
          )
          : (
            <p>
              <Button kind="primary" icon={icons.plus} onClick={() => isNew.set(true)}>{() => gt().newToken}</Button>
            </p>
          )}
      <ul class="rows">
        <For each={tokens} by={(token: Token) => token.id} fallback={() => <li class="sub">{() => at().noItems}</li>}>
          {(token) => (
            <li data-over={() => (token().active ? "no" : "yes")}>
              <Icon d={icons.pin} />
              <span class="grow">
                <strong class="one">{() => token().name}</strong>
                <span class="sub">
                  {() =>
                    [
                      token().maker.name,
                      token().scopes.map((scope) => desk.permissionList().find((p) => p.id === scope)?.name ?? scope).join(", "),
                    ].join(" · ")}
                </span>
                <span class="sub">
                  {() =>
                    [
                      token().last_used_at === null ? gt().neverUsed : gt().lastUsed(dateTime(token().last_used_at ?? 0)),
                      token().revoked_at !== null
                        ? gt().revoked
                        : token().expires_at === null
                        ? gt().neverExpires
                        : gt().expires(dateTime(token().expires_at ?? 0)),
                    ].join(" · ")}
                </span>
              </span>
              {() =>
                token().active
                  ? (
                    <Button
                      small
                      kind="outline"
                      onClick={async () => {
                        const one = token.peek();
                        const yes = await confirmDialog({
                          title: gt.peek().revoke,
                          text: gt.peek().revokeAsk(one.name),
                          yes: gt.peek().revoke,
                          danger: true,
                        });
                        if (yes && await desk.attempt(() => desk.api.remove(`/tokens/${one.id}`))) await load();
                      }}
                    >
                      {() => gt().revoke}
                    </Button>
                  )
                  : <span class="sub">{() => gt().over}</span>}
            </li>
          )}
        </For>
      </ul>
    </div>
  );
}

function TokenForm({ done }: { done: (token: NewToken | undefined) => void }) {
  const form = new Form<Values>({ name: "", days: "90", scopes: ["conversations.read"] }, (e) => desk.explain(e));
  return (
    <FormFrame
      form={form}
      isNew
      title={() => form.values().name || gt().newToken}
      onSave={() =>
        void form.submit(async () => {
          const { name, days, scopes } = form.values.peek();
          done(await desk.api.post<NewToken>("/tokens", { name, scopes, expires_in_days: days === "" ? null : Number(days) }));
        })}
      more={<Button kind="ghost" onClick={() => done(undefined)}>{() => t().cancel}</Button>}
    >
      <div class="two">
        <TextField form={form} name="name" label={() => at().name} hint={() => gt().tokenNameHint} maxLength={80} />
        <SelectField
          form={form}
          name="days"
          label={() => gt().expiry}
          options={() => [["30", gt().inDays(30)], ["90", gt().inDays(90)], ["365", gt().inDays(365)], ["", gt().neverExpires]]}
        />
      </div>
      <SetField
        form={form}
        name="scopes"
        label={() => gt().may}
        hint={() => gt().scopesHint}
        options={() =>
          desk.permissionList().filter((p) => !p.always && p.id !== "tokens.manage" && desk.permissions().has(p.id)).map((
            p,
          ): [string, string] => [p.id, p.name])}
      />
    </FormFrame>
  );
}
