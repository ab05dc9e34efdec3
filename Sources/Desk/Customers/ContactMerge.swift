import MatrixCore
import ServerKit
import Store

/// Two contacts are found to be one person: one is kept, the other hides behind it. And back.
///
/// Invariants: only a person merges, never an address; nothing is deleted, so that undoing restores both, with what came since going to whose browser it came
/// from; no customer sees by a merge what he did not see before: rooms, sessions and what the widget tells of him stay those of his own contact; what the shop
/// has signed is kept rather than what was typed.
enum ContactMerge {
    static let migrations: [Migration] = [
        // Older binaries run on it: they show merged contacts as empty ones.
        Migration(107, "desk merges of contacts", """
        ALTER TABLE desk_contact_user ADD COLUMN origin TEXT;
        CREATE TABLE desk_contact_merge(
          id TEXT NOT NULL PRIMARY KEY, kept TEXT NOT NULL REFERENCES desk_contact(id), gone TEXT NOT NULL REFERENCES desk_contact(id), at INTEGER NOT NULL, agent_id TEXT NOT NULL,
          position INTEGER NOT NULL, data TEXT NOT NULL, undone_at INTEGER);
        CREATE INDEX desk_contact_merge_kept ON desk_contact_merge(kept, at);
        CREATE INDEX desk_contact_merge_gone ON desk_contact_merge(gone);
        CREATE TABLE desk_contact_apart(one TEXT NOT NULL REFERENCES desk_contact(id), other TEXT NOT NULL REFERENCES desk_contact(id), at INTEGER NOT NULL, agent_id TEXT NOT NULL, PRIMARY KEY (one, other));
        CREATE INDEX desk_contact_phone ON desk_contact(brand_id, phone) WHERE phone IS NOT NULL
        """),
    ]

    // MARK: rules

    /// Fields of which the one that is kept has its own, or takes the other's.
    static let fields = ["name", "email", "phone", "company", "location", "language"]
    private static func values(_ it: Contact) -> JSONObject {
        ["name": .of(it.name), "email": .of(it.email), "email_verified": .bool(it.emailVerified), "phone": .of(it.phone), "company": .of(it.company), "company_id": .of(it.companyID),
         "location": .of(it.location), "language": .of(it.language), "notes": .string(it.notes), "attributes": .object(it.attributes), "picture": .of(it.picture)]
    }
    /// Both in one: the first's own, where it has none the second's. Pure.
    static func merged(_ kept: Contact, _ gone: Contact) -> Contact {
        var it = kept
        it.name = kept.name ?? gone.name
        if kept.email == nil { (it.email, it.emailVerified) = (gone.email, gone.emailVerified) }
        it.phone = kept.phone ?? gone.phone
        if kept.company == nil { (it.company, it.companyID) = (gone.company, gone.companyID) }
        it.location = kept.location ?? gone.location
        it.language = kept.language ?? gone.language
        it.picture = kept.picture ?? gone.picture
        it.attributes = gone.attributes.merging(kept.attributes)
        if kept.notes.isEmpty { it.notes = gone.notes } else if !gone.notes.isEmpty, gone.notes != kept.notes { it.notes = String((kept.notes + "\n\n" + gone.notes).prefix(4000)) }
        return it
    }
    /// As it was before, but what was changed since stays changed. Pure.
    static func restored(_ now: Contact, before: JSONObject, after: JSONObject) -> Contact {
        var it = now
        let current = values(now)
        func isUntouched(_ key: String) -> Bool { current[key] == after[key] }
        func text(_ key: String) -> String? { before[key]?.stringValue }
        if isUntouched("name") { it.name = text("name") }
        if isUntouched("email") { (it.email, it.emailVerified) = (text("email"), before["email_verified"]?.boolValue ?? false) }
        if isUntouched("phone") { it.phone = text("phone") }
        if isUntouched("company_id") { (it.company, it.companyID) = (text("company"), text("company_id")) }
        if isUntouched("location") { it.location = text("location") }
        if isUntouched("language") { it.language = text("language") }
        if isUntouched("picture") { it.picture = text("picture") }
        if isUntouched("notes") { it.notes = text("notes") ?? "" }
        let old = before["attributes"]?.objectValue ?? [:], made = after["attributes"]?.objectValue ?? [:]
        for key in Set(old.keys).union(made.keys) where it.attributes[key] == made[key] { it.attributes[key] = old[key] }
        return it
    }

    // MARK: writes

