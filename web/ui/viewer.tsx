/** The picture viewer. */
import { saveAs } from "./attachment.tsx";
import { Button } from "./basics.tsx";
import * as icons from "./icons.ts";
import { root, signal } from "./signals.ts";
import { kt } from "./strings.ts";

/** Shows a picture over the whole page; Escape closes, a click enlarges. */
export function openViewer(picture: { src: string; name: string; onDownload?: () => void }): void {
  const back = document.activeElement;
  root((dispose) => {
    const large = signal(false);
    const viewer = (
      <dialog
        class="viewer"
        aria-label={picture.name}
        onClose={() => {
          viewer.remove();
          dispose();
          if (back instanceof HTMLElement) back.focus();
        }}
        onClick={(e) => {
          if (e.target instanceof HTMLElement && e.target.tagName === "FIGURE") viewer.close();
        }}
      >
        <header>
          <h2>{picture.name}</h2>
          <Button
            icon={icons.search}
            label={() => large() ? kt().zoomOut : kt().zoomIn}
            pressed={large}
            onClick={() => large.update((l) => !l)}
          />
          <Button
            icon={icons.download}
            label={() => kt().download}
            onClick={picture.onDownload ?? (() => saveAs(picture.src, picture.name))}
          />
          <Button icon={icons.close} label={() => kt().close} onClick={() => viewer.close()} />
        </header>
        <figure tabIndex={0} aria-label={() => kt().picture}>
          <img src={picture.src} alt={picture.name} class={() => large() ? "large" : ""} />
        </figure>
      </dialog>
    ) as HTMLDialogElement;
    document.body.append(viewer);
    viewer.showModal();
    viewer.querySelector<HTMLElement>("figure")?.focus();
  });
}
