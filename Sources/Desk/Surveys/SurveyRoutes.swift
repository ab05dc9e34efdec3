import MatrixCore
import ServerKit
import Store

extension Surveys {
    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/inboxes/{id}/survey", .settingsRead) { call in
            let id = try call.param("id")
            return .json(try await call.read { reader in
                guard let inbox = try Inboxes.load(reader.tx, id), call.me.knows(inbox) else { throw DeskError.notFound }
                return (try settings(reader.tx, id) ?? SurveySettings()).json
            })
        },
        DeskRoute(.put, "/inboxes/{id}/survey", .settingsManage) { call in
            let id = try call.param("id")
            var fields = try call.fields()
            let isOn = fields.bool("active"), scale: SurveyRules.Scale? = fields.choice("scale"), delay = fields.int("delay", 0...7 * 86_400)
            let everyDays = fields.int("every_days", 0...365), changeHours = fields.int("change_hours", 0...720)
            if isOn == nil, fields.errors.isEmpty { fields.refuse("active", en: "This field is required.", fr: "Ce champ est obligatoire.") }
            var questions: [String: String]?
            if let given = fields.object("questions") {
                var inner = Fields(given, prefix: "questions."), found: [String: String] = [:]
                for language in given.keys {
                    guard ["fr", "en"].contains(language) else { inner.refuse(String(language.prefix(20)), en: "Questions are in fr and en.", fr: "Les questions sont en fr et en en."); continue }
                    found[language] = inner.text(language, max: longestQuestion)
                }
                fields.take(errorsOf: inner)
                questions = found
            }
            try fields.check()
            let asked = questions
            return .json(try await call.write { unit in
                guard let inbox = try Inboxes.load(unit.tx, id), call.me.knows(inbox) else { throw DeskError.notFound }
                var it = try settings(unit.tx, id) ?? SurveySettings()
                it.isOn = isOn ?? it.isOn
                it.scale = scale ?? it.scale
                it.questions = asked ?? it.questions
                it.delay = delay ?? it.delay
                it.everyDays = everyDays ?? it.everyDays
                it.changeHours = changeHours ?? it.changeHours
                try unit.tx.run("""
                    INSERT INTO desk_survey_setting(inbox_id, active, scale, questions, delay, every_days, change_hours) VALUES (?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (inbox_id) DO UPDATE SET active = excluded.active, scale = excluded.scale, questions = excluded.questions, delay = excluded.delay,
                      every_days = excluded.every_days, change_hours = excluded.change_hours
                    """, id, it.isOn, it.scale.rawValue, (it.json["questions"]?.objectValue ?? [:]).columnText, it.delay, it.everyDays, it.changeHours)
                try unit.tell(.settingsUpdated, ref: "surveys")
                return it.json
            })
        },
    ]

    // MARK: the customer's side

    static let widgetRoutes: [Widget.WidgetRoute] = [
        Widget.WidgetRoute(method: .get, path: "/rating", who: .visitor, limit: .widget) { call in
            let me = try call.me()
            return .json(["survey": try await call.c.db.read { tx in
                guard let survey = try latest(tx, contact: me.contact) else { return .null }
                return try json(tx, survey, now: call.c.clock.now)
            }])
        },
        Widget.WidgetRoute(method: .put, path: "/rating", who: .visitor, limit: .widget) { call in
            let me = try call.me()
            var fields = try call.fields()
            let id = fields.text("survey", max: 40, required: true), given = fields.int("score", 0...10, required: true), comment = fields.text("comment", max: longestComment, lines: true)
            try fields.check()
            let name = try Fields.must(id, "survey"), score = try Fields.must(given, "score")
            return .json(["survey": try await call.write { unit in
                guard let survey = try unit.tx.first("SELECT \(columns) FROM desk_survey WHERE id = ? AND sent_at IS NOT NULL", name, row: survey), survey.contact == me.contact,
                      let it = try Conversations.load(unit.tx, survey.conversation) else { throw DeskError.notFound }
                guard survey.scale.range.contains(score) else {
                    throw DeskError.invalid("score", en: "This score is not on the scale.", fr: "Cette note n’est pas sur l’échelle.")
                }
                guard try unit.now <= until(survey, settings(unit.tx, survey.inbox) ?? SurveySettings()) else {
                    throw DeskError(.conflict, en: "This rating cannot be changed any more.", fr: "Cette note ne peut plus être modifiée.")
                }
                return try json(unit.tx, try rate(unit, survey, it, score: score, comment: comment), now: unit.now)
            }])
        },
    ]
    private static func json(_ tx: ReadTx, _ survey: Survey, now: Int64) throws -> JSON {
        let until = until(survey, try settings(tx, survey.inbox) ?? SurveySettings()), range = survey.scale.range
        return ["id": .string(survey.id), "event_id": .of(survey.event), "scale": .string(survey.scale.rawValue), "min": .int(range.lowerBound), "max": .int(range.upperBound), "score": .of(survey.score),
                "comment": .of(survey.comment), "open": .bool(now <= until), "until": .int(until)]
    }
}

extension OpenAPI {
    static let surveyOperations: [Operation] = [
        Operation(method: .get, path: "/inboxes/{id}/survey", id: "getSurveySettings", tag: "Inboxes", summary: "What customers are asked when their conversation was resolved.", answer: .json(200, ref("SurveySettings"))),
        Operation(method: .put, path: "/inboxes/{id}/survey", id: "setSurveySettings", tag: "Inboxes", summary: "Change it; what is not said but `active` stays.", body: .json(ref("SurveySettingsInput")),
                  answer: .json(200, ref("SurveySettings"))),
    ]
    private static let settings: JSONObject = [
        "active": boolean, "scale": oneOf(SurveyRules.Scale.self), "questions": ["type": "object", "additionalProperties": text(Surveys.longestQuestion), "description": "By language; the standard question where there is none."],
        "delay": ["type": "integer", "description": "Seconds after the resolution."], "every_days": ["type": "integer", "description": "Nobody is asked again within so many days; 0: after each resolution."],
        "change_hours": ["type": "integer", "description": "For so long after his answer the customer may change it."],
    ]
    static let surveySchemas: JSONObject = [
        "SurveySettings": whole(settings), "SurveySettingsInput": object(settings, required: ["active"]),
        "Rating": whole(["score": integer, "max": integer, "scale": oneOf(SurveyRules.Scale.self), "comment": orNull("string"), "at": time]),
    ]
}
