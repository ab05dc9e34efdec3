/// The demo's people and conversations, as data: Maison Lumen, lamps and home, Lyon.
enum DemoShop {
    struct Person: Sendable {
        let user: String
        let name: String
        let publicName: String
        let role: Role
        let languages: [String]
        let capacity: Int64
        let inboxes: [String]
        let face: DemoPictures.Face
    }
    struct Customer: Sendable {
        var name: String?
        var email: String?
        var language: String
        var phone: String?
        var company: String?
        var location: String?
        var externalID: String?
        var notes = ""
        var attributes: [(String, String)] = []
    }
    /// What happens, and how many minutes after what happened before.
    enum Step: Sendable {
        case customer(Int, String)
        case agent(Int, String, String)
        case picture(Int, String, String)
        case note(Int, String, String, mentions: [String])
        case status(Int, String, ConversationStatus)
        /// Hours from the time of the seed.
        case snooze(Int, String, hoursAhead: Int64)
    }
    struct Talk: Sendable {
        var customer: Int
        var inbox: String
        var hoursAgo: Double
        var page: (String, String)
        var assignee: String?
        var tags: [String] = []
        var priority = Conversation.Priority.none
        var steps: [Step]
    }

    static let password = "lumen-demo"

    static let people: [Person] = [
        Person(user: "claire", name: "Claire Vasseur", publicName: "Claire", role: .owner, languages: ["fr", "en"], capacity: 2, inboxes: ["lumen-pro"],
               face: .init(background: 0xE8C9A8, shirt: 0x4B3B5C, skin: 0xF1C9A5, hair: 0x5A3A22, isLong: true, glasses: true)),
        Person(user: "ines", name: "Inès Benali", publicName: "Inès", role: .admin, languages: ["fr", "en"], capacity: 3, inboxes: ["lumen-web", "lumen-pro"],
               face: .init(background: 0xB9D3C2, shirt: 0x9A3D12, skin: 0xD9A77E, hair: 0x241A17, isLong: true)),
        Person(user: "karim", name: "Karim Haddad", publicName: "Karim", role: .supervisor, languages: ["fr", "en"], capacity: 4, inboxes: ["lumen-web", "lumen-pro"],
               face: .init(background: 0xA9C3DE, shirt: 0x26415F, skin: 0xC68E65, hair: 0x1E1815, isLong: false, beard: true)),
        Person(user: "anna", name: "Anna Lefèvre", publicName: "Anna", role: .agent, languages: ["fr", "en"], capacity: 6, inboxes: ["lumen-web"],
               face: .init(background: 0xF0D9A0, shirt: 0x2F6B5E, skin: 0xF6D2B3, hair: 0xB0682E, isLong: true)),
        Person(user: "tom", name: "Tom Ashworth", publicName: "Tom", role: .agent, languages: ["en"], capacity: 4, inboxes: ["lumen-web", "lumen-pro"],
               face: .init(background: 0xD7BFD9, shirt: 0x5B4FC4, skin: 0xF4CDB0, hair: 0xC99A4B, isLong: false, glasses: true)),
    ]

    static let tags: [(String, String)] = [
        ("livraison", "#1F5FBF"), ("retour", "#8C5000"), ("sav", "#B3261E"), ("conseil", "#2E6B3E"), ("devis", "#5B4FC4"), ("facture", "#6B5E57"), ("stock", "#00696F"), ("vip", "#8E3A8F"),
    ]

    static let canned: [(shortcut: String, title: String, language: String, body: String)] = [
        ("bonjour", "Accueil", "fr", "Bonjour {{contact.first_name|}} ! {{agent.name}} de {{brand.name}}, que puis-je faire pour vous ?"),
        ("hello", "Welcome", "en", "Hello {{contact.first_name|there}}! This is {{agent.name}} from {{brand.name}}, how can I help?"),
        ("photo", "Demander une photo", "fr", "Pourriez-vous m’envoyer une photo ? Vous pouvez la prendre directement depuis cette fenêtre, avec le bouton 📎."),
        ("picture", "Ask for a picture", "en", "Could you send me a picture? You can take one right from this window with the 📎 button."),
        ("retour", "Retour gratuit", "fr", "Vous avez 30 jours pour nous retourner l’article. Je vous envoie l’étiquette prépayée à {{contact.email|votre adresse e-mail}}."),
        ("return", "Free return", "en", "You have 30 days to return the item. I am sending the prepaid label to {{contact.email|your e-mail address}}."),
        ("suivi", "Suivi de colis", "fr", "Je regarde tout de suite où se trouve votre colis, merci de patienter un instant."),
        ("merci", "Conclusion", "fr", "Avec plaisir ! Votre dossier porte le nº {{conversation.number}}. Belle journée, {{agent.name}}"),
        ("thanks", "Closing", "en", "You’re welcome! Your reference is no. {{conversation.number}}. Have a lovely day, {{agent.name}}"),
    ]

