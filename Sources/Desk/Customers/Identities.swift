import MatrixCore
import ServerKit
import Store

/// By what somebody is known: the shop's account, addresses, and the browsers and Matrix accounts that he writes from.
///
/// Invariants: an address is proved when the shop has signed it, and by nothing else; the first address stands at the contact itself, others beside it; the
/// same address is there once.
enum Identities {
    enum Kind: String, Sendable, CaseIterable { case email, phone }
    static let mostAddresses = 20

    struct Address: Sendable, Hashable {
        var id: String, contact: String, kind: Kind, value: String, isProved: Bool, addedAt: Int64
    }

    /// What makes two addresses the same. Pure.
    static func normal(_ kind: Kind, _ value: String) -> String {
        switch kind {
        case .email: value.lowercased()
        case .phone:
            String((value.hasPrefix("00") ? "+" + String(value.dropFirst(2)) : value).filter { $0 == "+" || $0.isASCII && $0.isNumber })
        }
    }

    static func addresses(_ tx: ReadTx, of contact: String) throws -> [Address] {
        try tx.all("SELECT \(columns) FROM desk_contact_address WHERE contact_id = ? ORDER BY kind, added_at, id", contact, row: address)
    }
    private static let columns = "id, contact_id, kind, value, proved, added_at"
    private static func address(_ row: Row) -> Address {
        Address(id: row.text(0), contact: row.text(1), kind: Kind(rawValue: row.text(2)) ?? .email, value: row.text(3), isProved: row.bool(4), addedAt: row.int(5))
    }
    static func insert(_ unit: Unit, _ contact: String, _ kind: Kind, _ value: String, isProved: Bool) throws {
        try unit.tx.run("""
            INSERT INTO desk_contact_address(id, contact_id, kind, value, normal, proved, added_at) VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (contact_id, kind, normal) DO UPDATE SET proved = CASE WHEN excluded.proved = 1 THEN 1 ELSE desk_contact_address.proved END
            """, unit.newID("ad"), contact, kind.rawValue, value, normal(kind, value), isProved, unit.now)
    }

    /// The shop's account first, then addresses, then where he writes from.
    static func json(_ reader: Reader, _ contact: Contact) throws -> [JSON] {
        var all: [JSON] = []
        func one(_ id: String, _ kind: String, _ value: String, proved: Bool, main: Bool, since: Int64?, seen: Int64? = nil, place: String? = nil) {
            all.append(["id": .string(id), "kind": .string(kind), "value": .string(value), "proved": .bool(proved), "main": .bool(main), "since": .of(since), "last_used_at": .of(seen), "place": .of(place)])
        }
        if let account = contact.externalID { one("shop", "shop", account, proved: true, main: true, since: nil) }
        if let email = contact.email { one("email", "email", email, proved: contact.emailVerified, main: true, since: nil) }
        if let phone = contact.phone { one("phone", "phone", phone, proved: false, main: true, since: nil) }
        for it in try addresses(reader.tx, of: contact.id) { one(it.id, it.kind.rawValue, it.value, proved: it.isProved, main: false, since: it.addedAt) }
        for id in try ContactLog.family(reader.tx, contact.id).dropFirst() {
            if let account = try Contacts.load(reader.tx, id)?.externalID { one("shop:" + id, "shop", account, proved: true, main: false, since: nil) }
        }
        for user in try Contacts.users(reader.tx, of: contact.id) {
            let isVisitor = user.localpart.hasPrefix("v-")
            let last = try reader.tx.first("SELECT s.created_at, i.name FROM desk_visitor_session s JOIN desk_inbox i ON i.id = s.inbox_id WHERE s.user_id = ? ORDER BY s.created_at DESC LIMIT 1", user) { ($0.int(0), $0.text(1)) }
            one(user.rawValue, isVisitor ? "browser" : "matrix", user.rawValue, proved: false, main: false, since: nil, seen: last?.0, place: last?.1)
        }
        return all
    }

