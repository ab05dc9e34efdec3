import Logging
import MatrixCore
package import ServerKit
import Store

/// One desk endpoint. It declares what an agent must be allowed to do; the check, the limits and the translation of errors happen here, once.
struct DeskRoute: Sendable {
    typealias Handler = @Sendable (DeskCall) async throws -> Response

    let method: Method
    /// After `/_comptoir/desk/v1`.
    let path: String
    /// nil: no sign-in at all.
    let permission: Permission?
    let limit: LimitClass
    let bodyBytes: Int
    let handler: Handler

    static let base = "/_comptoir/desk/v1"

    init(_ method: Method, _ path: String, _ permission: Permission?, limit: LimitClass = .standard, bodyBytes: Int = 256 << 10, _ handler: @escaping Handler) {
        self.method = method; self.path = path; self.permission = permission; self.limit = limit; self.bodyBytes = bodyBytes; self.handler = handler
    }

    func route(_ desk: Desk) -> Route {
        let live = desk.live
        return Route(method, Self.base + path, auth: .none, limit: .none, body: .collected(max: max(bodyBytes, 1 << 20))) { request, c in
            await Problems.catching(request, c, "\(method.rawValue) \(Self.base)\(path)") {
                guard request.body.count <= bodyBytes else { throw DeskError.tooLarge }
                guard let permission else {
                    try c.limiter.take(limit, who: request.remote, now: c.clock.now)
                    return try await handler(DeskCall(request, c, live, me: .nobody))
                }
                let me: Agent
                if let token = request.token, token.hasPrefix(Tokens.prefix) {
                    me = try await Tokens.signedIn(c, live, token)
                    try c.limiter.take(limit, who: me.id, now: c.clock.now)
                } else {
                    let session = try await Problems.session(request, c)
                    try c.limiter.take(limit, user: session, remote: request.remote, now: c.clock.now)
                    me = try await Agents.signedIn(c, live, session)
                    live.beat(me.id, now: c.clock.now)   // whatever he does is a sign of life
                }
                guard me.role.may(permission) else { throw DeskError.forbidden }
                let isAct = method != .get && Audit.administrative.contains(permission)
                return try await handler(DeskCall(request, c, live, me: me, act: isAct ? (method, path) : nil))
            }
        }
    }
}

/// A request of an agent.
struct DeskCall: Sendable {
    let request: Request
    let c: Context
    let live: DeskLive
    let me: Agent
    let language: String
    /// An administrative act: what `write` does is in the audit log.
    private let act: (method: Method, path: String)?

    init(_ request: Request, _ c: Context, _ live: DeskLive, me: Agent, act: (method: Method, path: String)? = nil) {
        self.request = request; self.c = c; self.live = live; self.me = me; self.act = act
        language = Problems.language(request)
    }
    var now: Int64 { c.clock.now }

    func param(_ name: String) throws(DeskError) -> String {
        guard let value = request.params[name], !value.isEmpty, value.utf8.count <= 300 else { throw .notFound }
        return value
    }
    func fields() throws(DeskError) -> Fields { Fields(try Problems.body(request)) }

    func write<T: Sendable>(_ body: @escaping @Sendable (Unit) throws -> T) async throws -> T {
        guard let act else { return try await plainWrite(body) }
        let (me, target) = (me, request.params["id"] ?? request.params["name"])
        let data = Audit.clean((try? Problems.body(request)) ?? [:])   // a picture is no object, and what was wrong was refused before
        return try await plainWrite { unit in
            let name = try target.map { try Audit.name(unit.tx, act.path, $0) } ?? nil
            let result = try body(unit)
            let made = (result as? JSON)?["id"]?.stringValue
            try Audit.add(unit, by: me, Audit.action(act.method, act.path), target: target ?? made ?? "", name: name ?? data["name"]?.stringValue, data)
            return result
        }
    }
    /// Nothing that an administrator would look for.
    func plainWrite<T: Sendable>(_ body: @escaping @Sendable (Unit) throws -> T) async throws -> T {
        let (c, live, me) = (c, live, me)
        return try await c.db.write { tx in try body(Unit(c, tx, live, actor: .agent(me.id))) }
    }
    func read<T: Sendable>(_ body: @escaping @Sendable (Reader) throws -> T) async throws -> T {
        let (c, live, me, language) = (c, live, me, language)
        return try await c.db.read { tx in try body(Reader(c, tx, live, viewer: me, language: language)) }
    }
    /// A reader inside a write: sees what this unit has done.
    func reader(_ unit: Unit) -> Reader { Reader(c, unit.tx, live, viewer: me, language: language) }

