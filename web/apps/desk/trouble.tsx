/** What a list says when it could not be read on. */
import type { ListModel } from "../../models/desk/list.ts";
import { t } from "../../models/desk/strings.ts";
import { Button } from "../../ui/basics.tsx";
import { Show } from "../../ui/jsx-runtime.ts";

/** Below the rows that are there: why no more came. */
export function Trouble({ list }: { list: ListModel }) {
  return (
    <Show when={() => list.trouble() && list.rows().length > 0}>
      {() => (
        <p class="trouble" role="alert">
          <span>{list.trouble}</span>
          <Button small kind="outline" onClick={() => list.again()}>{() => t().again}</Button>
        </p>
      )}
    </Show>
  );
}
