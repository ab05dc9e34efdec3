/** Texts of the contact form, loaded with it. */
import { catalogue, texts } from "../../ui/i18n.ts";

export const formTexts = catalogue({
  en: {
    name: "Name",
    email: "E-mail",
    emailHint: "To answer you when you have left this page.",
    needName: "Write your name.",
    needEmail: "Write your e-mail, like name@example.com.",
    needMessage: "Write your message.",
    sendForm: "Send",
    save: "Save",
    message: "Your message",
  },
  fr: {
    name: "Nom",
    email: "E-mail",
    emailHint: "Pour vous répondre quand vous aurez quitté cette page.",
    needName: "Écrivez votre nom.",
    needEmail: "Écrivez votre e-mail, par exemple nom@exemple.fr.",
    needMessage: "Écrivez votre message.",
    sendForm: "Envoyer",
    save: "Enregistrer",
    message: "Votre message",
  },
});

export const ft = texts(formTexts);