    func limit(default fallback: Int = 30, max: Int = 100) throws(DeskError) -> Int {
        guard let text = request.query["limit"] else { return fallback }
        guard let number = Int(text), (1...max).contains(number) else {
            throw .invalid("limit", en: "limit must be a whole number from 1 to \(max).", fr: "limit doit être un nombre entier de 1 à \(max).")
        }
        return number
    }
    func choice<T: RawRepresentable<String> & CaseIterable>(query name: String, default fallback: T) throws(DeskError) -> T {
        guard let text = request.query[name], !text.isEmpty else { return fallback }
        guard let value = T(rawValue: text) else {
            let all = T.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid(name, en: "\(name) must be one of: \(all).", fr: "\(name) doit valoir : \(all).")
        }
        return value
    }
    func text(query name: String, max: Int = 200) throws(DeskError) -> String? {
        guard let text = request.query[name] else { return nil }
        guard text.count <= max, !text.utf8.contains(0) else {
            throw .invalid(name, en: "\(name) is longer than \(max) characters.", fr: "\(name) dépasse \(max) caractères.")
        }
        let trimmed = Fields.trimmed(text)
        return trimmed.isEmpty ? nil : trimmed
    }
    func position(query name: String) throws(DeskError) -> Int64? {
        guard let text = request.query[name], !text.isEmpty else { return nil }
        guard let number = Int64(text), number >= 0 else { throw .invalid(name, en: "\(name) is not a position.", fr: "\(name) n’est pas une position.") }
        return number
    }
    /// `If-Match: "7"`, nil when absent or `*`.
    func ifMatch() throws(DeskError) -> Int64? {
        guard let header = request.headers["If-Match"], header != "*" else { return nil }
        let bare = header.hasPrefix("W/") ? header.dropFirst(2) : header[...]
        guard bare.count > 2, bare.first == "\"", bare.last == "\"", let version = Int64(bare.dropFirst().dropLast()) else {
            throw .invalid("If-Match", en: "If-Match must be a version such as \"7\".", fr: "If-Match doit être une version telle que \"7\".")
        }
        return version
    }
}

/// Errors and sign-in, the same for the desk and the widget API.
enum Problems {
    /// The body of the route; whatever it throws becomes problem+json.
    static func catching(_ request: Request, _ c: Context, _ route: String, _ body: () async throws -> Response) async -> Response {
        let language = language(request)
        do {
            return try await body()
        } catch let error as DeskError {
            return error.response(language: language)
        } catch let error as MatrixError {
            let problem = DeskError(error)
            if problem.code == .failed { c.log.error("request failed", metadata: ["http.route": "\(route)", "error": "\(error)"]) }
            return problem.response(language: language)
        } catch let error as any MachineError {
            if case .invalidText? = error as? StoreError {
                return DeskError(.invalid, en: "The text contains a NUL character.", fr: "Le texte contient un caractère nul.").response(language: language)
            }
            c.log.error("storage failed", metadata: ["http.route": "\(route)", "error": "\(error)"])
            return (error.isTemporary ? DeskError.unavailable : .failed).response(language: language)
        } catch is CancellationError {
            return DeskError.unavailable.response(language: language)
        } catch {
            c.log.error("request failed", metadata: ["http.route": "\(route)", "error": "\(error)"])
            return DeskError.failed.response(language: language)
        }
    }
    static func session(_ request: Request, _ c: Context) async throws -> Session {
        guard let token = request.token else { throw DeskError.unauthorized }
        return try await c.ports.sessions.session(c, token: token, request: request)
    }
    /// The query's `lang` before the header: an EventSource cannot set headers.
    static func language(_ request: Request) -> String {
        if let lang = request.query["lang"]?.prefix(2).lowercased(), lang == "fr" || lang == "en" { return lang }
        return request.language
    }
    static func body(_ request: Request) throws(DeskError) -> JSONObject {
        if request.body.isEmpty { return [:] }
        let value: JSON
        do { value = try JSON.parse(request.body) } catch { throw .badJSON }
        guard let object = value.objectValue else { throw .badJSON }
        return object
    }
}

extension Response {
    static func page(_ items: [JSON], next: String?) -> Response { .json(["items": .array(items), "next_cursor": .of(next)]) }
    static var noContent: Response { Response(204) }
}

/// Place in a list: the sort key of the last row and its number, opaque to clients.
struct Cursor: Sendable, Hashable {
    let key: Int64, number: Int64
    init(key: Int64, number: Int64) { self.key = key; self.number = number }
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let key = Int64(parts[0]), let number = Int64(parts[1]) else { return nil }
        self.init(key: key, number: number)
    }
    var text: String { "\(key).\(number)" }

    static func of(_ call: DeskCall) throws(DeskError) -> Cursor? {
        guard let text = call.request.query["cursor"], !text.isEmpty else { return nil }
        guard let cursor = Cursor(text) else { throw .invalid("cursor", en: "cursor is not one that this server gave.", fr: "cursor ne provient pas de ce serveur.") }
        return cursor
    }
}
