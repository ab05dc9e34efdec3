import MatrixCore
import ServerKit
import Store

/// What the widget on a shop's page asks for: how to look, a session, the first message. After that it is a Matrix client.
///
/// Invariants: a visitor can do nothing but write in rooms that the desk has made for him; an identity is believed only when it is
/// signed; ten first messages at once make one conversation; a first message and its conversation are one transaction.
enum Widget {
    static let base = "/_comptoir/widget/v1"
    static let longestMessage = 8000, largestFile: Int64 = 25 << 20
    /// After a rotation the old resume token works so long (another tab may still hold it).
    static let grace: Int64 = 600_000
    /// A browser that has not come back for so long starts anew.
    static let sessionLasts: Int64 = 400 * 86_400_000
    /// Devices of one visitor that live at the same time (tabs, browsers).
    static let mostDevices = 8

    struct WidgetRoute: Sendable {
        enum Who: Sendable { case anyone, visitor }
        let method: Method, path: String, who: Who, limit: LimitClass
        let handler: @Sendable (Call) async throws -> Response

        func route(_ desk: Desk) -> Route {
            let live = desk.live
            return Route(method, Widget.base + path, auth: .none, limit: .none, body: .collected(max: 1 << 20)) { request, c in
                await Problems.catching(request, c, "\(method.rawValue) \(Widget.base)\(path)") {
                    guard request.body.count <= 128 << 10 else { throw DeskError.tooLarge }
                    switch who {
                    case .anyone:
                        try c.limiter.take(limit, who: request.remote, now: c.clock.now)
                        return try await handler(Call(request: request, c: c, live: live, visitor: nil))
                    case .visitor:
                        let session = try await Problems.session(request, c)
                        try c.limiter.take(limit, user: session, remote: request.remote, now: c.clock.now)
                        guard let contact = try await c.db.read({ try Contacts.id($0, ofUser: session.userID.rawValue) }) else { throw DeskError.forbidden }
                        live.contactSeen(contact, now: c.clock.now)
                        return try await handler(Call(request: request, c: c, live: live, visitor: Visitor(session: session, contact: contact)))
                    }
                }
            }
        }
    }
    struct Visitor: Sendable { let session: Session; let contact: String }
    struct Call: Sendable {
        let request: Request, c: Context, live: DeskLive, visitor: Visitor?
        var language: String { Problems.language(request) }
        func fields() throws(DeskError) -> Fields { Fields(try Problems.body(request)) }
        func write<T: Sendable>(_ body: @escaping @Sendable (Unit) throws -> T) async throws -> T {
            let (c, live, actor) = (c, live, visitor.map { Actor.contact($0.contact) } ?? .system)
            return try await c.db.write { tx in try body(Unit(c, tx, live, actor: actor)) }
        }
        func me() throws(DeskError) -> Visitor {
            guard let visitor else { throw .unauthorized }
            return visitor
        }
    }

    static let routes: [WidgetRoute] = [
        WidgetRoute(method: .get, path: "/config", who: .anyone, limit: .widget, handler: config),
        WidgetRoute(method: .post, path: "/session", who: .anyone, limit: .widget, handler: session),
        WidgetRoute(method: .post, path: "/conversations", who: .visitor, limit: .message, handler: start),
        WidgetRoute(method: .post, path: "/contact-form", who: .visitor, limit: .contactForm, handler: form),
        WidgetRoute(method: .put, path: "/me", who: .visitor, limit: .widget, handler: putMe),
        WidgetRoute(method: .post, path: "/page", who: .visitor, limit: .widget, handler: page),
        WidgetRoute(method: .post, path: "/end", who: .visitor, limit: .widget, handler: end),
        WidgetRoute(method: .get, path: "/queue", who: .visitor, limit: .sync, handler: queue),
        WidgetRoute(method: .get, path: "/pictures/{id}", who: .anyone, limit: .standard) { call in
            guard let id = call.request.params["id"], id.utf8.count <= 60 else { throw DeskError.notFound }
            return try await Pictures.get(call.c, id: id)
        },
    ]

    static func forgetOld(_ unit: Unit) throws {
        try unit.tx.run("DELETE FROM desk_visitor_session WHERE created_at < ? OR replaced_at < ?", unit.c.clock.now - sessionLasts, unit.c.clock.now - 86_400_000)
    }

    // MARK: config

