/** Texts of the waiting line, loaded with it. */
import { catalogue, texts } from "../../ui/i18n.ts";

export const queueTexts = catalogue({
  en: {
    first: "You are next.",
    place: (n: number) => `You are number ${n} in line.`,
    soon: "It should take less than a minute.",
    about: (minutes: number) => `It should take about ${minutes} minutes.`,
    closed: "We are closed right now.",
    opens: (when: string) => `We open again ${when} and answer then.`,
  },
  fr: {
    first: "C’est bientôt votre tour.",
    place: (n) => `Vous êtes en ${n}ᵉ position dans la file.`,
    soon: "Cela devrait prendre moins d’une minute.",
    about: (minutes) => `Cela devrait prendre environ ${minutes} minutes.`,
    closed: "Nous sommes fermés en ce moment.",
    opens: (when) => `Nous rouvrons ${when} et vous répondrons alors.`,
  },
});

export const qt = texts(queueTexts);
