package import MatrixCore
package import ServerKit
import Store

extension Desk {
    /// What the demo's start page needs to know.
    package struct Demo: Sendable {
        package var signIns: [Config.DemoSignIn]
        package var inbox: String
        /// False when the data was there already.
        package var isNew: Bool
    }

    /// Fills an empty desk with Maison Lumen, by the same actions as the API, at times in the past: real accounts, rooms, messages and
    /// pictures. Does nothing to a desk that has agents. To be called before the server listens.
    package func seedDemo(_ c: Context) async throws -> Demo {
        let signIns = DemoShop.people.map {
            Config.DemoSignIn(name: $0.name, user: $0.user, password: DemoShop.password, role: $0.role.rawValue)
        }
        let demo = Demo(signIns: signIns, inbox: "lumen-web", isNew: false)
        guard try await !c.db.read({ try $0.exists("SELECT 1 FROM desk_agent") }) else { return demo }
        defer { live.seedTime = nil }
        let start = c.clock.now, day: Int64 = 86_400_000
        live.seedTime = start - 90 * day
        let seed = Seed(c: c, live: live, start: start)
        try await seed.settings()
        var contacts: [Int: Seed.Known] = [:]
        for talk in DemoShop.talks.sorted(by: { $0.hoursAgo > $1.hoursAgo }) {
            if contacts[talk.customer] == nil { contacts[talk.customer] = try await seed.contact(talk.customer, inbox: talk.inbox, hoursAgo: talk.hoursAgo) }
            guard let contact = contacts[talk.customer] else { continue }
            try await seed.talk(talk, contact)
        }
        // The change log of the past is of no use to anyone.
        try await c.db.write { tx in _ = try tx.run("UPDATE desk_change SET at = ?", start) }
        return Demo(signIns: signIns, inbox: demo.inbox, isNew: true)
    }
}

private struct Seed: Sendable {
    struct Known: Sendable { var id: String, user: UserID }
    let c: Context, live: DeskLive, start: Int64

    private func write<T: Sendable>(_ actor: Actor, at time: Int64, _ body: @escaping @Sendable (Unit) throws -> T) async throws -> T {
        live.seedTime = time
        let (c, live) = (c, live)
        return try await c.db.write { tx in try body(Unit(c, tx, live, actor: actor, at: time)) }
    }
    private func agent(_ name: String) -> String { c.userID(localpart: name).rawValue }

