import MatrixCore
import ServerKit
import Store
import Synchronization

/// Who is here now. In memory; each visible change has an ephemeral position of the change hub.
///
/// Invariant: the board is changed and its listeners are told under one lock, so a sync that has seen position p has also
/// seen every change up to p.
final class PresenceBoard: Sendable {
    enum Mood: String, Sendable, Hashable { case online, unavailable, offline }

    struct Entry: Sendable, Hashable {
        var mood: Mood
        var status: String?
        /// Milliseconds; 0 when never.
        var lastActive: Int64
        /// When the client was last heard of: when it is silent for long, it is offline.
        var lastHeard: Int64
        var position: Int64

        func content(now: Int64) -> JSONObject {
            var body: JSONObject = ["presence": .string(mood.rawValue), "currently_active": .bool(mood == .online && now - lastActive < PresenceRules.activeFor)]
            if lastActive > 0 { body["last_active_ago"] = .int(max(0, now - lastActive)) }
            if let status { body["status_msg"] = .string(status) }
            return body
        }
    }
    private struct State {
        var entries: [UserID: Entry] = [:]
        /// Changes in order of their positions; complete after `floor`.
        var log: [(position: Int64, user: UserID)] = []
        var floor: Int64 = 0
    }
    private static let logged = 10_000
    private let state = Mutex(State())

    func entry(_ user: UserID) -> Entry? { state.withLock { $0.entries[user] } }

    /// Notes that the client is there. False when that would change what others see: then `set` is needed.
    func heard(_ user: UserID, _ mood: Mood, now: Int64) -> Bool {
        state.withLock { state in
            guard var entry = state.entries[user], entry.mood == mood else { return false }
            entry.lastHeard = now
            if mood == .online { entry.lastActive = now }
            state.entries[user] = entry
            return true
        }
    }

    /// Notes that somebody has signed in, which is not yet being online. Tells nobody.
    func signedIn(_ user: UserID, now: Int64) {
        state.withLock { state in
            if state.entries[user] == nil { state.entries[user] = Entry(mood: .offline, status: nil, lastActive: now, lastHeard: now, position: 0) }
        }
    }

    /// Changes what others see, and tells `keys`. `status` nil leaves the message as it is.
    func set(_ user: UserID, _ mood: Mood, status: String??, now: Int64, hub: ChangeHub, keys: [ChangeKey]) {
        state.withLock { state in
            var entry = state.entries[user] ?? Entry(mood: .offline, status: nil, lastActive: 0, lastHeard: now, position: 0)
            entry.mood = mood
            if let status { entry.status = status }
            if mood != .offline {
                entry.lastActive = now
                entry.lastHeard = now
            }
            Self.put(&state, user, entry, hub.changed(keys))
        }
    }

    /// Shows the user's present state again, to those who have not seen it (they share a room since now).
    func show(_ user: UserID, hub: ChangeHub, keys: [ChangeKey]) {
        state.withLock { state in
            guard let entry = state.entries[user] else { return }
            Self.put(&state, user, entry, hub.changed(keys))
        }
    }

    private static func put(_ state: inout State, _ user: UserID, _ entry: Entry, _ position: Int64) {
        var entry = entry
        entry.position = position
        state.entries[user] = entry
        state.log.append((position: position, user: user))
        if state.log.count > logged * 2 {
            state.floor = state.log[logged - 1].position
            state.log.removeFirst(logged)
        }
    }

    func load(_ user: UserID, status: String?, lastActive: Int64, position: Int64) {
        state.withLock { state in
            state.entries[user] = Entry(mood: .offline, status: status, lastActive: lastActive, lastHeard: 0, position: position)
            state.floor = max(state.floor, position)
        }
    }

    /// Users whose state changed after `position`; nil when nobody's did.
    func changed(since position: Int64) -> [UserID: Entry]? {
        state.withLock { state in
            if position < state.floor {
                let found = state.entries.filter { $1.position > position }
                return found.isEmpty ? nil : found
            }
            guard let last = state.log.last, last.position > position else { return nil }
            var found: [UserID: Entry] = [:]
            for change in state.log.reversed() {
                guard change.position > position else { break }
                found[change.user] = state.entries[change.user]
            }
            return found
        }
    }

    func entries(of users: some Sequence<UserID>) -> [UserID: Entry] {
        state.withLock { state in
            var found: [UserID: Entry] = [:]
            for user in users { found[user] = state.entries[user] }
            return found
        }
    }

    /// Users who are not offline and were not heard of since `before`.
    func silent(before: Int64) -> [UserID] {
        state.withLock { state in state.entries.filter { $1.mood != .offline && $1.lastHeard < before }.map(\.key) }
    }
}
