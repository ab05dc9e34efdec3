import MatrixCore
import ServerKit
import Store

/// A brand: what the customer sees (name, colours, logo, texts per language).
struct Brand: Sendable, Hashable {
    var id: String
    var name: String
    var website: String?
    var colour: String, colourDark: String, onColour: String, onColourDark: String
    var logo: String?
    /// language -> text key -> text
    var texts: JSONObject
    var createdAt: Int64

    var json: JSON {
        ["id": .string(id), "name": .string(name), "website": .of(website), "colour": .string(colour), "colour_dark": .string(colourDark),
         "on_colour": .string(onColour), "on_colour_dark": .string(onColourDark), "logo": .of(Pictures.path(logo)), "texts": .object(texts), "created_at": .int(createdAt)]
    }
}

enum Brands {
    static let textKeys = ["title", "greeting", "intro", "offline", "contact_form", "thanks"]

    /// What a brand says until it has found its own words.
    static func standardTexts(_ name: String) -> JSONObject {
        ["fr": ["title": .string(name), "greeting": "Bonjour 👋", "intro": "Une question ? Écrivez-nous, nous répondons ici.",
                "offline": "Nous sommes absents pour le moment. Laissez-nous un message, nous vous répondrons.",
                "contact_form": "Contactez-nous", "thanks": "Merci, nous avons bien reçu votre message."],
         "en": ["title": .string(name), "greeting": "Hello 👋", "intro": "A question? Write to us, we answer here.",
                "offline": "We are away at the moment. Leave us a message and we will get back to you.",
                "contact_form": "Contact us", "thanks": "Thank you, we have received your message."]]
    }

