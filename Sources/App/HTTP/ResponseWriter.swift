import MatrixCore
import NIOCore
import NIOHTTP1
import ServerKit

/// Answers as bytes of HTTP/1.1: head and body in one buffer, so that a usual answer is one write to the socket.
/// https://www.rfc-editor.org/rfc/rfc9112
struct ResponseWriter {
    enum Framing { case length(Int64), chunked, untilClose, none }

    let status: Int
    let framing: Framing
    let closes: Bool
    /// HTTP/1.0 ends connections unless it is told otherwise.
    let isHTTP10: Bool
    /// Under `/_matrix/` and `/.well-known/`, which pages of any origin may call.
    let isShared: Bool

    /// False when a field could be read as more than a field: a line break or another control character in it.
    static func isSound(_ headers: Headers) -> Bool {
        headers.fields.allSatisfy { field in
            !field.name.isEmpty && field.name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
                && field.value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
        }
    }

    /// - Precondition: the headers are sound.
    func head(_ headers: Headers, into out: inout ByteBuffer) {
        if status == 200 {
            out.writeStaticString("HTTP/1.1 200 OK\r\n")
        } else {
            out.writeString("HTTP/1.1 \(status) \(HTTPResponseStatus(statusCode: status).reasonPhrase)\r\n")
        }
        for field in headers.fields { line(field.name, field.value, &out) }
        if isShared {
            out.writeStaticString("Access-Control-Allow-Origin: *\r\n")
            if status == 204 || status == 405 {
                out.writeStaticString("Access-Control-Allow-Methods: GET, POST, PUT, DELETE, OPTIONS\r\n")
                out.writeStaticString("Access-Control-Allow-Headers: X-Requested-With, Content-Type, Authorization, Range\r\n")
            }
            out.writeStaticString("Access-Control-Expose-Headers: Retry-After, Content-Range, Accept-Ranges\r\n")
        }
        if headers["X-Content-Type-Options"] == nil { out.writeStaticString("X-Content-Type-Options: nosniff\r\n") }
        switch framing {
        case .length(let count): out.writeString("Content-Length: \(count)\r\n")
        case .chunked: out.writeStaticString("Transfer-Encoding: chunked\r\n")
        case .untilClose, .none: break
        }
        if closes { out.writeStaticString("Connection: close\r\n") } else if isHTTP10 { out.writeStaticString("Connection: keep-alive\r\n") }
        out.writeStaticString("\r\n")
    }

    /// A piece of a stream. An empty one would end a chunked stream and is left out.
    func piece(_ bytes: [UInt8], into out: inout ByteBuffer) {
        guard !bytes.isEmpty else { return }
        if case .chunked = framing { out.writeString(String(bytes.count, radix: 16) + "\r\n") }
        out.writeBytes(bytes)
        if case .chunked = framing { out.writeStaticString("\r\n") }
    }

    func end(into out: inout ByteBuffer) {
        if case .chunked = framing { out.writeStaticString("0\r\n\r\n") }
    }

    private func line(_ name: String, _ value: String, _ out: inout ByteBuffer) {
        out.writeString(name)
        out.writeStaticString(": ")
        out.writeString(value)
        out.writeStaticString("\r\n")
    }
}