    private static let config: @Sendable (Call) async throws -> Response = { call in
        let key = call.request.query["inbox"] ?? "default", wanted = Problems.language(call.request)
        let json: JSON = try await call.c.db.read { tx in
            guard let inbox = try Inboxes.find(tx, key: key), let brand = try Brands.load(tx, inbox.brandID) else { throw DeskError.unknownInbox }
            let hours = try BusinessHours.of(tx, inbox: inbox.id, team: inbox.team)?.state(now: call.c.clock.now), isOpen = hours?["open"]?.boolValue ?? true
            let agents = try Agents.all(tx).filter { $0.isActive && inbox.members.contains($0.id) }
            let faces = agents.sorted { rank($0) < rank($1) }.prefix(4)
            let languages = inbox.languages
            let standard = Brands.standardTexts(brand.name)
            var texts: JSONObject = [:]
            for language in languages { texts[language] = brand.texts[language] ?? standard[language] ?? brand.texts[inbox.defaultLanguage] ?? standard["en"] }
            return [
                "inbox": ["key": .string(inbox.key), "name": .string(inbox.name)],
                "brand": ["id": .string(brand.id), "name": .string(brand.name), "colour": .string(brand.colour), "colour_dark": .string(brand.colourDark), "on_colour": .string(brand.onColour),
                          "on_colour_dark": .string(brand.onColourDark), "logo": .of(Pictures.path(brand.logo)), "website": .of(brand.website)],
                "language": .string(languages.contains(wanted) ? wanted : inbox.defaultLanguage), "languages": .of(languages), "texts": .object(texts),
                "online": .bool(isOpen && agents.contains { $0.availability == .online }), "hours": hours ?? .null,
                "agents": .array(faces.map { ["name": .string($0.publicName), "picture": .of(Pictures.path($0.picture))] }),
                "reply_time": try ReplyTime.json(tx, inbox: inbox.id),
                "limits": ["message_characters": .int(Int64(longestMessage)), "file_bytes": .int(min(largestFile, call.c.config.maxUploadBytes)), "name_characters": 80, "email_characters": 254],
                "identity": .string(inbox.identity.rawValue), "allowed_origins": .of(inbox.allowedOrigins), "bot_user_id": .string(Desk.bot(call.c).rawValue),
            ]
        }
        var response = Response.json(json)
        response.headers.set("Cache-Control", "public, max-age=15")
        response.headers.set("Vary", "Accept-Language")
        return response
    }
    private static func rank(_ agent: Agent) -> (Int, String) { (Availability.allCases.firstIndex(of: agent.availability) ?? 3, agent.publicName) }

    // MARK: page, name, e-mail, end

    struct Page: Sendable {
        let url: String, title: String?, referrer: String?
        init?(_ fields: inout Fields) {
            guard let url = fields.url("url") else { return nil }
            self.url = url
            title = fields.text("title", max: 300)
            // Where the visitor came from says something; one that is no address is no reason to refuse him.
            referrer = fields.object["referrer"]?.stringValue.flatMap { $0.utf8.count <= 2000 && ($0.hasPrefix("https://") || $0.hasPrefix("http://")) && !$0.unicodeScalars.contains { $0.value <= 0x20 || $0.value == 0x7F } ? $0 : nil }
        }
        /// From a `page` field of a body.
        static func of(_ fields: inout Fields) -> Page? {
            guard let object = fields.object("page") else { return nil }
            var inner = Fields(object, prefix: "page.")
            let page = Page(&inner)
            fields.take(errorsOf: inner)
            return page
        }
    }
    static func checkOrigin(_ inbox: Inbox, _ page: Page?) throws(DeskError) {
        guard !inbox.allowedOrigins.isEmpty, let page else { return }
        guard let origin = WebOrigin.of(page.url), inbox.allowedOrigins.contains(origin) else {
            throw DeskError(.originRefused, en: "This site may not use this inbox.", fr: "Ce site ne peut pas utiliser cette boîte de réception.")
        }
    }
    static func seen(_ unit: Unit, _ contact: Contact, page: Page?) throws -> Contact {
        guard let page, page.url != contact.pageURL || page.title != contact.pageTitle else { return contact }
        var contact = contact
        contact.pageURL = page.url
        contact.pageTitle = page.title
        contact.lastSeenAt = max(contact.lastSeenAt, unit.now)
        contact = try Contacts.save(unit, contact)
        try ContactLog.add(unit.acting(as: .contact(contact.id)), contact.id, .page, ["url": .string(page.url), "title": .of(page.title), "referrer": .of(page.referrer)])
        for id in try unit.tx.all("SELECT id FROM desk_conversation WHERE contact_id = ? AND is_current = 1 AND status <> 'resolved'", contact.id, row: { $0.text(0) }) {
            guard var it = try Conversations.load(unit.tx, id) else { continue }
            it.pageURL = page.url
            it.pageTitle = page.title
            _ = try Conversations.save(unit, it, newVersion: false)
        }
        return contact
    }
    private static let page: @Sendable (Call) async throws -> Response = { call in
        let me = try call.me()
        var fields = try call.fields()
        let found = Page(&fields)
        try fields.check()
        if let found {
            try await call.write { unit in
                guard let contact = try Contacts.load(unit.tx, me.contact) else { throw DeskError.notFound }
                _ = try seen(unit, contact, page: found)
            }
        }
        return .noContent
    }

