import MatrixCore
import ServerKit
import Store

/// When people are there: a week, holidays and other exceptions, in a time zone. A team has its own, else the inbox's hold, else the desk is always open.
///
/// Invariant: what is stored was checked: spans lie within their day, in order, without overlap, in a zone that the system knows.
struct Hours: Sendable, Hashable {
    struct Exception: Sendable, Hashable { var date: String, name: String, spans: [HoursRules.Span] }
    var id: String
    var name: String
    var timeZone: String
    var week: [[HoursRules.Span]]
    var exceptions: [Exception]
    var createdAt: Int64

    var rules: HoursRules {
        HoursRules(zone: Zones.named(timeZone) ?? .utc, week: week, exceptions: Dictionary(exceptions.compactMap { it in Civil(it.date).map { ($0, it.spans) } }) { $1 })
    }
    static func json(_ spans: [HoursRules.Span]) -> JSON { .array(spans.map { ["start": .string(clock($0.start)), "end": .string(clock($0.end))] }) }
    var json: JSON {
        ["id": .string(id), "name": .string(name), "time_zone": .string(timeZone), "week": .array(week.map(Self.json)),
         "exceptions": .array(exceptions.map { ["date": .string($0.date), "name": .string($0.name), "hours": Self.json($0.spans)] }), "created_at": .int(createdAt)]
    }
    /// What of it is worth knowing now.
    func state(now: Int64) -> JSON {
        let rules = rules, isOpen = rules.isOpen(at: now)
        return ["open": .bool(isOpen), "opens_at": .of(isOpen ? nil : rules.opens(from: now)), "closes_at": .of(isOpen ? rules.closes(after: now) : nil), "time_zone": .string(timeZone)]
    }

    static func clock(_ minutes: Int64) -> String { (minutes / 60 < 10 ? "0" : "") + "\(minutes / 60):" + (minutes % 60 < 10 ? "0" : "") + "\(minutes % 60)" }
    /// `09:30`; `24:00` is the end of the day.
    static func minutes(_ text: String?) -> Int64? {
        guard let text, text.utf8.count == 5, text.utf8.dropFirst(2).first == 58, let hour = Int64(text.prefix(2)), let minute = Int64(text.suffix(2)),
              (0...24).contains(hour), (0..<60).contains(minute), hour * 60 + minute <= 1440 else { return nil }
        return hour * 60 + minute
    }
    /// Spans of one day as they are sent; nil when they are not what they must be.
    static func spans(_ json: JSON?) -> [HoursRules.Span]? {
        guard let list = json?.arrayValue, list.count <= 10 else { return nil }
        var spans: [HoursRules.Span] = []
        for entry in list {
            guard let start = minutes(entry["start"]?.stringValue), let end = minutes(entry["end"]?.stringValue), start < end, (spans.last?.end ?? 0) <= start else { return nil }
            spans.append(HoursRules.Span(start, end))
        }
        return spans
    }
}

enum BusinessHours {
    // MARK: writes

    static func save(_ unit: Unit, _ it: Hours, isNew: Bool) throws {
        let (week, exceptions) = (JSON.array(it.week.map(Hours.json)), it.json["exceptions"] ?? [])
        func text(_ json: JSON) -> String { String(decoding: json.encoded(), as: UTF8.self) }
        if isNew {
            try unit.tx.run("INSERT INTO desk_hours(id, name, time_zone, week, exceptions, created_at) VALUES (?, ?, ?, ?, ?, ?)", it.id, it.name, it.timeZone, text(week), text(exceptions), it.createdAt)
        } else {
            try unit.tx.run("UPDATE desk_hours SET name = ?, time_zone = ?, week = ?, exceptions = ? WHERE id = ?", it.name, it.timeZone, text(week), text(exceptions), it.id)
        }
        try unit.tell(.settingsUpdated, ref: "hours")
    }
    static func remove(_ unit: Unit, _ id: String) throws {
        for (table, what) in [("desk_team", "teams"), ("desk_inbox", "inboxes")] where try unit.tx.exists("SELECT 1 FROM \(table) WHERE hours_id = ?", id) {
            try unit.tx.run("UPDATE \(table) SET hours_id = NULL WHERE hours_id = ?", id)
            try unit.tell(.settingsUpdated, ref: what)
        }
        try unit.tx.run("DELETE FROM desk_hours WHERE id = ?", id)
        try unit.tell(.settingsUpdated, ref: "hours")
    }

