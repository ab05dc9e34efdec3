/** The emoji that people use most, with English and French words to find them by. `emoji words,emoji words` in each group. */
export type EmojiGroup = "smileys" | "people" | "nature" | "food" | "travel" | "objects" | "symbols";

const data: Record<EmojiGroup, string> = {
  smileys:
    "😀 grin sourire,😃 happy content,😄 laugh rire,😁 beam dents,😆 xd rire,😅 sweat ouf,🤣 rofl mdr,😂 joy larmes,🙂 smile sourire,🙃 upside envers,😉 wink clin,😊 blush joues,😇 angel ange,🥰 love amour,😍 heart coeur,🤩 star etoiles,😘 kiss bisou,😋 yum miam,😛 tongue langue,😜 crazy fou,🤪 zany fou,🤗 hug calin,🤭 oops rire,🤫 shh chut,🤔 think pense,🤐 zip secret,😐 neutral neutre,😑 blank bof,😶 mute muet,😏 smirk malin,😒 meh bof,🙄 eyes yeux,😬 grimace gene,😌 relief ouf,😔 sad triste,😪 tired fatigue,😴 sleep dort,😷 mask masque,🤒 ill malade,🤧 sneeze rhume,🥵 hot chaud,🥶 cold froid,😵 dizzy vertige,🤯 wow explose,🥳 party fete,😎 cool lunettes,🤓 nerd lunettes,😕 confused perdu,😟 worried inquiet,🙁 sad triste,😮 oh surprise,😲 wow surprise,😳 flush gene,🥺 please supplie,😢 cry pleure,😭 sob pleure,😱 scream peur,😖 argh zut,😞 down decu,😩 weary epuise,😤 huff agace,😡 angry colere,🤬 swear colere,💀 skull mort,💩 poo caca,👻 ghost fantome,🤖 robot",
  people:
    "👍 yes oui pouce,👎 no non pouce,👌 ok parfait,✌️ peace paix,🤞 luck chance,🤝 deal accord,👏 clap bravo,🙌 hooray hourra,🙏 thanks merci,👋 hello bonjour salut,🤚 hand main,✋ stop main,👊 fist poing,💪 strong fort,👉 right droite,👈 left gauche,👆 up haut,👇 down bas,☝️ one un,✍️ write ecrit,🤷 shrug sais pas,🤦 facepalm zut,🙋 raise question,💁 info,🙆 ok,🙅 no non,👀 look regarde,🧠 brain cerveau,👶 baby bebe,👦 boy garcon,👧 girl fille,👨 man homme,👩 woman femme,👴 old vieux,👵 old vieille,👪 family famille,🧑‍💻 computer ordinateur,🧑‍🍳 cook chef,🧑‍🔧 repair repare,👮 police,🎅 santa noel",
  nature:
    "🐶 dog chien,🐱 cat chat,🐭 mouse souris,🐰 rabbit lapin,🦊 fox renard,🐻 bear ours,🐼 panda,🐨 koala,🦁 lion,🐷 pig cochon,🐸 frog grenouille,🐵 monkey singe,🐔 hen poule,🐧 penguin pingouin,🐦 bird oiseau,🦉 owl hibou,🐝 bee abeille,🦋 butterfly papillon,🐢 turtle tortue,🐟 fish poisson,🐬 dolphin dauphin,🐴 horse cheval,💐 bouquet fleurs,🌹 rose,🌸 flower fleur,🌻 sunflower tournesol,🌷 tulip tulipe,🌱 plant plante,🌲 tree arbre sapin,🌳 tree arbre,🍀 luck trefle,🍂 autumn automne,🌞 sun soleil,🌙 moon lune,⭐ star etoile,✨ sparkle brille,⚡ bolt eclair,🔥 fire feu,🌈 rainbow arc,☀️ sun soleil,☁️ cloud nuage,🌧️ rain pluie,❄️ snow neige,💧 drop goutte,🌊 wave vague",
  food:
    "🍏 apple pomme,🍐 pear poire,🍊 orange,🍋 lemon citron,🍌 banana banane,🍉 melon pasteque,🍇 grape raisin,🍓 strawberry fraise,🍒 cherry cerise,🍑 peach peche,🍍 pineapple ananas,🥑 avocado avocat,🍅 tomato tomate,🥕 carrot carotte,🥔 potato patate,🌽 corn mais,🥐 croissant,🥖 baguette pain,🍞 bread pain,🧀 cheese fromage,🥚 egg oeuf,🥓 bacon,🥞 crepe pancake,🍗 chicken poulet,🍔 burger,🍟 fries frites,🍕 pizza,🥪 sandwich,🌮 taco,🥗 salad salade,🍝 pasta pates,🍜 soup soupe,🍣 sushi,🍦 ice glace,🍩 donut,🍪 cookie biscuit,🎂 cake gateau,🍰 cake gateau,🍫 chocolate chocolat,🍬 candy bonbon,🍿 popcorn,☕ coffee cafe,🍵 tea the,🥛 milk lait,🍷 wine vin,🍺 beer biere,🥂 cheers sante,🍾 champagne,🍽️ plate assiette",
  travel:
    "🚗 car voiture,🚕 taxi,🚌 bus,🚑 ambulance,🚚 delivery livraison camion,🚲 bike velo,🛵 scooter,🏍️ moto,🚄 train,✈️ plane avion,🚀 rocket fusee,⛵ boat bateau,🚢 ship navire,⚓ anchor ancre,🚦 traffic feu,🏠 house maison,🏡 garden jardin maison,🏢 office bureau,🏬 shop magasin,🏥 hospital hopital,🏦 bank banque,🏨 hotel,🏫 school ecole,🗼 tower tour,🗽 liberty liberte,⛰️ mountain montagne,🏖️ beach plage,🏝️ island ile,🏕️ camp tente,🌍 world monde terre,🗺️ map carte,🌆 city ville,🌃 night nuit,🎡 wheel roue,🇫🇷 france,🇧🇪 belgium belgique,🇨🇭 switzerland suisse,🇨🇦 canada,🇬🇧 kingdom royaume,🇺🇸 america amerique,🇪🇺 europe",
  objects:
    "💡 light lampe ampoule idee,🔦 torch lampe,🕯️ candle bougie,🛋️ sofa canape,🛏️ bed lit,🪑 chair chaise,🚪 door porte,🛁 bath bain,📱 phone telephone,💻 laptop ordinateur,⌨️ keyboard clavier,🖨️ printer imprimante,📷 camera photo,🎥 film,📞 call appel telephone,⏰ alarm reveil,⌚ watch montre,⌛ wait attente,🔋 battery pile,🔌 plug prise,🔧 tool outil,🔨 hammer marteau,🔩 screw vis,⚙️ gear reglage,🧰 toolbox outils,📦 parcel colis,📫 mail courrier,✉️ letter lettre,📎 clip trombone,📄 page document,📅 date calendrier,📈 chart hausse,📌 pin epingle,✂️ cut ciseaux,✏️ pencil crayon,📚 books livres,🔒 lock cadenas,🔑 key cle,💳 card carte paiement,💶 euro argent,💰 money argent,🧾 receipt facture recu,🛒 cart panier,🛍️ shopping achats,🎁 gift cadeau,🎉 party fete,🎈 balloon ballon,🏆 trophy trophee,🥇 first premier,⚽ football,🎾 tennis,🎮 game jeu,🎸 guitar guitare,🎵 music musique,👕 shirt,👗 dress robe,👟 shoe chaussure,👓 glasses lunettes,💍 ring bague,💊 pill medicament,🧴 lotion,🧹 clean balai",
  symbols:
    "❤️ heart coeur rouge,🧡 orange coeur,💛 yellow coeur jaune,💚 green coeur vert,💙 blue coeur bleu,💜 purple coeur violet,🖤 black coeur noir,🤍 white coeur blanc,💔 broken brise,💕 love coeurs,💯 hundred cent,✅ done fait oui,☑️ check coche,✔️ check coche,❌ no croix non,⭕ circle rond,❗ warning attention,❓ question,⚠️ warning attention,🚫 forbidden interdit,♻️ recycle,🔄 refresh retour,➕ plus,➖ minus moins,➡️ right droite,⬅️ left gauche,⬆️ up haut,⬇️ down bas,🔴 red rouge,🟠 orange,🟡 yellow jaune,🟢 green vert,🔵 blue bleu,🟣 purple violet,⚫ black noir,⚪ white blanc,🆗 ok,🆕 new nouveau,🆓 free gratuit,💬 chat bulle message,💤 sleep dodo,🔔 bell cloche,🎶 music musique,©️ copyright,®️ marque,™️ marque",
};

export interface Emoji {
  char: string;
  words: string;
}

export const groups = Object.keys(data) as EmojiGroup[];

export function emojiOf(group: EmojiGroup): Emoji[] {
  return data[group].split(",").map((entry) => {
    const cut = entry.indexOf(" ");
    return { char: entry.slice(0, cut), words: entry.slice(cut + 1) };
  });
}

/** All whose words begin with every word that is looked for; accents and case do not matter. */
export function findEmoji(wanted: string): Emoji[] {
  const words = wanted.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().split(/\s+/).filter(Boolean);
  return groups.flatMap(emojiOf).filter((e) => words.every((w) => e.words.split(" ").some((own) => own.startsWith(w))));
}
