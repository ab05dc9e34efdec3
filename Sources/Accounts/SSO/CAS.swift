import MatrixCore
import ServerKit
import Store

/// Single sign-on by CAS (protocol 2 and 3). The CAS server is the authority on user names: whoever it calls `alice` is `@alice`.
/// https://apereo.github.io/cas/development/protocol/CAS-Protocol-Specification.html
extension Accounts {
    var casRoutes: [Route] {
        [
            Route(.get, "/_matrix/client/v3/login/cas/redirect", auth: .none, limit: .login) { req, c in try await self.redirect(req, c, to: "cas") },
            Route(.get, "/_matrix/client/v3/login/cas/ticket", auth: .none, limit: .login, ticket),
        ]
    }

    /// The address to which the CAS server sends the browser back: it says what the sign-in is for.
    func casService(_ req: Request, _ c: Context, _ goal: SSOGoal) -> String {
        let address = req.publicURL(c) + "/_matrix/client/r0/login/cas/ticket?"
        return switch goal {
        case .login(let redirect): address + "redirectUrl=" + Percent.encode(redirect)
        case .stage(let session): address + "session=" + Percent.encode(session)
        }
    }

    private func ticket(_ req: Request, _ c: Context) async throws -> Response {
        guard let url = c.config.casURL else { throw MatrixError.notFound("This server does not use CAS.") }
        guard let ticket = req.query["ticket"] else { throw MatrixError.missingParam("'ticket' is required.") }
        let goal: SSOGoal = if let session = req.query["session"] { .stage(session: session) } else { .login(redirect: try SSORules.redirect(req.query["redirectUrl"])) }
        let address = "\(url)/proxyValidate?ticket=\(Percent.encode(ticket))&service=\(Percent.encode(casService(req, c, goal)))"
        let answer: OutboundResponse
        do { answer = try await c.outbound.send(OutboundRequest("GET", address, timeout: 15_000, maxBytes: 1 << 18, isTrusted: true)) } catch is OutboundError {
            throw MatrixError(502, "M_UNKNOWN", "The CAS server cannot be reached.")
        }
        guard answer.status == 200, let name = CASAnswer.user(answer.body) else { throw MatrixError(401, "M_UNAUTHORIZED", "The CAS server does not know this ticket.") }
        let localpart = SSORules.localpart(name)
        return try await finish(req, c, Vouched(provider: "cas", subject: name, localpart: localpart, displayName: nil, takesExisting: true), goal)
    }
}

/// The answer of a CAS server. Pure.
enum CASAnswer {
    /// The user of `<cas:serviceResponse><cas:authenticationSuccess>…<cas:user>NAME</cas:user>`; nil for anything else.
    static func user(_ body: [UInt8]) -> String? {
        guard let text = String(validating: body, as: UTF8.self) else { return nil }
        var rest = text[...], path: [String] = []
        while let open = rest.firstIndex(of: "<") {
            rest = rest[rest.index(after: open)...]
            if rest.hasPrefix("!--") {
                rest = rest.dropFirst(3)
                while !rest.hasPrefix("-->") {
                    guard let next = rest.dropFirst().firstIndex(of: "-") else { return nil }
                    rest = rest[next...]
                }
                rest = rest.dropFirst(3)
                continue
            }
            guard let close = rest.firstIndex(of: ">") else { return nil }
            let tag = rest[..<close]
            rest = rest[rest.index(after: close)...]
            switch tag.first {
            case "?": continue
            case "!", nil: return nil   // no document types, no CDATA
            case "/":
                guard path.popLast() != nil else { return nil }
                if path.isEmpty { return nil }
            default:
                let name = localName(tag)
                if tag.last == "/" { continue }
                path.append(name)
                guard path[0] == "serviceResponse", path.count < 2 || path[1] == "authenticationSuccess", path.count < 32 else { return nil }
                guard path.count == 3, name == "user" else { continue }
                let value = unescape(rest.prefix { $0 != "<" }).filter { !$0.isNewline }
                return value.isEmpty || value.utf8.count > 255 ? nil : value
            }
        }
        return nil
    }

    private static func localName(_ tag: Substring) -> String {
        let name = tag.prefix { !$0.isWhitespace && $0 != "/" }
        return String(name.split(separator: ":").last ?? "")
    }

    private static func unescape(_ text: Substring) -> String {
        var out = "", rest = text
        while let ampersand = rest.firstIndex(of: "&") {
            out += rest[..<ampersand]
            rest = rest[ampersand...]
            let names = ["&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": "\"", "&apos;": "'"]
            if let found = names.first(where: { rest.hasPrefix($0.key) }) {
                out += found.value
                rest = rest.dropFirst(found.key.count)
            } else {
                out += "&"
                rest = rest.dropFirst()
            }
        }
        out += rest
        let isSpace = { (c: Character) in c.isWhitespace }
        return String(String(out.drop(while: isSpace).reversed()).drop(while: isSpace).reversed())
    }
}
