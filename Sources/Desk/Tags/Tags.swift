import MatrixCore
import ServerKit
import Store

/// Labels of conversations. A tag comes into being when it is first used.
enum Tags {
    static let longest = 40
    static let colours = ["#B3261E", "#8C5000", "#5E6300", "#2E6B3E", "#00696F", "#1F5FBF", "#5B4FC4", "#8E3A8F", "#6B5E57"]

    static func normalised(_ name: String) -> String { Fields.trimmed(name).lowercased() }

    static func ensure(_ unit: Unit, _ name: String) throws {
        guard try !unit.tx.exists("SELECT 1 FROM desk_tag WHERE name = ?", name) else { return }
        let colour = colours[name.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF } % colours.count]
        try unit.tx.run("INSERT INTO desk_tag(name, colour, created_at) VALUES (?, ?, ?)", name, colour, unit.now)
        try unit.tell(.settingsUpdated, ref: "tags")
    }

    /// Somebody who does not see every brand gets those that are used where he sees it, and those that nobody uses.
    private static func list(_ reader: Reader) throws -> [JSON] {
        let mine = reader.viewer.rows(inbox: "c.inbox_id"), sees = reader.viewer.seesAll
        let uses = sees ? "(SELECT COUNT(*) FROM desk_conversation_tag x WHERE x.tag = t.name)"
            : "(SELECT COUNT(*) FROM desk_conversation_tag x JOIN desk_conversation c ON c.id = x.conversation_id WHERE x.tag = t.name AND \(mine.sql))"
        let rows = try reader.tx.all("SELECT t.name, t.colour, \(uses), EXISTS (SELECT 1 FROM desk_conversation_tag y WHERE y.tag = t.name) FROM desk_tag t ORDER BY t.name LIMIT 1000", array: mine.binds) {
            (name: $0.text(0), colour: $0.text(1), uses: $0.int(2), isUsed: $0.bool(3))
        }
        return rows.filter { sees || $0.uses > 0 || !$0.isUsed }.map { ["name": .string($0.name), "colour": .string($0.colour), "uses": .int($0.uses)] }
    }

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/tags", .conversationsRead) { call in
            .json(["items": .array(try await call.read { try list($0) })])
        },
        DeskRoute(.put, "/tags/{name}", .tagsManage) { call in
            let name = normalised(try call.param("name"))
            var fields = try call.fields()
            let colour = fields.colour("colour")
            if colour == nil, fields.errors.isEmpty { fields.refuse("colour", en: "This field is required.", fr: "Ce champ est obligatoire.") }
            if name.isEmpty || name.count > longest { fields.refuse("name", en: "A tag has 1 to \(longest) characters.", fr: "Une étiquette comporte de 1 à \(longest) caractères.") }
            try fields.check()
            try call.me.checkUnlimited()
            return .json(try await call.write { unit in
                try ensure(unit, name)
                try unit.tx.run("UPDATE desk_tag SET colour = ? WHERE name = ?", colour, name)
                try unit.tell(.settingsUpdated, ref: "tags")
                let uses = try unit.tx.first("SELECT COUNT(*) FROM desk_conversation_tag WHERE tag = ?", name) { $0.int(0) } ?? 0
                return ["name": .string(name), "colour": .of(colour), "uses": .int(uses)]
            })
        },
        DeskRoute(.delete, "/tags/{name}", .tagsManage) { call in
            let name = normalised(try call.param("name"))
            try call.me.checkUnlimited()
            try await call.write { unit in
                guard try unit.tx.exists("SELECT 1 FROM desk_tag WHERE name = ?", name) else { throw DeskError.notFound }
                let used = try unit.tx.all("SELECT c.id, c.inbox_id FROM desk_conversation c JOIN desk_conversation_tag t ON t.conversation_id = c.id WHERE t.tag = ?", name) { ($0.text(0), $0.text(1)) }
                try unit.tx.run("DELETE FROM desk_conversation_tag WHERE tag = ?", name)
                try unit.tx.run("DELETE FROM desk_tag WHERE name = ?", name)
                for (id, inbox) in used { try unit.tell(.conversationUpdated, conversation: id, inbox: inbox) }
                try unit.tell(.settingsUpdated, ref: "tags")
            }
            return .noContent
        },
    ]
}