    // MARK: routes

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/contacts/{id}/identities", .contactsRead) { call in
            let id = try call.param("id")
            return .json(["items": .array(try await call.read { try json($0, try Contacts.visible(try Contacts.load($0.tx, id), $0)) })])
        },
        DeskRoute(.post, "/contacts/{id}/addresses", .contactsWrite) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let kind: Kind? = fields.choice("kind", required: true)
            let text = kind == .phone ? fields.text("value", max: 40, required: true) : fields.email("value").applied(to: nil)
            if kind == .email, text == nil, fields.errors.isEmpty { fields.refuse("value", en: "This field is required.", fr: "Ce champ est obligatoire.") }
            if kind == .phone, let text, normal(.phone, text).utf8.count < 3 { fields.refuse("value", en: "This is not a phone number.", fr: "Ce n’est pas un numéro de téléphone.") }
            try fields.check()
            let sort = try Fields.must(kind, "kind"), value = try Fields.must(text, "value")
            return .json(["items": .array(try await call.write { unit in
                let reader = call.reader(unit)
                var contact = try Contacts.visible(try Contacts.load(unit.tx, id), reader)
                let first = sort == .email ? contact.email : contact.phone, others = try addresses(unit.tx, of: contact.id)
                guard others.count < mostAddresses else { throw DeskError.invalid("value", en: "At most \(mostAddresses) addresses.", fr: "Au plus \(mostAddresses) adresses.") }
                guard first.map({ normal(sort, $0) }) != normal(sort, value), !others.contains(where: { $0.kind == sort && normal(sort, $0.value) == normal(sort, value) }) else {
                    throw DeskError.invalid("value", en: "This address is there already.", fr: "Cette adresse y est déjà.")
                }
                if first == nil {
                    if sort == .email { contact.email = value; contact.emailVerified = false } else { contact.phone = value }
                } else {
                    try insert(unit, contact.id, sort, value, isProved: false)
                }
                try ContactLog.add(unit, contact.id, .address, ["kind": .string(sort.rawValue), "value": .string(value)])
                return try told(unit, contact, reader)
            })], status: 201)
        },
        DeskRoute(.delete, "/contacts/{id}/addresses/{address}", .contactsWrite) { call in
            let id = try call.param("id"), which = try call.param("address")
            try await call.write { unit in
                let reader = call.reader(unit)
                let contact = try Contacts.visible(try Contacts.load(unit.tx, id), reader), it = try own(unit.tx, which, of: contact)
                try unit.tx.run("DELETE FROM desk_contact_address WHERE id = ?", it.id)
                try ContactLog.add(unit, contact.id, .address, ["kind": .string(it.kind.rawValue), "value": .string(it.value), "removed": true])
                _ = try told(unit, contact, reader)
            }
            return .noContent
        },
        // The one that is shown and written to; the one before stays beside it.
        DeskRoute(.put, "/contacts/{id}/addresses/{address}/main", .contactsWrite) { call in
            let id = try call.param("id"), which = try call.param("address")
            return .json(["items": .array(try await call.write { unit in
                let reader = call.reader(unit)
                var contact = try Contacts.visible(try Contacts.load(unit.tx, id), reader)
                let before = contact, it = try own(unit.tx, which, of: contact)
                try unit.tx.run("DELETE FROM desk_contact_address WHERE id = ?", it.id)
                switch it.kind {
                case .email:
                    if let old = contact.email { try insert(unit, contact.id, .email, old, isProved: contact.emailVerified) }
                    contact.email = it.value
                    contact.emailVerified = it.isProved
                case .phone:
                    if let old = contact.phone { try insert(unit, contact.id, .phone, old, isProved: false) }
                    contact.phone = it.value
                }
                try ContactLog.changed(unit, before, contact)
                return try told(unit, contact, reader)
            })])
        },
    ]
    private static func own(_ tx: ReadTx, _ id: String, of contact: Contact) throws -> Address {
        guard let it = try tx.first("SELECT \(columns) FROM desk_contact_address WHERE id = ? AND contact_id = ?", id, contact.id, row: address) else { throw DeskError.notFound }
        return it
    }
    private static func told(_ unit: Unit, _ contact: Contact, _ reader: Reader) throws -> [JSON] {
        let saved = try Contacts.save(unit, contact)
        try Conversations.contactChanged(unit, saved.id)
        return try json(reader, saved)
    }
}