    // MARK: reads

    private static let columns = "h.id, h.name, h.time_zone, h.week, h.exceptions, h.created_at"
    private static func hours(_ row: Row) -> Hours {
        // Columns that this server wrote itself; damage reads as closed.
        func list(_ text: String) -> [JSON] { (try? JSON.parse(Array(text.utf8)))?.arrayValue ?? [] }
        let week = list(row.text(3)).map { Hours.spans($0) ?? [] }
        return Hours(id: row.text(0), name: row.text(1), timeZone: row.text(2), week: (0..<7).map { $0 < week.count ? week[$0] : [] },
                     exceptions: list(row.text(4)).map { Hours.Exception(date: $0["date"]?.stringValue ?? "", name: $0["name"]?.stringValue ?? "", spans: Hours.spans($0["hours"]) ?? []) },
                     createdAt: row.int(5))
    }
    static func load(_ tx: ReadTx, _ id: String) throws -> Hours? { try tx.first("SELECT \(columns) FROM desk_hours h WHERE h.id = ?", id, row: hours) }
    static func all(_ tx: ReadTx) throws -> [Hours] { try tx.all("SELECT \(columns) FROM desk_hours h ORDER BY h.name, h.id", row: hours) }
    static func check(_ tx: ReadTx, _ id: String?) throws {
        guard let id, try load(tx, id) == nil else { return }
        throw DeskError.invalid("hours", en: "There are no such hours.", fr: "Ces horaires n’existent pas.")
    }
    /// Those that hold for conversations of an inbox that are a team's.
    static func of(_ tx: ReadTx, inbox: String, team: String?) throws -> Hours? {
        try tx.first("""
            SELECT \(columns) FROM desk_inbox i LEFT JOIN desk_team t ON t.id = ? JOIN desk_hours h ON h.id = COALESCE(t.hours_id, i.hours_id) WHERE i.id = ?
            """, team, inbox, row: hours)
    }

