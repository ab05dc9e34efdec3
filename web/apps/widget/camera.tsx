/** Takes a photo with the device's camera; where it is refused or missing, a picture can be chosen instead. */
import { Button } from "../../ui/basics.tsx";
import * as icons from "../../ui/icons.ts";
import { openDialog } from "../../ui/overlay.tsx";
import { onCleanup, type Signal, signal } from "../../ui/signals.ts";
import { ct } from "../../models/widget/camera-strings.ts";

type State = "starting" | "live" | "taken" | "refused" | "none";

export async function takePhoto(use: (photo: File) => void, choose: () => void): Promise<void> {
  await openDialog({
    title: () => ct().cameraTitle,
    body: (close) => <Camera use={use} choose={choose} close={close} />,
  });
}

function Camera(props: { use: (photo: File) => void; choose: () => void; close: () => void }) {
  const state: Signal<State> = signal<State>("starting");
  const stream = signal<MediaStream | null>(null);
  const photo = signal<{ url: string; file: File } | undefined>(undefined);
  const several = signal(false);
  let facing: "environment" | "user" = "environment";
  let video: HTMLVideoElement | undefined;
  let gone = false;

  const stop = () => {
    for (const track of stream.peek()?.getTracks() ?? []) track.stop();
    stream.set(null);
  };
  const drop = () => {
    const old = photo.peek();
    if (old) URL.revokeObjectURL(old.url);
    photo.set(undefined);
  };
  const begin = async () => {
    drop();
    stop();
    state.set("starting");
    try {
      if (!navigator.mediaDevices) throw new DOMException("no camera here", "NotFoundError");
      const got = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: facing, width: { ideal: 1920 }, height: { ideal: 1440 } },
        audio: false,
      });
      if (gone) {
        for (const track of got.getTracks()) track.stop();
        return;
      }
      stream.set(got);
      state.set("live");
      const all = await navigator.mediaDevices.enumerateDevices();
      several.set(all.filter((d) => d.kind === "videoinput").length > 1);
    } catch (error) {
      const refused = error instanceof DOMException && (error.name === "NotAllowedError" || error.name === "SecurityError");
      state.set(refused ? "refused" : "none");
    }
  };
  const shoot = () => {
    if (!video) return;
    // Pressed before the first picture has come: it is taken when it has.
    if (!video.videoWidth) return video.addEventListener("loadeddata", shoot, { once: true });
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d")?.drawImage(video, 0, 0);
    canvas.toBlob(
      (blob) => {
        if (!blob || gone) return;
        const file = new File([blob], `photo-${new Date().toISOString().slice(0, 19).replace(/[T:]/g, "-")}.jpg`, { type: "image/jpeg" });
        photo.set({ url: URL.createObjectURL(blob), file });
        state.set("taken");
        stop();
      },
      "image/jpeg",
      0.9,
    );
  };
  onCleanup(() => {
    gone = true;
    stop();
    drop();
  });
  begin();

  return (
    <>
      <div class="lens">
        {() => {
          const taken = photo();
          if (taken) return <img src={taken.url} alt={ct().photoTaken} />;
          return (
            <video
              autoplay
              playsinline
              muted
              aria-label={ct().cameraLive}
              srcObject={stream}
              ref={(v) => video = v}
            />
          );
        }}
        {() => {
          const s = state();
          if (s === "live" || s === "taken") return null;
          const say = ct();
          return (
            <p class="wait" role="status">{s === "starting" ? say.cameraStarting : s === "refused" ? say.cameraRefused : say.cameraNone}</p>
          );
        }}
      </div>
      <div class="actions">
        {() => {
          const s = state();
          if (s === "taken") {
            return [
              <Button onClick={begin}>{ct().again}</Button>,
              <Button
                kind="primary"
                icon={icons.send}
                onClick={() => {
                  const taken = photo.peek();
                  if (taken) props.use(taken.file);
                  props.close();
                }}
              >
                {ct().usePhoto}
              </Button>,
            ];
          }
          if (s === "refused" || s === "none") {
            return (
              <Button
                kind="primary"
                icon={icons.image}
                onClick={() => {
                  props.close();
                  props.choose();
                }}
              >
                {ct().chooseInstead}
              </Button>
            );
          }
          return [
            several()
              ? (
                <Button
                  icon={icons.refresh}
                  onClick={() => {
                    facing = facing === "user" ? "environment" : "user";
                    begin();
                  }}
                >
                  {ct().switchCamera}
                </Button>
              )
              : null,
            <Button kind="primary" icon={icons.camera} disabled={s !== "live"} onClick={shoot}>{ct().shoot}</Button>,
          ];
        }}
      </div>
    </>
  );
}
