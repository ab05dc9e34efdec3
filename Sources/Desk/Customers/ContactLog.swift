import MatrixCore
import ServerKit
import Store

/// The ledger of a contact: what was changed, by whom, which pages he looked at, what was noted. Conversations stand beside it in his timeline.
///
/// Invariants: an entry is written in the transaction of what it tells and never changed; only notes are deleted by people, and pages by age; the entries
/// of a contact that was merged into another stay its own.
enum ContactLog {
    enum Kind: String, Sendable, CaseIterable { case page, note, changed, identified, address, merged, unmerged, consent, blocked, unblocked }
    enum Part: String, Sendable, CaseIterable { case all, conversations, pages, notes, changes, ledger }

    /// Pages are kept for so long.
    static let pagesKept: Int64 = 90 * 86_400_000
    static let longestNote = 4000

    @discardableResult
    static func add(_ unit: Unit, _ contact: String, _ kind: Kind, _ data: JSONObject) throws -> Int64 {
        let id = unit.tx.nextPosition()
        try unit.tx.run("INSERT INTO desk_contact_event(id, contact_id, kind, at, actor_kind, actor_id, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
                        id, contact, kind.rawValue, unit.now, unit.actor.kind, unit.actor.id, data.columnText)
        return id
    }
    /// What differs, as one entry; none when nothing does.
    static func changed(_ unit: Unit, _ old: Contact, _ new: Contact) throws {
        var changes: [JSON] = []
        func field(_ name: String, _ from: String?, _ to: String?) {
            guard from != to else { return }
            changes.append(["field": .string(name), "from": .of(from), "to": .of(to)])
        }
        field("name", old.name, new.name)
        field("email", old.email, new.email)
        field("phone", old.phone, new.phone)
        field("company", old.company, new.company)
        field("location", old.location, new.location)
        field("language", old.language, new.language)
        if old.notes != new.notes { changes.append(["field": "notes", "from": .null, "to": .null]) }
        for key in Set(old.attributes.keys).union(new.attributes.keys).sorted() where old.attributes[key] != new.attributes[key] {
            changes.append(["field": .string("attributes." + key), "from": old.attributes[key] ?? .null, "to": new.attributes[key] ?? .null])
        }
        if !changes.isEmpty { try add(unit, new.id, .changed, ["changes": .array(changes)]) }
    }
    static func forgetOld(_ unit: Unit) throws {
        try unit.tx.run("DELETE FROM desk_contact_event WHERE kind = 'page' AND at < ?", unit.c.clock.now - pagesKept)
    }

    // MARK: reads

    struct Entry: Sendable {
        let id: Int64, kind: Kind, at: Int64, actorKind: String, actorID: String, data: JSONObject
    }
    private static func entry(_ row: Row) -> Entry {
        Entry(id: row.int(0), kind: Kind(rawValue: row.text(1)) ?? .changed, at: row.int(2), actorKind: row.text(3), actorID: row.text(4), data: JSONObject(column: row.text(5)))
    }
    /// The contact and all that were merged into him.
    static func family(_ tx: ReadTx, _ contact: String) throws -> [String] {
        var all = [contact], next = 0
        while next < all.count, all.count < 200 {
            all += try tx.all("SELECT id FROM desk_contact WHERE merged_into = ? ORDER BY number", all[next]) { $0.text(0) }
            next += 1
        }
        return all
    }
    static func timeline(_ reader: Reader, _ contact: String, _ part: Part, before: Int64, limit: Int) throws -> (items: [JSON], next: Int64?) {
        let tx = reader.tx
        var found: [(id: Int64, json: () throws -> JSON)] = []
        if part != .conversations {
            let family = try family(tx, contact), kinds = switch part {
            case .pages: " AND kind = 'page'"
            case .notes: " AND kind = 'note'"
            case .changes: " AND kind NOT IN ('page', 'note')"
            default: ""
            }
            let first: [any Bindable] = family
            for entry in try tx.all("SELECT id, kind, at, actor_kind, actor_id, data FROM desk_contact_event WHERE contact_id IN (\(Placeholders.list(family.count)))\(kinds) AND id < ? ORDER BY id DESC LIMIT ?",
                                    array: first + [before, limit + 1], row: entry) {
                found.append((entry.id, { try reader.contactEntry(entry) }))
            }
        }
        if part == .all || part == .conversations {
            let mine = reader.viewer.rows(inbox: "inbox_id"), first: [any Bindable] = [contact, before]
            for (id, position, at) in try tx.all("SELECT id, created_position, created_at FROM desk_conversation WHERE contact_id = ? AND merged_into IS NULL AND created_position < ? AND \(mine.sql) ORDER BY created_position DESC LIMIT ?",
                                                 array: first + mine.binds + [limit + 1], row: { ($0.text(0), $0.int(1), $0.int(2)) }) {
                found.append((position, {
                    ["id": .string(String(position)), "kind": "conversation", "at": .int(at), "actor": ["kind": "contact", "id": .string(contact), "name": ""], "text": "",
                     "data": [:], "conversation": try reader.conversation(id) ?? .null]
                }))
            }
        }
        found.sort { $0.id > $1.id }
        return (try found.prefix(limit).map { try $0.json() }, found.count > limit ? found[limit - 1].id : nil)
    }

