import Logging
import MatrixCore
import ServerKit
import Store

/// Asks customers how it was, after their conversation was resolved: a message that the widget shows as buttons and any other Matrix app as a question that
/// is answered with a number.
///
/// Invariants: each resolution has at most one survey, for both are one transaction and a unique key says so; a survey is sent once, for the message and its
/// being sent are one transaction; whoever has written again before it is sent is not asked; an answer opens nothing again, and may be changed for as
/// long as the inbox says; only the customer whom it asks can answer.
struct Survey: Sendable, Hashable {
    enum State: String, Sendable, CaseIterable { case waiting, sent, rated, dropped }
    var id: String, conversation: String, contact: String, inbox: String, agent: String?, resolvedAt: Int64, scale: SurveyRules.Scale, state: State
    var dueAt: Int64, event: String? = nil, sentAt: Int64? = nil, score: Int64? = nil, comment: String? = nil, ratedAt: Int64? = nil
}

/// What an inbox asks.
struct SurveySettings: Sendable, Hashable {
    var isOn = false
    var scale = SurveyRules.Scale.faces
    /// By language; the standard question where there is none.
    var questions: [String: String] = [:]
    /// Seconds after the resolution.
    var delay: Int64 = 0
    /// Nobody is asked again within so many days; 0: after each resolution.
    var everyDays: Int64 = 0
    /// For so long after his answer the customer may change it.
    var changeHours: Int64 = 24

    var json: JSON {
        ["active": .bool(isOn), "scale": .string(scale.rawValue), "questions": .object(JSONObject(questions.map { (key: $0.key, value: .string($0.value)) })), "delay": .int(delay), "every_days": .int(everyDays),
         "change_hours": .int(changeHours)]
    }
    func question(_ language: String) -> String { questions[language] ?? Self.standard(scale).text(language) }

    static func standard(_ scale: SurveyRules.Scale) -> Phrase {
        scale == .nps ? Phrase(en: "How likely are you to recommend us to a friend?", fr: "Nous recommanderiez-vous à un ami ?")
            : Phrase(en: "How was this conversation for you?", fr: "Comment s’est passé cet échange pour vous ?")
    }
    static func instruction(_ scale: SurveyRules.Scale) -> Phrase {
        scale == .nps ? Phrase(en: "Answer with a number from 0 (not at all) to 10 (certainly).", fr: "Répondez par un nombre de 0 (pas du tout) à 10 (certainement).")
            : Phrase(en: "Answer with a number from 1 (bad) to 5 (excellent).", fr: "Répondez par un chiffre de 1 (mauvais) à 5 (excellent).")
    }
}

enum Surveys {
    static let longestComment = 2000, longestQuestion = 200

    // MARK: asking