    static func contactJSON(_ contact: Contact) -> JSON {
        ["id": .string(contact.id), "name": .of(contact.name), "email": .of(contact.email), "verified": .bool(contact.externalID != nil)]
    }
    /// What a visitor types about himself: never over what the shop has signed.
    static func introduce(_ unit: Unit, _ old: Contact, name: Fields.Change<String>, email: Fields.Change<String>) throws -> Contact {
        var contact = old
        if contact.externalID != nil, name.isChange && contact.name != nil && name.applied(to: nil) != contact.name || email.isChange && contact.emailVerified && email.applied(to: nil) != contact.email {
            throw DeskError(.conflict, en: "Your name and e-mail come from your account on the site.", fr: "Votre nom et votre e-mail proviennent de votre compte sur le site.")
        }
        contact.name = name.applied(to: contact.name)
        contact.email = email.applied(to: contact.email)
        guard contact.name != old.name || contact.email != old.email else { return old }
        contact = try Contacts.save(unit, contact)
        try ContactLog.changed(unit.acting(as: .contact(contact.id)), old, contact)
        if contact.name != old.name { try Contacts.showName(unit, contact) }
        try Conversations.contactChanged(unit, contact.id)
        return contact
    }
    private static let putMe: @Sendable (Call) async throws -> Response = { call in
        let me = try call.me()
        var fields = try call.fields()
        let name = fields.change("name", max: 80), email = fields.email("email")
        try fields.check()
        return .json(["contact": try await call.write { unit in
            guard let contact = try Contacts.load(unit.tx, me.contact) else { throw DeskError.notFound }
            let changed = try introduce(unit, contact, name: name, email: email)
            // Who was merged into another is told what he has said, and nothing that is the other's.
            guard let origin = try unit.tx.first("SELECT origin FROM desk_contact_user WHERE user_id = ?", me.session.userID, row: { $0.textOrNil(0) }) ?? nil, var itself = try Contacts.load(unit.tx, origin) else { return contactJSON(changed) }
            itself.name = name.applied(to: itself.name)
            itself.email = email.applied(to: itself.email)
            return contactJSON(itself)
        }])
    }
    private static let end: @Sendable (Call) async throws -> Response = { call in
        let me = try call.me()
        try await call.write { unit in
            try unit.tx.run("DELETE FROM desk_visitor_session WHERE user_id = ? AND device_id = ?", me.session.userID, me.session.deviceID)
            try unit.c.ports.users.endSession(unit.c, unit.tx, user: me.session.userID, device: me.session.deviceID)
        }
        call.live.contactGone(me.contact)
        return .noContent
    }

    // MARK: first message

    private static let start: @Sendable (Call) async throws -> Response = { call in
        let me = try call.me()
        var fields = try call.fields()
        let key = fields.text("inbox", max: 60) ?? "default", txn = fields.text("txn_id", max: 100, required: true), language = fields.language("lang"), page = Page.of(&fields)
        let content = messageContent(&fields)
        try fields.check()
        let transaction = try Fields.must(txn, "txn_id"), message = try Fields.must(content, "content")
        return .json(.object(try await write(call, me, inbox: key, key: "t:" + transaction, txn: transaction, content: message, language: language, page: page, name: .keep, email: .keep)))
    }
    private static let form: @Sendable (Call) async throws -> Response = { call in
        let me = try call.me()
        var fields = try call.fields()
        let inbox = fields.text("inbox", max: 60) ?? "default", key = fields.key("key"), language = fields.language("lang"), page = Page.of(&fields)
        let name = fields.text("name", max: 80, required: true), message = fields.text("message", max: longestMessage, required: true, lines: true)
        _ = fields.text("email", max: 254, required: true)
        let email = fields.email("email")
        try fields.check()
        let content: JSONObject = ["msgtype": "m.text", "body": .string(try Fields.must(message, "message"))]
        let once = try Fields.must(key, "key")
        return .json(.object(try await write(call, me, inbox: inbox, key: "f:" + once, txn: "form-" + once, content: content, language: language, page: page, name: .set(name), email: email)))
    }

