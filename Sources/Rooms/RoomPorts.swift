package import MatrixCore
package import ServerKit
package import Store

/// What other features may ask of rooms. The work itself is in the slices; `create`, `append`, `setMembership`, `redact` and
/// `profileChanged` are found there.
extension RoomService: RoomWriting {
    @discardableResult
    package func setReceipt(_ c: Context, _ tx: WriteTx, room: RoomID, user: UserID, event: EventID, isPrivate: Bool) throws -> Bool {
        let head = try Access.joined(tx, room: room, user)
        return try Receipts.move(c, tx, room: head, user: user, kind: isPrivate ? .privateRead : .read, event: event)
    }

    package func setTyping(_ c: Context, room: RoomID, user: UserID, isTyping: Bool, timeout: Int64) async {
        typing.set(c, room: room, user: user, isTyping: isTyping, timeout: timeout)
    }
}

extension RoomService: RoomLookup {
    package func exists(_ tx: ReadTx, room: RoomID) throws -> Bool { try RoomStore.head(tx, room) != nil }
    package func room(_ tx: ReadTx, alias: RoomAlias) throws -> RoomID? { try Aliases.room(tx, alias) }
    package func aliases(_ tx: ReadTx, room: RoomID) throws -> [RoomAlias] {
        guard let head = try RoomStore.head(tx, room) else { return [] }
        return try Aliases.of(tx, room: head.nid)
    }
    package func events(_ c: Context, _ tx: ReadTx, at positions: [Int64]) throws -> [[UInt8]] {
        var rooms: [Int64: RoomID] = [:]
        var found: [(position: Int64, json: [UInt8])] = []
        for start in stride(from: 0, to: positions.count, by: EventSQL.manyCount) {
            let some = positions[start..<min(start + EventSQL.manyCount, positions.count)]
            // The statement has room for a fixed number: the last one stands in the places that are left.
            let binds = Array(some) + Array(repeating: some[some.endIndex - 1], count: EventSQL.manyCount - some.count)
            for event in try EventStore.all(tx, EventSQL.many, array: binds) {
                guard let room = try rooms[event.roomNID] ?? RoomStore.head(tx, nid: event.roomNID)?.id else { continue }
                rooms[event.roomNID] = room
                found.append((event.pos, EventJSON.bytes(event, EventJSON.View(room: room, now: c.clock.now))))
            }
        }
        return found.sorted { $0.position < $1.position }.map(\.json)
    }
}

/// Reading on behalf of the server itself: history visibility does not apply.
extension RoomService: RoomReading {
    package func timeline(_ c: Context, _ tx: ReadTx, room: RoomID, before: Int64?, limit: Int, types: [String]) throws -> [(position: Int64, json: [UInt8])] {
        guard let head = try RoomStore.head(tx, room), limit > 0 else { return [] }
        let wanted = Set(types)
        let view = EventJSON.View(room: room, now: c.clock.now)
        var found: [(position: Int64, json: [UInt8])] = []
        var edge = before ?? .max
        while found.count < limit {
            let size = wanted.isEmpty ? limit - found.count : max(50, limit)
            let batch = try EventStore.page(tx, room: head.nid, before: edge, newestFirst: true, limit: size)
            for event in batch where found.count < limit && (wanted.isEmpty || wanted.contains(event.type)) {
                found.append((position: event.pos, json: EventJSON.bytes(event, view)))
            }
            guard batch.count == size, let last = batch.last else { break }
            edge = last.pos
        }
        return found
    }

    package func event(_ c: Context, _ tx: ReadTx, room: RoomID, event: EventID) throws -> (position: Int64, json: [UInt8])? {
        guard let head = try RoomStore.head(tx, room), let row = try EventStore.event(tx, room: head.nid, event) else { return nil }
        return (position: row.pos, json: EventJSON.bytes(row, EventJSON.View(room: room, now: c.clock.now)))
    }

    package func membership(_ tx: ReadTx, room: RoomID, user: UserID) throws -> String? {
        guard let head = try RoomStore.head(tx, room) else { return nil }
        return try MembershipStore.membership(tx, room: head.nid, user)
    }

    package func joinedMembers(_ tx: ReadTx, room: RoomID) throws -> [UserID] {
        guard let head = try RoomStore.head(tx, room) else { return [] }
        return try tx.all(MembershipSQL.joinedUsers, head.nid) { UserID(trusted: $0.text(0)) }
    }

    package func joinedRooms(_ tx: ReadTx, user: UserID) throws -> [RoomID] {
        try MembershipStore.joinedRooms(tx, of: user).map(\.id)
    }

    package func neighbours(_ tx: ReadTx, of user: UserID) throws -> [UserID] {
        try tx.all(MembershipSQL.neighbours, user) { UserID(trusted: $0.text(0)) }
    }

    package func receipts(_ tx: ReadTx, room: RoomID) throws -> [(user: UserID, event: EventID, position: Int64, timestamp: Int64)] {
        guard let head = try RoomStore.head(tx, room) else { return [] }
        return try Receipts.publicMain(tx, room: head.nid)
    }

    package func typing(room: RoomID) -> [UserID] { typing.users(room) }
}