    static func merge(_ unit: Unit, _ first: Contact, with second: Contact) throws -> (contact: Contact, merge: String) {
        // What the shop has signed leads.
        let (kept, gone) = first.externalID == nil && second.externalID != nil ? (second, first) : (first, second)
        guard kept.brandID == gone.brandID else { throw DeskError(.conflict, en: "These customers are of different brands.", fr: "Ces clients appartiennent à des marques différentes.") }
        let users = try Contacts.users(unit.tx, of: gone.id).map(\.rawValue)
        for user in users { try unit.tx.run("UPDATE desk_contact_user SET contact_id = ?, origin = COALESCE(origin, contact_id) WHERE user_id = ?", kept.id, user) }
        try unit.tx.run("UPDATE desk_visitor_session SET contact_id = ? WHERE contact_id = ?", kept.id, gone.id)
        let moved = try conversations(unit.tx, of: gone.id)
        // Addresses that the kept one does not have.
        let known = Set(try addresses(unit.tx, kept).map { $0.kind.rawValue + $0.normal })
        for it in try addresses(unit.tx, gone) where !known.contains(it.kind.rawValue + it.normal) {
            let isMain = it.kind == .email ? kept.email == nil && it.value == gone.email : kept.phone == nil && it.value == gone.phone
            if !isMain { try Identities.insert(unit, kept.id, it.kind, it.value, isProved: it.isProved) }
        }
        var contact = merged(kept, gone)
        contact.lastSeenAt = max(kept.lastSeenAt, gone.lastSeenAt)
        contact = try Contacts.save(unit, contact)
        try unit.tx.run("UPDATE desk_contact SET merged_into = ?, version = version + 1 WHERE id = ?", kept.id, gone.id)
        try move(unit, moved, from: gone, to: contact)
        try DeskIndex.contact(unit, id: gone.id, number: gone.number, before: gone.search, after: "")
        let id = unit.newID("mg")
        let added = try Identities.addresses(unit.tx, of: kept.id).filter { !known.contains($0.kind.rawValue + Identities.normal($0.kind, $0.value)) }.map(\.id)
        let data: JSONObject = ["before": .object(values(kept)), "after": .object(values(contact)), "users": .of(users), "conversations": .of(moved.map(\.id)), "addresses": .of(added)]
        try unit.tx.run("INSERT INTO desk_contact_merge(id, kept, gone, at, agent_id, position, data) VALUES (?, ?, ?, ?, ?, ?, ?)", id, kept.id, gone.id, unit.now, unit.actor.id, unit.tx.nextPosition(), data.columnText)
        try ContactLog.add(unit, kept.id, .merged, ["merge": .string(id), "contact": .string(gone.id), "name": .string(called(gone))])
        try unit.tell(.contactUpdated, ref: gone.id)
        return (contact, id)
    }
    static func undo(_ unit: Unit, _ id: String, of contact: Contact) throws -> (contact: Contact, other: Contact) {
        guard let (gone, position, data) = try unit.tx.first("SELECT gone, position, data FROM desk_contact_merge WHERE id = ? AND kept = ? AND undone_at IS NULL", id, contact.id, row: {
            ($0.text(0), $0.int(1), JSONObject(column: $0.text(2)))
        }), var other = try Contacts.load(unit.tx, gone), other.mergedInto == contact.id else { throw DeskError.notFound }
        other.mergedInto = nil
        let listed = Set(data["users"]?.arrayValue?.compactMap(\.stringValue) ?? [])
        let users = try unit.tx.all("SELECT user_id, COALESCE(origin, '') FROM desk_contact_user WHERE contact_id = ?", contact.id) { ($0.text(0), $0.text(1)) }.filter { listed.contains($0.0) || $0.1 == gone }
        for (user, origin) in users {
            try unit.tx.run("UPDATE desk_contact_user SET contact_id = ?, origin = ? WHERE user_id = ?", gone, origin == gone ? nil : origin, user)
            try unit.tx.run("UPDATE desk_visitor_session SET contact_id = ? WHERE user_id = ?", gone, user)
        }
        let theirs = Set(users.map(\.0)), before = Set(data["conversations"]?.arrayValue?.compactMap(\.stringValue) ?? [])
        // What came since goes to whose browser it came from.
        let back = try conversations(unit.tx, of: contact.id).filter { it in
            if before.contains(it.id) { return true }
            guard it.createdPosition > position else { return false }
            return try unit.c.ports.timelines.joinedMembers(unit.tx, room: RoomID(trusted: it.room)).contains { theirs.contains($0.rawValue) }
        }
        for address in data["addresses"]?.arrayValue?.compactMap(\.stringValue) ?? [] { try unit.tx.run("DELETE FROM desk_contact_address WHERE id = ?", address) }
        try unit.tx.run("UPDATE desk_contact SET merged_into = NULL WHERE id = ?", gone)
        let now = try Contacts.save(unit, restored(contact, before: data["before"]?.objectValue ?? [:], after: data["after"]?.objectValue ?? [:]))
        try DeskIndex.contact(unit, id: gone, number: other.number, before: "", after: other.search)
        try move(unit, back, from: now, to: other)
        other = try Contacts.save(unit, other)
        try unit.tx.run("UPDATE desk_contact_merge SET undone_at = ? WHERE id = ?", unit.now, id)
        for (one, name) in [(now.id, called(other)), (gone, called(now))] { try ContactLog.add(unit, one, .unmerged, ["merge": .string(id), "name": .string(name)]) }
        return (now, other)
    }

