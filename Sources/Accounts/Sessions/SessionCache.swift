import MatrixCore
import ServerKit
import Synchronization

/// SHA-256 of a token, as a key that hashes cheaply.
struct TokenHash: Hashable, Sendable {
    let bytes: [UInt8]
    init(_ token: String) { bytes = SHA256.hash(Array(token.utf8)) }

    static func == (a: TokenHash, b: TokenHash) -> Bool { a.bytes == b.bytes }
    // The bytes are random already: eight of them are a hash.
    func hash(into hasher: inout Hasher) { bytes.withUnsafeBytes { hasher.combine($0.loadUnaligned(as: UInt64.self)) } }
}

/// Sessions of access tokens lately used, so that a request reads no database.
///
/// Invariants: an entry is forgotten when its session's end is durable, and never comes back from a read that began before
/// (`generation`); none is believed for more than a minute, so that another process's changes take effect.
final class SessionCache: Sendable {
    static let maxEntries = 50_000
    static let believed: Int64 = 60_000

    private struct Entry {
        var session: Session
        var expires: Int64?
        var loaded: Int64
        var lastUse: Int64
        /// When the device was last noted as seen.
        var noted: Int64
    }
    private struct State {
        var entries: [TokenHash: Entry] = [:]
        var byUser: [UserID: Set<TokenHash>] = [:]
        var generation = 0
    }
    private let state = Mutex(State())

    enum Found { case session(Session, note: Bool), expired, unknown }

    /// `note`: a minute has passed since the device was noted as seen.
    func find(_ hash: TokenHash, now: Int64) -> Found {
        state.withLock { state in
            guard let index = state.entries.index(forKey: hash) else { return .unknown }
            let entry = state.entries.values[index]
            if let expires = entry.expires, expires <= now { return .expired }
            guard now - entry.loaded < Self.believed else { return .unknown }
            let note = now - entry.noted >= LastSeen.interval
            state.entries.values[index].lastUse = now
            if note { state.entries.values[index].noted = now }
            return .session(entry.session, note: note)
        }
    }

    /// To be read before the database is, and handed to `insert`.
    var generation: Int { state.withLock { $0.generation } }

    /// Does nothing when sessions were forgotten since `generation`.
    func insert(_ hash: TokenHash, _ session: Session, expires: Int64?, now: Int64, generation: Int) {
        state.withLock { state in
            guard state.generation == generation else { return }
            if state.entries.count >= Self.maxEntries { Self.shrink(&state) }
            state.entries[hash] = Entry(session: session, expires: expires, loaded: now, lastUse: now, noted: now)
            state.byUser[session.userID, default: []].insert(hash)
        }
    }

    /// Forgets the sessions of the user's devices (all of them by default).
    func forget(_ user: UserID, devices: Set<DeviceID>? = nil) {
        state.withLock { state in
            state.generation += 1
            for hash in state.byUser[user] ?? [] {
                guard let entry = state.entries[hash], devices?.contains(entry.session.deviceID) ?? true else { continue }
                state.entries[hash] = nil
                state.byUser[user]?.remove(hash)
            }
            if state.byUser[user]?.isEmpty == true { state.byUser[user] = nil }
        }
    }

    var count: Int { state.withLock { $0.entries.count } }

    /// Drops the half that was used longest ago.
    private static func shrink(_ state: inout State) {
        let median = state.entries.values.map(\.lastUse).sorted()[state.entries.count / 2]
        state.entries = state.entries.filter { $1.lastUse > median }
        state.byUser = [:]
        for (hash, entry) in state.entries { state.byUser[entry.session.userID, default: []].insert(hash) }
    }
}
