/** Texts of the kit itself. */
import { catalogue, texts } from "./i18n.ts";

export const kitTexts = catalogue({
  en: {
    close: "Close",
    cancel: "Cancel",
    download: "Download",
    zoomIn: "Enlarge",
    zoomOut: "Fit to the window",
    picture: "Picture",
    openPicture: (name: string) => `Open the picture ${name}`,
    emoji: "Emoji",
    searchEmoji: "Search an emoji",
    noEmoji: "No emoji found. Try another word.",
    send: "Send",
    uploading: (percent: number) => `Sending, ${percent}%`,
    smileys: "Smileys",
    people: "Gestures and people",
    nature: "Nature",
    food: "Food",
    travel: "Places and travel",
    objects: "Objects",
    symbols: "Symbols",
  },
  fr: {
    close: "Fermer",
    cancel: "Annuler",
    download: "Télécharger",
    zoomIn: "Agrandir",
    zoomOut: "Ajuster à la fenêtre",
    picture: "Image",
    openPicture: (name) => `Ouvrir l’image ${name}`,
    emoji: "Émojis",
    searchEmoji: "Chercher un émoji",
    noEmoji: "Aucun émoji trouvé. Essayez un autre mot.",
    send: "Envoyer",
    uploading: (percent) => `Envoi en cours, ${percent}\u00a0%`,
    smileys: "Visages",
    people: "Gestes et personnes",
    nature: "Nature",
    food: "Cuisine",
    travel: "Lieux et voyages",
    objects: "Objets",
    symbols: "Symboles",
  },
});

export const kt = texts(kitTexts);
