import Logging
import MatrixCore
import ServerKit
import Store

/// Reports that come by e-mail, every day, week or month.
///
/// Invariants: a mail is put into the durable queue by the transaction that moves the plan on, under a key of plan, time and recipient, so that a period is mailed once, whatever is
/// killed when, and one that passed while the server was down is mailed too; what a mail tells is what its recipient sees himself, as of when it leaves; only people of the desk who may see
/// reports get one, at the address of their agent.
struct ReportMail: Sendable, Hashable {
    var id: String, name: String, owner: String, cadence: ReportMailRules.Cadence, weekday: Int64, monthday: Int64, hour: Int64, zone: String, language: String
    var inbox: String?, team: String?, recipients: [String], isActive: Bool, nextAt: Int64, createdAt: Int64

    func plan() throws(DeskError) -> ReportMailRules.Plan {
        guard let file = Zones.named(zone) else { throw .invalid("time_zone", en: "There is no such time zone.", fr: "Ce fuseau horaire n’existe pas.") }
        return ReportMailRules.Plan(cadence: cadence, weekday: weekday, monthday: monthday, hour: hour, zone: file)
    }
    var json: JSON {
        ["id": .string(id), "name": .string(name), "owner": .string(owner), "cadence": .string(cadence.rawValue), "weekday": .int(weekday), "monthday": .int(monthday), "hour": .int(hour),
         "time_zone": .string(zone), "language": .string(language), "inbox": .of(inbox), "team": .of(team), "recipients": .of(recipients), "active": .bool(isActive), "next_at": .of(isActive ? nextAt : nil),
         "created_at": .int(createdAt)]
    }
}

enum ReportMails {
    static let most = 50, mostRecipients = 50
    /// Of periods that passed while the server was down.
    static let mostMissed = 31
    /// After that it is no news any more.
    static let patience: Int64 = 2 * 86_400_000

    static func worker(_ live: @escaping @Sendable () -> DeskLive?) -> OutboxWorker {
        OutboxWorker("report", patience: patience) { c, item throws(OutboxWorker.Failure) in
            guard let live = live() else { throw .temporary("the desk is not there yet") }
            let message: MailMessage?
            do {
                let order = try JSON.parse(item.payload)
                try await live.cases.catchUp(c)
                message = try await c.db.read { tx in try ReportMails.message(c, tx, live, order) }
            } catch { throw .temporary("the report cannot be written: \(error)") }
            try await message?.send(c, as: item)
        }
    }

    // MARK: when the time has come

    static func nextDue(_ tx: ReadTx) throws -> Int64? { try tx.first("SELECT MIN(next_at) FROM desk_report_mail WHERE active = 1") { $0.intOrNil(0) } ?? nil }

    static func sendDue(_ unit: Unit) throws {
        for var it in try unit.tx.all("SELECT \(columns) FROM desk_report_mail WHERE active = 1 AND next_at <= ? ORDER BY next_at, id LIMIT 100", unit.now, row: mail) {
            guard let zone = Zones.named(it.zone) else {   // the system has lost it
                unit.c.log.warning("a report by mail is paused: its time zone is not known any more", metadata: ["desk.report_mail": "\(it.id)"])
                try unit.tx.run("UPDATE desk_report_mail SET active = 0 WHERE id = ?", it.id)
                continue
            }
            let plan = ReportMailRules.Plan(cadence: it.cadence, weekday: it.weekday, monthday: it.monthday, hour: it.hour, zone: zone)
            var count = 0
            while it.nextAt <= unit.now, count < mostMissed {
                for agent in it.recipients { try put(unit, it, plan, at: it.nextAt, to: agent, key: "\(it.id).\(it.nextAt).\(Hex.encode(SHA256.hash(Array(agent.utf8))).prefix(16))") }
                it.nextAt = plan.next(after: it.nextAt)
                count += 1
            }
            if it.nextAt <= unit.now { it.nextAt = plan.next(after: unit.now) }
            try unit.tx.run("UPDATE desk_report_mail SET next_at = ? WHERE id = ?", it.nextAt, it.id)
        }
    }
    static func put(_ unit: Unit, _ it: ReportMail, _ plan: ReportMailRules.Plan, at time: Int64, to agent: String, key: String) throws {
        let days = plan.days(of: time)
        try unit.live.reportMails.enqueue(unit.c, unit.tx, key: key, payload: [
            "name": .string(it.name), "cadence": .string(it.cadence.rawValue), "agent": .string(agent), "first": .int(days.first.number), "last": .int(days.last.number), "zone": .string(it.zone),
            "language": .string(it.language), "inbox": .of(it.inbox), "team": .of(it.team)])
    }

