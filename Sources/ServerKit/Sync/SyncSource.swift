package import MatrixCore
package import Store

/// Where a client stands: the global change position, and the position of what lives in memory only (typing, presence).
/// On the wire `s<position>_<ephemeral>`, with `_<toDevice>` while to-device messages wait for the next answer.
package struct SyncToken: Sendable, Hashable, CustomStringConvertible {
    package var position: Int64
    /// Counts in-memory changes; starts at the time of the server's start in microseconds, so that it grows over restarts.
    package var ephemeral: Int64
    /// Position of the last to-device message that the client has got; nil when it has got all up to `position`.
    package var toDevice: Int64?
    package init(position: Int64, ephemeral: Int64, toDevice: Int64? = nil) { self.position = position; self.ephemeral = ephemeral; self.toDevice = toDevice }
    package init?(_ text: some StringProtocol) {
        // Each sync brings one: read byte by byte, without a piece of text for each number.
        var bytes = text.utf8.makeIterator()
        guard bytes.next() == UInt8(ascii: "s") else { return nil }
        var numbers: (Int64, Int64, Int64) = (0, 0, 0), count = 0, number: Int64?
        func isKept() -> Bool {
            guard let number else { return false }
            switch count {
            case 0: numbers.0 = number
            case 1: numbers.1 = number
            case 2: numbers.2 = number
            default: return false
            }
            count += 1
            return true
        }
        while let byte = bytes.next() {
            if byte == UInt8(ascii: "_") {
                guard isKept() else { return nil }
                number = nil
                continue
            }
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            let (tens, tooLarge) = (number ?? 0).multipliedReportingOverflow(by: 10)
            let (sum, overflows) = tens.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            guard !tooLarge, !overflows else { return nil }
            number = sum
        }
        guard isKept(), count == 2 || count == 3 && numbers.2 <= numbers.0 else { return nil }
        position = numbers.0
        ephemeral = numbers.1
        toDevice = count == 3 ? numbers.2 : nil
    }
    package var description: String { toDevice.map { "s\(position)_\(ephemeral)_\($0)" } ?? "s\(position)_\(ephemeral)" }
    /// Up to where the client has got to-device messages.
    package var toDevicePosition: Int64 { toDevice ?? position }
}

/// One sync request, as sources see it.
package struct SyncScope: Sendable {
    package var user: UserID
    package var device: DeviceID
    /// nil for an initial sync.
    package var since: SyncToken?
    package var now: SyncToken
    /// Rooms that the user has joined at `now`.
    package var joined: Set<RoomID>
    /// Joined rooms for which the client must get everything (initial sync, joined since, full_state).
    package var fresh: Set<RoomID>
    /// Joined rooms touched since the client's token, when nothing else of the user has changed (no room joined, no account data); nil when
    /// that is not known and every joined room must be looked at.
    package var touched: Set<RoomID>?
    /// Of these, rooms in which somebody's receipt or marker has changed; nil when that is not known.
    package var receipts: Set<RoomID>?
    /// Of `joined`, rooms that the user only looks into from outside.
    package var peeked: Set<RoomID>
    /// What the client asks for: a source need not read what nobody wants.
    package var wanted = Wanted.all
    /// At most so many to-device messages.
    package var toDeviceLimit = Int.max

    package struct Wanted: OptionSet, Sendable {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }
        package static let accountData = Wanted(rawValue: 1), ephemeral = Wanted(rawValue: 2), presence = Wanted(rawValue: 4)
        package static let toDevice = Wanted(rawValue: 8), keys = Wanted(rawValue: 16)
        package static let all: Wanted = [.accountData, .ephemeral, .presence, .toDevice, .keys]
    }

    package init(user: UserID, device: DeviceID, since: SyncToken?, now: SyncToken, joined: Set<RoomID>, fresh: Set<RoomID>, touched: Set<RoomID>?,
                 receipts: Set<RoomID>? = nil, peeked: Set<RoomID> = []) {
        self.user = user; self.device = device; self.since = since; self.now = now
        self.joined = joined; self.fresh = fresh; self.touched = touched; self.receipts = receipts; self.peeked = peeked
    }
}

