import MatrixCore
import ServerKit
import Store

/// User-interactive authentication: some requests need fresh proof of who asks, in stages.
/// Spec: https://spec.matrix.org/latest/client-server-api/#user-interactive-authentication-api
///
/// Invariants: a session belongs to one operation (method and path) and one user for ever; proof for an existing account
/// serves once; the parameters of the first request are kept, so that the last one may carry the `auth` object alone; a password
/// among the kept parameters is kept as its hash.
enum UIARules {
    static let lifetime: Int64 = 3_600_000
    /// Parameters kept per session, in bytes.
    static let maxParams = 65_536

    static func isComplete(_ completed: [String], _ flows: [[String]]) -> Bool {
        flows.contains { flow in flow.allSatisfy(completed.contains) }
    }

    /// A request that carries nothing but `auth` means the parameters of the first one.
    static func params(of body: JSONObject, kept: JSONObject?) -> JSONObject {
        var own = body
        own["auth"] = nil
        own[found] = nil
        return own.isEmpty ? kept ?? own : own
    }

    /// Among the kept parameters: what stages have found out. No client can set it.
    static let found = "_found"
}

struct UIASession: Sendable {
    var id: String
    var operation: String
    var user: UserID?
    var params: JSONObject
    var completed: [String]
    /// The account that a registration has made.
    var result: UserID?
    /// What the stages have found out: the registration token that was shown, the address that was proved.
    var found: JSONObject {
        get { params[UIARules.found]?.objectValue ?? [:] }
        set { params[UIARules.found] = newValue.isEmpty ? nil : .object(newValue) }
    }
}

/// What a passed authentication gives the operation.
struct UIAProof: Sendable {
    var params: JSONObject
    /// nil when all was proved in the first request.
    var session: UIASession?
    var found: JSONObject
    /// The registration token that was shown.
    var registrationToken: String? { found["registration_token"]?.stringValue }
    /// The address that was proved.
    var address: ThirdPartyID? { ThirdPartyID(found["threepid"]) }
}

/// The 401 that asks for (more) proof.
struct UIAChallenge: WireError {
    var session: UIASession
    var flows: [[String]]
    /// What clients need to know for a stage.
    var params: JSONObject = [:]
    /// Why the last stage failed.
    var error: MatrixError?

    func response(language: String) -> Response {
        var body: JSONObject = [
            "flows": .array(flows.map { ["stages": JSON($0)] }),
            "params": .object(params),
            "session": .string(session.id),
            "completed": JSON(session.completed),
        ]
        if let error {
            body["errcode"] = .string(error.errcode)
            body["error"] = .string(error.message)
        }
        return .json(.object(body), status: 401)
    }
}

extension Accounts {
    /// Proof of who the signed-in user is, for an operation on his account. Accounts without a password (visitors, bots) prove it
    /// by `m.login.dummy`, unless `needsPassword`.
    func authenticate(_ c: Context, _ req: Request, _ body: JSONObject, operation: String, needsPassword: Bool = false) async throws -> UIAProof {
        let session = req.user
        // An application service has shown who it is by its token; nobody sits there who could be asked.
        if session.service != nil { return UIAProof(params: UIARules.params(of: body, kept: nil), found: [:]) }
        let (hasPassword, providers) = try await c.db.read { tx in
            (try AccountStore.account(tx, session.userID)?.passwordHash != nil, try SSOStore.providers(tx, of: session.userID))
        }
        var flows: [[String]] = hasPassword ? [["m.login.password"]] : []
        if providers.contains(where: { sso.provider($0, c) != nil }) { flows.append(["m.login.sso"]) }
        guard !flows.isEmpty || !needsPassword else { throw MatrixError.forbidden("This account has no password.") }
        return try await authenticate(c, body, operation: operation, user: session.userID, flows: flows.isEmpty ? [["m.login.dummy"]] : flows)
    }

    /// Gives the proof, or throws `UIAChallenge`. `keep` are the parameters to remember in place of the body's.
    func authenticate(_ c: Context, _ body: JSONObject, operation: String, user: UserID?, flows: [[String]], keep: JSONObject? = nil) async throws -> UIAProof {
        let auth = try body.object("auth")
        let sessionID = try auth?.string("session", max: 255)
        var session: UIASession?
        if let sessionID {
            session = try await UIAStore.session(c, sessionID)
            guard let session else { throw MatrixError.badRequest("This authentication session is not known.") }
            guard session.operation == operation, session.user == user else {
                throw MatrixError.forbidden("This authentication session was begun for another operation.")
            }
            if session.found["denied"] != nil { throw MatrixError.forbidden("The sign-in was made with another account.") }
        }
        let params = keep ?? UIARules.params(of: body, kept: session?.params)
        guard let auth, !auth.isEmpty else { throw try await challenge(c, nil, operation, user, params, flows) }

        var completed = session?.completed ?? []
        var found = session?.found ?? [:]
        if let type = try auth.string("type", max: 255), !completed.contains(type) {
            guard flows.contains(where: { $0.contains(type) }) || type == Stage.recaptcha && user == nil && c.config.recaptchaPrivateKey != nil else {
                throw try await challenge(c, session, operation, user, params, flows, error: .forbidden("This kind of authentication is not offered here."))
            }
            do {
                found = found.merging(try await complete(c, stage: type, auth, user: user, operation))
            } catch let error as MatrixError where error.status == 401 {
                throw try await challenge(c, session, operation, user, params, flows, error: error)
            }
            completed.append(type)
            if var known = session {
                known.completed = completed
                known.found = found
                let saved = known
                try await c.db.write { tx in try UIAStore.update(tx, saved) }
                session = known
            }
        }
        guard UIARules.isComplete(completed, flows) else {
            var open = session
            if open == nil {
                var new = UIASession(id: "", operation: operation, user: user, params: params, completed: completed)
                new.found = found
                open = new
            }
            throw try await challenge(c, open, operation, user, params, flows)
        }
        // Proof for an existing account serves once. A registration's session lives on: its answer may be lost and asked for again.
        if user != nil, let session { try await c.db.write { tx in try UIAStore.delete(tx, session.id) } }
        return UIAProof(params: params, session: session, found: found)
    }