    // MARK: what it says

    /// nil when there is nobody to tell it to any more.
    private static func message(_ c: Context, _ tx: ReadTx, _ live: DeskLive, _ order: JSON) throws -> MailMessage? {
        guard let id = order["agent"]?.stringValue, let first = order["first"]?.intValue, let last = order["last"]?.intValue, let zone = order["zone"]?.stringValue, let file = Zones.named(zone),
              let agent = try Agents.load(tx, id), agent.isActive, agent.role.may(.reportsRead), let address = agent.email.flatMap(EMail.canonical) else { return nil }
        let language = order["language"]?.stringValue == "fr" ? "fr" : "en", isFrench = language == "fr"
        let period = ReportRules.Period(first: Civil(day: first), last: Civil(day: last), zone: file), before = period.before
        let reader = Reader(c, tx, live, viewer: agent, language: language), filter = Reports.Filter(inbox: order["inbox"]?.stringValue, team: order["team"]?.stringValue)
        var lines: [(name: String, now: String, then: String)] = []
        for (metric, keys) in told {
            let reports = Reports(reader: reader, metric: metric, filter: filter)
            let now = try reports.told(period.start, period.end, isWhole: false), then = try reports.told(before.start, before.end, isWhole: false)
            for (key, name) in keys {
                guard let one = now.first(where: { $0.key == key }) else { continue }
                lines.append((name.text(language), ReportMailRules.text(one.value, one.unit, isFrench: isFrench), ReportMailRules.text(then.first { $0.key == key }?.value ?? nil, one.unit, isFrench: isFrench)))
            }
        }
        let days = day(period.first) + (first == last ? "" : " – " + day(period.last)), name = order["name"]?.stringValue ?? ""
        let subject = "\(name) · \(days)"
        let (now, then) = (Phrase(en: "This period", fr: "Cette période").text(language), Phrase(en: "Period before", fr: "Période précédente").text(language))
        let link = c.config.publicURL.map { base in
            (base.hasSuffix("/") ? String(base.dropLast()) : base) + "/desk#/reports/volume/" + Percent.encode("from=\(day(period.first))&to=\(day(period.last))")
        }
        let foot = Phrase(en: "You get this mail because a report was set up for you at the desk of \(c.serverName). Ask whoever set it up, or change it under Reports.",
                          fr: "Vous recevez ce message parce qu’un rapport a été programmé pour vous au comptoir de \(c.serverName). Adressez-vous à la personne qui l’a programmé, ou modifiez-le dans Rapports.").text(language)
        var text = subject + "\n\n"
        for line in lines { text += "\(line.name): \(line.now) (\(then.lowercased()): \(line.then))\n" }
        if let link { text += "\n" + link + "\n" }
        text += "\n-- \n" + foot + "\n"
        func escaped(_ raw: String) -> String { raw.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;") }
        let cell = "padding:6px 12px;border-bottom:1px solid #dedbd3;text-align:right"
        var html = """
            <!doctype html><html lang="\(language)"><head><meta charset="utf-8"><title>\(escaped(subject))</title></head><body style="font-family:sans-serif;color:#1d1c1a;background:#ffffff">
            <h1 style="font-size:20px">\(escaped(name))</h1><p>\(escaped(days))</p><table style="border-collapse:collapse"><thead><tr><th></th><th style="\(cell)">\(now)</th><th style="\(cell);font-weight:normal">\(then)</th></tr></thead><tbody>
            """
        for line in lines { html += "<tr><th style=\"\(cell);text-align:left;font-weight:normal\">\(escaped(line.name))</th><td style=\"\(cell)\"><b>\(line.now)</b></td><td style=\"\(cell)\">\(line.then)</td></tr>\n" }
        html += "</tbody></table>"
        if let link { html += "<p><a href=\"\(escaped(link))\">\(Phrase(en: "Open the reports", fr: "Ouvrir les rapports").text(language))</a></p>" }
        html += "<p style=\"color:#5d5a53;font-size:13px\">\(escaped(foot))</p></body></html>"
        return MailMessage(to: address, subject: subject, text: text, language: language, html: html)
    }
    private static func day(_ it: Civil) -> String { "\(it.year)-\(it.month < 10 ? "0" : "")\(it.month)-\(it.day < 10 ? "0" : "")\(it.day)" }
    private static let told: [(ReportRules.Metric, [(String, Phrase)])] = [
        (.volume, [("opened", Phrase(en: "Conversations opened", fr: "Conversations ouvertes"))]),
        (.resolution, [("count", Phrase(en: "Conversations resolved", fr: "Conversations résolues"))]),
        (.backlog, [("open", Phrase(en: "Open at the end", fr: "Ouvertes à la fin"))]),
        (.firstResponse, [("median", Phrase(en: "First response (median)", fr: "Première réponse (médiane)")), ("median_open", Phrase(en: "… in opening hours", fr: "… en heures d’ouverture"))]),
        (.resolution, [("median", Phrase(en: "Resolution (median)", fr: "Résolution (médiane)"))]),
        (.sla, [("kept", Phrase(en: "Promises kept", fr: "Engagements tenus"))]),
        (.csat, [("satisfied", Phrase(en: "Satisfied customers", fr: "Clients satisfaits")), ("answers", Phrase(en: "Ratings", fr: "Notes"))]),
        (.nps, [("nps", Phrase(en: "Net promoter score", fr: "Score NPS"))]),
    ]

    // MARK: reads and SQL

    static let columns = "id, name, owner_id, cadence, weekday, monthday, hour, time_zone, language, inbox_id, team_id, recipients, active, next_at, created_at"
    static func mail(_ row: Row) -> ReportMail {
        ReportMail(id: row.text(0), name: row.text(1), owner: row.text(2), cadence: ReportMailRules.Cadence(rawValue: row.text(3)) ?? .weekly, weekday: row.int(4), monthday: row.int(5), hour: row.int(6),
                   zone: row.text(7), language: row.text(8), inbox: row.textOrNil(9), team: row.textOrNil(10), recipients: TextList.decode(row.text(11)), isActive: row.bool(12), nextAt: row.int(13), createdAt: row.int(14))
    }
    static func load(_ tx: ReadTx, _ id: String) throws -> ReportMail? { try tx.first("SELECT \(columns) FROM desk_report_mail WHERE id = ?", id, row: mail) }

    /// Older binaries run on it: they mail nothing.
    static let migrations: [Migration] = [
        Migration(113, "desk reports by mail", """
        CREATE TABLE desk_report_mail(
          id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, owner_id TEXT NOT NULL, cadence TEXT NOT NULL, weekday INTEGER NOT NULL, monthday INTEGER NOT NULL, hour INTEGER NOT NULL,
          time_zone TEXT NOT NULL, language TEXT NOT NULL, inbox_id TEXT, team_id TEXT, recipients TEXT NOT NULL, active INTEGER NOT NULL, next_at INTEGER NOT NULL, created_at INTEGER NOT NULL,
          CHECK (cadence IN ('daily', 'weekly', 'monthly')));
        CREATE INDEX desk_report_mail_next ON desk_report_mail(active, next_at)
        """),
    ]
}
