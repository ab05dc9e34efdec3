import MatrixCore
import ServerKit

/// The words of a mail that tells of unread messages, in English or French, as plain text and as HTML. Pure.
///
/// Invariants: what people have written is escaped and cut; nothing is loaded from anywhere; of an encrypted room only who wrote is told.
struct DigestText {
    private struct Line { var who: String, text: String, isAction: Bool }
    private struct Section { var title: String, lines: [Line] }
    private var sections: [Section] = []
    private let user: UserID, server: String, link: String
    private let isFrench: Bool
    private let more: Int
    private let subject: String

    private static let nameCharacters = 80, bodyCharacters = 500

    /// - Parameters:
    ///   - language: a tag such as `fr` or `fr-CA`; anything but French is answered in English.
    ///   - link: where he ends these mails.
    ///   - more: how many notifications there are besides.
    init(user: UserID, language: String, server: String, link: String, _ told: [(room: RoomID, notice: Notice)], more: Int) {
        self.user = user; self.server = server; self.link = link; self.more = more
        let isFrench = language.lowercased() == "fr" || language.lowercased().hasPrefix("fr-") || language.lowercased().hasPrefix("fr_")
        self.isFrench = isFrench
        var order: [RoomID] = [], rooms: [RoomID: Section] = [:]
        for (room, notice) in told {
            let who = Self.cut(notice.senderName ?? notice.sender.rawValue, Self.nameCharacters)
            let line = Self.line(notice, who: who, user: user, isFrench: isFrench)
            if rooms[room] == nil {
                order.append(room)
                let name = notice.roomName ?? notice.roomAlias
                rooms[room] = Section(title: name.map { Self.cut($0, Self.nameCharacters) } ?? (isFrench ? "Conversation avec \(who)" : "Conversation with \(who)"), lines: [])
            }
            rooms[room]?.lines.append(line)
        }
        sections = order.compactMap { rooms[$0] }
        let count = told.count + more
        let what: String = switch (count, order.count) {
        case (1, _): isFrench ? "Message non lu de \(sections[0].lines[0].who)" : "Unread message from \(sections[0].lines[0].who)"
        case (_, 1): isFrench ? "\(count) messages non lus : \(sections[0].title)" : "\(count) unread messages: \(sections[0].title)"
        default: isFrench ? "\(count) messages non lus dans \(order.count) salons" : "\(count) unread messages in \(order.count) rooms"
        }
        subject = what + " – " + server
    }

    func message(to address: String) -> MailMessage {
        MailMessage(to: address, subject: subject, text: text, language: isFrench ? "fr" : "en", html: html, unsubscribe: link)
    }

    private var opening: String { isFrench ? "Vous avez des messages non lus sur \(server)." : "You have unread messages at \(server)." }
    private var rest: String? { more == 0 ? nil : isFrench ? "… et \(more) de plus." : "… and \(more) more." }
    private var why: String {
        isFrench ? "Vous recevez ce message parce que votre compte \(user) demande à être prévenu par e-mail des messages non lus."
            : "You get this mail because your account \(user) asks to be told of unread messages by mail."
    }
    private var stop: String { isFrench ? "Ne plus recevoir ces e-mails" : "Stop these mails" }

    private var text: String {
        var out = opening + "\n"
        for section in sections {
            out += "\n" + section.title + "\n"
            for line in section.lines {
                let body = line.text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\n      ")
                out += "  " + line.who + (line.isAction ? " " : isFrench ? " : " : ": ") + body + "\n"
            }
        }
        if let rest { out += "\n" + rest + "\n" }
        return out + "\n-- \n" + why + "\n" + stop + (isFrench ? " : " : ": ") + link + "\n"
    }

    private var html: String {
        let small = "color:#555;font-size:.875rem"
        var body = "<p>\(Page.escape(opening))</p>"
        for section in sections {
            body += "<h2 style=\"font-size:1.125rem;margin:1.5rem 0 .5rem\">\(Page.escape(section.title))</h2>"
            for line in section.lines {
                let text = Page.escape(line.text).split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "<br>")
                body += "<p style=\"margin:.25rem 0\"><b>\(Page.escape(line.who))</b>\(line.isAction ? "" : isFrench ? " :" : ":") \(text)</p>"
            }
        }
        if let rest { body += "<p>\(Page.escape(rest))</p>" }
        body += "<hr><p style=\"\(small)\">\(Page.escape(why)) <a href=\"\(Page.escape(link))\">\(Page.escape(stop))</a></p>"
        return """
            <!doctype html><html lang="\(isFrench ? "fr" : "en")"><head><meta charset="utf-8"><title>\(Page.escape(subject))</title></head>\
            <body style="font:1rem/1.5 system-ui,sans-serif;max-width:40rem;overflow-wrap:anywhere">\(body)</body></html>
            """
    }

    // MARK: one message

    private static func line(_ notice: Notice, who: String, user: UserID, isFrench: Bool) -> Line {
        func action(_ english: String, _ french: String) -> Line { Line(who: who, text: isFrench ? french : english, isAction: true) }
        if notice.type == "m.room.member" {
            return notice.stateKey == user.rawValue ? action("invites you.", "vous invite.") : action("changed a membership.", "a changé une appartenance au salon.")
        }
        if notice.isEncrypted || notice.type == "m.room.encrypted" { return action("sent an encrypted message.", "a envoyé un message chiffré.") }
        let content = try? JSONObject.parse(notice.content)   // stored content is valid
        switch (notice.type, content?["msgtype"]?.stringValue) {
        case ("m.room.message", "m.image"): return action("sent a picture.", "a envoyé une image.")
        case ("m.room.message", "m.video"): return action("sent a video.", "a envoyé une vidéo.")
        case ("m.room.message", "m.audio"): return action("sent a sound.", "a envoyé un son.")
        case ("m.room.message", "m.file"): return action("sent a file.", "a envoyé un fichier.")
        case ("m.room.message", let kind):
            guard let body = content?["body"]?.stringValue else { return action("sent a message.", "a envoyé un message.") }
            let isReply = content?["m.relates_to"]?["m.in_reply_to"] != nil
            return Line(who: who, text: cut(isReply ? withoutQuote(body) : body, bodyCharacters), isAction: kind == "m.emote")
        case ("m.sticker", _): return action("sent a sticker.", "a envoyé un autocollant.")
        case ("m.call.invite", _): return action("called you.", "vous a appelé.")
        default: return action("did something in the room.", "a fait quelque chose dans le salon.")
        }
    }

    /// Older clients quote what they answer: lines with `>`, then an empty one.
    private static func withoutQuote(_ body: String) -> String {
        let lines = body.split(separator: "\n", omittingEmptySubsequences: false)
        let quoted = lines.prefix { $0.hasPrefix(">") }.count
        guard quoted > 0, quoted < lines.count, lines[quoted].isEmpty else { return body }
        return lines[(quoted + 1)...].joined(separator: "\n")
    }

    /// Without control characters, and no longer than so many characters.
    static func cut(_ text: String, _ most: Int) -> String {
        let clean = String(String.UnicodeScalarView(text.unicodeScalars.filter { $0 == "\n" || $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }))
        return clean.count <= most ? clean : clean.prefix(most) + "…"
    }
}