    /// In the transaction that resolves the conversation.
    static func resolved(_ unit: Unit, _ it: Conversation) throws {
        guard let settings = try settings(unit.tx, it.inboxID), settings.isOn, it.firstReplyMS != nil, let at = it.state.resolvedAt else { return }
        if settings.everyDays > 0, try unit.tx.exists("SELECT 1 FROM desk_survey WHERE contact_id = ? AND sent_at > ? LIMIT 1", it.contactID, unit.now - settings.everyDays * 86_400_000) { return }
        let survey = Survey(id: unit.newID("su"), conversation: it.id, contact: it.contactID, inbox: it.inboxID, agent: it.assignee ?? it.lastAgent, resolvedAt: at, scale: settings.scale, state: .waiting,
                            dueAt: at + settings.delay * 1000)
        let isNew = try unit.tx.run("""
            INSERT INTO desk_survey(id, conversation_id, contact_id, inbox_id, agent_id, resolved_at, scale, state, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', ?)
            ON CONFLICT (conversation_id, resolved_at) DO NOTHING
            """, survey.id, survey.conversation, survey.contact, survey.inbox, survey.agent, at, survey.scale.rawValue, survey.dueAt)
        if isNew > 0, settings.delay == 0 { try send(unit, survey, settings) }
    }
    static func nextDue(_ tx: ReadTx) throws -> Int64? { try tx.first("SELECT MIN(due_at) FROM desk_survey WHERE state = 'waiting'") { $0.intOrNil(0) } ?? nil }
    static func sendDue(_ unit: Unit) throws {
        for survey in try unit.tx.all("SELECT \(columns) FROM desk_survey WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at, id LIMIT 200", unit.now, row: survey) {
            try send(unit, survey, try settings(unit.tx, survey.inbox) ?? SurveySettings())
        }
    }
    private static func send(_ unit: Unit, _ survey: Survey, _ settings: SurveySettings) throws {
        guard settings.isOn, let it = try Conversations.load(unit.tx, survey.conversation), it.status == .resolved, it.state.resolvedAt == survey.resolvedAt else { return try drop(unit, survey) }
        let language = it.language == "fr" ? "fr" : "en", question = settings.question(language), range = survey.scale.range
        let content: JSONObject = [
            "msgtype": "m.text", "body": .string(question + "\n" + SurveySettings.instruction(survey.scale).text(language)), "comptoir.text": .string(question),
            "comptoir.survey": ["id": .string(survey.id), "scale": .string(survey.scale.rawValue), "min": .int(range.lowerBound), "max": .int(range.upperBound)],
        ]
        do {
            let event = try unit.tx.attempt { tx in
                try unit.c.ports.rooms.append(unit.c, tx, NewEvent(room: it.room, sender: Desk.bot(unit.c), type: "m.room.message", content: .object(content), timestamp: unit.eventTime))
            }
            try unit.tx.run("UPDATE desk_survey SET state = 'sent', event_id = ?, sent_at = ? WHERE id = ?", event, unit.now, survey.id)
            try Facts.add(unit, it, .surveyed, agent: survey.agent, ref: survey.id, scale: survey.scale)
        } catch let error as MatrixError {
            unit.c.log.warning("a survey could not be sent", metadata: ["error": "\(error.errcode)"])
            try drop(unit, survey)
        }
    }
    private static func drop(_ unit: Unit, _ survey: Survey) throws { try unit.tx.run("UPDATE desk_survey SET state = 'dropped' WHERE id = ?", survey.id) }

    // MARK: answers

    /// True when the message is an answer and nothing else: it opens nothing again.
    static func isAnswered(_ unit: Unit, _ it: Conversation, text: String, replyTo: String?) throws -> Bool {
        // Whatever begins with none of these is no rating, and costs nothing.
        guard text.utf8.count <= 4 * longestComment, let first = text.unicodeScalars.first(where: { !$0.properties.isWhitespace }), first.properties.numericType == .decimal || ">⭐★🌟".unicodeScalars.contains(first) else { return false }
        guard let survey = try latest(unit.tx, conversation: it.id), let answer = SurveyRules.answer(text, scale: survey.scale, isReply: replyTo != nil && replyTo == survey.event) else { return false }
        let settings = try settings(unit.tx, survey.inbox) ?? SurveySettings()
        guard unit.now <= until(survey, settings) else { return false }
        _ = try rate(unit, survey, it, score: answer.score, comment: answer.comment ?? survey.comment)
        return true
    }
    static func until(_ survey: Survey, _ settings: SurveySettings) -> Int64 { SurveyRules.until(sentAt: survey.sentAt ?? survey.dueAt, ratedAt: survey.ratedAt, changeHours: settings.changeHours) }

    /// The time in which it may be changed runs from the first answer.
    static func rate(_ unit: Unit, _ survey: Survey, _ it: Conversation, score: Int64, comment: String?) throws -> Survey {
        guard survey.score != score || survey.comment != comment else { return survey }
        var new = survey
        (new.score, new.comment, new.ratedAt, new.state) = (score, comment, survey.ratedAt ?? unit.now, .rated)
        try unit.tx.run("UPDATE desk_survey SET state = 'rated', score = ?, comment = ?, rated_at = ? WHERE id = ?", score, comment, new.ratedAt, new.id)
        let most = survey.scale.range.upperBound
        let rating: JSONObject = ["score": .int(score), "max": .int(most), "scale": .string(survey.scale.rawValue), "comment": .of(comment), "at": .of(new.ratedAt)]
        try unit.tx.run("UPDATE desk_conversation SET rating = ? WHERE id = ?", rating.columnText, it.id)
        try Items.system(unit.acting(as: .contact(survey.contact)), it, survey.score == nil ? .rated : .ratingChanged, data: rating.merging(["value": .string("\(score)/\(most)")]))
        if survey.score != score { try Facts.add(unit, it, .rated, agent: survey.agent, value: score, ref: survey.id, scale: survey.scale) }
        try unit.tell(.conversationUpdated, conversation: it.id, inbox: it.inboxID)
        return new
    }

