import MatrixCore
import ServerKit
import Store

/// The person on the other side. A contact may write as several Matrix users (one a browser, an own Matrix account).
///
/// Invariants: `verified` means that the shop has signed who it is (`external_id`); an e-mail that was only typed never
/// joins two contacts; a signed name or e-mail is not overwritten by a typed one.
struct Contact: Sendable, Hashable {
    var id: String
    var brandID: String
    var number: Int64
    var name: String?
    var email: String?
    var emailVerified: Bool
    var phone: String?, company: String?, location: String?, language: String?
    var externalID: String?
    var notes: String
    var attributes: JSONObject
    var picture: String?
    var pageURL: String?, pageTitle: String?
    var firstSeenAt: Int64, lastSeenAt: Int64
    var version: Int64
    /// `company` is its name.
    var companyID: String? = nil
    /// The contact that this one was found to be: it is hidden, and whoever asks for it gets that one.
    var mergedInto: String? = nil
    /// What he writes bothers nobody since then.
    var blockedAt: Int64? = nil

    func displayName(_ language: String) -> String { name ?? email ?? (language == "fr" ? "Visiteur \(number)" : "Visitor \(number)") }
    var page: JSON { pageURL.map { ["url": .string($0), "title": .of(pageTitle)] } ?? .null }
    /// What `q` looks in: lower case, without accents.
    var search: String { [name, email, phone, company, externalID].compactMap { $0 }.map(Words.folded).joined(separator: " ") }
}

enum Contacts {
    // MARK: writes

