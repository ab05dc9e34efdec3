import MatrixCore
import Store
import Synchronization

/// Who has rules of his own, who has a pusher, and rules made ready.
///
/// A change is noted while its transaction still runs, so that the next closure of the writer sees it; a user whose change is not yet
/// durable is `unsettled`, and what is read of him meanwhile is not kept. After a commit that fails he stays so: that costs a read each time.
final class Watch: Sendable {
    struct Ready: Sendable {
        let compiled: CompiledPushRules
        let isOwn: Bool
    }
    private struct State {
        var generation: Int64 = 0
        /// Position of the last change.
        var rules: [UserID: Int64] = [:]
        var pushers: Set<UserID> = []
        var ready: [UserID: Ready] = [:]
        var unsettled: [UserID: Int] = [:]
    }
    private let state = Mutex(State())
    private static let mostReady = 20_000

    var generation: Int64 { state.withLock { $0.generation } }
    func contains(_ user: UserID) -> Bool { state.withLock { $0.pushers.contains(user) || $0.rules[user] != nil } }
    func hasPusher(_ user: UserID) -> Bool { state.withLock { $0.pushers.contains(user) } }
    func hasRules(_ user: UserID) -> Bool { state.withLock { $0.rules[user] != nil } }
    /// When the user's rules last changed; nil for one who never changed them.
    func changed(_ user: UserID) -> Int64? { state.withLock { $0.rules[user] } }

    func load(_ tx: ReadTx) throws {
        let rules = try PushRuleStore.users(tx), pushers = try Pushers.users(tx)
        state.withLock { state in
            for (user, position) in rules { state.rules[user] = position }
            state.pushers.formUnion(pushers)
            if !rules.isEmpty || !pushers.isEmpty { state.generation += 1 }
        }
    }

    /// Read by a transaction of the writer, or for a question that may be answered with what was true a moment ago.
    func rules(_ tx: ReadTx, of user: UserID) throws -> Ready {
        let (known, hasRules, mayKeep) = state.withLock { ($0.ready[user], $0.rules[user] != nil, $0.unsettled[user] == nil && tx is WriteTx) }
        if let known { return known }
        let set = hasRules ? try PushRuleStore.rules(tx, of: user) : PushRuleSet()
        let ready = Ready(compiled: CompiledPushRules(set, for: user), isOwn: !set.isDefault)
        if mayKeep {
            state.withLock { state in
                if state.ready.count >= Self.mostReady { for old in state.ready.keys.prefix(Self.mostReady / 8) { state.ready[old] = nil } }
                state.ready[user] = ready
            }
        }
        return ready
    }

    func rulesChange(_ tx: WriteTx, _ user: UserID, at position: Int64) {
        state.withLock { state in
            if state.rules.updateValue(position, forKey: user) == nil { state.generation += 1 }
            state.ready[user] = nil
            state.unsettled[user, default: 0] += 1
        }
        tx.afterCommit {
            self.state.withLock { state in
                let left = (state.unsettled[user] ?? 1) - 1
                state.unsettled[user] = left > 0 ? left : nil
                state.ready[user] = nil
            }
        }
    }

    func pusherAdded(_ tx: WriteTx, _ user: UserID) {
        let add: @Sendable () -> Void = { self.state.withLock { state in if state.pushers.insert(user).inserted { state.generation += 1 } } }
        add()
        // Once more: an earlier closure of the same commit may have taken his last one away, and says so only now.
        tx.afterCommit(add)
    }

    func pushersGone(_ tx: WriteTx, _ user: UserID) {
        tx.afterCommit { self.state.withLock { _ = $0.pushers.remove(user) } }
    }
}