    // MARK: reads and SQL

    static let columns = "id, conversation_id, contact_id, inbox_id, agent_id, resolved_at, scale, state, due_at, event_id, sent_at, score, comment, rated_at"
    static func survey(_ row: Row) -> Survey {
        Survey(id: row.text(0), conversation: row.text(1), contact: row.text(2), inbox: row.text(3), agent: row.textOrNil(4), resolvedAt: row.int(5), scale: SurveyRules.Scale(rawValue: row.text(6)) ?? .faces,
               state: Survey.State(rawValue: row.text(7)) ?? .dropped, dueAt: row.int(8), event: row.textOrNil(9), sentAt: row.intOrNil(10), score: row.intOrNil(11), comment: row.textOrNil(12), ratedAt: row.intOrNil(13))
    }
    /// The last that was sent.
    static func latest(_ tx: ReadTx, conversation: String) throws -> Survey? {
        try tx.first("SELECT \(columns) FROM desk_survey WHERE conversation_id = ? AND sent_at IS NOT NULL ORDER BY sent_at DESC LIMIT 1", conversation, row: survey)
    }
    static func latest(_ tx: ReadTx, contact: String) throws -> Survey? {
        try tx.first("SELECT \(columns) FROM desk_survey WHERE contact_id = ? AND sent_at IS NOT NULL ORDER BY sent_at DESC LIMIT 1", contact, row: survey)
    }
    static func settings(_ tx: ReadTx, _ inbox: String) throws -> SurveySettings? {
        try tx.first("SELECT active, scale, questions, delay, every_days, change_hours FROM desk_survey_setting WHERE inbox_id = ?", inbox) { row in
            SurveySettings(isOn: row.bool(0), scale: SurveyRules.Scale(rawValue: row.text(1)) ?? .faces, questions: JSONObject(column: row.text(2)).reduce(into: [:]) { $0[$1.key] = $1.value.stringValue },
                           delay: row.int(3), everyDays: row.int(4), changeHours: row.int(5))
        }
    }

    /// Older binaries run on it: they ask nobody.
    static let migrations: [Migration] = [
        Migration(111, "desk surveys", """
        CREATE TABLE desk_survey_setting(
          inbox_id TEXT NOT NULL PRIMARY KEY REFERENCES desk_inbox(id), active INTEGER NOT NULL, scale TEXT NOT NULL, questions TEXT NOT NULL, delay INTEGER NOT NULL,
          every_days INTEGER NOT NULL, change_hours INTEGER NOT NULL, CHECK (scale IN ('faces', 'stars', 'nps')));
        CREATE TABLE desk_survey(
          id TEXT NOT NULL PRIMARY KEY, conversation_id TEXT NOT NULL REFERENCES desk_conversation(id), contact_id TEXT NOT NULL REFERENCES desk_contact(id),
          inbox_id TEXT NOT NULL, agent_id TEXT, resolved_at INTEGER NOT NULL, scale TEXT NOT NULL, state TEXT NOT NULL, due_at INTEGER NOT NULL, event_id TEXT, sent_at INTEGER,
          score INTEGER, comment TEXT, rated_at INTEGER, CHECK (state IN ('waiting', 'sent', 'rated', 'dropped')));
        CREATE UNIQUE INDEX desk_survey_resolution ON desk_survey(conversation_id, resolved_at);
        CREATE INDEX desk_survey_due ON desk_survey(state, due_at);
        CREATE INDEX desk_survey_contact ON desk_survey(contact_id, sent_at);
        CREATE INDEX desk_survey_conversation ON desk_survey(conversation_id, sent_at);
        ALTER TABLE desk_conversation ADD COLUMN rating TEXT
        """),
    ]
}
