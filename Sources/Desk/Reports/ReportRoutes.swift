import MatrixCore
import ServerKit
import Store

extension Reports {
    static let longestDays: Int64 = 1100, exported = 100_000

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/reports/{metric}", .reportsRead) { call in
            let asked = try Question(call)
            return .json(try await asked.read(call) { reports in
                let period = asked.period, before = period.before
                let now = try reports.told(period.start, period.end, isWhole: true), then = try reports.told(before.start, before.end, isWhole: false)
                let previous = Dictionary(then.map { ($0.key, $0.value) }) { $1 }
                return [
                    "metric": .string(asked.metric.rawValue), "formula": .string(ReportRules.formula(asked.metric).text(call.language)), "start": .int(period.start), "end": .int(period.end),
                    "previous_start": .int(before.start), "previous_end": .int(before.end), "time_zone": .string(asked.zone), "step": .string(asked.step.rawValue),
                    "numbers": .array(now.map { ["key": .string($0.key), "unit": .string($0.unit.rawValue), "value": .of($0.value), "previous": .of(previous[$0.key] ?? nil)] }),
                    "series": .array(try reports.series(period.parts(asked.step), isOpenTime: asked.isOpenTime)),
                    "previous_series": .array(try reports.series(before.parts(asked.step), isOpenTime: asked.isOpenTime)),
                ]
            })
        },
        DeskRoute(.get, "/reports/{metric}/groups", .reportsRead) { call in
            let asked = try Question(call), group = try call.choice(query: "group", default: ReportRules.Group.agent)
            return .json(try await asked.read(call) { reports in
                let before = Dictionary(uniqueKeysWithValues: try reports.groups(group, asked.period.before.start, asked.period.before.end).map { ($0.id, $0.values) })
                func values(_ all: [(key: String, unit: ReportRules.Unit, value: Int64?)]?) -> JSON { .object(JSONObject((all ?? []).map { (key: $0.key, value: .of($0.value)) })) }
                return ["group": .string(group.rawValue), "items": .array(try reports.groups(group, asked.period.start, asked.period.end).map { row in
                    ["id": .string(row.id), "name": .string(try reports.name(group, row.id)), "values": values(row.values), "previous": values(before[row.id])]
                })]
            })
        },
        DeskRoute(.get, "/reports/{metric}/conversations", .reportsRead) { call in
            let asked = try Question(call), limit = try call.limit(), cursor = try Cursor.of(call)
            let (start, end) = try asked.moments(call)
            return try await asked.read(call) { reports in
                let lines = try reports.lines(start, end, after: cursor, limit: limit + 1)
                let rows = try lines.prefix(limit).map { line -> JSON in
                    let it = line.it
                    return ["conversation": try Conversations.load(reports.reader.tx, it.conversation).map { try reports.reader.conversation($0) } ?? .null, "at": .int(line.at), "case": .int(it.number),
                            "opened_at": .int(it.openedAt), "first_response_ms": .of(it.firstMS), "first_response_open_ms": .of(it.firstOpenMS), "resolved_at": .of(it.resolvedAt),
                            "resolution_ms": .of(it.resolveMS), "resolution_open_ms": .of(it.resolveOpenMS), "score": .of(it.score)]
                }
                return .page(rows, next: lines.count > limit ? Cursor(key: lines[limit - 1].at, number: lines[limit - 1].number).text : nil)
            }
        },
        DeskRoute(.get, "/reports/{metric}/export", .reportsRead) { call in
            let asked = try Question(call), (start, end) = try asked.moments(call)
            let text: String = try await asked.read(call) { reports in
                func say(_ number: Int64?) -> String { number.map(String.init) ?? "" }
                func time(_ ms: Int64?) -> String { ms.map(ISOTime.of) ?? "" }
                var names: [String: String] = [:]
                func name(_ group: ReportRules.Group, _ id: String?) throws -> String {
                    guard let id else { return "" }
                    if let known = names[group.rawValue + id] { return known }
                    let found = try reports.name(group, id)
                    names[group.rawValue + id] = found
                    return found
                }
                var out = CSV.line(["conversation", "case", "inbox", "team", "agent", "opened_at", "first_response_at", "first_response_by", "first_response_ms", "first_response_open_ms", "replies",
                                    "waited_ms", "waited_open_ms", "resolved_at", "resolution_ms", "resolution_open_ms", "first_response_kept", "next_responses_kept", "next_responses_broken",
                                    "resolution_kept", "surveyed_at", "scale", "score", "rated_at"])
                for line in try reports.lines(start, end, after: nil, limit: exported) {
                    let it = line.it
                    out += CSV.line([String(line.number), String(it.number), try name(.inbox, it.inbox), try name(.team, it.team), try name(.agent, it.agent), time(it.openedAt), time(it.firstAt),
                                     try name(.agent, it.firstAgent), say(it.firstMS), say(it.firstOpenMS), say(it.replies), say(it.waitMS), say(it.waitOpenMS), time(it.resolvedAt), say(it.resolveMS),
                                     say(it.resolveOpenMS), say(it.slaFirst), say(it.slaNextKept), say(it.slaNextBroken), say(it.slaResolution), time(it.surveyedAt), it.scale ?? "", say(it.score),
                                     time(it.ratedAt)])
                }
                return out
            }
            return Response(200, headers: ["Content-Type": "text/csv; charset=utf-8", "Content-Disposition": "attachment; filename=\"\(asked.metric.rawValue).csv\"", "Cache-Control": "no-store"],
                            body: .bytes(Array(text.utf8)))
        },
        DeskRoute(.get, "/recount", .settingsManage) { call in
            try call.me.checkUnlimited()
            return .json(json(call.live.cases.recount))
        },
        DeskRoute(.post, "/recount", .settingsManage) { call in
            try call.me.checkUnlimited()
            _ = try call.fields()
            guard call.live.cases.begin(call.c, call.live) else {
                throw DeskError(.conflict, en: "The reports are being recomputed already.", fr: "Les rapports sont déjà en cours de recalcul.")
            }
            try await call.write { _ in }
            return .json(json(call.live.cases.recount), status: 202)
        },
    ]
    private static func json(_ it: Cases.Recount) -> JSON {
        ["running": .bool(it.isRunning), "done": .int(it.done), "total": .int(it.total), "facts": .int(it.facts), "cases": .int(it.cases), "corrected": .int(it.corrected), "finished_at": .of(it.finishedAt)]
    }

    /// What a report is asked for, from the query.
    struct Question: Sendable {
        let metric: Metric, period: ReportRules.Period, zone: String, step: ReportRules.Step, isOpenTime: Bool, filter: Filter

        init(_ call: DeskCall) throws {
            guard let metric = Metric(rawValue: try call.param("metric")) else { throw DeskError.notFound }
            zone = try call.text(query: "time_zone", max: 60) ?? "UTC"
            guard let file = Zones.named(zone) else { throw DeskError.invalid("time_zone", en: "There is no such time zone.", fr: "Ce fuseau horaire n’existe pas.") }
            let today = Civil(day: floorDivide(call.now / 1000 + file.offset(at: call.now / 1000), 86_400))
            func day(_ name: String, _ fallback: Civil) throws -> Civil {
                guard let text = try call.text(query: name, max: 20) else { return fallback }
                guard let day = Civil(text), (1971...9000).contains(day.year) else { throw DeskError.invalid(name, en: "\(name) is not a date such as 2026-12-25.", fr: "\(name) n’est pas une date telle que 2026-12-25.") }
                return day
            }
            let last = try day("to", today), first = try day("from", Civil(day: last.number - 29))
            guard first.number <= last.number, last.number - first.number < longestDays else {
                throw DeskError.invalid("from", en: "A period has 1 to \(longestDays) days.", fr: "Une période compte de 1 à \(longestDays) jours.")
            }
            self.metric = metric
            period = ReportRules.Period(first: first, last: last, zone: file)
            step = try call.choice(query: "step", default: period.step)
            isOpenTime = try call.choice(query: "clock", default: Clock.plain) == .open
            filter = Filter(inbox: try call.text(query: "inbox", max: 40), team: try call.text(query: "team", max: 40), agent: try call.text(query: "agent", max: 255),
                            tag: try call.text(query: "tag").map(Tags.normalised), channel: try call.text(query: "channel", max: 40), part: try call.text(query: "part", max: 40))
            if let part = filter.part, Reports.parts(metric)[part] == nil { throw DeskError.invalid("part", en: "This report has no such number.", fr: "Ce rapport n’a pas ce nombre.") }
        }
        enum Clock: String, CaseIterable { case plain, open }

        /// A part of the period, by its moments, or all of it.
        func moments(_ call: DeskCall) throws -> (Int64, Int64) { (try call.position(query: "start") ?? period.start, try call.position(query: "end") ?? period.end) }

        func read<T: Sendable>(_ call: DeskCall, _ body: @escaping @Sendable (Reports) throws -> T) async throws -> T {
            try await call.live.cases.catchUp(call.c)
            let (metric, filter) = (metric, filter)
            return try await call.read { try body(Reports(reader: $0, metric: metric, filter: filter)) }
        }
    }
}

