import Glibc
import Synchronization

/// A small SMTP server on a free loopback port, with a thread a connection.
package final class MailServer: Sendable {
    package struct Mail: Sendable {
        package var from: String, to: String
        /// As it came, dots undone, lines with LF.
        package var text: String
        /// The body with quoted-printable undone.
        package var body: String {
            let parts = text.split(separator: "\n", omittingEmptySubsequences: false)
            let start = parts.firstIndex(of: "") ?? 0
            let encoded = parts[(start + 1)...].joined(separator: "\n")
            var bytes: [UInt8] = [], rest = Array(encoded.utf8)[...]
            while let byte = rest.popFirst() {
                guard byte == UInt8(ascii: "=") else { bytes.append(byte); continue }
                if rest.first == 10 { rest = rest.dropFirst(); continue }
                if let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) { bytes.append(value) }
                rest = rest.dropFirst(2)
            }
            return String(decoding: bytes, as: UTF8.self)
        }
        /// The first web address in it.
        package var link: String? {
            body.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("http") }.map(String.init)
        }
    }
    private let listener: Listener
    private let box: Box
    package var mails: [Mail] { box.mails.withLock { $0 } }
    package var port: Int { listener.port }
    package var url: String { "smtp://127.0.0.1:\(port)" }
    private final class Box: Sendable { let mails = Mutex<[Mail]>([]) }

    /// - Parameter recipient: what it answers to a recipient.
    package init(recipient: @escaping @Sendable (String) -> String = { _ in "250 ok" }) throws {
        let box = Box()
        self.box = box
        listener = try Listener { Self.serve($0, box, recipient) }
    }

    private static func serve(_ client: Int32, _ box: Box, _ recipient: (String) -> String) {
        var buffer: [UInt8] = []
        func say(_ text: String) {
            let bytes = Array((text + "\r\n").utf8)
            _ = send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
        func line() -> String? {
            while true {
                if let end = buffer.firstIndex(of: 10) {
                    defer { buffer.removeFirst(end + 1) }
                    return String(decoding: buffer[..<end].filter { $0 != 13 }, as: UTF8.self)
                }
                var chunk = [UInt8](repeating: 0, count: 4096)
                let count = recv(client, &chunk, chunk.count, 0)
                guard count > 0 else { return nil }
                buffer += chunk[..<count]
            }
        }
        func address(_ line: String) -> String { line.split(separator: "<").last.map { String($0.prefix { $0 != ">" }) } ?? "" }
        var from = "", to = ""
        say("220 test")
        while let command = line() {
            switch command.prefix(4).uppercased() {
            case "EHLO", "HELO": say("250 test")
            case "MAIL": from = address(command); say("250 ok")
            case "RCPT": to = address(command); say(recipient(to))
            case "DATA":
                say("354 go on")
                var lines: [String] = []
                while let text = line(), text != "." { lines.append(text.hasPrefix(".") ? String(text.dropFirst()) : text) }
                box.mails.withLock { $0.append(Mail(from: from, to: to, text: lines.joined(separator: "\n"))) }
                say("250 taken")
            case "QUIT": say("221 bye"); return
            default: say("250 ok")
            }
        }
    }
}
