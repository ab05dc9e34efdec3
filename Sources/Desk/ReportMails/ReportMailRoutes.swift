import MatrixCore
import ServerKit
import Store

extension ReportMails {
    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/report-mails", .reportsRead) { call in
            .json(["items": .array(try await call.read { reader in
                try reader.tx.all("SELECT \(columns) FROM desk_report_mail ORDER BY created_at, id", row: mail).filter { mine($0, call.me) }.map(\.json)
            }), "can_send": .bool(call.c.config.smtpURL != nil)])
        },
        DeskRoute(.post, "/report-mails", .reportsRead) { call in
            let input = try Input(call, isNew: true)
            return .json(try await call.write { unit in
                guard try unit.tx.first("SELECT COUNT(*) FROM desk_report_mail", row: { $0.int(0) }) ?? 0 < most else {
                    throw DeskError(.conflict, en: "There are at most \(most) reports by mail.", fr: "Il y a au plus \(most) rapports par e-mail.")
                }
                let made = try input.applied(unit, call, to: ReportMail(id: unit.newID("rm"), name: "", owner: call.me.id, cadence: .weekly, weekday: 0, monthday: 1, hour: 8, zone: "UTC", language: call.language,
                                                                        inbox: nil, team: nil, recipients: [], isActive: true, nextAt: 0, createdAt: unit.now))
                try save(unit, made, isNew: true)
                return made.json
            }, status: 201)
        },
        DeskRoute(.patch, "/report-mails/{id}", .reportsRead) { call in
            let id = try call.param("id"), input = try Input(call, isNew: false)
            return .json(try await call.write { unit in
                let changed = try input.applied(unit, call, to: try own(unit.tx, id, call))
                try save(unit, changed, isNew: false)
                return changed.json
            })
        },
        DeskRoute(.delete, "/report-mails/{id}", .reportsRead) { call in
            let id = try call.param("id")
            try await call.write { unit in _ = try unit.tx.run("DELETE FROM desk_report_mail WHERE id = ?", try own(unit.tx, id, call).id) }
            return .noContent
        },
        // The newest period, to oneself, now.
        DeskRoute(.post, "/report-mails/{id}/test", .reportsRead, limit: .message) { call in
            let id = try call.param("id")
            _ = try call.fields()
            try await call.write { unit in
                let it = try own(unit.tx, id, call)
                guard unit.c.config.smtpURL != nil else { throw DeskError(.conflict, en: "This server sends no mail: it has no mail server.", fr: "Ce serveur n’envoie pas d’e-mail : aucun serveur de messagerie n’est configuré.") }
                guard call.me.email != nil else { throw DeskError(.conflict, en: "Your agent has no e-mail address.", fr: "Votre compte d’agent n’a pas d’adresse e-mail.") }
                try put(unit, it, try it.plan(), at: unit.now, to: call.me.id, key: "\(it.id).test.\(unit.c.entropy.token(12))")
            }
            return .noContent
        },
    ]
    /// His own, and those that he gets; who manages the whole desk sees all.
    private static func mine(_ it: ReportMail, _ me: Agent) -> Bool { it.owner == me.id || it.recipients.contains(me.id) || isChief(me) }
    private static func isChief(_ me: Agent) -> Bool { me.isUnlimited && me.role.may(.settingsManage) }
    private static func own(_ tx: ReadTx, _ id: String, _ call: DeskCall) throws -> ReportMail {
        guard let it = try load(tx, id), mine(it, call.me) else { throw DeskError.notFound }
        guard it.owner == call.me.id || isChief(call.me) else { throw DeskError.forbidden }
        return it
    }
    private static func save(_ unit: Unit, _ it: ReportMail, isNew: Bool) throws {
        let values: [any Bindable] = [it.name, it.owner, it.cadence.rawValue, it.weekday, it.monthday, it.hour, it.zone, it.language, it.inbox, it.team, TextList.encode(it.recipients), it.isActive, it.nextAt, it.createdAt, it.id]
        try unit.tx.run(isNew ? """
            INSERT INTO desk_report_mail(name, owner_id, cadence, weekday, monthday, hour, time_zone, language, inbox_id, team_id, recipients, active, next_at, created_at, id)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """ : """
            UPDATE desk_report_mail SET name = ?, owner_id = ?, cadence = ?, weekday = ?, monthday = ?, hour = ?, time_zone = ?, language = ?, inbox_id = ?, team_id = ?, recipients = ?, active = ?,
              next_at = ?, created_at = ? WHERE id = ?
            """, array: values)
    }

    private struct Input: Sendable {
        let name: Fields.Change<String>, cadence: ReportMailRules.Cadence?, weekday: Int64?, monthday: Int64?, hour: Int64?, zone: String?, language: String?
        let inbox: Fields.Change<String>, team: Fields.Change<String>, recipients: [String]?, isActive: Bool?

        init(_ call: DeskCall, isNew: Bool) throws {
            var fields = try call.fields()
            name = isNew ? .set(fields.text("name", max: 80, required: true)) : fields.requiredChange("name", max: 80)
            cadence = fields.choice("cadence")
            weekday = fields.int("weekday", 0...6)
            monthday = fields.int("monthday", 1...28)
            hour = fields.int("hour", 0...23)
            zone = fields.text("time_zone", max: 60)
            language = fields.language("language")
            inbox = fields.change("inbox", max: 40)
            team = fields.change("team", max: 40)
            recipients = fields.strings("recipients", max: mostRecipients, each: 255)
            isActive = fields.bool("active")
            if let language, !["fr", "en"].contains(language) { fields.refuse("language", en: "Mails are in fr or en.", fr: "Les messages sont en fr ou en en.") }
            try fields.check()
        }
        func applied(_ unit: Unit, _ call: DeskCall, to old: ReportMail) throws -> ReportMail {
            var it = old
            it.name = name.required(it.name)
            it.cadence = cadence ?? it.cadence
            it.weekday = weekday ?? it.weekday
            it.monthday = monthday ?? it.monthday
            it.hour = hour ?? it.hour
            it.zone = zone ?? it.zone
            it.language = language ?? it.language
            it.inbox = inbox.applied(to: it.inbox)
            it.team = team.applied(to: it.team)
            it.recipients = recipients ?? (it.recipients.isEmpty ? [call.me.id] : it.recipients)
            it.isActive = isActive ?? it.isActive
            if let id = it.inbox, inbox.isChange, try Inboxes.load(unit.tx, id).map({ call.me.knows($0) }) != true {
                throw DeskError.invalid("inbox", en: "There is no such inbox.", fr: "Cette boîte n’existe pas.")
            }
            if let id = it.team, team.isChange, try !Teams.known(call.reader(unit)).contains(where: { $0["id"]?.stringValue == id }) {
                throw DeskError.invalid("team", en: "There is no such team.", fr: "Cette équipe n’existe pas.")
            }
            guard !it.recipients.isEmpty else { throw DeskError.invalid("recipients", en: "At least one recipient.", fr: "Au moins un destinataire.") }
            for id in recipients ?? [] {
                guard let agent = try Agents.load(unit.tx, id), agent.isActive, !agent.isService, call.me.knows(agent) else {
                    throw DeskError.invalid("recipients", en: "“\(id)” is not an agent.", fr: "« \(id) » n’est pas un agent.")
                }
                guard agent.role.may(.reportsRead) else {
                    throw DeskError.invalid("recipients", en: "\(agent.publicName) may not see reports.", fr: "\(agent.publicName) n’a pas accès aux rapports.")
                }
                guard agent.email != nil else {
                    throw DeskError.invalid("recipients", en: "\(agent.publicName) has no e-mail address.", fr: "\(agent.publicName) n’a pas d’adresse e-mail.")
                }
            }
            it.nextAt = try it.plan().next(after: unit.now)
            return it
        }
    }
}

