/** Texts of the camera, loaded with it. */
import { catalogue, texts } from "../../ui/i18n.ts";

export const cameraTexts = catalogue({
  en: {
    cameraTitle: "Take a photo",
    shoot: "Take the photo",
    again: "Take it again",
    usePhoto: "Send this photo",
    switchCamera: "Other camera",
    cameraRefused: "The camera is not allowed here. Allow it in the browser’s address bar, or choose a picture from your device.",
    cameraNone: "No camera was found. Choose a picture from your device.",
    chooseInstead: "Choose a picture",
    cameraStarting: "Starting the camera…",
    cameraLive: "What the camera sees",
    photoTaken: "The photo just taken",
  },
  fr: {
    cameraTitle: "Prendre une photo",
    shoot: "Prendre la photo",
    again: "Reprendre",
    usePhoto: "Envoyer cette photo",
    switchCamera: "Autre caméra",
    cameraRefused:
      "L’appareil photo n’est pas autorisé ici. Autorisez-le dans la barre d’adresse, ou choisissez une image de votre appareil.",
    cameraNone: "Aucun appareil photo trouvé. Choisissez une image de votre appareil.",
    chooseInstead: "Choisir une image",
    cameraStarting: "Démarrage de l’appareil photo…",
    cameraLive: "Ce que voit l’appareil photo",
    photoTaken: "La photo qui vient d’être prise",
  },
});

export const ct = texts(cameraTexts);
