package import MatrixCore
package import ServerKit
package import Store

/// Who knows whom by sharing a room. Clients encrypt for those people, so they must hear whose devices to track.
/// Spec: https://spec.matrix.org/latest/client-server-api/#tracking-the-device-list-for-a-user
///
/// Invariants: nobody is named to someone who never was in the room; what is told may be more than what changed, never less.
extension RoomService {
    /// Below these figures single look-ups are cheaper than reading all neighbours, or all rooms.
    private static let fewPeople = 16, fewRooms = 8

    package func companions(_ tx: ReadTx, of user: UserID, among others: Set<UserID>) throws -> Set<UserID> {
        guard others.count > Self.fewPeople else {
            // The others have few rooms more often than somebody who asks for many people's devices.
            return try others.filter { try $0 != user && tx.exists(CompanionSQL.shares, $0, user) }
        }
        return others.intersection(try neighbours(tx, of: user))
    }

    package func encounters(_ tx: ReadTx, of user: UserID, after position: Int64, rooms: Set<RoomID>?) throws -> Encounters {
        var met: Set<UserID> = [], gone: Set<UserID> = []
        func add(_ row: Row) {
            let other = UserID(trusted: row.text(0)), membership = row.text(1)
            if membership == "leave" || membership == "ban" { gone.insert(other) } else { met.insert(other) }
        }
        func left(_ nid: Int64) throws {
            // Somebody who declined an invite never saw who is there.
            guard try StateStore.event(tx, room: nid, EventType.member, user.rawValue, at: position)?.contentObject["membership"] == "join" else { return }
            try tx.each(CompanionSQL.leftBehind, nid, position) { gone.insert(UserID(trusted: $0.text(0))) }
        }
        if let rooms, rooms.count <= Self.fewRooms {
            for room in rooms.sorted() {
                guard let own = try tx.first(CompanionSQL.own, user, room, row: { (nid: $0.int(0), membership: $0.text(1), since: $0.int(2)) }) else { continue }
                switch own.membership {
                case "join":
                    try tx.each(CompanionSQL.changedIn, own.nid, position, position) { add($0) }
                    if own.since > position { try tx.each(CompanionSQL.present, own.nid) { add($0) } }
                case "leave" where own.since > position, "ban" where own.since > position: try left(own.nid)
                default: break
                }
            }
        } else {
            try tx.each(CompanionSQL.changedAnywhere, position, position, position, user) { add($0) }
            try tx.each(CompanionSQL.presentInNew, user, position) { add($0) }
            for nid in try tx.all(CompanionSQL.leftRooms, user, position, row: { $0.int(0) }) { try left(nid) }
        }
        met.remove(user)
        gone.remove(user)
        let parted = gone.subtracting(try companions(tx, of: user, among: gone))
        return Encounters(met: met.subtracting(parted), parted: parted)
    }
}

package enum CompanionSQL {
    static let shares = """
        SELECT 1 FROM membership a JOIN membership b ON b.room_nid = a.room_nid AND b.membership = 'join' \
        WHERE a.user_id = ? AND a.membership = 'join' AND b.user_id = ? LIMIT 1
        """
    static let own = "SELECT m.room_nid, m.membership, m.since_pos FROM membership m JOIN room r ON r.room_nid = m.room_nid WHERE m.user_id = ? AND r.room_id = ?"
    static let changedIn = """
        SELECT user_id, membership FROM membership WHERE room_nid = ? AND membership IN ('join', 'invite', 'knock', 'leave', 'ban') \
        AND pos > ? AND since_pos > ?
        """
    static let present = "SELECT user_id, membership FROM membership WHERE room_nid = ? AND membership IN ('join', 'invite', 'knock')"
    static let leftBehind = """
        SELECT user_id FROM membership WHERE room_nid = ?1 AND membership = 'join' \
        UNION SELECT user_id FROM membership WHERE room_nid = ?1 AND membership IN ('leave', 'ban') AND pos > ?2
        """
    static let changedAnywhere = """
        SELECT DISTINCT o.user_id, o.membership FROM membership m JOIN room r ON r.room_nid = m.room_nid AND r.member_pos > ? \
        JOIN membership o ON o.room_nid = m.room_nid AND o.membership IN ('join', 'invite', 'knock', 'leave', 'ban') AND o.pos > ? \
        AND o.since_pos > ? WHERE m.user_id = ? AND m.membership = 'join'
        """
    static let presentInNew = """
        SELECT DISTINCT o.user_id, o.membership FROM membership m JOIN membership o ON o.room_nid = m.room_nid \
        AND o.membership IN ('join', 'invite', 'knock') WHERE m.user_id = ? AND m.membership = 'join' AND m.since_pos > ?
        """
    static let leftRooms = "SELECT room_nid FROM membership WHERE user_id = ? AND membership IN ('leave', 'ban') AND since_pos > ?"

    package static let all = [shares, own, changedIn, present, leftBehind, changedAnywhere, presentInNew, leftRooms]
}