extension OpenAPI {
    static let reportMailOperations: [Operation] = [
        Operation(method: .get, path: "/report-mails", id: "listReportMails", tag: "Reports", summary: "Reports by e-mail: my own and those that I get.",
                  answer: .json(200, whole(["items": ["type": "array", "items": ref("ReportMail")], "can_send": boolean]))),
        Operation(method: .post, path: "/report-mails", id: "createReportMail", tag: "Reports", summary: "Send a report every day, week or month, each period once.", body: .json(ref("ReportMailInput")), answer: .json(201, ref("ReportMail"))),
        Operation(method: .patch, path: "/report-mails/{id}", id: "updateReportMail", tag: "Reports", summary: "Change one.", body: .json(ref("ReportMailInput")), answer: .json(200, ref("ReportMail"))),
        Operation(method: .delete, path: "/report-mails/{id}", id: "deleteReportMail", tag: "Reports", summary: "Send it no more.", answer: .empty),
        Operation(method: .post, path: "/report-mails/{id}/test", id: "testReportMail", tag: "Reports", summary: "Send the newest period to me, now.", answer: .empty),
    ]
    private static let mail: JSONObject = [
        "name": text(80), "cadence": oneOf(ReportMailRules.Cadence.self), "weekday": ["type": "integer", "description": "0 is Monday."], "monthday": ["type": "integer", "description": "1 to 28."], "hour": integer,
        "time_zone": string, "language": ["type": "string", "enum": ["fr", "en"]], "inbox": orNull("string"), "team": orNull("string"), "recipients": ["type": "array", "items": string, "description": "Ids of agents who may see reports and have an e-mail address."],
        "active": boolean,
    ]
    static let reportMailSchemas: JSONObject = [
        "ReportMail": whole(mail.merging(["id": string, "owner": string, "next_at": timeOrNull, "created_at": time] as JSONObject)), "ReportMailInput": object(mail),
    ]
}
