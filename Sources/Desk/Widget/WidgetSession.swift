import MatrixCore
import ServerKit
import Store

/// A visitor's session: made, resumed, identified.
///
/// Invariants: a resume token is a secret of 190 bits, kept as a hash, rotated at each use; a signed identity always leads to the same
/// contact and Matrix user, whatever the browser; an unsigned one never leads to somebody else's.
extension Widget {
    private enum Claim: Sendable { case none, token(String), hash(userID: String, hash: String, name: String?, email: String?) }

    static let session: @Sendable (Call) async throws -> Response = { call in
        var fields = try call.fields()
        let key = fields.text("inbox", max: 60) ?? "default", resume = fields.text("resume_token", max: 200), language = fields.language("lang"), page = Page.of(&fields)
        var claim = Claim.none
        if let object = fields.object("identity") {
            var inner = Fields(object, prefix: "identity.")
            if inner.has("token") {
                if let token = inner.text("token", max: 8192, required: true) { claim = .token(token) }
            } else {
                let user = inner.text("user_id", max: 255, required: true), hash = inner.text("hash", max: 64, required: true)
                let name = inner.text("name", max: 80), email = inner.email("email").applied(to: nil)
                if let user, let hash { claim = .hash(userID: user, hash: hash, name: name, email: email) }
            }
            fields.take(errorsOf: inner)
        }
        try fields.check()
        let given = claim
        guard let inbox = try await call.c.db.read({ try Inboxes.find($0, key: key) }) else { throw DeskError.unknownInbox }
        try checkOrigin(inbox, page)
        let proved = try prove(given, inbox, now: call.c.clock.now)
        if inbox.identity == .required, proved == nil {
            throw DeskError(.identityRequired, en: "Sign in on the site to write to us.", fr: "Connectez-vous sur le site pour nous écrire.")
        }
        let isKnown = if let resume { try await call.c.db.read { try lookUp($0, resume, now: call.c.clock.now) != nil } } else { false }
        // New visitors cost an account each: few per address.
        if !isKnown, proved == nil { try call.c.limiter.take(.registration, who: "visitor " + RateLimiter.network(call.request.remote), now: call.c.clock.now) }
        let json = try await call.write { try open($0, inbox: inbox, resume: resume, proved: proved, language: language, page: page) }
        return .json(json)
    }

    private static func prove(_ claim: Claim, _ inbox: Inbox, now: Int64) throws(DeskError) -> Identity.Proved? {
        let refused = DeskError(.identityInvalid, en: "The site’s proof of who you are is not valid or has expired.", fr: "La preuve d’identité fournie par le site n’est pas valide ou a expiré.")
        guard let secret = inbox.identitySecret else {
            if case .none = claim { return nil }
            throw refused
        }
        do throws(Identity.Refusal) {
            switch claim {
            case .none: return nil
            case .token(let token): return try Identity.jwt(token, secret: secret, now: now)
            case .hash(let user, let hash, let name, let email):
                try Identity.hmac(userID: user, hash: hash, secret: secret)
                return Identity.Proved(externalID: user, name: name, email: email, emailProved: false)
            }
        } catch { throw refused }
    }

    private struct Kept { var user: UserID, device: DeviceID, contact: String, hash: String }
    private static func hash(_ token: String) -> String { Hex.encode(SHA256.hash(Array(token.utf8))) }
    private static func lookUp(_ tx: ReadTx, _ token: String, now: Int64) throws -> Kept? {
        let hash = hash(token)
        return try tx.first("""
            SELECT user_id, device_id, contact_id FROM desk_visitor_session WHERE token_hash = ? AND created_at > ? AND (replaced_at IS NULL OR replaced_at > ?)
            """, hash, now - sessionLasts, now - grace) { Kept(user: UserID(trusted: $0.text(0)), device: DeviceID(trusted: $0.text(1)), contact: $0.text(2), hash: hash) }
    }