    static func add(_ unit: Unit, name: String, website: String?, colours: [String?], texts: JSONObject) throws -> Brand {
        let brand = Brand(id: unit.newID("br"), name: name, website: website, colour: colours[0] ?? "#1F5FBF", colourDark: colours[1] ?? "#8AB4F8",
                          onColour: colours[2] ?? "#FFFFFF", onColourDark: colours[3] ?? "#10141B", logo: nil, texts: merged(texts, over: standardTexts(name)), createdAt: unit.now)
        try unit.tx.run("""
            INSERT INTO desk_brand(id, name, website, colour, colour_dark, on_colour, on_colour_dark, logo, texts, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, brand.id, brand.name, brand.website, brand.colour, brand.colourDark, brand.onColour, brand.onColourDark, brand.logo, brand.texts.columnText, brand.createdAt)
        try unit.tell(.settingsUpdated, ref: "brands")
        return brand
    }
    static func save(_ unit: Unit, _ brand: Brand) throws {
        try unit.tx.run("""
            UPDATE desk_brand SET name = ?, website = ?, colour = ?, colour_dark = ?, on_colour = ?, on_colour_dark = ?, logo = ?, texts = ? WHERE id = ?
            """, brand.name, brand.website, brand.colour, brand.colourDark, brand.onColour, brand.onColourDark, brand.logo, brand.texts.columnText, brand.id)
        try unit.tell(.settingsUpdated, ref: "brands")
    }
    static func merged(_ new: JSONObject, over old: JSONObject) -> JSONObject {
        var out = old
        for (language, texts) in new {
            guard let texts = texts.objectValue else { continue }
            out[language] = .object((out[language]?.objectValue ?? [:]).merging(texts))
        }
        return out
    }

    private static let columns = "id, name, website, colour, colour_dark, on_colour, on_colour_dark, logo, texts, created_at"
    private static func brand(_ row: Row) -> Brand {
        Brand(id: row.text(0), name: row.text(1), website: row.textOrNil(2), colour: row.text(3), colourDark: row.text(4), onColour: row.text(5),
              onColourDark: row.text(6), logo: row.textOrNil(7), texts: JSONObject(column: row.text(8)), createdAt: row.int(9))
    }
    static func load(_ tx: ReadTx, _ id: String) throws -> Brand? { try tx.first("SELECT \(columns) FROM desk_brand WHERE id = ?", id, row: brand) }
    static func all(_ tx: ReadTx) throws -> [Brand] { try tx.all("SELECT \(columns) FROM desk_brand ORDER BY created_at, id", row: brand) }

    // MARK: routes

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/brands", .settingsRead) { call in
            .json(["items": .array(try await call.read { try all($0.tx).filter { call.me.knows(brand: $0.id) }.map(\.json) })])
        },
        DeskRoute(.get, "/brands/{id}", .settingsRead) { call in
            let id = try call.param("id")
            guard call.me.knows(brand: id), let brand = try await call.read({ try load($0.tx, id) }) else { throw DeskError.notFound }
            return .json(brand.json)
        },
        DeskRoute(.post, "/brands", .settingsManage) { call in
            let input = try Input(call, isNew: true)
            try call.me.checkUnlimited()
            return .json(try await call.write { try add($0, name: input.name.required(""), website: input.website.applied(to: nil), colours: input.colours, texts: input.texts).json }, status: 201)
        },
        DeskRoute(.patch, "/brands/{id}", .settingsManage) { call in
            let id = try call.param("id"), input = try Input(call, isNew: false)
            return .json(try await call.write { unit in
                guard call.me.knows(brand: id), var brand = try load(unit.tx, id) else { throw DeskError.notFound }
                brand.name = input.name.required(brand.name)
                brand.website = input.website.applied(to: brand.website)
                brand.colour = input.colours[0] ?? brand.colour
                brand.colourDark = input.colours[1] ?? brand.colourDark
                brand.onColour = input.colours[2] ?? brand.onColour
                brand.onColourDark = input.colours[3] ?? brand.onColourDark
                brand.texts = merged(input.texts, over: brand.texts)
                try save(unit, brand)
                return brand.json
            })
        },
        DeskRoute(.delete, "/brands/{id}", .settingsManage) { call in
            let id = try call.param("id")
            try call.me.checkUnlimited()
            try await call.write { unit in
                guard let brand = try load(unit.tx, id) else { throw DeskError.notFound }
                guard try !unit.tx.exists("SELECT 1 FROM desk_inbox WHERE brand_id = ?", id), try !unit.tx.exists("SELECT 1 FROM desk_contact WHERE brand_id = ?", id) else {
                    throw DeskError(.conflict, en: "This brand still has inboxes or contacts.", fr: "Cette marque a encore des boîtes ou des contacts.")
                }
                try unit.tx.run("DELETE FROM desk_brand WHERE id = ?", id)
                try Pictures.remove(unit, brand.logo)
                try unit.tell(.settingsUpdated, ref: "brands")
            }
            return .noContent
        },
        DeskRoute(.put, "/brands/{id}/logo", .settingsManage, limit: .media, bodyBytes: Pictures.largest) { call in
            let id = try call.param("id"), type = try Pictures.check(call.request.body)
            return .json(try await call.write { unit in
                guard call.me.knows(brand: id), var brand = try load(unit.tx, id) else { throw DeskError.notFound }
                let old = brand.logo
                brand.logo = try Pictures.add(unit, bytes: call.request.body, type: type)
                try save(unit, brand)
                try Pictures.remove(unit, old)
                return ["picture": .of(Pictures.path(brand.logo))]
            })
        },
        DeskRoute(.delete, "/brands/{id}/logo", .settingsManage) { call in
            let id = try call.param("id")
            try await call.write { unit in
                guard call.me.knows(brand: id), var brand = try load(unit.tx, id) else { throw DeskError.notFound }
                let old = brand.logo
                brand.logo = nil
                try save(unit, brand)
                try Pictures.remove(unit, old)
            }
            return .noContent
        },
    ]

    private struct Input: Sendable {
        let name: Fields.Change<String>, website: Fields.Change<String>, colours: [String?], texts: JSONObject
        init(_ call: DeskCall, isNew: Bool) throws {
            var fields = try call.fields()
            name = isNew ? .set(fields.text("name", max: 80, required: true)) : fields.requiredChange("name", max: 80)
            website = fields.has("website") ? .set(fields.url("website")) : .keep
            colours = ["colour", "colour_dark", "on_colour", "on_colour_dark"].map { fields.colour($0) }
            var texts: JSONObject = [:]
            for (language, value) in fields.object("texts") ?? [:] {
                guard Fields.isLanguage(language), let object = value.objectValue else {
                    fields.refuse("texts", en: "texts maps languages such as fr to texts.", fr: "texts associe des langues telles que fr à des textes.")
                    continue
                }
                var inner = Fields(object, prefix: "texts.\(language)."), some: JSONObject = [:]
                for key in Brands.textKeys { if let text = inner.text(key, max: 500, lines: true) { some[key] = .string(text) } }
                fields.take(errorsOf: inner)
                texts[language] = .object(some)
            }
            if texts.count > 20 { fields.refuse("texts", en: "At most 20 languages.", fr: "Au plus 20 langues.") }
            self.texts = texts
            try fields.check()
        }
    }
}
