import MatrixCore
import ServerKit
import Store

/// Whom customers work for. A company is of a brand and comes into being when it is first named at a contact.
///
/// Invariants: a brand has one company of a name, however it is written; a contact's `company` is its company's name; whoever sees no contact of it does not
/// see it, unless he sees all of the brand.
struct Company: Sendable, Hashable {
    var id: String, brandID: String, name: String
    var domain: String?, website: String?, phone: String?
    var notes: String
    var createdAt: Int64, version: Int64
}

enum Companies {
    static let longestName = 120

    // MARK: writes

    /// The company of this name, made when there is none.
    static func named(_ unit: Unit, brand: String, _ name: String) throws -> Company {
        let key = key(name)
        if let known = try unit.tx.first("SELECT \(columns) FROM desk_company WHERE brand_id = ? AND name_key = ?", brand, key, row: company) { return known }
        let made = Company(id: unit.newID("co"), brandID: brand, name: name, domain: nil, website: nil, phone: nil, notes: "", createdAt: unit.now, version: 1)
        try unit.tx.run("INSERT INTO desk_company(id, brand_id, name, name_key, domain, website, phone, notes, created_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        made.id, brand, name, key, made.domain, made.website, made.phone, made.notes, made.createdAt, made.version)
        return made
    }
    /// Two names are one when they differ in capitals, accents and blanks alone; one of nothing but signs is itself.
    static func key(_ name: String) -> String {
        let words = Words.folded(name).split(separator: " ").joined(separator: " ")
        return words.isEmpty ? name : words
    }
    private static func save(_ unit: Unit, _ changed: Company) throws -> Company {
        var it = changed
        it.version += 1
        let key = key(it.name)
        if try unit.tx.exists("SELECT 1 FROM desk_company WHERE brand_id = ? AND name_key = ? AND id <> ?", it.brandID, key, it.id) {
            throw DeskError.invalid("name", en: "There is another company of this name.", fr: "Une autre entreprise porte ce nom.")
        }
        try unit.tx.run("UPDATE desk_company SET name = ?, name_key = ?, domain = ?, website = ?, phone = ?, notes = ?, version = ? WHERE id = ?",
                        it.name, key, it.domain, it.website, it.phone, it.notes, it.version, it.id)
        return it
    }
    /// All its contacts bear another name of a company now, or none.
    private static func renamed(_ unit: Unit, _ id: String, _ name: String?) throws {
        for contact in try unit.tx.all("SELECT id FROM desk_contact WHERE company_id = ? ORDER BY number", id, row: { $0.text(0) }) {
            guard var it = try Contacts.load(unit.tx, contact) else { continue }
            it.company = name
            if name == nil { it.companyID = nil }
            _ = try Contacts.save(unit, it)
        }
    }

    // MARK: reads

    private static let columns = "id, brand_id, name, domain, website, phone, notes, created_at, version"
    private static func company(_ row: Row) -> Company {
        Company(id: row.text(0), brandID: row.text(1), name: row.text(2), domain: row.textOrNil(3), website: row.textOrNil(4), phone: row.textOrNil(5), notes: row.text(6),
                createdAt: row.int(7), version: row.int(8))
    }
    static func load(_ tx: ReadTx, _ id: String) throws -> Company? { try tx.first("SELECT \(columns) FROM desk_company WHERE id = ?", id, row: company) }

    private static func rows(_ agent: Agent) -> (sql: String, binds: [any Bindable & Sendable]) {
        if agent.seesAll { return ("1 = 1", []) }
        let mine = agent.rows(contact: "k")
        let seen = "EXISTS (SELECT 1 FROM desk_contact k WHERE k.company_id = o.id AND \(mine.sql))"
        guard agent.role.may(.conversationsAll), let brands = agent.brands, !brands.isEmpty else { return (seen, mine.binds) }
        return ("(o.brand_id IN (\(Placeholders.list(brands.count))) OR \(seen))", brands + mine.binds)
    }
    static func visible(_ reader: Reader, _ id: String) throws -> Company {
        let mine = rows(reader.viewer)
        guard let found = try load(reader.tx, id), try reader.tx.exists("SELECT 1 FROM desk_company o WHERE o.id = ? AND \(mine.sql)", array: [id] + mine.binds) else { throw DeskError.notFound }
        return found
    }
    static func json(_ reader: Reader, _ it: Company) throws -> JSON {
        let mine = reader.viewer.rows(contact: "k"), id: [any Bindable] = [it.id]
        let contacts = try reader.tx.first("SELECT COUNT(*) FROM desk_contact k WHERE k.company_id = ? AND k.merged_into IS NULL AND \(mine.sql)", array: id + mine.binds) { $0.int(0) } ?? 0
        return ["id": .string(it.id), "brand_id": .string(it.brandID), "name": .string(it.name), "domain": .of(it.domain), "website": .of(it.website), "phone": .of(it.phone),
                "notes": .string(it.notes), "contacts": .int(contacts), "created_at": .int(it.createdAt), "version": .int(it.version)]
    }

    // MARK: routes

    private struct Input: Sendable {
        let name: Fields.Change<String>, domain: Fields.Change<String>, website: Fields.Change<String>, phone: Fields.Change<String>, notes: Fields.Change<String>
        init(_ fields: inout Fields, isNew: Bool) {
            name = isNew ? .set(fields.text("name", max: longestName, required: true)) : fields.requiredChange("name", max: longestName)
            var domain = fields.change("domain", max: 253)
            if case .set(let text?) = domain {
                let low = text.lowercased()
                if !Fields.isEmail("x@" + low) { fields.refuse("domain", en: "This is not a domain such as example.org.", fr: "Ce n’est pas un domaine tel que example.org.") }
                domain = .set(low)
            }
            self.domain = domain
            website = fields.has("website") ? .set(fields.url("website")) : .keep
            phone = fields.change("phone", max: 40)
            notes = fields.change("notes", max: 4000, lines: true)
        }
        func applied(to old: Company) -> Company {
            var it = old
            it.name = name.required(it.name)
            it.domain = domain.applied(to: it.domain)
            it.website = website.applied(to: it.website)
            it.phone = phone.applied(to: it.phone)
            it.notes = notes.isChange ? notes.applied(to: nil) ?? "" : it.notes
            return it
        }
    }

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/companies", .contactsRead, limit: .search) { call in
            let limit = try call.limit(), q = try call.text(query: "q"), brand = try call.text(query: "brand")
            let after = try call.text(query: "cursor", max: 300)
            return try await call.read { reader in
                let mine = rows(reader.viewer)
                var sql = "SELECT \(columns), name_key FROM desk_company o WHERE \(mine.sql)", binds: [any Bindable] = mine.binds
                if let brand { sql += " AND o.brand_id = ?"; binds.append(brand) }
                for word in Words.folded(q ?? "").split(separator: " ").prefix(6) {
                    sql += " AND (o.name_key LIKE ? ESCAPE '\\' OR o.domain LIKE ? ESCAPE '\\')"
                    binds += ["%" + Words.escaped(String(word)) + "%", "%" + Words.escaped(String(word)) + "%"]
                }
                if let after {
                    guard let last = try load(reader.tx, after) else { throw DeskError.invalid("cursor", en: "cursor is not one that this server gave.", fr: "cursor ne provient pas de ce serveur.") }
                    let key = try reader.tx.first("SELECT name_key FROM desk_company WHERE id = ?", after) { $0.text(0) } ?? ""
                    sql += " AND (o.name_key > ? OR (o.name_key = ? AND o.id > ?))"
                    binds += [key, key, last.id]
                }
                let found = try reader.tx.all(sql + " ORDER BY o.name_key, o.id LIMIT ?", array: binds + [limit + 1], row: company)
                return .page(try found.prefix(limit).map { try json(reader, $0) }, next: found.count > limit ? found[limit - 1].id : nil)
            }
        },
        DeskRoute(.post, "/companies", .contactsWrite) { call in
            var fields = try call.fields()
            let brand = fields.text("brand_id", max: 60, required: true), input = Input(&fields, isNew: true)
            try fields.check()
            let of = try Fields.must(brand, "brand_id"), name = try Fields.must(input.name.applied(to: nil), "name")
            return .json(try await call.write { unit in
                guard try Brands.load(unit.tx, of) != nil, call.me.knows(brand: of) else { throw DeskError.invalid("brand_id", en: "There is no such brand.", fr: "Cette marque n’existe pas.") }
                if try unit.tx.exists("SELECT 1 FROM desk_company WHERE brand_id = ? AND name_key = ?", of, key(name)) {
                    throw DeskError.invalid("name", en: "There is another company of this name.", fr: "Une autre entreprise porte ce nom.")
                }
                return try json(call.reader(unit), try save(unit, input.applied(to: try named(unit, brand: of, name))))
            }, status: 201)
        },
        DeskRoute(.get, "/companies/{id}", .contactsRead) { call in
            let id = try call.param("id")
            return .json(try await call.read { try json($0, try visible($0, id)) })
        },
        DeskRoute(.patch, "/companies/{id}", .contactsWrite) { call in
            let id = try call.param("id"), version = try call.ifMatch()
            var fields = try call.fields()
            let input = Input(&fields, isNew: false)
            try fields.check()
            return .json(try await call.write { unit in
                let reader = call.reader(unit), old = try visible(reader, id)
                if let version, version != old.version { throw DeskError(.conflict, en: "Somebody has changed this company meanwhile.", fr: "Quelqu’un a modifié cette entreprise entre-temps.") }
                let new = try save(unit, input.applied(to: old))
                if new.name != old.name { try renamed(unit, id, new.name) }
                return try json(call.reader(unit), new)
            })
        },
        DeskRoute(.delete, "/companies/{id}", .contactsWrite) { call in
            let id = try call.param("id")
            try await call.write { unit in
                _ = try visible(call.reader(unit), id)
                // Those whom he does not see have a company too.
                let mine = call.me.rows(contact: "k")
                if !call.me.seesAll, try unit.tx.exists("SELECT 1 FROM desk_contact k WHERE k.company_id = ? AND NOT (\(mine.sql))", array: [id] + mine.binds) { throw DeskError.forbidden }
                try renamed(unit, id, nil)
                try unit.tx.run("DELETE FROM desk_company WHERE id = ?", id)
            }
            return .noContent
        },
        DeskRoute(.get, "/companies/{id}/contacts", .contactsRead) { call in
            let id = try call.param("id"), limit = try call.limit(), cursor = try Cursor.of(call)
            return try await call.read { reader in
                let found = try visible(reader, id)
                var filter = ContactFilter()
                filter.companies = [found.id]
                return try Contacts.page(reader, filter, cursor: cursor, limit: limit)
            }
        },
        DeskRoute(.get, "/companies/{id}/conversations", .contactsRead) { call in
            let id = try call.param("id"), limit = try call.limit(), cursor = try Cursor.of(call)
            return try await call.read { reader in
                let found = try visible(reader, id), mine = call.me.rows(inbox: "c.inbox_id"), from: [any Bindable] = [found.id, cursor?.number ?? Int64.max]
                let rows = try reader.tx.all("""
                    SELECT c.id, c.number FROM desk_conversation c JOIN desk_contact k ON k.id = c.contact_id WHERE k.company_id = ? AND c.merged_into IS NULL AND c.number < ? AND \(mine.sql) ORDER BY c.number DESC LIMIT ?
                    """, array: from + mine.binds + [limit + 1]) { ($0.text(0), $0.int(1)) }
                return .page(try rows.prefix(limit).compactMap { try reader.conversation($0.0) }, next: rows.count > limit ? Cursor(key: 0, number: rows[limit - 1].1).text : nil)
            }
        },
    ]
}
