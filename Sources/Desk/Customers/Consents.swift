import MatrixCore
import ServerKit
import Store

/// What a customer has agreed to be written to about, by which way: a ledger that is only ever added to.
///
/// Invariants: rows are never changed or deleted while the contact is there; what holds is the last row of a channel and purpose; every row says who noted it,
/// where it was said, and in which words.
enum Consents {
    enum Channel: String, Sendable, CaseIterable { case email, phone, sms, chat, post }
    enum State: String, Sendable, CaseIterable { case given, withdrawn }
    static let longestPurpose = 60

    struct Entry: Sendable {
        let id: Int64, contact: String, channel: String, purpose: String, state: String, at: Int64, actorKind: String, actorID: String, source: String, wording: String
    }
    private static let columns = "id, contact_id, channel, purpose, state, at, actor_kind, actor_id, source, wording"
    private static func entry(_ row: Row) -> Entry {
        Entry(id: row.int(0), contact: row.text(1), channel: row.text(2), purpose: row.text(3), state: row.text(4), at: row.int(5), actorKind: row.text(6), actorID: row.text(7), source: row.text(8), wording: row.text(9))
    }
    private static func json(_ reader: Reader, _ it: Entry) throws -> JSON {
        ["id": .string(String(it.id)), "channel": .string(it.channel), "purpose": .string(it.purpose), "state": .string(it.state), "at": .int(it.at),
         "by": ["kind": .string(it.actorKind), "id": .string(it.actorID), "name": .string(try reader.name(it.actorKind, it.actorID))], "source": .string(it.source), "wording": .string(it.wording)]
    }
    /// What holds now, and all rows, the newest first: of the contact and of those who were merged into him.
    static func ledger(_ reader: Reader, _ contact: String) throws -> JSON {
        let family = try ContactLog.family(reader.tx, contact), ids: [any Bindable] = family
        let rows = try reader.tx.all("SELECT \(columns) FROM desk_consent WHERE contact_id IN (\(Placeholders.list(family.count))) ORDER BY id DESC LIMIT 1000", array: ids, row: entry)
        var seen: Set<String> = []
        let now = rows.filter { seen.insert($0.channel + " " + $0.purpose).inserted }
        return ["items": .array(try now.map { try json(reader, $0) }), "history": .array(try rows.map { try json(reader, $0) })]
    }

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/contacts/{id}/consents", .contactsRead) { call in
            let id = try call.param("id")
            return .json(try await call.read { try ledger($0, try Contacts.visible(try Contacts.load($0.tx, id), $0).id) })
        },
        DeskRoute(.post, "/contacts/{id}/consents", .contactsWrite) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let channel: Channel? = fields.choice("channel", required: true), state: State? = fields.choice("state", required: true)
            let purpose = fields.text("purpose", max: longestPurpose, required: true), source = fields.text("source", max: 200, required: true), wording = fields.text("wording", max: 2000, lines: true) ?? ""
            try fields.check()
            let (by, to, about, from) = (try Fields.must(channel, "channel"), try Fields.must(state, "state"), try Fields.must(purpose, "purpose").lowercased(), try Fields.must(source, "source"))
            return .json(try await call.write { unit in
                let reader = call.reader(unit), contact = try Contacts.visible(try Contacts.load(unit.tx, id), reader)
                try unit.tx.run("INSERT INTO desk_consent(\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", unit.tx.nextPosition(), contact.id, by.rawValue, about, to.rawValue, unit.now,
                                unit.actor.kind, unit.actor.id, from, wording)
                try ContactLog.add(unit, contact.id, .consent, ["channel": .string(by.rawValue), "purpose": .string(about), "state": .string(to.rawValue), "source": .string(from), "wording": .string(wording)])
                try unit.tell(.contactUpdated, ref: contact.id)
                return try ledger(reader, contact.id)
            }, status: 201)
        },
    ]
}
