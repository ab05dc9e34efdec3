import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#push-rules-api
///
/// The paths are older than the rest of the API: whole scopes and kinds are read only with a slash at the end, and whatever else is asked for
/// below `/pushrules` is a bad request, not an unknown path.
extension Push {
    var ruleRoutes: [Route] {
        let root = "/_matrix/client/v3/pushrules", rule = root + "/global/{kind}/{ruleId}"
        let unknown: Route.Handler = { request, _ in throw PushRulePath.refusal(request) }
        return [
            Route(.get, root, auth: .guest, all), Route(.get, root + "/global", auth: .guest, scope), Route(.get, root + "/global/{kind}", auth: .guest, kind),
            Route(.get, rule, auth: .guest, get), Route(.put, rule, auth: .guest, put), Route(.delete, rule, auth: .guest, delete),
            Route(.get, rule + "/enabled", auth: .guest, enabled), Route(.put, rule + "/enabled", auth: .guest, putEnabled),
            Route(.get, rule + "/actions", auth: .guest, actions), Route(.put, rule + "/actions", auth: .guest, putActions),
            Route(.put, root, auth: .guest, unknown), Route(.get, root + "/{rest...}", auth: .guest, unknown), Route(.put, root + "/{rest...}", auth: .guest, unknown),
            Route(.get, "/_matrix/client/v3/user/{userId}/account_data/m.push_rules", auth: .guest, accountData),
        ]
    }

    // MARK: reading

    private func rules(_ request: Request, _ c: Context) async throws -> (set: PushRuleSet, user: UserID) {
        let user = request.user.userID
        guard watch.hasRules(user) else { return (PushRuleSet(), user) }
        return (try await c.db.read { tx in try PushRuleStore.rules(tx, of: user) }, user)
    }

    private func all(_ request: Request, _ c: Context) async throws -> Response {
        guard request.path.hasSuffix("/") else { throw MatrixError.unrecognized() }
        let (set, user) = try await rules(request, c)
        return .json(set.json(for: user))
    }

    private func scope(_ request: Request, _ c: Context) async throws -> Response {
        guard request.path.hasSuffix("/") else { throw PushRulePath.refusal(request) }
        let (set, user) = try await rules(request, c)
        return .json(.object(set.scope(for: user)))
    }

    private func kind(_ request: Request, _ c: Context) async throws -> Response {
        let kind = try PushRulePath.kind(request)
        guard request.path.hasSuffix("/") else { throw PushRulePath.refusal(request) }
        let (set, user) = try await rules(request, c)
        return .json(.array(set.rules(kind, for: user).map { $0.json(kind) }))
    }

    private func rule(_ request: Request, _ c: Context) async throws -> (rule: PushRule, kind: PushRule.Kind) {
        let kind = try PushRulePath.kind(request), id = try request.param("ruleId")
        let (set, user) = try await rules(request, c)
        guard let rule = set.rule(kind, id, for: user) else { throw PushRulePath.notFound }
        return (rule, kind)
    }

    private func get(_ request: Request, _ c: Context) async throws -> Response {
        let (rule, kind) = try await rule(request, c)
        return .json(rule.json(kind))
    }
    private func enabled(_ request: Request, _ c: Context) async throws -> Response { .json(["enabled": .bool(try await rule(request, c).rule.isEnabled)]) }
    private func actions(_ request: Request, _ c: Context) async throws -> Response { .json(["actions": .array(try await rule(request, c).rule.actions)]) }

    private func accountData(_ request: Request, _ c: Context) async throws -> Response {
        let owner: UserID = try request.id("userId")
        guard owner == request.user.userID else { throw MatrixError.forbidden("That is another user's account data.") }
        let (set, user) = try await rules(request, c)
        return .json(set.json(for: user))
    }

    // MARK: writing

    private func edit(_ request: Request, _ c: Context, _ change: @escaping @Sendable (inout PushRuleSet, UserID) throws -> Void) async throws -> Response {
        try request.refuseVisitors()
        let user = request.user.userID, watch = watch
        try await c.db.write { tx in
            var set = try PushRuleStore.rules(tx, of: user)
            let before = set
            try change(&set, user)
            guard set != before else { return }
            try PushRuleRules.check(set)
            try PushRuleStore.put(tx, watch, user, set)
        }
        return .empty
    }