    func settings() async throws {
        let time = start - 90 * 86_400_000
        let hash = try await c.ports.users.hash(c, password: DemoShop.password)
        let inboxes = try await write(.system, at: time) { unit in
            var brand = try Brands.add(unit, name: "Maison Lumen", website: "https://lumen.example", colours: ["#9A3D12", "#F2A071", "#FFFFFF", "#1B1410"], texts: [
                "fr": ["title": "Maison Lumen", "greeting": "Bonjour 👋", "intro": "Une question sur une lampe, une commande, une idée déco ? Écrivez-nous, un conseiller vous répond ici.",
                       "offline": "Nous sommes absents pour le moment. Laissez-nous un message, nous vous répondrons dès notre retour.", "contact_form": "Contactez-nous", "thanks": "Merci, nous avons bien reçu votre message. À très vite !"],
                "en": ["title": "Maison Lumen", "greeting": "Hello 👋", "intro": "A question about a lamp, an order, an idea for your home? Write to us, an advisor answers here.",
                       "offline": "We are away at the moment. Leave us a message and we will get back to you as soon as we return.", "contact_form": "Contact us", "thanks": "Thank you, we have received your message. Speak soon!"]])
            brand.logo = try Pictures.add(unit, bytes: DemoPictures.logo(), type: "image/png")
            try Brands.save(unit, brand)
            var ids: [String: String] = [:]
            for (key, name, assignment) in [("lumen-web", "Site Maison Lumen", Inbox.Assignment.automatic), ("lumen-pro", "Professionnels", .manual)] {
                ids[key] = try Inboxes.add(unit, Inbox(id: "", key: key, brandID: brand.id, name: name, channel: "web", languages: ["fr", "en"], defaultLanguage: "fr", assignment: assignment,
                                                       languageRule: .prefer, identity: .optional, identitySecret: Inboxes.newSecret(unit), allowedOrigins: [], reopenDays: 30, createdAt: 0, members: [])).id
            }
            return ids
        }
        for person in DemoShop.people {
            let face = DemoPictures.face(person.face), c = c
            let user = try await write(.system, at: time) { unit in
                let user = try c.ports.users.create(c, unit.tx, NewAccount(localpart: person.user, kind: .person, displayName: person.name, isAdmin: person.role == .owner), passwordHash: hash)
                _ = try Agents.add(unit, Agents.New(id: user.rawValue, name: person.name, publicName: person.publicName, email: person.user + "@lumen.example", role: person.role,
                                                    languages: person.languages, capacity: person.capacity, inboxes: person.inboxes.compactMap { inboxes[$0] }))
                return user
            }
            let mxc = try await c.ports.media.store(c, bytes: face, contentType: "image/png", fileName: nil, owner: user)
            try await write(.system, at: time) { unit in
                guard var agent = try Agents.load(unit.tx, user.rawValue) else { return }
                agent.picture = try Pictures.add(unit, bytes: face, type: "image/png")
                agent.pictureMXC = mxc.rawValue
                _ = try Agents.save(unit, agent)
                try c.ports.users.setProfile(c, unit.tx, user: user, Profile(displayName: person.name, avatarURL: mxc.rawValue))
            }
        }
        try await write(.system, at: time) { unit in
            for (tag, colour) in DemoShop.tags {
                try Tags.ensure(unit, tag)
                try unit.tx.run("UPDATE desk_tag SET colour = ? WHERE name = ?", colour, tag)
            }
            for reply in DemoShop.canned {
                _ = try CannedReplies.add(unit, shortcut: reply.shortcut, title: reply.title, language: reply.language, scope: .team, owner: nil, body: reply.body)
            }
        }
    }

    func contact(_ index: Int, inbox key: String, hoursAgo: Double) async throws -> Known {
        let it = DemoShop.customers[index]
        return try await write(.system, at: start - Int64(hoursAgo * 3_600_000)) { unit in
            guard let inbox = try Inboxes.find(unit.tx, key: key) else { throw DeskError.unknownInbox }
            var contact = try Contacts.add(unit, brand: inbox.brandID, name: it.name, email: it.email, emailVerified: it.externalID != nil && it.email != nil, externalID: it.externalID, language: it.language)
            contact.phone = it.phone
            if let company = it.company { (contact.company, contact.companyID) = (company, try Companies.named(unit, brand: contact.brandID, company).id) }
            contact.location = it.location
            contact.notes = it.notes
            contact.attributes = JSONObject(it.attributes.map { (key: $0.0, value: .string($0.1)) })
            contact = try Contacts.save(unit, contact)
            let user = try unit.c.ports.users.create(unit.c, unit.tx, NewAccount(localpart: "v-" + unit.c.entropy.lowerToken(16), kind: .visitor, displayName: contact.displayName(it.language)), passwordHash: nil)
            try Contacts.link(unit, user: user, to: contact.id)
            return Known(id: contact.id, user: user)
        }
    }