    private struct Moved { let id: String, number: Int64, inbox: String, room: String, createdPosition: Int64 }
    private static func conversations(_ tx: ReadTx, of contact: String) throws -> [Moved] {
        try tx.all("SELECT id, number, inbox_id, room_id, created_position FROM desk_conversation WHERE contact_id = ? ORDER BY number", contact) {
            Moved(id: $0.text(0), number: $0.int(1), inbox: $0.text(2), room: $0.text(3), createdPosition: $0.int(4))
        }
    }
    private static func move(_ unit: Unit, _ some: [Moved], from old: Contact, to new: Contact) throws {
        for it in some {
            try unit.tx.run("UPDATE desk_conversation SET contact_id = ?, is_current = 0 WHERE id = ?", new.id, it.id)
            try DeskIndex.remove(unit.tx, old.search, conversation: it.number, item: 0)
            try DeskIndex.add(unit.tx, DeskIndex.postings(new.search, conversation: it.number, item: 0, .contact))
            try unit.tell(.conversationUpdated, conversation: it.id, inbox: it.inbox)
        }
        // The newest of each inbox is the current one, as ever.
        for inbox in Set(some.map(\.inbox)).sorted() {
            for contact in [old.id, new.id] {
                try unit.tx.run("UPDATE desk_conversation SET is_current = 0 WHERE contact_id = ? AND inbox_id = ? AND is_current = 1", contact, inbox)
                try unit.tx.run("""
                    UPDATE desk_conversation SET is_current = 1 WHERE number = (SELECT MAX(n.number) FROM desk_conversation n WHERE n.contact_id = ? AND n.inbox_id = ?)
                    """, contact, inbox)
            }
        }
        let live = unit.live
        unit.tx.afterCommit { for it in some { live.learn(room: it.room, DeskLive.Place(conversation: it.id, inbox: it.inbox, contact: new.id)) } }
    }
    private static func addresses(_ tx: ReadTx, _ it: Contact) throws -> [(kind: Identities.Kind, value: String, normal: String, isProved: Bool)] {
        var all = try Identities.addresses(tx, of: it.id).map { ($0.kind, $0.value, Identities.normal($0.kind, $0.value), $0.isProved) }
        if let email = it.email { all.append((.email, email, Identities.normal(.email, email), it.emailVerified)) }
        if let phone = it.phone { all.append((.phone, phone, Identities.normal(.phone, phone), false)) }
        return all
    }
    private static func called(_ it: Contact) -> String { it.name ?? it.email ?? "#\(it.number)" }

    // MARK: who may be the same

    enum Reason: String, Sendable, CaseIterable { case email, phone, name }
    static let mostSuggested = 10

    /// Those with an address or a name in common, the surest first. Nothing is done by itself.
    static func duplicates(_ reader: Reader, of contact: Contact) throws -> [JSON] {
        let tx = reader.tx
        var found: [String: [(reason: Reason, value: String, isProved: Bool)]] = [:]
        for it in try addresses(tx, contact) {
            let column = it.kind == .email ? "email" : "phone", reason: Reason = it.kind == .email ? .email : .phone
            let mains = try tx.all("SELECT id, email_verified FROM desk_contact WHERE brand_id = ? AND \(column) IN (?, ?) AND merged_into IS NULL LIMIT 50", contact.brandID, it.value, it.normal) { ($0.text(0), it.kind == .email && $0.bool(1)) }
            let others = try tx.all("""
                SELECT a.contact_id, a.proved FROM desk_contact_address a JOIN desk_contact k ON k.id = a.contact_id
                WHERE a.kind = ? AND a.normal = ? AND k.brand_id = ? AND k.merged_into IS NULL LIMIT 50
                """, it.kind.rawValue, it.normal, contact.brandID) { ($0.text(0), $0.bool(1)) }
            for (id, isProved) in mains + others where id != contact.id { found[id, default: []].append((reason, it.value, isProved && it.isProved)) }
        }
        if let name = contact.name, name.contains(" ") {
            let folded = Words.folded(name)
            for number in try Finder(tx, name + " ").contacts(tx, limit: 50) {
                guard let other = try tx.first("SELECT id, name FROM desk_contact WHERE number = ? AND brand_id = ? AND merged_into IS NULL", number, contact.brandID, row: { ($0.text(0), $0.textOrNil(1)) }),
                      other.0 != contact.id, other.1.map(Words.folded) == folded else { continue }
                found[other.0, default: []].append((.name, name, false))
            }
        }
        func weight(_ reasons: [(reason: Reason, value: String, isProved: Bool)]) -> Int { reasons.reduce(0) { $0 + ($1.isProved ? 100 : $1.reason == .name ? 1 : 10) } }
        var all: [JSON] = []
        for (id, reasons) in found.sorted(by: { (weight($1.value), $0.key) < (weight($0.value), $1.key) }) where all.count < mostSuggested {
            let pair = [contact.id, id].sorted()
            guard try Contacts.isVisible(tx, id, to: reader.viewer), let other = try Contacts.load(tx, id),
                  try !tx.exists("SELECT 1 FROM desk_contact_apart WHERE one = ? AND other = ?", pair[0], pair[1]) else { continue }
            all.append(["contact": try reader.contact(other), "reasons": .array(reasons.map { ["kind": .string($0.reason.rawValue), "value": .string($0.value), "proved": .bool($0.isProved)] })])
        }
        return all
    }