    // MARK: routes

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/hours", .settingsRead) { call in
            .json(["items": .array(try await call.read { try all($0.tx).map { with($0, call.now) } })])
        },
        DeskRoute(.get, "/hours/{id}", .settingsRead) { call in
            let id = try call.param("id")
            guard let found = try await call.read({ try load($0.tx, id) }) else { throw DeskError.notFound }
            return .json(with(found, call.now))
        },
        DeskRoute(.post, "/hours", .settingsManage) { call in
            let input = try Input(call, isNew: true)
            try check(call)
            return .json(try await call.write { unit in
                let made = input.applied(to: Hours(id: unit.newID("hr"), name: "", timeZone: "UTC", week: Array(repeating: [], count: 7), exceptions: [], createdAt: unit.now))
                try save(unit, made, isNew: true)
                return with(made, call.now)
            }, status: 201)
        },
        DeskRoute(.patch, "/hours/{id}", .settingsManage) { call in
            let id = try call.param("id"), input = try Input(call, isNew: false)
            try check(call)
            return .json(try await call.write { unit in
                guard let before = try load(unit.tx, id) else { throw DeskError.notFound }
                let changed = input.applied(to: before)
                try save(unit, changed, isNew: false)
                return with(changed, call.now)
            })
        },
        DeskRoute(.delete, "/hours/{id}", .settingsManage) { call in
            let id = try call.param("id")
            try check(call)
            try await call.write { unit in
                guard try load(unit.tx, id) != nil else { throw DeskError.notFound }
                try remove(unit, id)
            }
            return .noContent
        },
    ]
    /// Every brand may have them: they are for who knows every brand.
    private static func check(_ call: DeskCall) throws(DeskError) {
        guard call.me.isUnlimited else { throw DeskError(.forbidden, en: "Business hours belong to every brand: ask somebody who manages all of them.", fr: "Les horaires servent à toutes les marques : demandez à qui les gère toutes.") }
    }
    private static func with(_ it: Hours, _ now: Int64) -> JSON {
        var all = it.json.objectValue ?? [:]
        all["now"] = it.state(now: now)
        return .object(all)
    }

    private struct Input: Sendable {
        let name: Fields.Change<String>, zone: Fields.Change<String>
        var week: [[HoursRules.Span]]?, exceptions: [Hours.Exception]?

        init(_ call: DeskCall, isNew: Bool) throws {
            var fields = try call.fields()
            name = isNew ? .set(fields.text("name", max: 80, required: true)) : fields.requiredChange("name", max: 80)
            zone = isNew ? .set(fields.text("time_zone", max: 60, required: true)) : fields.requiredChange("time_zone", max: 60)
            if case .set(let text?) = zone, Zones.named(text) == nil {
                fields.refuse("time_zone", en: "This is not a time zone such as Europe/Paris.", fr: "Ce n’est pas un fuseau horaire tel que Europe/Paris.")
            }
            if let json = fields.object["week"], !json.isNull {
                let days = json.arrayValue?.map { Hours.spans($0) } ?? []
                if days.count == 7, !days.contains(where: { $0 == nil }) { week = days.compactMap(\.self) } else {
                    fields.refuse("week", en: "Seven days from Monday, each with periods in order such as 09:00 to 12:30.", fr: "Sept jours à partir du lundi, chacun avec des plages dans l’ordre, telles que 09:00 à 12:30.")
                }
            }
            if let json = fields.object["exceptions"], !json.isNull {
                var found: [Hours.Exception] = []
                for entry in json.arrayValue ?? [.null] {
                    guard let date = entry["date"]?.stringValue, Civil(date) != nil, let spans = Hours.spans(entry["hours"]), !found.contains(where: { $0.date == date }),
                          case let name = Fields.trimmed(entry["name"]?.stringValue ?? ""), name.count <= 80, found.count < 400 else {
                        fields.refuse("exceptions", en: "Each exception has a date such as 2026-12-25, once, and periods in order; none means closed.",
                                      fr: "Chaque exception a une date telle que 2026-12-25, une seule fois, et des plages dans l’ordre ; aucune signifie fermé.")
                        break
                    }
                    found.append(Hours.Exception(date: date, name: name, spans: spans))
                }
                exceptions = found.sorted { $0.date < $1.date }
            }
            try fields.check()
        }
        func applied(to old: Hours) -> Hours {
            var it = old
            it.name = name.required(it.name)
            it.timeZone = zone.required(it.timeZone)
            it.week = week ?? it.week
            it.exceptions = exceptions ?? it.exceptions
            return it
        }
    }
}

extension OpenAPI {
    static let hoursOperations: [Operation] = [
        Operation(method: .get, path: "/hours", id: "listHours", tag: "Hours", summary: "All business hours, and whether they are open now.", answer: .json(200, list("Hours"))),
        Operation(method: .post, path: "/hours", id: "createHours", tag: "Hours", summary: "Make business hours: a week from Monday, exceptions, a time zone.", body: .json(ref("HoursInput")), answer: .json(201, ref("Hours"))),
        Operation(method: .get, path: "/hours/{id}", id: "getHours", tag: "Hours", summary: "One of them.", answer: .json(200, ref("Hours"))),
        Operation(method: .patch, path: "/hours/{id}", id: "updateHours", tag: "Hours", summary: "Change them.", body: .json(ref("HoursInput")), answer: .json(200, ref("Hours"))),
        Operation(method: .delete, path: "/hours/{id}", id: "deleteHours", tag: "Hours", summary: "Delete them; whoever had them is always open.", answer: .empty),
    ]
    private static let spans: JSON = ["type": "array", "items": whole(["start": ["type": "string", "description": "`09:00`"], "end": ["type": "string", "description": "`18:30`; `24:00` ends the day."]])]
    static let hoursSchemas: JSONObject = [
        "Hours": whole(["id": string, "name": string, "time_zone": string, "week": ["type": "array", "items": spans],
                        "exceptions": ["type": "array", "items": whole(["date": string, "name": string, "hours": spans])], "created_at": time,
                        "now": whole(["open": boolean, "opens_at": timeOrNull, "closes_at": timeOrNull, "time_zone": string])]),
        "HoursInput": object(["name": text(80), "time_zone": text(60), "week": ["type": "array", "items": spans],
                              "exceptions": ["type": "array", "items": object(["date": string, "name": string, "hours": spans], required: ["date", "hours"])]]),
    ]
}
