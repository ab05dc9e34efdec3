import MatrixCore
import ServerKit
import Store

/// Keys for programs. A token has a service agent of its own, under whose name it writes, and never may or sees more than who made it.
///
/// Invariants: the token itself is told once and kept as a hash; what it may is its scopes, less what its maker may not now; what it sees is what its
/// maker sees now; it is over when it is revoked, past its time, or its maker is switched off; it takes no conversation and makes no token.
enum Tokens {
    static let prefix = "ckt_"
    static let most = 200
    static let usedEvery: Int64 = 60_000

    static let migrations: [Migration] = [
        Migration(98, "desk tokens and audit log", """
        CREATE TABLE desk_token(
          id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, agent_id TEXT NOT NULL REFERENCES desk_agent(id),
          maker_id TEXT NOT NULL REFERENCES desk_agent(id), scopes TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, last_used_at INTEGER, revoked_at INTEGER);
        CREATE UNIQUE INDEX desk_token_agent ON desk_token(agent_id);
        CREATE INDEX desk_token_maker ON desk_token(maker_id);
        ALTER TABLE desk_agent ADD COLUMN token_id TEXT;
        CREATE TABLE desk_audit(
          id INTEGER NOT NULL PRIMARY KEY, at INTEGER NOT NULL, actor_id TEXT NOT NULL, actor_name TEXT NOT NULL, token_id TEXT, action TEXT NOT NULL,
          target TEXT NOT NULL, target_name TEXT, data TEXT NOT NULL);
        CREATE INDEX desk_audit_at ON desk_audit(at);
        CREATE INDEX desk_audit_actor ON desk_audit(actor_id, id);
        CREATE INDEX desk_audit_target ON desk_audit(target, id)
        """),
    ]

    struct Entry: Sendable {
        var id: String, name: String, agent: String, maker: String, scopes: [String], createdAt: Int64, expiresAt: Int64?, lastUsedAt: Int64?, revokedAt: Int64?

        func isOver(now: Int64) -> Bool { revokedAt != nil || expiresAt.map { $0 <= now } ?? false }
        func json(maker name: String, now: Int64) -> JSON {
            ["id": .string(id), "name": .string(name_), "agent": .string(agent), "maker": ["id": .string(maker), "name": .string(name)], "scopes": .of(scopes), "created_at": .int(createdAt),
             "expires_at": .of(expiresAt), "last_used_at": .of(lastUsedAt), "revoked_at": .of(revokedAt), "active": .bool(!isOver(now: now))]
        }
        private var name_: String { name }
    }
    private static let columns = "id, name, agent_id, maker_id, scopes, created_at, expires_at, last_used_at, revoked_at"
    private static func entry(_ row: Row) -> Entry {
        Entry(id: row.text(0), name: row.text(1), agent: row.text(2), maker: row.text(3), scopes: TextList.decode(row.text(4)), createdAt: row.int(5), expiresAt: row.intOrNil(6),
              lastUsedAt: row.intOrNil(7), revokedAt: row.intOrNil(8))
    }
    static func load(_ tx: ReadTx, _ id: String) throws -> Entry? { try tx.first("SELECT \(columns) FROM desk_token WHERE id = ?", id, row: entry) }
    static func hash(_ token: String) -> String { Hex.encode(SHA256.hash(Array(token.utf8))) }

    /// What the service agent may and sees, from what its maker may and sees now.
    static func complete(_ agent: inout Agent, _ tx: ReadTx, token id: String) throws {
        guard let token = try load(tx, id), let maker = try Agents.load(tx, token.maker) else {
            agent.isActive = false
            return
        }
        agent.isService = true
        agent.isActive = token.revokedAt == nil && maker.isActive
        agent.role = Role("token", name: token.name, Set(token.scopes.compactMap(Permission.init(rawValue:))), upTo: maker.role.permissions)
        agent.brands = maker.brands
        agent.inboxes = maker.inboxes
        agent.brandOfInbox = maker.brandOfInbox
        agent.visible = !agent.role.may(.conversationsRead) ? [] : agent.role.may(.conversationsAll) ? maker.visible : Set(maker.inboxes)
    }
    /// Who acts by a token.
    static func signedIn(_ c: Context, _ live: DeskLive, _ token: String) async throws -> Agent {
        let digest = hash(token), now = c.clock.now
        let found = try await c.db.read { tx in
            try tx.first("SELECT \(columns) FROM desk_token WHERE hash = ?", digest, row: entry).flatMap { entry in try Agents.load(tx, entry.agent).map { (entry, $0) } }
        }
        guard let (entry, agent) = found, !entry.isOver(now: now), agent.isActive else { throw DeskError.unauthorized }
        if (entry.lastUsedAt ?? 0) + usedEvery <= now {
            try await c.db.write { _ = try $0.run("UPDATE desk_token SET last_used_at = ? WHERE id = ?", now, entry.id) }
        }
        return agent
    }
    /// The tokens that somebody has made see no more than he does.
    static func services(_ tx: ReadTx, of maker: String) throws -> [String] {
        try tx.all("SELECT agent_id FROM desk_token WHERE maker_id = ? AND revoked_at IS NULL ORDER BY id", maker) { $0.text(0) }
    }

