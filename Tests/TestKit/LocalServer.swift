import Glibc
package import ServerKit
import Synchronization

/// A small HTTP server on a free loopback port, with a thread a connection: the other side of what leaves the server.
package final class LocalServer: Sendable {
    package struct Call: Sendable {
        package var method: String
        package var path: String
        package var headers: Headers
        package var body: [UInt8]
    }
    package struct Answer: Sendable {
        package var status: Int
        package var headers: [(name: String, value: String)]
        package var body: [UInt8]
        /// Milliseconds before it answers.
        package var delay: Int
        /// Closes the connection instead of answering.
        package var hangsUp = false
        package init(_ status: Int = 200, headers: [(name: String, value: String)] = [], body: [UInt8] = Array("{}".utf8), delay: Int = 0) {
            self.status = status; self.headers = headers; self.body = body; self.delay = delay
        }
        package static var hangUp: Answer { var answer = Answer(); answer.hangsUp = true; return answer }
    }

    private let listener: Listener
    private let inbox: Inbox
    /// Everything that was asked, in order.
    package var calls: [Call] { inbox.calls.withLock { $0 } }
    package var port: Int { listener.port }
    package var url: String { "http://127.0.0.1:\(port)" }

    private final class Inbox: Sendable {
        let calls = Mutex<[Call]>([])
    }

    package init(_ answer: @escaping @Sendable (Call) -> Answer = { _ in Answer() }) throws {
        let inbox = Inbox()
        self.inbox = inbox
        listener = try Listener { Self.serve($0, inbox, answer) }
    }

    private static func serve(_ client: Int32, _ inbox: Inbox, _ answer: (Call) -> Answer) {
        var buffer: [UInt8] = []
        func more() -> Bool {
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let count = recv(client, &chunk, chunk.count, 0)
            if count > 0 { buffer += chunk[..<count] }
            return count > 0
        }
        while true {
            var end: Int?
            while end == nil {
                end = buffer.indices.dropLast(3).first { buffer[$0] == 13 && buffer[$0 + 1] == 10 && buffer[$0 + 2] == 13 && buffer[$0 + 3] == 10 }
                if end == nil, !more() || !(65...90).contains(buffer[0]) { return }   // no method: not HTTP
            }
            let lines = String(decoding: buffer[..<(end ?? 0)], as: UTF8.self).split(separator: "\r\n").map(String.init)
            buffer.removeFirst((end ?? 0) + 4)
            let first = lines[0].split(separator: " ").map(String.init)
            var headers = Headers()
            for line in lines.dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
                headers.add(parts[0], parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "")
            }
            let length = headers["Content-Length"].flatMap { Int($0) } ?? 0
            while buffer.count < length { if !more() { return } }
            let call = Call(method: first[0], path: first.count > 1 ? first[1] : "", headers: headers, body: Array(buffer.prefix(length)))
            buffer.removeFirst(length)
            inbox.calls.withLock { $0.append(call) }
            let answer = answer(call)
            if answer.delay > 0 { usleep(UInt32(answer.delay) * 1000) }
            if answer.hangsUp { return }
            var out = "HTTP/1.1 \(answer.status) Status\r\nContent-Length: \(answer.body.count)\r\n"
            for header in answer.headers { out += "\(header.name): \(header.value)\r\n" }
            var bytes = Array((out + "\r\n").utf8) + (call.method == "HEAD" ? [] : answer.body)
            while !bytes.isEmpty {
                let sent = send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                if sent <= 0 { return }
                bytes.removeFirst(sent)
            }
        }
    }
}
