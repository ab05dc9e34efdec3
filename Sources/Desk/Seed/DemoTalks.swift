extension DemoShop {
    private static let aube = ("https://lumen.example/lampes/aube", "Lampe Aube"), orbe = ("https://lumen.example/suspensions/orbe", "Suspension Orbe")
    private static let basket = ("https://lumen.example/panier", "Panier"), order = ("https://lumen.example/compte/commandes", "Mes commandes"), pro = ("https://lumen.example/pro", "Professionnels")
    private static let aubeEN = ("https://lumen.example/en/lamps/aube", "Aube lamp"), orderEN = ("https://lumen.example/en/account/orders", "My orders"), halo = ("https://lumen.example/lampadaires/halo", "Lampadaire Halo")

    static let talks: [Talk] = [
        // Waiting in the queue, oldest first.
        Talk(customer: 3, inbox: "lumen-web", hoursAgo: 0.9, page: aube, assignee: nil, tags: ["conseil"], steps: [
            .customer(0, "Bonjour, est-ce que la lampe Aube existe en laiton brossé ? Sur le site je ne vois que le noir et le blanc."),
            .customer(2, "C’est pour offrir, j’en aurais besoin avant samedi 🙂")]),
        Talk(customer: 1, inbox: "lumen-web", hoursAgo: 0.6, page: orderEN, assignee: nil, tags: ["livraison"], priority: .urgent, steps: [
            .customer(0, "Hi, my order LM-48190 says “delivered” but nothing has arrived."),
            .customer(3, "The neighbours don’t have it either. It was meant to be here for a dinner tonight!")]),
        Talk(customer: 6, inbox: "lumen-web", hoursAgo: 0.45, page: orbe, assignee: nil, steps: [
            .customer(0, "Bonjour, quelle ampoule faut-il pour la suspension Orbe ? E27 ou E14 ?")]),
        Talk(customer: 4, inbox: "lumen-web", hoursAgo: 0.3, page: basket, assignee: nil, steps: [
            .customer(0, "Le code LUMEN10 ne marche pas dans mon panier"), .customer(1, "Il dit « code expiré »")]),
        Talk(customer: 10, inbox: "lumen-web", hoursAgo: 0.15, page: aubeEN, assignee: nil, steps: [.customer(0, "Do you ship to Ireland? And how long does it take?")]),
        Talk(customer: 15, inbox: "lumen-pro", hoursAgo: 5, page: pro, assignee: nil, tags: ["devis"], steps: [
            .customer(0, "Bonjour, nous ouvrons une deuxième salle en janvier. Pourriez-vous nous faire un devis pour 14 suspensions Orbe et 6 appliques Rive ?"),
            .picture(4, "room", "La salle, côté rue")]),

        // Being served.
        Talk(customer: 0, inbox: "lumen-web", hoursAgo: 3.2, page: order, assignee: "anna", tags: ["sav", "vip"], priority: .high, steps: [
            .customer(0, "Bonjour Anna, ma lampe Aube est arrivée avec l’abat-jour fendu 😕"), .picture(1, "broken", "L’abat-jour à l’ouverture du carton"),
            .agent(4, "anna", "Bonjour Julie ! Oh non, je suis vraiment désolée. La fente est bien visible, merci pour la photo."),
            .agent(1, "anna", "Je vous renvoie un abat-jour neuf aujourd’hui même. Le pied est-il intact ?"), .customer(6, "Oui, le pied n’a rien."),
            .note(1, "anna", "@karim le 3e abat-jour Aube fendu cette semaine, on prévient l’atelier ?", mentions: ["karim"]),
            .note(14, "karim", "Vu, je les appelle cet après-midi.", mentions: []), .agent(2, "anna", "Parfait. L’abat-jour part ce soir, vous recevrez le suivi par e-mail.")]),
        Talk(customer: 5, inbox: "lumen-web", hoursAgo: 2.1, page: aubeEN, assignee: "tom", tags: ["conseil"], steps: [
            .customer(0, "Hello! Would the Aube lamp be bright enough to read by?"), .agent(3, "tom", "Hi Emma! With an 8 W bulb (806 lm) it is lovely to read by. For a large armchair I would rather suggest the Halo floor lamp."),
            .customer(5, "Here is the corner I’m thinking of:"), .picture(1, "lamp", "The reading corner"), .agent(4, "tom", "What a nice spot. The Aube on that side table will do very well — shall I put one aside for you in linen?")]),
        Talk(customer: 8, inbox: "lumen-pro", hoursAgo: 7.5, page: pro, assignee: "ines", tags: ["devis", "vip"], priority: .normal, steps: [
            .customer(0, "Hi, we are furnishing eleven flats in Malmö. Could you quote 22 × Halo in black and 33 × Rive, delivered in March?"),
            .agent(22, "ines", "Hello Peter, with pleasure. Dimmable drivers for all of them, or for the Halo only?"), .customer(31, "All of them, please. And can you do net 30?"),
            .note(3, "ines", "@claire net 30 pour Lindqvist, d’accord ? 2e commande, la 1re payée à temps.", mentions: ["claire"]), .agent(12, "ines", "I am checking the payment terms and will send the quote this afternoon.")]),
        Talk(customer: 7, inbox: "lumen-web", hoursAgo: 4.4, page: order, assignee: "karim", tags: ["retour"], steps: [
            .customer(0, "Bonjour, j’ai reçu le lampadaire mais il est trop haut pour mon salon, puis-je le rendre ?"), .agent(2, "karim", "Bonjour Fatou, bien sûr : vous avez 30 jours. L’avez-vous encore dans son carton ?"),
            .customer(8, "Oui, je n’ai monté que le pied"), .agent(3, "karim", "Parfait, remettez-le simplement dans son carton. Je vous envoie l’étiquette de retour.")]),

        // Waiting for the customer.
        Talk(customer: 9, inbox: "lumen-web", hoursAgo: 26, page: order, assignee: "anna", tags: ["livraison"], steps: [
            .customer(0, "Bonjour, puis-je changer l’adresse de livraison de LM-48177 ?"), .agent(5, "anna", "Bonjour Camille, oui, le colis n’est pas encore parti. Quelle est la nouvelle adresse ?"), .status(1, "anna", .pending)]),
        Talk(customer: 12, inbox: "lumen-web", hoursAgo: 30, page: orderEN, assignee: "tom", tags: ["sav"], steps: [
            .customer(0, "My Orbe pendant flickers with the dimmer."), .agent(7, "tom", "Hello Hannah, that is usually the bulb. Is it marked “dimmable”? A picture of it would help."), .status(1, "tom", .pending)]),
        Talk(customer: 22, inbox: "lumen-pro", hoursAgo: 49, page: pro, assignee: "ines", tags: ["devis"], steps: [
            .customer(0, "Bonjour, auriez-vous les fiches 3D des appliques Rive ?"), .agent(18, "ines", "Bonjour, oui : les fichiers STEP et IFC partent par e-mail. Voulez-vous aussi les photométries ?"), .status(2, "ines", .pending)]),

        // Put off.
        Talk(customer: 2, inbox: "lumen-pro", hoursAgo: 53, page: pro, assignee: "ines", tags: ["devis", "vip"], steps: [
            .customer(0, "Bonjour, notre architecte valide le choix des abat-jour en début de semaine prochaine."), .agent(9, "ines", "Très bien, je vous recontacte à ce moment-là avec les échantillons."),
            .note(1, "ines", "Rappeler avec les échantillons lin écru et terracotta.", mentions: []), .snooze(1, "ines", hoursAhead: 60)]),
        Talk(customer: 13, inbox: "lumen-web", hoursAgo: 33, page: halo, assignee: "anna", tags: ["stock"], steps: [
            .customer(0, "Quand le lampadaire Halo vert sauge revient-il en stock ?"), .agent(6, "anna", "Bonjour Élodie, l’arrivage est prévu jeudi. Je vous préviens dès qu’il est là !"), .customer(4, "Super, merci !"), .snooze(1, "anna", hoursAhead: 44)]),

        // Done.
        Talk(customer: 11, inbox: "lumen-web", hoursAgo: 22, page: basket, assignee: "anna", tags: ["conseil"], steps: [
            .customer(0, "Bonjour, la lampe Aube consomme combien ?"), .agent(3, "anna", "Bonjour Lucas, 8 W avec l’ampoule LED fournie, soit environ 2 € par an à 4 h par jour."), .customer(2, "Parfait, je commande. Merci !"), .agent(1, "anna", "Merci à vous, belle journée !"), .status(2, "anna", .resolved)]),
        Talk(customer: 14, inbox: "lumen-web", hoursAgo: 24.5, page: orbe, assignee: "karim", steps: [
            .customer(0, "Vous avez un magasin à Grenoble ?"), .agent(2, "karim", "Bonjour Antoine, pas encore ! Le plus proche est à Lyon, 12 rue des Lanternes, du mardi au samedi de 10 h à 19 h."), .customer(3, "OK merci, j’y passerai samedi"), .status(5, "karim", .resolved)]),
        Talk(customer: 16, inbox: "lumen-web", hoursAgo: 27, page: orderEN, assignee: "tom", tags: ["facture"], steps: [
            .customer(0, "Hi, could I get an invoice with my company’s VAT number?"), .agent(6, "tom", "Of course! Please send me the number and the company name."), .customer(4, "Raman Studio Ltd, IE1234567X"), .agent(5, "tom", "Done, the new invoice is in your inbox."), .customer(1, "That was quick, thanks!"), .status(1, "tom", .resolved)]),
        Talk(customer: 17, inbox: "lumen-web", hoursAgo: 46, page: order, assignee: "anna", tags: ["livraison", "sav"], steps: [
            .customer(0, "Mon colis est arrivé dans cet état…"), .picture(1, "parcel", "Colis abîmé"), .agent(3, "anna", "Bonjour Nicolas, merci pour la photo. Le contenu est-il abîmé ?"), .customer(9, "Non, tout va bien dedans, mais je préférais vous le dire."),
            .agent(2, "anna", "C’est très gentil, nous le signalons au transporteur. Voici un bon de 10 € pour le désagrément : MERCI10."), .customer(3, "Merci beaucoup !"), .status(1, "anna", .resolved)]),
        Talk(customer: 18, inbox: "lumen-web", hoursAgo: 50, page: aube, assignee: "karim", tags: ["conseil"], steps: [
            .customer(0, "Bonjour, lin ou coton pour une chambre d’enfant ?"), .agent(4, "karim", "Bonjour Manon, le coton : la lumière est plus douce et il se dépoussière facilement."), .customer(2, "Merci pour le conseil"), .status(3, "karim", .resolved)]),
        Talk(customer: 19, inbox: "lumen-web", hoursAgo: 52, page: orderEN, assignee: "tom", tags: ["retour"], steps: [
            .customer(0, "How do I return a lamp from the UK?"), .agent(5, "tom", "Hi James, I have e-mailed you a prepaid label; any parcel shop will take it."), .customer(7, "Brilliant, cheers."), .status(1, "tom", .resolved)]),
        Talk(customer: 20, inbox: "lumen-web", hoursAgo: 70, page: orbe, assignee: "anna", tags: ["conseil"], steps: [
            .customer(0, "À quelle hauteur accrocher la suspension Orbe au-dessus d’une table ?"), .agent(3, "anna", "Bonjour Yasmine, entre 60 et 70 cm au-dessus du plateau, pour éclairer sans éblouir."), .picture(6, "pendant", "Comme ça ?"), .agent(2, "anna", "Exactement, c’est parfait ! 😍"), .customer(1, "Merci Anna !"), .status(1, "anna", .resolved)]),
        Talk(customer: 21, inbox: "lumen-web", hoursAgo: 73, page: basket, assignee: "karim", steps: [
            .customer(0, "Bonsoir, peut-on payer en trois fois ?"), .agent(11, "karim", "Bonjour, oui, dès 150 € et sans frais : choisissez « 3 fois » au moment du paiement."), .status(2, "karim", .resolved)]),
        Talk(customer: 23, inbox: "lumen-web", hoursAgo: 75, page: halo, assignee: "anna", tags: ["stock"], steps: [
            .customer(0, "Le Halo noir est-il disponible en magasin à Lyon ?"), .agent(2, "anna", "Bonjour Léa, oui, il nous en reste deux. Je vous en réserve un jusqu’à samedi ?"), .customer(2, "Oui volontiers, au nom de Fontaine"), .agent(1, "anna", "C’est noté, à samedi !"), .status(1, "anna", .resolved)]),
        Talk(customer: 24, inbox: "lumen-web", hoursAgo: 95, page: orderEN, assignee: "tom", tags: ["livraison"], steps: [
            .customer(0, "Can you deliver to a pick-up point in Brussels?"), .agent(4, "tom", "Hi Sarah, yes: choose “Pick-up point” and enter your postcode."), .customer(3, "Found it, thank you"), .status(1, "tom", .resolved)]),
        Talk(customer: 0, inbox: "lumen-web", hoursAgo: 1500, page: aube, assignee: "anna", tags: ["conseil"], steps: [
            .customer(0, "Bonjour, la lampe Aube va-t-elle avec un pied en laiton ?"), .agent(3, "anna", "Bonjour Julie, très bien, c’est même notre association préférée."), .customer(1, "Adjugé, merci !"), .status(1, "anna", .resolved)]),
        Talk(customer: 13, inbox: "lumen-web", hoursAgo: 1100, page: order, assignee: "karim", tags: ["facture"], steps: [
            .customer(0, "Bonjour, je ne retrouve pas ma facture de mars."), .agent(6, "karim", "Bonjour Élodie, la voici de nouveau par e-mail."), .customer(2, "Reçue, merci"), .status(1, "karim", .resolved)]),
        Talk(customer: 5, inbox: "lumen-web", hoursAgo: 900, page: aubeEN, assignee: "tom", steps: [
            .customer(0, "Is the linen shade washable?"), .agent(4, "tom", "Hi Emma, dry brushing only, I’m afraid."), .customer(1, "OK, good to know"), .status(1, "tom", .resolved)]),
        Talk(customer: 2, inbox: "lumen-pro", hoursAgo: 1300, page: pro, assignee: "ines", tags: ["devis"], steps: [
            .customer(0, "Bonjour, proposez-vous des tarifs pour les hôtels ?"), .agent(15, "ines", "Bonjour, oui : 12 % dès 20 pièces, et un interlocuteur dédié. Je vous envoie notre dossier."), .customer(40, "Bien reçu, merci."), .status(1, "ines", .resolved)]),
        Talk(customer: 7, inbox: "lumen-web", hoursAgo: 820, page: basket, assignee: "anna", tags: ["livraison"], steps: [
            .customer(0, "La livraison est gratuite à partir de combien ?"), .agent(1, "anna", "Bonjour Fatou, dès 80 € en France."), .status(4, "anna", .resolved)]),
    ]
}