/// What sources fill in besides the timelines. JSON pieces are complete event objects as bytes.
package struct SyncParts: Sendable {
    /// https://spec.matrix.org/latest/client-server-api/#tracking-the-device-list-for-a-user
    package struct DeviceLists: Sendable, Hashable {
        /// People whose devices or cross-signing keys have changed, or with whom the user shares a room only now. Sorted.
        package var changed: [UserID]
        /// People with whom the user shares no room any more. Sorted.
        package var left: [UserID]
        package init(changed: [UserID] = [], left: [UserID] = []) { self.changed = changed; self.left = left }
        package var isEmpty: Bool { changed.isEmpty && left.isEmpty }
        package var json: JSON { ["changed": JSON(changed.map(\.rawValue)), "left": JSON(left.map(\.rawValue))] }
    }
    package struct Room: Sendable {
        package var ephemeral: [[UInt8]] = []
        package var accountData: [[UInt8]] = []
        package init() {}
        package var isEmpty: Bool { ephemeral.isEmpty && accountData.isEmpty }
    }
    package var rooms: [RoomID: Room] = [:]
    package var accountData: [[UInt8]] = []
    package var presence: [[UInt8]] = []
    package var toDevice: [[UInt8]] = []
    /// Set when more to-device messages wait than one answer carries: the position of the last one in `toDevice`. It must go
    /// into the answer's token (`SyncToken.toDevice`), otherwise the waiting ones count as received.
    package var toDeviceThrough: Int64?
    /// Whose devices or keys have changed; always empty in an initial sync.
    package var deviceLists = DeviceLists()
    /// Further top-level fields (`device_one_time_keys_count`, ...), the same in initial syncs and differences. They alone do not
    /// end a long-poll.
    package var extra: [(name: String, json: [UInt8])] = []
    /// Set by a source whose `extra` is news for the client.
    package var hasNews = false
    package init() {}
    package var isEmpty: Bool { !hasNews && deviceLists.isEmpty && accountData.isEmpty && presence.isEmpty && toDevice.isEmpty && rooms.values.allSatisfy(\.isEmpty) }
}

/// One stream of a client's sync (account data, receipts, typing, to-device, ...).
/// Law, checked by TestKit at the end of API tests: initial(t1) + delta(t1 -> t2) = initial(t2), after the client's merge rule.
package protocol SyncSource: Sendable {
    /// Whether neither `began` nor `acknowledged` has anything to do for this request: then a long-poll can begin to wait at once, without
    /// a task. Never blocks.
    func isQuiet(_ c: Context, user: UserID, device: DeviceID, presence: String, through token: SyncToken) -> Bool
    /// A sync request has come in, before anything is read or waited for. `presence` is its `set_presence`, "online" when it says nothing.
    func began(_ c: Context, user: UserID, device: DeviceID, presence: String) async throws
    /// Reads in the sync's snapshot; `scope.now.position` is that snapshot's position.
    func contribute(_ c: Context, _ tx: ReadTx, _ scope: SyncScope, into parts: inout SyncParts) throws
    /// The client has sent back `scope.since`: what came with it or before needs not be kept (to-device messages).
    func acknowledged(_ c: Context, user: UserID, device: DeviceID, through token: SyncToken) async throws
    /// Nothing has changed until the time-out: what even that answer carries (`extra`), from memory. False when it must be read.
    func idle(user: UserID, device: DeviceID, into parts: inout SyncParts) -> Bool
    /// The same, read.
    func idle(_ tx: ReadTx, user: UserID, device: DeviceID, into parts: inout SyncParts) throws
}
extension SyncSource {
    package func began(_ c: Context, user: UserID, device: DeviceID, presence: String) async throws {}
    package func acknowledged(_ c: Context, user: UserID, device: DeviceID, through token: SyncToken) async throws {}
    package func idle(user: UserID, device: DeviceID, into parts: inout SyncParts) -> Bool { true }
    package func idle(_ tx: ReadTx, user: UserID, device: DeviceID, into parts: inout SyncParts) throws {}
}