    private static func open(_ unit: Unit, inbox: Inbox, resume: String?, proved: Identity.Proved?, language: String?, page: Page?) throws -> JSON {
        let users = unit.c.ports.users
        var kept = try resume.flatMap { try lookUp(unit.tx, $0, now: unit.c.clock.now) }
        var contact = try kept.flatMap { try Contacts.load(unit.tx, $0.contact) }
        if contact?.brandID != inbox.brandID { (kept, contact) = (nil, nil) }   // the token of another brand's widget
        // Who was merged into another is, in the widget, still himself: he is told of nothing that is the other's.
        var itself = try kept.flatMap { kept in try unit.tx.first("SELECT origin FROM desk_contact_user WHERE user_id = ?", kept.user) { $0.textOrNil(0) } ?? nil }.flatMap { try Contacts.load(unit.tx, $0) }
        if let proved {
            if let known = try Contacts.find(unit.tx, brand: inbox.brandID, externalID: proved.externalID) {
                if known.id != (itself ?? contact)?.id { (kept, contact, itself) = (nil, known, known.mergedInto == nil ? nil : known) }
                while let next = contact?.mergedInto { contact = try Contacts.load(unit.tx, next) }
            } else if contact?.externalID != nil {
                (kept, contact, itself) = (nil, nil, nil)   // another shop user than before in this browser
            }
        } else if (itself ?? contact)?.externalID != nil {
            (kept, contact, itself) = (nil, nil, nil)   // the shop user has signed out
        }
        var isNew = false
        var person: Contact
        if let contact {
            person = contact
        } else {
            person = try Contacts.add(unit, brand: inbox.brandID, language: language ?? inbox.defaultLanguage)
            isNew = true
        }
        if let proved, itself == nil || itself?.externalID == nil { person = try identify(unit, person, proved) }
        person = try seen(unit, person, page: page)

        let user: UserID
        if let kept {
            user = kept.user
            try unit.tx.run("UPDATE desk_visitor_session SET replaced_at = ? WHERE token_hash = ? AND replaced_at IS NULL", unit.c.clock.now, kept.hash)
        } else if let known = try Contacts.ownUsers(unit.tx, of: itself?.id ?? person.id).first {
            user = known
        } else {
            let name = person.name ?? (language ?? inbox.defaultLanguage == "fr" ? "Visiteur \(person.number)" : "Visitor \(person.number)")
            user = try users.create(unit.c, unit.tx, NewAccount(localpart: "v-" + unit.c.entropy.lowerToken(16), kind: .visitor, displayName: name), passwordHash: nil)
            try Contacts.link(unit, user: user, to: person.id)
            if let itself { try unit.tx.run("UPDATE desk_contact_user SET origin = ? WHERE user_id = ?", itself.id, user) }
        }
        let (token, device) = try users.createSession(unit.c, unit.tx, user: user, deviceName: "Widget")
        let secret = unit.c.entropy.token(32)
        try unit.tx.run("INSERT INTO desk_visitor_session(token_hash, user_id, device_id, contact_id, inbox_id, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                        hash(secret), user, device, person.id, inbox.id, unit.c.clock.now)
        for old in try unit.tx.all("SELECT device_id FROM desk_visitor_session WHERE user_id = ? ORDER BY created_at DESC, token_hash LIMIT 100", user, row: { DeviceID(trusted: $0.text(0)) }).dropFirst(mostDevices) {
            try users.endSession(unit.c, unit.tx, user: user, device: old)
            try unit.tx.run("DELETE FROM desk_visitor_session WHERE user_id = ? AND device_id = ?", user, old)
        }
        let current = try Conversations.current(unit.tx, contact: person.id, inbox: inbox.id)
        // Only a room that this very user is in is any use to the widget.
        var room = try current.flatMap { try unit.c.ports.timelines.membership(unit.tx, room: $0.room, user: user) == "join" ? $0 : nil }
        if room == nil, let current { room = try Conversations.own(unit, contact: person.id, inbox: inbox.id, user: user, besides: current.id) }
        return ["user_id": .string(user.rawValue), "access_token": .string(token), "device_id": .string(device.rawValue), "resume_token": .string(secret), "homeserver": "",
                "room_id": .of(room?.roomID), "conversation_id": .of(room?.id), "resumed": .bool(!isNew), "contact": contactJSON(itself ?? person)]
    }

    /// What the shop has signed goes over what was typed; an unsigned name or e-mail beside a signed id only fills a gap.
    private static func identify(_ unit: Unit, _ old: Contact, _ proved: Identity.Proved) throws -> Contact {
        var contact = old
        contact.externalID = proved.externalID
        if proved.emailProved || contact.email == nil, let email = proved.email {
            contact.email = email
            contact.emailVerified = proved.emailProved
        }
        if let name = proved.name, !name.isEmpty { contact.name = name }
        guard contact.externalID != old.externalID || contact.email != old.email || contact.emailVerified != old.emailVerified || contact.name != old.name else { return old }
        contact = try Contacts.save(unit, contact)
        let itself = unit.acting(as: .contact(contact.id))
        if contact.externalID != old.externalID { try ContactLog.add(itself, contact.id, .identified, ["external_id": .of(contact.externalID)]) }
        try ContactLog.changed(itself, old, contact)
        if contact.name != old.name { try Contacts.showName(unit, contact) }
        try Conversations.contactChanged(unit, contact.id)
        return contact
    }
}