    // MARK: routes

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/contacts/{id}/timeline", .contactsRead) { call in
            let id = try call.param("id"), limit = try call.limit(), cursor = try Cursor.of(call), part = try call.choice(query: "kind", default: Part.all)
            return try await call.read { reader in
                let contact = try Contacts.visible(try Contacts.load(reader.tx, id), reader)
                let (items, next) = try timeline(reader, contact.id, part, before: cursor?.key ?? .max, limit: limit)
                return .page(items, next: next.map { Cursor(key: $0, number: 0).text })
            }
        },
        DeskRoute(.post, "/contacts/{id}/notes", .contactsWrite, limit: .message) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let key = fields.key("key"), body = fields.text("body", max: longestNote, required: true, lines: true)
            try fields.check()
            let text = try Fields.must(body, "body"), once = try Fields.must(key, "key"), owner = "cn:" + call.me.id + ":" + id, digest = Idempotency.digest(.string(text))
            let (json, isNew) = try await call.write { unit in
                let reader = call.reader(unit), contact = try Contacts.visible(try Contacts.load(unit.tx, id), reader)
                var entry = try Idempotency.answer(unit.tx, owner: owner, key: once, digest: digest)?["entry"]?.intValue
                let isNew = entry == nil
                if isNew {
                    entry = try add(unit, contact.id, .note, ["body": .string(text)])
                    try Idempotency.keep(unit, owner: owner, key: once, digest: digest, answer: ["entry": .of(entry)])
                    try unit.tell(.contactUpdated, ref: contact.id)
                }
                guard let note = try load(unit.tx, try Fields.must(entry, "key")) else { throw DeskError.keyReused }
                return (try reader.contactEntry(note.entry), isNew)
            }
            return .json(json, status: isNew ? 201 : 200)
        },
        DeskRoute(.delete, "/contacts/{id}/notes/{note}", .contactsWrite) { call in
            let id = try call.param("id"), note = try call.param("note")
            try await call.write { unit in
                let contact = try Contacts.visible(try Contacts.load(unit.tx, id), call.reader(unit))
                guard let number = Int64(note), let found = try load(unit.tx, number), found.entry.kind == .note, try family(unit.tx, contact.id).contains(found.contact) else { throw DeskError.notFound }
                guard found.entry.actorID == call.me.id || call.me.role.may(.notesModerate) else { throw DeskError.forbidden }
                if found.entry.actorID != call.me.id { try Audit.add(unit, by: call.me, "contacts.notes.delete", target: contact.id, name: contact.name, ["author": .string(found.entry.actorID)]) }
                try unit.tx.run("DELETE FROM desk_contact_event WHERE id = ?", number)
                try unit.tell(.contactUpdated, ref: contact.id)
            }
            return .noContent
        },
    ]
    private static func load(_ tx: ReadTx, _ id: Int64) throws -> (entry: Entry, contact: String)? {
        try tx.first("SELECT id, kind, at, actor_kind, actor_id, data, contact_id FROM desk_contact_event WHERE id = ?", id) { (entry($0), $0.text(6)) }
    }
}

