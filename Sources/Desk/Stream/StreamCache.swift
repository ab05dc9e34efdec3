import MatrixCore
import ServerKit
import Store
import Synchronization

/// What open streams have in common. One commit wakes them all, they look at the same moment, and what they see differs in two numbers.
///
/// Invariant: what was built from one position of the database, with one state of who is online, is given to those only who read at that position and
/// in that state, in that language: nobody gets anything that he would not have read himself.
final class StreamCache: Sendable {
    struct Key: Hashable, Sendable { let position: Int64, presence: Int64, language: String }

    private let moments = Mutex<[(key: Key, moment: Moment)]>([])
    /// Slow streams and both languages.
    private static let most = 4

    func moment(_ key: Key) -> Moment {
        moments.withLock { moments in
            if let known = moments.last(where: { $0.key == key }) { return known.moment }
            let moment = Moment()
            moments.append((key, moment))
            if moments.count > Self.most { moments.removeFirst() }
            return moment
        }
    }
    /// Nobody looks any more.
    func forget() { moments.withLock { $0 = [] } }

    /// Two who miss the same thing at the same time build it twice.
    final class Moment: Sendable {
        struct Frame: Hashable { let position: Int64; var created = false, mentioned = false, unread: Int64 = 0, scope = "" }
        /// A conversation without what depends on who looks, and what is needed to tell that.
        struct Talk: Sendable { let row: Conversation, common: JSONObject, readUpTo: [String: Int64], mentioned: Set<String> }
        private struct State {
            var agents: [String: Agent]?
            var changes: [Int64: [DeskStream.Change]] = [:]
            var talks: [String: Talk?] = [:]
            var unread: [String: [Int64: Int64]] = [:]
            var frames: [Frame: [UInt8]] = [:]
        }
        private let state = Mutex(State())

        func agent(_ id: String, _ tx: ReadTx) throws -> Agent? {
            if let known = state.withLock(\.agents) { return known[id] }
            let agents = Dictionary(uniqueKeysWithValues: try Agents.all(tx).map { ($0.id, $0) })
            state.withLock { $0.agents = agents }
            return agents[id]
        }
        func changes(after position: Int64, _ read: () throws -> [DeskStream.Change]) rethrows -> [DeskStream.Change] {
            if let known = state.withLock({ $0.changes[position] }) { return known }
            let changes = try read()
            state.withLock { $0.changes[position] = changes }
            return changes
        }
        func talk(_ id: String, _ read: () throws -> Talk?) rethrows -> Talk? {
            if let known = state.withLock({ $0.talks[id] }) { return known }
            let talk = try read()
            state.withLock { $0.talks[id] = .some(talk) }
            return talk
        }
        /// How many messages of the conversation are unread by whoever has read so far.
        func unread(_ id: String, after item: Int64, _ count: () throws -> Int64) rethrows -> Int64 {
            if let known = state.withLock({ $0.unread[id]?[item] }) { return known }
            let unread = try count()
            state.withLock { $0.unread[id, default: [:]][item] = unread }
            return unread
        }
        func frame(_ key: Frame, _ build: () throws -> [UInt8]) rethrows -> [UInt8] {
            if let known = state.withLock({ $0.frames[key] }) { return known }
            let frame = try build()
            state.withLock { $0.frames[key] = frame }
            return frame
        }
    }
}
