import MatrixCore
import ServerKit
import Store

/// Who must be told that somebody's devices or keys have changed.
/// Spec: https://spec.matrix.org/latest/client-server-api/#tracking-the-device-list-for-a-user
///
/// Invariants: a change is announced in the transaction that makes it; who shares a room with the changed one at that moment
/// hears of it at his next sync, and so does who meets him later; people are told too much rather than too little.
enum DeviceLists {
    /// Devices, device names, or keys that everybody may see.
    static func announce(_ c: Context, _ tx: WriteTx, _ board: DeviceListBoard, _ user: UserID) throws {
        let position = tx.nextPosition()
        try tx.run(DeviceListSQL.announce, user, position)
        var audience = Set(try c.ports.timelines.neighbours(tx, of: user))
        audience.insert(user)
        for other in audience { tx.touch(.device(other.rawValue)) }
        board.note(.devices(of: user, audience: audience.count <= DeviceListBoard.largestAudience ? audience : nil), at: position)
        try c.ports.bridges.changed(c, tx, .devices(of: user))
    }

    /// What only `user` sees of `other` (or of himself) has changed: his user-signing key, a signature that he made.
    static func announce(_ c: Context, _ tx: WriteTx, _ board: DeviceListBoard, to user: UserID, about other: UserID) throws {
        let position = tx.nextPosition()
        try tx.run(DeviceListSQL.note, user, other, position)
        tx.touch(.device(user.rawValue))
        board.note(.devices(of: other, audience: [user]), at: position)
        try c.ports.bridges.changed(c, tx, .signatures(of: other, seenBy: user))
    }

    static func changes(_ c: Context, _ tx: ReadTx, _ board: DeviceListBoard, of user: UserID, after from: Int64, through to: Int64) throws -> SyncParts.DeviceLists {
        var changed: Set<UserID> = [], unsure: Set<UserID> = [], rooms: Set<RoomID>?
        if let news = board.changes(after: from, through: to) {
            guard !news.isEmpty else { return SyncParts.DeviceLists() }
            var near: Set<RoomID> = []
            for change in news {
                switch change {
                case .devices(let other, nil): if other == user { changed.insert(user) } else { unsure.insert(other) }
                case .devices(let other, .some(let audience)): if audience.contains(user) { changed.insert(other) }
                case .membership(let other, let room): if other == user || c.hub.mayHear(user.rawValue, of: room.rawValue) { near.insert(room) }
                }
            }
            rooms = near
        } else {
            unsure = Set(try tx.all(DeviceListSQL.announced, from) { UserID(trusted: $0.text(0)) })
            if unsure.remove(user) != nil { changed.insert(user) }
            try tx.each(DeviceListSQL.noted, user, from) { changed.insert(UserID(trusted: $0.text(0))) }
        }
        if !unsure.isEmpty { changed.formUnion(try c.ports.lookup.companions(tx, of: user, among: unsure)) }
        var parted: Set<UserID> = []
        if rooms?.isEmpty != true {
            let encounters = try c.ports.lookup.encounters(tx, of: user, after: from, rooms: rooms)
            changed.formUnion(encounters.met)
            parted = encounters.parted
        }
        return SyncParts.DeviceLists(changed: changed.subtracting(parted).sorted(), left: parted.sorted())
    }
}

struct DeviceListSync: SyncSource {
    let board: DeviceListBoard

    func isQuiet(_ c: Context, user: UserID, device: DeviceID, presence: String, through token: SyncToken) -> Bool { true }

    /// A fresh client has no list that could be out of date.
    func contribute(_ c: Context, _ tx: ReadTx, _ scope: SyncScope, into parts: inout SyncParts) throws {
        guard scope.wanted.contains(.keys), let since = scope.since else { return }
        parts.deviceLists = try DeviceLists.changes(c, tx, board, of: scope.user, after: since.position, through: scope.now.position)
    }
}

struct DeviceListObserver: RoomObserver {
    let board: DeviceListBoard

    func appended(_ c: Context, _ tx: WriteTx, _ event: AppendedEvent) throws {
        guard event.type == "m.room.member", let member = event.stateKey else { return }
        board.note(.membership(of: UserID(trusted: member), in: event.room), at: event.position)
    }
}

enum DeviceListSQL {
    static let announce = """
        INSERT INTO device_list_change (user_id, position) VALUES (?, ?) ON CONFLICT (user_id) DO UPDATE SET position = excluded.position
        """
    static let note = """
        INSERT INTO device_list_note (user_id, about, position) VALUES (?, ?, ?) ON CONFLICT (user_id, about) DO UPDATE SET position = excluded.position
        """
    static let announced = "SELECT user_id FROM device_list_change WHERE position > ?"
    static let noted = "SELECT about FROM device_list_note WHERE user_id = ? AND position > ?"

    static let all = [announce, note, announced, noted]
}
