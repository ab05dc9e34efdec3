/** On a phone: from another part of the console back to the view that one came from. */
import { Button } from "../../ui/basics.tsx";
import * as icons from "../../ui/icons.ts";
import { desk, go } from "./state.ts";

export function Back(props: { label: () => string }) {
  return (
    <Button
      kind="ghost"
      class="backward"
      icon={icons.left}
      label={props.label}
      onClick={() => go({ at: "desk", view: desk.view.peek(), open: undefined })}
    />
  );
}