extension Reader {
    /// A line of a contact's timeline, with a sentence in the reader's language.
    func contactEntry(_ entry: ContactLog.Entry) throws -> JSON {
        let by = try name(entry.actorKind, entry.actorID), phrase = try ContactText.phrase(entry, by: by, attributes: attributeNames())
        return ["id": .string(String(entry.id)), "kind": .string(entry.kind.rawValue), "at": .int(entry.at),
                "actor": ["kind": .string(entry.actorKind), "id": .string(entry.actorID), "name": .string(by)],
                "text": .string(phrase.text(language)), "data": .object(entry.data), "conversation": .null]
    }
}

/// The sentences of the ledger. Pure.
enum ContactText {
    private static let fields: [String: Phrase] = [
        "name": Phrase(en: "name", fr: "nom"), "email": Phrase(en: "e-mail", fr: "e-mail"), "phone": Phrase(en: "phone", fr: "téléphone"), "company": Phrase(en: "company", fr: "entreprise"),
        "location": Phrase(en: "place", fr: "lieu"), "language": Phrase(en: "language", fr: "langue"), "notes": Phrase(en: "notes", fr: "notes"),
    ]
    static func phrase(_ entry: ContactLog.Entry, by: String, attributes: [String: String]) -> Phrase {
        func text(_ key: String) -> String { entry.data[key]?.stringValue ?? "" }
        switch entry.kind {
        case .page: return Phrase(en: "Looked at a page.", fr: "A consulté une page.")
        case .note: return Phrase(en: "\(by) noted:", fr: "\(by) a noté :")
        case .changed:
            let names = (entry.data["changes"]?.arrayValue ?? []).compactMap { $0["field"]?.stringValue }.map { field in
                fields[field] ?? { let name = attributes[String(field.dropFirst("attributes.".count))] ?? String(field.dropFirst("attributes.".count)); return Phrase(en: name, fr: name) }()
            }
            return entry.actorKind == "contact"
                ? Phrase(en: "The customer gave: \(names.map(\.en).joined(separator: ", ")).", fr: "Le client a donné : \(names.map(\.fr).joined(separator: ", ")).")
                : Phrase(en: "\(by) changed: \(names.map(\.en).joined(separator: ", ")).", fr: "\(by) a modifié : \(names.map(\.fr).joined(separator: ", ")).")
        case .identified: return Phrase(en: "The shop has signed who this is: \(text("external_id")).", fr: "La boutique a certifié son identité : \(text("external_id")).")
        case .address:
            return entry.data["removed"]?.boolValue == true ? Phrase(en: "\(by) removed \(text("value")).", fr: "\(by) a retiré \(text("value")).")
                : Phrase(en: "\(by) added \(text("value")).", fr: "\(by) a ajouté \(text("value")).")
        case .merged: return Phrase(en: "\(by) merged \(text("name")) into this customer.", fr: "\(by) a fusionné \(text("name")) avec ce client.")
        case .unmerged: return Phrase(en: "\(by) took the merge with \(text("name")) back.", fr: "\(by) a annulé la fusion avec \(text("name")).")
        case .consent: return ConsentText.phrase(entry.data, by: by)
        case .blocked: return Phrase(en: "\(by) blocked this customer.", fr: "\(by) a bloqué ce client.")
        case .unblocked: return Phrase(en: "\(by) unblocked this customer.", fr: "\(by) a débloqué ce client.")
        }
    }
}

/// What the ledger says of consents. Pure.
enum ConsentText {
    static func phrase(_ data: JSONObject, by: String) -> Phrase {
        let what = "\(data["purpose"]?.stringValue ?? "") (\(data["channel"]?.stringValue ?? ""))"
        return data["state"]?.stringValue == "withdrawn" ? Phrase(en: "Consent withdrawn: \(what). Noted by \(by).", fr: "Consentement retiré : \(what). Noté par \(by).")
            : Phrase(en: "Consent given: \(what). Noted by \(by).", fr: "Consentement donné : \(what). Noté par \(by).")
    }
}