    // MARK: routes

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/tokens", .tokensManage) { call in
            .json(["items": .array(try await call.read { reader in
                let agents = Dictionary(uniqueKeysWithValues: try Agents.all(reader.tx).map { ($0.id, $0) })
                return try reader.tx.all("SELECT \(columns) FROM desk_token ORDER BY created_at DESC, id LIMIT 1000", row: entry)
                    .filter { isHis($0, agents[$0.maker], call.me) }.map { $0.json(maker: agents[$0.maker]?.name ?? $0.maker, now: call.now) }
            })])
        },
        DeskRoute(.post, "/tokens", .tokensManage) { call in
            var fields = try call.fields()
            let name = fields.text("name", max: 80, required: true), days = fields.int("expires_in_days", 1...3650)
            let scopes = fields.strings("scopes", max: 200, each: 60, required: true) ?? []
            if scopes.isEmpty, fields.errors.isEmpty { fields.refuse("scopes", en: "Name at least one permission.", fr: "Indiquez au moins un droit.") }
            for scope in scopes {
                if Permission(rawValue: scope) == nil { fields.refuse("scopes", en: "There is no permission “\(scope)”.", fr: "La permission « \(scope) » n’existe pas.") }
                else if scope == Permission.tokensManage.rawValue { fields.refuse("scopes", en: "Tokens are made by people.", fr: "Les jetons sont créés par des personnes.") }
            }
            try fields.check()
            try checkPerson(call.me)
            let wanted = Permission.whole(Set(scopes.compactMap(Permission.init(rawValue:))))
            guard wanted.isSubset(of: call.me.role.permissions) else {
                throw DeskError(.forbidden, en: "A token may not more than who makes it.", fr: "Un jeton ne peut pas plus que la personne qui le crée.")
            }
            let shown = try Fields.must(name, "name"), secret = prefix + call.c.entropy.token(43)
            return .json(try await call.write { unit in
                guard try unit.tx.first("SELECT COUNT(*) FROM desk_token WHERE revoked_at IS NULL", row: { $0.int(0) }) ?? 0 < most else {
                    throw DeskError(.conflict, en: "There are \(most) tokens already: revoke one first.", fr: "Il y a déjà \(most) jetons : révoquez-en un d’abord.")
                }
                let id = unit.newID("tk")
                let user = try unit.c.ports.users.create(unit.c, unit.tx, NewAccount(localpart: "comptoir-token-" + id.dropFirst(3), kind: .bot, displayName: shown), passwordHash: nil)
                let entry = Entry(id: id, name: shown, agent: user.rawValue, maker: call.me.id, scopes: scopes.sorted(), createdAt: unit.now,
                                  expiresAt: days.map { unit.now + $0 * 86_400_000 }, lastUsedAt: nil, revokedAt: nil)
                _ = try Agents.add(unit, Agents.New(id: entry.agent, name: shown, publicName: shown, email: nil, role: .agent, languages: [], capacity: 0, inboxes: []))
                try unit.tx.run("""
                    INSERT INTO desk_token(id, name, hash, agent_id, maker_id, scopes, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """, id, shown, hash(secret), entry.agent, entry.maker, TextList.encode(entry.scopes), entry.createdAt, entry.expiresAt)
                try unit.tx.run("UPDATE desk_agent SET token_id = ? WHERE id = ?", id, entry.agent)
                return .object((entry.json(maker: call.me.name, now: unit.now).objectValue ?? [:]).merging(["token": .string(secret)]))
            }, status: 201)
        },
        DeskRoute(.delete, "/tokens/{id}", .tokensManage) { call in
            let id = try call.param("id")
            try checkPerson(call.me)
            try await call.write { unit in
                guard let entry = try load(unit.tx, id), isHis(entry, try Agents.load(unit.tx, entry.maker), call.me) else { throw DeskError.notFound }
                try unit.tx.run("UPDATE desk_token SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", unit.now, id)
                try Agents.loseSight(unit, entry.agent)
                let live = unit.live
                unit.tx.afterCommit { live.wakeAll() }   // its streams look, and end
            }
            return .noContent
        },
    ]
    private static func isHis(_ entry: Entry, _ maker: Agent?, _ me: Agent) -> Bool { entry.maker == me.id || maker.map { me.knows($0) && me.mayManage($0) } ?? me.isUnlimited }
    private static func checkPerson(_ me: Agent) throws(DeskError) {
        if me.isService { throw DeskError(.forbidden, en: "Tokens are made by people.", fr: "Les jetons sont créés par des personnes.") }
    }
}

extension OpenAPI {
    static let tokenOperations: [Operation] = [
        Operation(method: .get, path: "/tokens", id: "listTokens", tag: "Tokens", summary: "My tokens, and those of people whom I manage.", answer: .json(200, list("Token"))),
        Operation(method: .post, path: "/tokens", id: "createToken", tag: "Tokens", summary: "Make a token for a program. The answer is the only one that holds it; send it as a bearer token.",
                  body: .json(object(["name": text(80), "scopes": ["type": "array", "items": oneOf(Permission.self)], "expires_in_days": orNull("integer")], required: ["name", "scopes"])), answer: .json(201, ref("NewToken"))),
        Operation(method: .delete, path: "/tokens/{id}", id: "revokeToken", tag: "Tokens", summary: "End a token at once.", answer: .empty),
    ]
    private static let token: JSONObject = [
        "id": string, "name": string, "agent": string, "maker": whole(["id": string, "name": string]), "scopes": strings, "created_at": time, "expires_at": timeOrNull, "last_used_at": timeOrNull,
        "revoked_at": timeOrNull, "active": boolean]
    static let tokenSchemas: JSONObject = ["Token": whole(token), "NewToken": whole(token.merging(["token": string]))]
}
