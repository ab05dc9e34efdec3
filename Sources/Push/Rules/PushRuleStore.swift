import MatrixCore
import ServerKit
package import Store

/// One row for each user who has changed something: what differs from the default rules.
enum PushRuleStore {
    static let schema = Migration(70, "push rules", """
        CREATE TABLE push_rules (
            user_id TEXT PRIMARY KEY,
            rules BLOB NOT NULL, -- JSON: own rules by kind, and changes of the server's
            pos INTEGER NOT NULL -- change position
        );
        """)

    static func rules(_ tx: ReadTx, of user: UserID) throws -> PushRuleSet {
        guard let bytes = try tx.first(SQL.rules, user, row: { $0.bytes(0) }) else { return PushRuleSet() }
        return PushRuleSet(stored: try JSONObject.parse(bytes))
    }

    static func put(_ tx: WriteTx, _ watch: Watch, _ user: UserID, _ rules: PushRuleSet) throws {
        let bytes = rules.encoded(), position = tx.nextPosition()
        guard bytes.count <= PushRuleLimits.bytes else { throw MatrixError.tooLarge("These are too many push rules.") }
        try tx.run(SQL.put, user, bytes, position)
        watch.rulesChange(tx, user, at: position)
        tx.touch(.user(user.rawValue))
    }

    static func users(_ tx: ReadTx) throws -> [(user: UserID, position: Int64)] {
        try tx.all(SQL.users) { (user: UserID(trusted: $0.text(0)), position: $0.int(1)) }
    }

    enum SQL {
        static let rules = "SELECT rules FROM push_rules WHERE user_id = ?"
        static let put = """
            INSERT INTO push_rules (user_id, rules, pos) VALUES (?, ?, ?) \
            ON CONFLICT (user_id) DO UPDATE SET rules = excluded.rules, pos = excluded.pos
            """
        /// Once, at the start.
        static let users = "SELECT user_id, pos FROM push_rules"
        static let all = [rules, put, users]
    }
}

/// Every event of a user's rooms is held against his rules: their number and size are bounded.
enum PushRuleLimits {
    static let bytes = 128 << 10
    static let rulesOfAKind = 1000
    static let idBytes = 512
    static let patternBytes = 512
    static let conditions = 20
    static let actions = 20
    /// Of all patterns that are searched for in message texts, together.
    static let searchedBytes = 8 << 10
}

/// The rules as account data. A fresh client gets them always, later ones when they have changed.
struct PushRulesSync: SyncSource {
    let watch: Watch
    func isQuiet(_ c: Context, user: UserID, device: DeviceID, presence: String, through token: SyncToken) -> Bool { true }

    func contribute(_ c: Context, _ tx: ReadTx, _ scope: SyncScope, into parts: inout SyncParts) throws {
        if let since = scope.since {
            guard let changed = watch.changed(scope.user), changed > since.position, changed <= scope.now.position else { return }
        }
        let rules = watch.hasRules(scope.user) ? try PushRuleStore.rules(tx, of: scope.user) : PushRuleSet()
        parts.accountData.append(JSON.object(["type": "m.push_rules", "content": rules.json(for: scope.user)]).encoded())
    }
}
