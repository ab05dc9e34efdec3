package import MatrixCore

/// A mail of plain text, which may have the same in HTML beside it. Its form on the wire is made by pure functions.
/// https://www.rfc-editor.org/rfc/rfc5322, RFC 2045, RFC 2046, RFC 2047
package struct MailMessage: Sendable, Hashable {
    package var to: String
    package var subject: String
    package var text: String
    /// "en" or "fr".
    package var language: String
    /// A whole HTML document.
    package var html: String?
    /// Web address by which the reader ends such mails with one click, without signing in: https://www.rfc-editor.org/rfc/rfc8058
    package var unsubscribe: String?

    package init(to: String, subject: String, text: String, language: String, html: String? = nil, unsubscribe: String? = nil) {
        self.to = to; self.subject = subject; self.text = text; self.language = language; self.html = html; self.unsubscribe = unsubscribe
    }

    package var json: JSON {
        var body: JSONObject = ["to": .string(to), "subject": .string(subject), "text": .string(text), "language": .string(language)]
        body["html"] = html.map { .string($0) }
        body["unsubscribe"] = unsubscribe.map { .string($0) }
        return .object(body)
    }

    package init?(_ json: JSON) {
        guard let to = json["to"]?.stringValue, let subject = json["subject"]?.stringValue, let text = json["text"]?.stringValue,
              let language = json["language"]?.stringValue else { return nil }
        self.init(to: to, subject: subject, text: text, language: language, html: json["html"]?.stringValue, unsubscribe: json["unsubscribe"]?.stringValue)
    }

    /// Headers and body with CRLF. `id` is the part of the Message-ID before the `@`: the same for every attempt, so that a mail that arrives twice shows once.
    package func wire(from: MailAddress, id: String, time: Int64) -> [UInt8] {
        let domain = from.address.split(separator: "@").last.map(String.init) ?? "localhost"
        let sender = from.name.isEmpty ? from.address : Self.word(from.name) + " <\(from.address)>"
        var lines = [
            "From: " + sender,
            "To: " + to,
            "Subject: " + Self.word(subject),
            "Date: " + Self.date(time),
            "Message-ID: <\(id)@\(domain)>",
            "MIME-Version: 1.0",
            "Content-Language: " + language,
            "Auto-Submitted: auto-generated",
        ]
        if let unsubscribe { lines += ["List-Unsubscribe: <\(unsubscribe)>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"] }
        if let html {
            let boundary = "=_" + id   // no line of quoted-printable text has `=_`
            lines += ["Content-Type: multipart/alternative; boundary=\"\(boundary)\"", "", "--" + boundary]
            lines += Self.part("text/plain", text) + ["--" + boundary] + Self.part("text/html", html) + ["--" + boundary + "--", ""]
        } else {
            lines += Self.part("text/plain", text)
        }
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    private static func part(_ type: String, _ text: String) -> [String] {
        ["Content-Type: \(type); charset=utf-8", "Content-Transfer-Encoding: quoted-printable", "", quotedPrintable(text)]
    }

    /// A header's text: as it is when it is plain ASCII, encoded words of at most 75 characters otherwise.
    static func word(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { (0x20..<0x7F).contains($0) } && !text.contains("=?")
        if isPlain, text.utf8.count <= 60 { return text.utf8.allSatisfy(isAtomOrSpace) ? text : "\"" + text.filter { $0 != "\"" && $0 != "\\" } + "\"" }
        var words: [String] = [], chunk: [UInt8] = []
        for character in text {
            let bytes = Array(String(character).utf8).map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }
            if chunk.count + bytes.count > 42, !chunk.isEmpty {
                words.append("=?utf-8?B?" + Base64.encodePadded(chunk) + "?=")
                chunk = []
            }
            chunk += bytes
        }
        if !chunk.isEmpty { words.append("=?utf-8?B?" + Base64.encodePadded(chunk) + "?=") }
        return words.joined(separator: "\r\n ")
    }

    private static func isAtomOrSpace(_ byte: UInt8) -> Bool { !"()<>[]:;@\\,\"".utf8.contains(byte) || byte == UInt8(ascii: ":") }

    /// Lines of at most 76 characters; what is not plain ASCII becomes `=XX`.
    static func quotedPrintable(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var lines: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            var out: [UInt8] = []
            let bytes = Array(line.utf8)
            var current: [UInt8] = []
            for (index, byte) in bytes.enumerated() {
                let isLast = index == bytes.count - 1
                let isPlain = (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "=") || byte == 0x20 && !isLast
                let piece = isPlain ? [byte] : [UInt8(ascii: "="), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                if current.count + piece.count > 75 {
                    out += current + Array("=\r\n".utf8)
                    current = []
                }
                current += piece
            }
            lines.append(String(decoding: out + current, as: UTF8.self))
        }
        return lines.joined(separator: "\r\n")
    }

    /// `Tue, 14 Nov 2023 22:13:20 +0000`
    static func date(_ milliseconds: Int64) -> String {
        let seconds = milliseconds / 1000, days = seconds / 86_400, rest = seconds % 86_400
        // Civil date of a day number, by the rules of the Gregorian calendar.
        let z = days + 719_468, era = z / 146_097, doe = z - era * 146_097
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153
        let day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2 ? 1 : 0)
        let names = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ n: Int64) -> String { n < 10 ? "0\(n)" : "\(n)" }
        return "\(names[Int(days % 7)]), \(two(day)) \(months[Int(month - 1)]) \(year) \(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60)) +0000"
    }
}