    /// Checks one stage. A 401 may be tried again; any other error ends the request. Gives what it found out.
    private func complete(_ c: Context, stage: String, _ auth: JSONObject, user: UserID?, _ operation: String) async throws -> JSONObject {
        switch stage {
        case "m.login.dummy", Stage.terms: return [:]
        case Stage.email: return ["threepid": try await provedAddress(c, auth, operation == Self.passwordOperation ? .password : .register).json]
        case Stage.recaptcha:
            try await checkRecaptcha(c, auth)
            return [:]
        case Stage.sso: throw MatrixError(401, "M_FORBIDDEN", "Sign in on the page of this stage first.")
        case "m.login.registration_token":
            let token = try auth.required(string: "token", max: 255)
            let now = c.clock.now
            guard try await c.db.read({ tx in try RegistrationTokens.isValid(tx, token, now: now) }) else {
                throw MatrixError(401, "M_UNAUTHORIZED", "This registration token is not valid.")
            }
            return ["registration_token": .string(token)]
        case "m.login.password":
            guard let user else { preconditionFailure("a password stage without a user") }
            // Proof for another account than the session's is no wrong password: it is refused for good.
            if let who = try LoginRules.who(auth), try await self.user(c, who) != user { throw MatrixError.forbidden("The proof must be for the account that asks.") }
            let password = try auth.required(string: "password", max: PasswordRules.maxBytes)
            guard try await isPassword(c, password, of: user) else { throw MatrixError(401, "M_FORBIDDEN", "The password is wrong.") }
            return [:]
        default: preconditionFailure("a flow names the stage \(stage), which is not built")
        }
    }

    /// Slows down who guesses, whatever address he comes from.
    func isPassword(_ c: Context, _ password: String, of user: UserID) async throws -> Bool {
        try c.limiter.take(.login, who: "account:" + user.rawValue, now: c.clock.now)
        let account = try await c.db.read { tx in try AccountStore.account(tx, user) }
        guard let account, let hash = account.passwordHash else {
            try await hasher.pretend(c, password)
            return false
        }
        return try await hasher.verify(password, hash)
    }

    private func challenge(_ c: Context, _ session: UIASession?, _ operation: String, _ user: UserID?, _ params: JSONObject, _ flows: [[String]],
                           error: MatrixError? = nil) async throws -> UIAChallenge {
        let stageParams = Stage.params(c, flows)
        if let session, !session.id.isEmpty { return UIAChallenge(session: session, flows: flows, params: stageParams, error: error) }
        var new = session ?? UIASession(id: "", operation: operation, user: user, params: params, completed: [])
        new.id = c.entropy.token(24)
        guard JSON.object(new.params).encoded().count <= UIARules.maxParams else { throw MatrixError.tooLarge("The request's parameters are too large.") }
        let saved = new, now = c.clock.now
        try await c.db.write { tx in try UIAStore.insert(tx, saved, now: now) }
        return UIAChallenge(session: new, flows: flows, params: stageParams, error: error)
    }
}

enum UIAStore {
    static func session(_ c: Context, _ id: String) async throws -> UIASession? {
        let oldest = c.clock.now - UIARules.lifetime
        return try await c.db.read { tx in
            try tx.first(SQL.session, id, oldest) { row in
                UIASession(id: id, operation: row.text(0), user: row.textOrNil(1).map(UserID.init(trusted:)), params: try JSONObject.parse(row.bytes(2)),
                           completed: row.text(3).split(separator: " ").map(String.init), result: row.textOrNil(4).map(UserID.init(trusted:)))
            }
        }
    }
    static func insert(_ tx: WriteTx, _ session: UIASession, now: Int64) throws {
        try tx.run(SQL.insert, session.id, session.operation, session.user, JSON.object(session.params).encoded(), session.completed.joined(separator: " "), now)
    }
    static func update(_ tx: WriteTx, _ session: UIASession) throws {
        try tx.run(SQL.update, session.completed.joined(separator: " "), JSON.object(session.params).encoded(), session.id)
    }
    static func finish(_ tx: WriteTx, _ id: String, result: UserID) throws { try tx.run(SQL.finish, result, id) }
    static func delete(_ tx: WriteTx, _ id: String) throws { try tx.run(SQL.delete, id) }
    static func deleteOld(_ tx: WriteTx, before: Int64) throws { try tx.run(SQL.deleteOld, before) }

    private enum SQL {
        static let session = "SELECT operation, user_id, params, completed, result FROM uia_session WHERE id = ? AND created >= ?"
        static let insert = "INSERT INTO uia_session (id, operation, user_id, params, completed, result, created) VALUES (?, ?, ?, ?, ?, NULL, ?)"
        static let update = "UPDATE uia_session SET completed = ?, params = ? WHERE id = ?"
        static let finish = "UPDATE uia_session SET result = ? WHERE id = ?"
        static let delete = "DELETE FROM uia_session WHERE id = ?"
        static let deleteOld = "DELETE FROM uia_session WHERE created < ?"
    }
}