    static func add(_ unit: Unit, brand: String, name: String? = nil, email: String? = nil, emailVerified: Bool = false, externalID: String? = nil, language: String?) throws -> Contact {
        let contact = Contact(id: unit.newID("ct"), brandID: brand, number: try unit.next("contact", from: 1000), name: name, email: email, emailVerified: emailVerified,
                              phone: nil, company: nil, location: nil, language: language, externalID: externalID, notes: "", attributes: [:], picture: nil,
                              pageURL: nil, pageTitle: nil, firstSeenAt: unit.now, lastSeenAt: unit.now, version: 1)
        try unit.tx.run("""
            INSERT INTO desk_contact(id, brand_id, number, name, email, email_verified, phone, company, location, language, external_id, notes, attributes, picture,
              page_url, page_title, search, first_seen_at, last_seen_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, contact.id, contact.brandID, contact.number, contact.name, contact.email, contact.emailVerified, contact.phone, contact.company, contact.location,
            contact.language, contact.externalID, contact.notes, contact.attributes.columnText, contact.picture, contact.pageURL, contact.pageTitle, contact.search,
            contact.firstSeenAt, contact.lastSeenAt, contact.version)
        try DeskIndex.contact(unit, id: contact.id, number: contact.number, before: "", after: contact.search)
        try unit.tell(.contactUpdated, ref: contact.id)
        return contact
    }
    static func save(_ unit: Unit, _ changed: Contact) throws -> Contact {
        var contact = changed
        contact.version += 1
        let before = try unit.tx.first("SELECT search, attributes FROM desk_contact WHERE id = ?", contact.id) { ($0.text(0), $0.text(1)) } ?? ("", "")
        try DeskIndex.contact(unit, id: contact.id, number: contact.number, before: before.0, after: contact.search)
        if before.1 != contact.attributes.columnText { try Attributes.index(unit.tx, contact: contact.id, contact.attributes) }
        try unit.tx.run("""
            UPDATE desk_contact SET name = ?, email = ?, email_verified = ?, phone = ?, company = ?, location = ?, language = ?, external_id = ?, notes = ?,
              attributes = ?, picture = ?, page_url = ?, page_title = ?, search = ?, last_seen_at = ?, version = ?, company_id = ? WHERE id = ?
            """, contact.name, contact.email, contact.emailVerified, contact.phone, contact.company, contact.location, contact.language, contact.externalID, contact.notes,
            contact.attributes.columnText, contact.picture, contact.pageURL, contact.pageTitle, contact.search, contact.lastSeenAt, contact.version,
            contact.companyID, contact.id)
        try unit.tell(.contactUpdated, ref: contact.id)
        return contact
    }
    static func link(_ unit: Unit, user: UserID, to contact: String) throws {
        try unit.tx.run("INSERT INTO desk_contact_user(user_id, contact_id) VALUES (?, ?) ON CONFLICT (user_id) DO UPDATE SET contact_id = excluded.contact_id", user, contact)
    }
    /// A new name: shown by his Matrix profile too.
    static func showName(_ unit: Unit, _ contact: Contact) throws {
        guard let name = contact.name else { return }
        for user in try users(unit.tx, of: contact.id) {
            var profile = try unit.c.ports.users.profile(unit.tx, user)
            guard profile.displayName != name else { continue }
            profile.displayName = name
            try unit.c.ports.users.setProfile(unit.c, unit.tx, user: user, profile)
            try unit.c.ports.rooms.profileChanged(unit.c, unit.tx, user: user)
        }
    }

    // MARK: reads

    private static let columns = """
        id, brand_id, number, name, email, email_verified, phone, company, location, language, external_id, notes, attributes, picture, page_url, page_title,
        first_seen_at, last_seen_at, version, company_id, merged_into, blocked_at
        """
    private static func contact(_ row: Row) -> Contact {
        Contact(id: row.text(0), brandID: row.text(1), number: row.int(2), name: row.textOrNil(3), email: row.textOrNil(4), emailVerified: row.bool(5),
                phone: row.textOrNil(6), company: row.textOrNil(7), location: row.textOrNil(8), language: row.textOrNil(9), externalID: row.textOrNil(10),
                notes: row.text(11), attributes: JSONObject(column: row.text(12)), picture: row.textOrNil(13), pageURL: row.textOrNil(14), pageTitle: row.textOrNil(15),
                firstSeenAt: row.int(16), lastSeenAt: row.int(17), version: row.int(18), companyID: row.textOrNil(19), mergedInto: row.textOrNil(20), blockedAt: row.intOrNil(21))
    }
    static func load(_ tx: ReadTx, _ id: String) throws -> Contact? { try tx.first("SELECT \(columns) FROM desk_contact WHERE id = ?", id, row: contact) }
    static func find(_ tx: ReadTx, brand: String, externalID: String) throws -> Contact? {
        try tx.first("SELECT \(columns) FROM desk_contact WHERE brand_id = ? AND external_id = ?", brand, externalID, row: contact)
    }
    static func id(_ tx: ReadTx, ofUser user: String) throws -> String? {
        try tx.first("SELECT contact_id FROM desk_contact_user WHERE user_id = ?", user) { $0.text(0) }
    }
    /// Who has written as this contact from the beginning, not as one that was merged into it.
    static func ownUsers(_ tx: ReadTx, of contact: String) throws -> [UserID] {
        try tx.all("SELECT user_id FROM desk_contact_user WHERE COALESCE(origin, contact_id) = ? AND (contact_id = ? OR origin = ?) ORDER BY user_id", contact, contact, contact) { UserID(trusted: $0.text(0)) }
    }
    static func users(_ tx: ReadTx, of contact: String) throws -> [UserID] {
        try tx.all("SELECT user_id FROM desk_contact_user WHERE contact_id = ? ORDER BY user_id", contact) { UserID(trusted: $0.text(0)) }
    }
    /// An agent sees contacts who have written to one of his inboxes; a supervisor those of his brands.
    static func isVisible(_ tx: ReadTx, _ id: String, to agent: Agent) throws -> Bool {
        if agent.seesAll { return true }
        let mine = agent.rows(contact: "k")
        return try tx.first("SELECT 1 FROM desk_contact k WHERE k.id = ? AND \(mine.sql)", array: [id] + mine.binds) { _ in true } ?? false
    }

    // MARK: routes

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/contacts", .contactsRead, limit: .search, list),
        DeskRoute(.get, "/contacts/{id}", .contactsRead) { call in
            let id = try call.param("id")
            return .json(try await call.read { try $0.contact(visible(try load($0.tx, id), $0)) })
        },
        DeskRoute(.patch, "/contacts/{id}", .contactsWrite, patch),
        DeskRoute(.get, "/contacts/{id}/conversations", .contactsRead) { call in
            let id = try call.param("id"), limit = try call.limit(), cursor = try Cursor.of(call)
            return try await call.read { reader in
                let contact = try visible(try load(reader.tx, id), reader)
                let mine = call.me.rows(inbox: "inbox_id"), from: [any Bindable] = [contact.id, cursor?.number ?? Int64.max]
                let rows = try reader.tx.all("SELECT id, number FROM desk_conversation WHERE contact_id = ? AND merged_into IS NULL AND number < ? AND \(mine.sql) ORDER BY number DESC LIMIT ?",
                                             array: from + mine.binds + [limit + 1]) { ($0.text(0), $0.int(1)) }
                let items = try rows.prefix(limit).compactMap { try reader.conversation($0.0) }
                return .page(items, next: rows.count > limit ? Cursor(key: 0, number: rows[limit - 1].1).text : nil)
            }
        },
    ]

    /// The contact, or the one that it was merged into.
    static func visible(_ found: Contact?, _ reader: Reader) throws -> Contact {
        var contact = found
        while let next = contact?.mergedInto { contact = try load(reader.tx, next) }
        guard let contact, try isVisible(reader.tx, contact.id, to: reader.viewer) else { throw DeskError.notFound }
        return contact
    }

    private static let list: DeskRoute.Handler = { call in
        let limit = try call.limit(), cursor = try Cursor.of(call), q = try call.text(query: "q"), segment = try call.text(query: "segment")
        return try await call.read { reader in
            var filter = try segment.map { try Segments.load(reader.tx, $0, for: call.me).filter } ?? ContactFilter()
            if let q { filter.text = [filter.text, q].compactMap(\.self).joined(separator: " ") }
            return try page(reader, filter, cursor: cursor, limit: limit)
        }
    }
    /// Those who fit and may be seen, the last seen first.
    static func found(_ reader: Reader, _ filter: ContactFilter, cursor: Cursor?, limit: Int) throws -> (items: [JSON], next: String?) {
        let fits = filter.condition(now: reader.c.clock.now), mine = reader.viewer.rows(contact: "k")
        var sql = "SELECT \(columns) FROM desk_contact k WHERE \(fits.sql) AND \(mine.sql)", binds: [any Bindable] = fits.binds + mine.binds
        if let cursor {
            sql += " AND (k.last_seen_at < ? OR (k.last_seen_at = ? AND k.number < ?))"
            binds += [cursor.key, cursor.key, cursor.number] as [any Bindable]
        }
        let found = try reader.tx.all(sql + " ORDER BY k.last_seen_at DESC, k.number DESC LIMIT ?", array: binds + [limit + 1], row: contact)
        let last = found.count > limit ? found[limit - 1] : nil
        return (try found.prefix(limit).map { try reader.contact($0) }, last.map { Cursor(key: $0.lastSeenAt, number: $0.number).text })
    }
    static func page(_ reader: Reader, _ filter: ContactFilter, cursor: Cursor?, limit: Int) throws -> Response {
        let (items, next) = try found(reader, filter, cursor: cursor, limit: limit)
        return .page(items, next: next)
    }
    static func count(_ reader: Reader, _ filter: ContactFilter) throws -> Int64 {
        let fits = filter.condition(now: reader.c.clock.now), mine = reader.viewer.rows(contact: "k")
        return try reader.tx.first("SELECT COUNT(*) FROM (SELECT 1 FROM desk_contact k WHERE \(fits.sql) AND \(mine.sql) LIMIT \(Segments.countedUpTo)) AS counted", array: fits.binds + mine.binds) { $0.int(0) } ?? 0
    }

    private static let patch: DeskRoute.Handler = { call in
        let id = try call.param("id"), version = try call.ifMatch()
        var fields = try call.fields()
        let name = fields.change("name", max: 80), email = fields.email("email"), phone = fields.change("phone", max: 40), company = fields.change("company", max: 120)
        let location = fields.change("location", max: 120), language = fields.language("language"), notes = fields.change("notes", max: 4000, lines: true)
        var attributes: JSONObject?
        if let object = fields.object("attributes") {
            if object.count > 50 { fields.refuse("attributes", en: "At most 50 attributes.", fr: "Au plus 50 attributs.") }
            var inner = Fields(object, prefix: "attributes."), clean: JSONObject = [:]
            for key in object.keys {
                if key.isEmpty || key.count > 60 { inner.refuse(key, en: "A name has 1 to 60 characters.", fr: "Un nom comporte de 1 à 60 caractères.") }
                if let text = inner.text(key, max: 500, lines: true) { clean[key] = .string(text) }
            }
            fields.take(errorsOf: inner)
            attributes = clean
        }
        let companyID = fields.change("company_id", max: 60)
        try fields.check()
        let all = attributes
        return .json(try await call.write { unit in
            let reader = call.reader(unit)
            var contact = try visible(try load(unit.tx, id), reader)
            if let version, version != contact.version {
                throw DeskError(.conflict, en: "Somebody has changed this contact meanwhile.", fr: "Quelqu’un a modifié ce contact entre-temps.", extra: ["contact": try reader.contact(contact)])
            }
            let before = contact
            contact.name = name.applied(to: contact.name)
            if email.isChange, email.applied(to: nil) != contact.email { contact.emailVerified = false }
            contact.email = email.applied(to: contact.email)
            contact.phone = phone.applied(to: contact.phone)
            if let id = companyID.applied(to: nil) {
                guard let known = try? Companies.visible(reader, id), known.brandID == contact.brandID else { throw DeskError.invalid("company_id", en: "There is no such company.", fr: "Cette entreprise n’existe pas.") }
                (contact.companyID, contact.company) = (known.id, known.name)
            } else if let name = company.applied(to: nil) {
                let known = try Companies.named(unit, brand: contact.brandID, name)
                (contact.companyID, contact.company) = (known.id, known.name)
            } else if company.isChange || companyID.isChange {
                (contact.companyID, contact.company) = (nil, nil)
            }
            contact.location = location.applied(to: contact.location)
            contact.language = language ?? contact.language
            contact.notes = notes.isChange ? notes.applied(to: nil) ?? "" : contact.notes
            if let all { contact.attributes = try Attributes.check(unit.tx, all, before: contact.attributes) }
            contact = try save(unit, contact)
            try ContactLog.changed(unit, before, contact)
            if contact.name != before.name { try showName(unit, contact) }
            try Conversations.contactChanged(unit, contact.id)
            return try reader.contact(contact)
        })
    }
}

/// Words of texts, for search. Pure.
enum Words {
    /// Lower case, French and other Latin accents taken off, everything else than letters and digits a blank.
    static func folded(_ text: String) -> String {
        var out = ""
        out.reserveCapacity(text.utf8.count)
        for scalar in text.lowercased().unicodeScalars {
            switch scalar {
            case "a"..."z", "0"..."9", "@", ".", "-", "_", "+": out.unicodeScalars.append(scalar)
            case "à", "â", "ä", "á", "ã", "å": out += "a"
            case "ç": out += "c"
            case "é", "è", "ê", "ë": out += "e"
            case "î", "ï", "í", "ì": out += "i"
            case "ô", "ö", "ó", "ò", "õ": out += "o"
            case "ù", "û", "ü", "ú": out += "u"
            case "ñ": out += "n"
            case "ÿ": out += "y"
            case "œ": out += "oe"
            case "æ": out += "ae"
            case "\u{300}"..."\u{36F}": break
            default:
                if scalar.properties.isAlphabetic { out.unicodeScalars.append(scalar) } else { out += " " }
            }
        }
        return out
    }
    /// The distinct words worth finding: 2 to 40 characters, at most `most`.
    static func of(_ text: String, most: Int = 400) -> Set<String> {
        var words: Set<String> = []
        for word in folded(text).split(whereSeparator: { " @.-_+".contains($0) }) where word.utf8.count >= 2 && word.count <= 40 {
            words.insert(String(word))
            if words.count == most { break }
        }
        return words
    }
    /// For LIKE with ESCAPE '\'.
    static func escaped(_ text: String) -> String {
        text.flatMap { $0 == "%" || $0 == "_" || $0 == "\\" ? ["\\", $0] : [$0] }.map(String.init).joined()
    }
}