    // MARK: routes

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/contacts/{id}/duplicates", .contactsRead, limit: .search) { call in
            let id = try call.param("id")
            return .json(["items": .array(try await call.read { try duplicates($0, of: try Contacts.visible(try Contacts.load($0.tx, id), $0)) })])
        },
        DeskRoute(.put, "/contacts/{id}/duplicates/{other}/dismissed", .contactsMerge) { call in
            let id = try call.param("id"), second = try call.param("other")
            try await call.write { unit in
                let reader = call.reader(unit)
                let pair = [try Contacts.visible(try Contacts.load(unit.tx, id), reader).id, try Contacts.visible(try Contacts.load(unit.tx, second), reader).id].sorted()
                guard pair[0] != pair[1] else { throw DeskError.notFound }
                try unit.tx.run("INSERT INTO desk_contact_apart(one, other, at, agent_id) VALUES (?, ?, ?, ?) ON CONFLICT (one, other) DO NOTHING", pair[0], pair[1], unit.now, call.me.id)
            }
            return .noContent
        },
        DeskRoute(.post, "/contacts/{id}/merge", .contactsMerge) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let second = fields.text("other", max: 60, required: true)
            try fields.check()
            let other = try Fields.must(second, "other")
            return .json(try await call.write { unit in
                let reader = call.reader(unit)
                let one = try Contacts.visible(try Contacts.load(unit.tx, id), reader)
                guard let two = try Contacts.load(unit.tx, other), two.mergedInto == nil, two.id != one.id, try Contacts.isVisible(unit.tx, two.id, to: call.me) else {
                    throw DeskError.invalid("other", en: "There is no such customer.", fr: "Ce client n’existe pas.")
                }
                let (contact, merge) = try merge(unit, one, with: two)
                return ["contact": try call.reader(unit).contact(contact), "merge": .string(merge)]
            })
        },
        DeskRoute(.post, "/contacts/{id}/merges/{merge}/undo", .contactsMerge) { call in
            let id = try call.param("id"), merge = try call.param("merge")
            return .json(try await call.write { unit in
                let (one, two) = try undo(unit, merge, of: try Contacts.visible(try Contacts.load(unit.tx, id), call.reader(unit)))
                let fresh = call.reader(unit)
                return ["contact": try fresh.contact(one), "other": try fresh.contact(two)]
            })
        },
        DeskRoute(.get, "/contacts/{id}/merges", .contactsRead) { call in
            let id = try call.param("id")
            return .json(["items": .array(try await call.read { reader in
                let contact = try Contacts.visible(try Contacts.load(reader.tx, id), reader)
                return try reader.tx.all("SELECT m.id, m.gone, m.at, m.agent_id, k.name, k.email, k.number FROM desk_contact_merge m JOIN desk_contact k ON k.id = m.gone WHERE m.kept = ? AND m.undone_at IS NULL ORDER BY m.at DESC, m.id LIMIT 100", contact.id) {
                    ($0.text(0), $0.text(1), $0.int(2), $0.text(3), $0.textOrNil(4) ?? $0.textOrNil(5) ?? "#\($0.int(6))")
                }.map { ["id": .string($0.0), "contact": .string($0.1), "at": .int($0.2), "agent": try reader.agentRef($0.3), "name": .string($0.4)] }
            })])
        },
    ]
}