    private static func write(_ call: Call, _ me: Visitor, inbox key: String, key idempotency: String, txn: String, content: JSONObject, language: String?, page: Page?,
                              name: Fields.Change<String>, email: Fields.Change<String>) async throws -> JSONObject {
        let owner = "w:" + me.session.userID.rawValue, digest = Idempotency.digest(.object(content))
        return try await call.write { unit in
            if let answer = try Idempotency.answer(unit.tx, owner: owner, key: idempotency, digest: digest) { return answer }
            guard let inbox = try Inboxes.find(unit.tx, key: key) else { throw DeskError.unknownInbox }
            guard var contact = try Contacts.load(unit.tx, me.contact), contact.brandID == inbox.brandID else { throw DeskError.unknownInbox }
            try checkOrigin(inbox, page)
            if inbox.identity == .required, contact.externalID == nil {
                throw DeskError(.identityRequired, en: "Sign in on the site to write to us.", fr: "Connectez-vous sur le site pour nous écrire.")
            }
            contact = try seen(unit, contact, page: page)
            if contact.externalID == nil {
                contact = try introduce(unit, contact, name: name, email: email)
            } else if contact.email == nil, email.isChange {
                contact = try introduce(unit, contact, name: .keep, email: email)
            }
            let (it, isNew) = try Conversations.open(unit, contact: contact, inbox: inbox, user: me.session.userID, language: language)
            return try Dispatch.settling(unit) {
                let event = try unit.c.ports.rooms.append(unit.c, unit.tx, NewEvent(room: it.room, sender: me.session.userID, type: "m.room.message", content: .object(content),
                                                                                   transaction: (device: me.session.deviceID, id: txn), timestamp: unit.eventTime))
                let answer: JSONObject = ["room_id": .string(it.roomID), "conversation_id": .string(it.id), "event_id": .string(event.rawValue), "created": .bool(isNew)]
                try Idempotency.keep(unit, owner: owner, key: idempotency, digest: digest, answer: answer)
                return answer
            }
        }
    }

    /// Content of a message as a visitor may send it.
    static func messageContent(_ fields: inout Fields) -> JSONObject? {
        guard let content = fields.object("content") else {
            if !fields.has("content") { fields.refuse("content", en: "This field is required.", fr: "Ce champ est obligatoire.") }
            return nil
        }
        var inner = Fields(content, prefix: "content.")
        let type = inner.text("msgtype", max: 40, required: true), body = inner.text("body", max: longestMessage, required: true, lines: true)
        if let type, !["m.text", "m.emote", "m.image", "m.file", "m.audio", "m.video", "m.location"].contains(type) {
            inner.refuse("msgtype", en: "This kind of message is not known.", fr: "Ce type de message n’est pas connu.")
        }
        if let type, ["m.image", "m.file", "m.audio", "m.video"].contains(type), content["file"] == nil, content["url"]?.stringValue.flatMap(MXC.init(rawValue:)) == nil {
            inner.refuse("url", en: "This must be the mxc:// address of an upload.", fr: "Ce champ doit être l’adresse mxc:// d’un fichier envoyé.")
        }
        if JSON.object(content).encoded().count > 48 << 10 { inner.refuse("body", en: "This message is too large.", fr: "Ce message est trop volumineux.") }
        fields.take(errorsOf: inner)
        return type == nil || body == nil ? nil : content
    }
}

/// How soon a customer may expect an answer: the median of the last first replies, told in round figures.
enum ReplyTime {
    static func json(_ tx: ReadTx, inbox: String) throws -> JSON {
        let last = try tx.all(lastReplies, inbox) { $0.int(0) }.sorted()
        let seconds = last.isEmpty ? nil : last[last.count / 2] / 1000
        let phrase = phrase(seconds)
        return ["seconds": .of(seconds), "text": ["fr": .string(phrase.fr), "en": .string(phrase.en)]]
    }
    static let lastReplies = "SELECT first_reply_ms FROM desk_conversation WHERE inbox_id = ? AND first_reply_ms IS NOT NULL ORDER BY number DESC LIMIT 50"

    static func phrase(_ seconds: Int64?) -> Phrase {
        guard let seconds else { return Phrase(en: "Usually replies within the hour", fr: "Répond en général dans l’heure") }
        switch seconds {
        case ..<90: return Phrase(en: "Usually replies in a minute", fr: "Répond en général en une minute")
        case ..<3000:
            let minutes = (seconds + 59) / 60
            return Phrase(en: "Usually replies in \(minutes) minutes", fr: "Répond en général en \(minutes) minutes")
        case ..<5400: return Phrase(en: "Usually replies within the hour", fr: "Répond en général dans l’heure")
        case ..<72_000:
            let hours = (seconds + 3599) / 3600
            return Phrase(en: "Usually replies within \(hours) hours", fr: "Répond en général en \(hours) heures")
        default: return Phrase(en: "Usually replies within a day", fr: "Répond en général dans la journée")
        }
    }
}
