/** Texts of the question how it was, loaded with it. */
import { catalogue, texts } from "../../ui/i18n.ts";

export const surveyTexts = catalogue({
  en: {
    rating: "Your rating",
    face1: "Very bad",
    face2: "Bad",
    face3: "So-so",
    face4: "Good",
    face5: "Very good",
    starsOf: (n: number) => `${n} of 5 stars`,
    outOf: (n: number) => `${n} out of 10`,
    least: "Not at all",
    most: "Certainly",
    comment: "Would you like to add something? (optional)",
    send: "Send",
    thanks: "Thank you for your rating!",
    change: "Change",
    failed: "Your rating could not be sent. Try again in a moment.",
    over: "This rating cannot be changed any more.",
  },
  fr: {
    rating: "Votre note",
    face1: "Très mauvais",
    face2: "Mauvais",
    face3: "Moyen",
    face4: "Bien",
    face5: "Très bien",
    starsOf: (n) => `${n} étoiles sur 5`,
    outOf: (n) => `${n} sur 10`,
    least: "Pas du tout",
    most: "Certainement",
    comment: "Souhaitez-vous ajouter quelque chose ? (facultatif)",
    send: "Envoyer",
    thanks: "Merci pour votre note !",
    change: "Modifier",
    failed: "Votre note n’a pas pu être envoyée. Réessayez dans un instant.",
    over: "Cette note ne peut plus être modifiée.",
  },
});

export const st = texts(surveyTexts);