    private func put(_ request: Request, _ c: Context) async throws -> Response {
        let kind = try PushRulePath.kind(request), id = try request.param("ruleId")
        let rule = try PushRuleRules.rule(kind, id, try request.json())
        // A rule cannot stand before or after itself: it stays where it is.
        let before = request.query["before"].flatMap { $0 == id ? nil : $0 }, after = request.query["after"].flatMap { $0 == id ? nil : $0 }
        let place: PushRuleSet.Place = if let before { .before(before) } else if let after { .after(after) } else { .first }
        return try await edit(request, c) { set, _ in
            guard set.put(rule, kind, at: place) else { throw MatrixError.badRequest("There is no rule of your own that 'before' or 'after' could mean.") }
        }
    }

    private func delete(_ request: Request, _ c: Context) async throws -> Response {
        let kind = try PushRulePath.kind(request), id = try request.param("ruleId")
        return try await edit(request, c) { set, _ in
            guard set.remove(kind, id) else { throw PushRulePath.notFound }
        }
    }

    private func putEnabled(_ request: Request, _ c: Context) async throws -> Response {
        let kind = try PushRulePath.kind(request), id = try request.param("ruleId")
        guard let isEnabled = try request.json().bool("enabled") else { throw MatrixError.missingParam("'enabled' is required.") }
        return try await edit(request, c) { set, user in
            guard set.change(kind, id, for: user, isEnabled: isEnabled) else { throw PushRulePath.notFound }
        }
    }

    private func putActions(_ request: Request, _ c: Context) async throws -> Response {
        let kind = try PushRulePath.kind(request), id = try request.param("ruleId")
        let actions = try PushRuleRules.actions(try request.json())
        return try await edit(request, c) { set, user in
            guard set.change(kind, id, for: user, actions: actions) else { throw PushRulePath.notFound }
        }
    }
}

enum PushRulePath {
    static let notFound = MatrixError.notFound("The push rule was not found.")

    static func kind(_ request: Request) throws(MatrixError) -> PushRule.Kind {
        guard let kind = PushRule.Kind(rawValue: try request.param("kind")) else { throw .invalidParam("There is no such kind of push rules.") }
        return kind
    }
    static func refusal(_ request: Request) -> MatrixError { .invalidParam("\(request.method.rawValue) of this path says no push rule.") }
}

/// What a rule from outside must be. Pure.
enum PushRuleRules {
    static func rule(_ kind: PushRule.Kind, _ id: String, _ body: JSONObject) throws(MatrixError) -> PushRule {
        guard id.utf8.first != UInt8(ascii: ".") else { throw .invalidParam("Ids that begin with a dot are the server's.") }
        guard id.utf8.count <= PushRuleLimits.idBytes, !id.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") || $0 == 0 }) else {
            throw .invalidParam("The id of a rule has at most \(PushRuleLimits.idBytes) bytes and no slash, backslash or NUL.")
        }
        var rule = PushRule(id, actions: try actions(body))
        if kind.hasConditions {
            rule.conditions = try body.array("conditions", max: PushRuleLimits.conditions) ?? []
            for condition in rule.conditions {
                guard let object = condition.objectValue else { throw .badJSON("A condition must be an object.") }
                _ = try object.required(string: "kind")
            }
        }
        if kind == .content { rule.pattern = try body.required(string: "pattern", max: PushRuleLimits.patternBytes) }
        return rule
    }

    static func actions(_ body: JSONObject) throws(MatrixError) -> [JSON] {
        guard let actions = try body.array("actions", max: PushRuleLimits.actions) else { throw .missingParam("'actions' is required.") }
        for action in actions {
            switch action {
            case .string("notify"), .string("dont_notify"), .string("coalesce"): continue
            case .object(let tweak) where tweak["set_tweak"]?.stringValue != nil: continue
            default: throw .invalidParam("An action is \"notify\" or an object with \"set_tweak\".")
            }
        }
        return actions
    }

    static func check(_ set: PushRuleSet) throws(MatrixError) {
        var searched = 0
        for (_, rules) in set.own {
            guard rules.count <= PushRuleLimits.rulesOfAKind else { throw .invalidParam("There can be \(PushRuleLimits.rulesOfAKind) rules of a kind.") }
            for rule in rules {
                searched += rule.pattern?.utf8.count ?? 0
                for condition in rule.conditions where condition["key"]?.stringValue == "content.body" { searched += condition["pattern"]?.stringValue?.utf8.count ?? 0 }
            }
        }
        guard searched <= PushRuleLimits.searchedBytes else { throw .invalidParam("The patterns for message texts have at most \(PushRuleLimits.searchedBytes) bytes together.") }
    }
}