    func talk(_ talk: DemoShop.Talk, _ known: Known) async throws {
        var time = start - Int64(talk.hoursAgo * 3_600_000)
        let assignee = talk.assignee.map(agent)
        let id = try await write(.contact(known.id), at: time) { unit in
            guard let inbox = try Inboxes.find(unit.tx, key: talk.inbox), var contact = try Contacts.load(unit.tx, known.id) else { throw DeskError.unknownInbox }
            contact.pageURL = talk.page.0
            contact.pageTitle = talk.page.1
            contact = try Contacts.save(unit, contact)
            return try Conversations.open(unit, contact: contact, inbox: inbox, user: known.user, language: contact.language).conversation.id
        }
        for (number, step) in talk.steps.enumerated() {
            switch step {
            case .customer(let minutes, let text):
                time += Int64(minutes) * 60_000
                try await say(["msgtype": "m.text", "body": .string(text)], in: id, by: known, at: time)
            case .picture(let minutes, let scene, let caption):
                time += Int64(minutes) * 60_000
                let bytes = Self.picture(scene), name = scene + ".png"
                let mxc = try await c.ports.media.store(c, bytes: bytes, contentType: "image/png", fileName: name, owner: known.user)
                try await say(["msgtype": "m.image", "body": .string(caption), "filename": .string(name), "url": .string(mxc.rawValue),
                               "info": ["mimetype": "image/png", "size": .int(Int64(bytes.count)), "w": 400, "h": 300]], in: id, by: known, at: time)
            case .agent(let minutes, let name, let text):
                time += Int64(minutes) * 60_000
                let agent = agent(name)
                try await write(.agent(agent), at: time) { unit in
                    guard let it = try Conversations.load(unit.tx, id) else { return }
                    _ = try Conversations.send(unit, it, Conversations.Outgoing(key: "seed-\(number)", content: ["msgtype": "m.text", "body": .string(text)]), by: agent)
                }
            case .note(let minutes, let name, let text, let mentions):
                time += Int64(minutes) * 60_000
                let agent = agent(name), named = mentions.map(self.agent)
                try await write(.agent(agent), at: time) { unit in
                    guard let it = try Conversations.load(unit.tx, id) else { return }
                    _ = try Notes.add(unit, it, body: text, mentions: named, key: nil, by: agent)
                }
            case .status(let minutes, let name, let status):
                time += Int64(minutes) * 60_000
                try await change(id, by: agent(name), at: time) { unit, it in
                    // The customer has read what he was told before the matter was closed.
                    try read(unit, it, by: known)
                    return try Conversations.setStatus(unit, it, status, until: nil)
                }
            case .snooze(let minutes, let name, let hours):
                time += Int64(minutes) * 60_000
                let until = start + hours * 3_600_000
                try await change(id, by: agent(name), at: time) { unit, it in try Conversations.setStatus(unit, it, .snoozed, until: until) }
            }
            if number == 0 {
                try await change(id, by: assignee ?? agent("karim"), at: time) { unit, it in
                    var it = it
                    if let assignee { it = try Conversations.assign(unit, it, to: assignee, how: .taken) }
                    if !talk.tags.isEmpty { it = try Conversations.setTags(unit.acting(as: .system), it, talk.tags) }
                    return try Conversations.setPriority(unit.acting(as: .system), it, talk.priority)
                }
            }
        }
    }
    private func change(_ id: String, by agent: String, at time: Int64, _ body: @escaping @Sendable (Unit, Conversation) throws -> Conversation) async throws {
        try await write(.agent(agent), at: time) { unit in
            guard let it = try Conversations.load(unit.tx, id) else { return }
            _ = try body(unit, it)
        }
    }
    private func say(_ content: JSONObject, in id: String, by known: Known, at time: Int64) async throws {
        try await write(.contact(known.id), at: time) { unit in
            guard let it = try Conversations.load(unit.tx, id) else { return }
            _ = try unit.c.ports.rooms.append(unit.c, unit.tx, NewEvent(room: it.room, sender: known.user, type: "m.room.message", content: .object(content), timestamp: time))
        }
    }
    private func read(_ unit: Unit, _ it: Conversation, by known: Known) throws {
        guard let event = try unit.tx.first("SELECT event_id FROM desk_item WHERE conversation_id = ? AND kind = 'message' AND author_kind = 'agent' ORDER BY id DESC LIMIT 1", it.id, row: { EventID(trusted: $0.text(0)) }) else { return }
        try unit.c.ports.rooms.setReceipt(unit.c, unit.tx, room: it.room, user: known.user, event: event, isPrivate: false)
    }
    private static func picture(_ scene: String) -> [UInt8] {
        switch scene {
        case "broken": DemoPictures.lamp(shade: 0xE9DCC6, wall: 0xC9D2CF, isLit: false, isBroken: true)
        case "lamp": DemoPictures.lamp(shade: 0xF3E3BF, wall: 0x8FA3A8, isLit: true)
        case "parcel": DemoPictures.parcel()
        case "pendant": DemoPictures.room(shade: 0x2E3A36)
        default: DemoPictures.room(shade: 0xB4541A)
        }
    }
}
