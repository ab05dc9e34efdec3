/** Texts of `/app`: how to use any Matrix app with this server. */
import { catalogue, texts } from "../../ui/i18n.ts";

export const appTexts = catalogue({
  en: {
    title: "Connect a Matrix app",
    lead:
      "This server has no messenger page of its own yet. It does not need one to be used: it speaks Matrix, and every Matrix app can sign in here.",
    address: "Address of the server",
    addressHint: "The app calls it “homeserver”, sometimes “server” or “account provider”.",
    name: "Server name",
    nameHint: (id: string) => `The end of every address here: ${id}`,
    copy: (what: string) => `Copy: ${what}`,
    copied: "Copied.",
    notCopied: "Your browser did not allow copying. Select the text and copy it.",
    choose: "Three apps that work well",
    element1: "Open Element (web, computer or phone) and choose “Sign in”.",
    element2: "Beside the name of the server, choose “Edit”, then “Other homeserver”.",
    element3: "Paste the address of the server and continue.",
    element4: "Enter your user name and password.",
    elementNote: "The web version runs on https: your server must then have an https address as well.",
    fluffy1: "Open FluffyChat and go to “Sign in”.",
    fluffy2: "Write the address of the server in the field of the homeserver.",
    fluffy3: "Choose “Sign in with password” and enter your user name and password.",
    nheko1: "Start nheko and choose “Login”.",
    nheko2: (id: string) => `Write your full Matrix address, such as ${id}.`,
    nheko3: "Nheko looks for the server by itself. If it does not find it, write its address in the field “Homeserver address”.",
    nheko4: "Enter your password and sign in.",
    local:
      "This address only works on the computer that runs the server. For a phone, start the server with an address that the phone can reach.",
    noAccount: "No account yet?",
    noAccountText: "The person who runs this server makes it for you.",
    demoText: "The sign-ins of the demonstration are on the start page.",
    toStart: "To the start page",
    back: "Start page",
    switchLang: "Français",
    noAnswer: "The server does not answer. Check your connection; the page tries again by itself.",
  },
  fr: {
    title: "Connecter une application Matrix",
    lead:
      "Ce serveur n’a pas encore sa propre page de messagerie. Il n’en a pas besoin pour servir\u00a0: il parle Matrix, et toute application Matrix peut s’y connecter.",
    address: "Adresse du serveur",
    addressHint:
      "L’application l’appelle «\u00a0serveur d’accueil\u00a0», parfois «\u00a0serveur\u00a0» ou «\u00a0fournisseur de compte\u00a0».",
    name: "Nom du serveur",
    nameHint: (id) => `La fin de chaque adresse ici\u00a0: ${id}`,
    copy: (what) => `Copier\u00a0: ${what}`,
    copied: "Copié.",
    notCopied: "Votre navigateur n’a pas permis la copie. Sélectionnez le texte et copiez-le.",
    choose: "Trois applications qui marchent bien",
    element1: "Ouvrez Element (web, ordinateur ou téléphone) et choisissez «\u00a0Se connecter\u00a0».",
    element2: "À côté du nom du serveur, choisissez «\u00a0Modifier\u00a0», puis «\u00a0Autre serveur d’accueil\u00a0».",
    element3: "Collez l’adresse du serveur et continuez.",
    element4: "Saisissez votre identifiant et votre mot de passe.",
    elementNote: "La version web est en https\u00a0: votre serveur doit alors avoir lui aussi une adresse https.",
    fluffy1: "Ouvrez FluffyChat et allez à «\u00a0Se connecter\u00a0».",
    fluffy2: "Écrivez l’adresse du serveur dans le champ du serveur d’accueil.",
    fluffy3: "Choisissez «\u00a0Se connecter avec un mot de passe\u00a0», puis saisissez identifiant et mot de passe.",
    nheko1: "Lancez nheko et choisissez «\u00a0Se connecter\u00a0».",
    nheko2: (id) => `Écrivez votre adresse Matrix complète, par exemple ${id}.`,
    nheko3:
      "Nheko cherche le serveur de lui-même. S’il ne le trouve pas, écrivez son adresse dans le champ «\u00a0Adresse du serveur\u00a0».",
    nheko4: "Saisissez votre mot de passe et connectez-vous.",
    local:
      "Cette adresse ne marche que sur l’ordinateur où tourne le serveur. Pour un téléphone, lancez le serveur avec une adresse que le téléphone peut joindre.",
    noAccount: "Pas encore de compte\u202f?",
    noAccountText: "La personne qui gère ce serveur vous en crée un.",
    demoText: "Les comptes de la démonstration sont sur la page d’accueil.",
    toStart: "Vers la page d’accueil",
    back: "Accueil",
    switchLang: "English",
    noAnswer: "Le serveur ne répond pas. Vérifiez votre connexion\u202f; la page réessaie d’elle-même.",
  },
});

export const t = texts(appTexts);