    static let customers: [Customer] = [
        /* 0 */ Customer(name: "Julie Martin", email: "julie.martin@example.org", language: "fr", phone: "+33 6 12 00 00 01", location: "Lyon", externalID: "shop-20418", notes: "Cliente fidèle, aime le laiton.", attributes: [("Commandes", "7"), ("Dernière commande", "LM-48213")]),
        /* 1 */ Customer(name: "Oliver Grant", email: "oliver.grant@example.com", language: "en", location: "Bristol", attributes: [("Orders", "2")]),
        /* 2 */ Customer(name: "Hôtel des Tilleuls", email: "achats@tilleuls.example", language: "fr", phone: "+33 4 72 00 00 02", company: "Hôtel des Tilleuls", location: "Annecy", externalID: "pro-118", notes: "24 chambres, rénovation au printemps.", attributes: [("Remise", "12 %")]),
        /* 3 */ Customer(name: "Sophie Nguyen", email: "sophie.nguyen@example.org", language: "fr", location: "Paris"),
        /* 4 */ Customer(name: nil, email: nil, language: "fr"),
        /* 5 */ Customer(name: "Emma Clarke", email: "emma.clarke@example.com", language: "en", location: "London", externalID: "shop-19377"),
        /* 6 */ Customer(name: "Marc Delattre", email: "marc.delattre@example.org", language: "fr", location: "Lille"),
        /* 7 */ Customer(name: "Fatou Diallo", email: "fatou.diallo@example.org", language: "fr", location: "Marseille", externalID: "shop-21004"),
        /* 8 */ Customer(name: "Peter Lindqvist", email: "peter@lindqvist.example", language: "en", company: "Lindqvist Interiors", location: "Stockholm", externalID: "pro-204"),
        /* 9 */ Customer(name: "Camille Roux", email: "camille.roux@example.org", language: "fr", location: "Nantes"),
        /* 10 */ Customer(name: nil, email: nil, language: "en"),
        /* 11 */ Customer(name: "Lucas Bernard", email: "lucas.bernard@example.org", language: "fr", location: "Toulouse"),
        /* 12 */ Customer(name: "Hannah Weiss", email: "hannah.weiss@example.com", language: "en", location: "Berlin"),
        /* 13 */ Customer(name: "Élodie Petit", email: "elodie.petit@example.org", language: "fr", location: "Rennes", externalID: "shop-18820", attributes: [("Commandes", "12")]),
        /* 14 */ Customer(name: "Antoine Girard", email: nil, language: "fr", location: "Grenoble"),
        /* 15 */ Customer(name: "Café Lumière", email: "bonjour@cafelumiere.example", language: "fr", company: "Café Lumière", location: "Dijon", externalID: "pro-131"),
        /* 16 */ Customer(name: "Priya Raman", email: "priya.raman@example.com", language: "en", location: "Dublin"),
        /* 17 */ Customer(name: "Nicolas Faure", email: "nicolas.faure@example.org", language: "fr", location: "Nice"),
        /* 18 */ Customer(name: "Manon Lambert", email: "manon.lambert@example.org", language: "fr", location: "Bordeaux"),
        /* 19 */ Customer(name: "James O’Neill", email: "james.oneill@example.com", language: "en", location: "Edinburgh"),
        /* 20 */ Customer(name: "Yasmine Cherif", email: "yasmine.cherif@example.org", language: "fr", location: "Montpellier"),
        /* 21 */ Customer(name: nil, email: "p.morel@example.org", language: "fr"),
        /* 22 */ Customer(name: "Studio Archipel", email: "contact@archipel.example", language: "fr", company: "Studio Archipel", location: "Lyon", externalID: "pro-097", notes: "Architectes d’intérieur."),
        /* 23 */ Customer(name: "Léa Fontaine", email: "lea.fontaine@example.org", language: "fr", location: "Strasbourg"),
        /* 24 */ Customer(name: "Sarah Cohen", email: "sarah.cohen@example.com", language: "en", location: "Brussels", externalID: "shop-20911"),
    ]
}
