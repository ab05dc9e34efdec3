/** Texts of the menu, loaded with it. */
import { catalogue, texts } from "../../ui/i18n.ts";

export const menuTexts = catalogue({
  en: {
    darkMode: "Dark colours",
    lightMode: "Light colours",
    systemMode: "Colours of the device",
    language: "Français",
    forget: "Forget me on this browser",
    forgetTitle: "Forget this conversation here?",
    forgetText: "It disappears from this browser and cannot be reopened here. The shop keeps its copy.",
    forgetYes: "Forget",
    yourDetails: "Your name and e-mail",
  },
  fr: {
    darkMode: "Couleurs sombres",
    lightMode: "Couleurs claires",
    systemMode: "Couleurs de l’appareil",
    language: "English",
    forget: "M’oublier sur ce navigateur",
    forgetTitle: "Oublier cette conversation ici\u202f?",
    forgetText: "Elle disparaît de ce navigateur et ne pourra plus y être rouverte. La boutique garde sa copie.",
    forgetYes: "Oublier",
    yourDetails: "Votre nom et votre e-mail",
  },
});

export const mt = texts(menuTexts);
