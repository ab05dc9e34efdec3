import MatrixCore
import ServerKit
import Store

/// What a conversation is like when a rule asks: each thing is looked up when the first condition wants it.
final class RuleFacts {
    private let c: Context, tx: ReadTx
    let conversation: Conversation
    /// The message or the line of the timeline that it is about.
    let item: Item?
    private var known: [RuleField: [String]] = [:]
    private var contact: Contact??

    init(_ c: Context, _ tx: ReadTx, _ conversation: Conversation, _ item: Item?) { self.c = c; self.tx = tx; self.conversation = conversation; self.item = item }

    struct Finding: Sendable {
        let condition: RuleCondition, actual: [String], holds: Bool
        /// `kept`: for the log, in which nothing of what a customer has written or is called stays.
        func json(kept: Bool) -> JSON {
            let shown = !kept ? actual : condition.field.kind == .words ? condition.found(actual) : condition.field.isPersonal ? (actual.isEmpty ? [] : ["…"]) : actual
            return ["field": .string(condition.field.rawValue), "key": .of(condition.key), "op": .string(condition.op.rawValue), "values": .of(condition.values),
                    "actual": .of(shown.map { String($0.prefix(200)) }), "holds": .bool(holds)]
        }
    }
    /// Every condition, also when the first decides: who asks why sees all.
    func findings(_ rule: Rule) throws -> [Finding] {
        try rule.conditions.map { condition in
            let actual = try actual(condition)
            return Finding(condition: condition, actual: actual, holds: condition.holds(actual))
        }
    }

    private func actual(_ condition: RuleCondition) throws -> [String] {
        if condition.field == .contactAttribute {
            return try person()?.attributes[condition.key ?? ""].map(Self.text) ?? []
        }
        if let found = known[condition.field] { return found }
        let found = try look(condition.field)
        known[condition.field] = found
        return found
    }
    /// An attribute of any kind as a rule can name it.
    private static func text(_ value: JSON) -> [String] {
        if let list = value.arrayValue { return list.flatMap(text) }
        if let flag = value.boolValue { return [flag ? "yes" : "no"] }
        if let text = value.stringValue { return [text] }
        return value == .null ? [] : [String(decoding: value.encoded(), as: UTF8.self)]
    }
    private func person() throws -> Contact? {
        if let contact { return contact }
        let found = try Contacts.load(tx, conversation.contactID)
        contact = .some(found)
        return found
    }
    private func look(_ field: RuleField) throws -> [String] {
        let it = conversation
        switch field {
        case .inbox: return [it.inboxID]
        case .channel: return try tx.all("SELECT channel FROM desk_inbox WHERE id = ?", it.inboxID) { $0.text(0) }
        case .language: return [it.language.map { String($0.prefix { $0 != "-" && $0 != "_" }) }].compactMap(\.self)
        case .text: return [try message()?.body ?? ""]
        case .tags: return try tx.all("SELECT tag FROM desk_conversation_tag WHERE conversation_id = ? ORDER BY tag", it.id) { $0.text(0) }
        case .addedTag: return (item?.content["data"]?["added"]?.arrayValue ?? []).compactMap(\.stringValue)
        case .priority: return [it.priority.rawValue]
        case .status: return [it.status.rawValue]
        case .team: return [it.team ?? "none"]
        case .assignee: return [it.assignee ?? ViewFilter.nobody]
        case .hours: return [try BusinessHours.of(tx, inbox: it.inboxID, team: it.team)?.rules.isOpen(at: c.clock.now) == false ? "closed" : "open"]
        case .staff:
            let isThere = try tx.exists("""
                SELECT 1 FROM desk_inbox_member m JOIN desk_agent a ON a.id = m.agent_id WHERE m.inbox_id = ? AND a.active = 1 AND a.availability = 'online'
                """, it.inboxID)
            return [isThere ? "present" : "away"]
        case .page: return [it.pageURL].compactMap(\.self)
        case .firstMessage:
            guard let message = try message() else { return ["no"] }
            return [try tx.exists("SELECT 1 FROM desk_item WHERE conversation_id = ? AND author_kind = 'contact' AND kind = 'message' AND id < ?", it.id, message.id) ? "no" : "yes"]
        case .contactName: return try [person()?.name].compactMap(\.self)
        case .contactEmail: return try [person()?.email].compactMap(\.self)
        case .contactPhone: return try [person()?.phone].compactMap(\.self)
        case .contactCompany: return try [person()?.company].compactMap(\.self)
        case .contactLocation: return try [person()?.location].compactMap(\.self)
        case .contactVerified: return [try person()?.externalID == nil ? "no" : "yes"]
        case .contactAttribute: return []
        }
    }
    /// What it is about, or else what the customer wrote last.
    private func message() throws -> Item? {
        if let item, item.kind == .message { return item }
        return try tx.first("SELECT \(Items.columns) FROM desk_item WHERE conversation_id = ? AND author_kind = 'contact' AND kind = 'message' ORDER BY id DESC LIMIT 1", conversation.id, row: Items.item)
    }

    // MARK: answers