extension OpenAPI {
    private static let asked: [(name: String, schema: JSON, description: String)] = [
        ("from", string, "First day, such as 2026-11-01; thirty days when nothing is said."), ("to", string, "Last day; today when nothing is said."), ("time_zone", string, "In which days begin, such as Europe/Paris; UTC."),
        ("inbox", string, "Only of this inbox."), ("team", string, "Only of this team; `none`."), ("agent", string, "Only of this agent; `nobody`."), ("tag", string, "Only with this tag now."), ("channel", string, "Only of this channel."),
    ]
    private static let behind: [(name: String, schema: JSON, description: String)] = [
        ("part", string, "Those behind one number: new, first_broken, score_2, …"), ("start", integer, "From this moment (milliseconds) instead of the first day."), ("end", integer, "Up to this moment."),
    ]
    private static let metric = "{metric}: volume, backlog, first_response, response, resolution, sla, csat, nps."
    static let reportOperations: [Operation] = [
        Operation(method: .get, path: "/reports/{metric}", id: "getReport", tag: "Reports", summary: "A metric over a period and the one before it, with its formula. " + metric, query: asked + [
            ("step", oneOf(ReportRules.Step.self), "Length of the parts; fitting to the period when nothing is said."), ("clock", oneOf(Reports.Question.Clock.self), "Which time medians of parts are of: plain, or open by business hours."),
        ], answer: .json(200, ref("Report"))),
        Operation(method: .get, path: "/reports/{metric}/groups", id: "getReportGroups", tag: "Reports", summary: "The same, by agent, team, inbox, channel or tag.",
                  query: asked + [("group", oneOf(ReportRules.Group.self), "By what.")], answer: .json(200, ref("ReportGroups"))),
        Operation(method: .get, path: "/reports/{metric}/conversations", id: "listReportConversations", tag: "Reports", summary: "The conversations behind a number.", query: asked + behind + [
            ("limit", ["type": "integer", "minimum": 1, "maximum": 100, "default": 30], "Most rows to give."), ("cursor", string, "`next_cursor` of the page before."),
        ], answer: .json(200, page("ReportLine"))),
        Operation(method: .get, path: "/reports/{metric}/export", id: "exportReport", tag: "Reports", summary: "The same as CSV, with all their times; at most 100,000 rows.", query: asked + behind, answer: .csv),
        Operation(method: .get, path: "/recount", id: "getRecount", tag: "Reports", summary: "How far recomputing the reports from the log of events is; `corrected` were not what the log says.", answer: .json(200, ref("Recount"))),
        Operation(method: .post, path: "/recount", id: "startRecount", tag: "Reports", summary: "Recompute everything that reports are made of from the log of events.", answer: .json(202, ref("Recount"))),
    ]
    private static let values: JSON = ["type": "object", "additionalProperties": ["type": ["integer", "null"]]]
    static let reportSchemas: JSONObject = [
        "Report": whole(["metric": oneOf(ReportRules.Metric.self), "formula": string, "start": time, "end": time, "previous_start": time, "previous_end": time, "time_zone": string, "step": oneOf(ReportRules.Step.self),
                         "numbers": ["type": "array", "items": whole(["key": string, "unit": oneOf(ReportRules.Unit.self), "value": orNull("integer"), "previous": orNull("integer")])],
                         "series": ["type": "array", "items": ref("ReportPart")], "previous_series": ["type": "array", "items": ref("ReportPart")]]),
        "ReportPart": whole(["start": time, "end": time, "values": values]),
        "ReportGroups": whole(["group": oneOf(ReportRules.Group.self), "items": ["type": "array", "items": whole(["id": string, "name": string, "values": values, "previous": values])]]),
        "ReportLine": whole(["conversation": ref("Conversation"), "at": time, "case": integer, "opened_at": time, "first_response_ms": orNull("integer"), "first_response_open_ms": orNull("integer"),
                             "resolved_at": timeOrNull, "resolution_ms": orNull("integer"), "resolution_open_ms": orNull("integer"), "score": orNull("integer")]),
        "Recount": whole(["running": boolean, "done": integer, "total": integer, "facts": integer, "cases": integer, "corrected": integer, "finished_at": timeOrNull]),
    ]
}