    /// Why no automatic answer may go out here; nil when it may.
    static func refusal(_ it: Conversation, _ item: Item?) -> Phrase? {
        if it.isEncrypted { return Phrase(en: "Not sent: the conversation is encrypted.", fr: "Non envoyée : la conversation est chiffrée.") }
        if it.status == .resolved { return Phrase(en: "Not sent: the conversation is resolved.", fr: "Non envoyée : la conversation est résolue.") }
        if let item, item.kind == .message, item.content["type"]?.stringValue == "notice" { return Phrase(en: "Not sent: what came was an automatic message itself.", fr: "Non envoyée : le message reçu était lui-même automatique.") }
        return nil
    }
    /// In the customer's language, else the inbox's, else whichever there is.
    func answer(_ rule: Rule) throws -> String? {
        let spoken = conversation.language.map { String($0.prefix { $0 != "-" && $0 != "_" }) }
        let standard = try tx.first("SELECT default_language FROM desk_inbox WHERE id = ?", conversation.inboxID) { $0.text(0) }
        let template = [spoken, standard].lazy.compactMap { $0.flatMap { rule.answer[$0] } }.first ?? rule.answer.sorted { $0.key < $1.key }.first?.value
        guard let template else { return nil }
        return try Deeds.filled(template, values(), "answer")
    }
    func values() throws -> [CannedTemplate.Variable: String] {
        var values: [CannedTemplate.Variable: String] = [.conversationNumber: String(conversation.number)]
        values[.brandName] = try Brands.load(tx, conversation.brandID)?.name
        values[.agentName] = try conversation.assignee.flatMap { try Agents.load(tx, $0)?.publicName }
        values[.contactName] = try person()?.name
        values[.contactFirstName] = CannedTemplate.firstName(try person()?.name)
        values[.contactEmail] = try person()?.email
        return values
    }
}

extension Rule {
    /// What it would do, in words; `now` says what is so already.
    func plan(_ tx: ReadTx, _ facts: RuleFacts, answered: Bool = true) throws -> [Phrase] {
        let it = facts.conversation
        var out: [Phrase] = []
        func add(_ isNew: Bool, _ phrase: Phrase) {
            out.append(isNew ? phrase : Phrase(en: phrase.en + " (is so already)", fr: phrase.fr + " (déjà le cas)"))
        }
        let tags = try tx.all("SELECT tag FROM desk_conversation_tag WHERE conversation_id = ?", it.id) { $0.text(0) }
        if !deeds.addTags.isEmpty { add(!deeds.addTags.allSatisfy(tags.contains), Phrase(en: "Add the tags: \(deeds.addTags.joined(separator: ", "))", fr: "Ajouter les étiquettes : \(deeds.addTags.joined(separator: ", "))")) }
        if !deeds.removeTags.isEmpty { add(deeds.removeTags.contains(where: tags.contains), Phrase(en: "Remove the tags: \(deeds.removeTags.joined(separator: ", "))", fr: "Retirer les étiquettes : \(deeds.removeTags.joined(separator: ", "))")) }
        if let priority = deeds.priority {
            let word = SystemText.priorities[priority.rawValue] ?? Phrase(en: priority.rawValue, fr: priority.rawValue)
            add(it.priority != priority, Phrase(en: "Set the priority to \(word.en)", fr: "Mettre la priorité : \(word.fr)"))
        }
        if case .to(let id) = deeds.team {
            let name = try id.flatMap { try tx.first("SELECT name FROM desk_team WHERE id = ?", $0) { $0.text(0) } }
            add(it.team != id, name.map { Phrase(en: "Hand to the team \($0)", fr: "Confier à l’équipe \($0)") } ?? Phrase(en: "Take out of its team", fr: "Retirer de son équipe"))
        }
        if case .to(let id) = deeds.assign {
            let name = try id.flatMap { try Agents.load(tx, $0)?.publicName }
            add(it.assignee != id, name.map { Phrase(en: "Assign to \($0)", fr: "Attribuer à \($0)") } ?? Phrase(en: "Put back into the queue", fr: "Remettre dans la file"))
        }
        if let note = deeds.note { add(true, Phrase(en: "Write a note: \(note.prefix(200))", fr: "Écrire une note : \(note.prefix(200))")) }
        if let status = deeds.status {
            let word = switch status {
            case .open: Phrase(en: "Open", fr: "Ouvrir")
            case .pending: Phrase(en: "Wait for the customer", fr: "Mettre en attente du client")
            case .snoozed: Phrase(en: "Snooze for \(deeds.snoozeMinutes ?? 0) minutes", fr: "Mettre en veille pour \(deeds.snoozeMinutes ?? 0) minutes")
            case .resolved: Phrase(en: "Resolve", fr: "Résoudre")
            }
            add(it.status != status || status == .snoozed, word)
        }
        if answered, !answer.isEmpty {
            if let refusal = RuleFacts.refusal(it, facts.item) { out.append(refusal) } else if let text = try facts.answer(self) { add(true, Phrase(en: "Answer: \(text)", fr: "Répondre : \(text)")) }
        }
        if let webhook {
            let name = try tx.first("SELECT name FROM desk_webhook WHERE id = ?", webhook) { $0.text(0) } ?? webhook
            add(true, Phrase(en: "Tell the webhook \(name)", fr: "Prévenir le webhook \(name)"))
        }
        return out
    }
}
