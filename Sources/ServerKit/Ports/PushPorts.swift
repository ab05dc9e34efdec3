package import MatrixCore
package import Store

/// Owned by Push: who is told of an event, and how (docs/decisions/0012).
///
/// Most users have the default rules and no pusher; what the default rules say is known to Rooms without asking. Those who are watched are
/// judged one by one.
package protocol PushRules: Sendable {
    /// Moves on whenever somebody is watched who was not before; 0 while nobody ever was.
    var generation: Int64 { get }
    /// Whether the user has rules of his own or a pusher. May say yes of one who has neither any more.
    func watches(_ user: UserID) -> Bool
    /// What the user's rules say. `isOwn`: they are not the default rules.
    func judge(_ c: Context, _ tx: ReadTx, _ event: PushEvent, for user: UserID, _ around: PushSurroundings) throws -> (verdict: PushVerdict, isOwn: Bool)
    /// Tells the devices of those who are notified, once the transaction is durable.
    func notify(_ c: Context, _ tx: WriteTx, room: RoomID, event: EventID, position: Int64, _ verdicts: [(user: UserID, verdict: PushVerdict)]) throws
    /// The number of the user's unread notifications may have changed without a new one for him.
    func countChanged(_ c: Context, _ tx: WriteTx, user: UserID) throws
    /// A room is upgraded: what the user has said about the old room holds for the new one.
    func copyRoomRules(_ c: Context, _ tx: WriteTx, user: UserID, from old: RoomID, to new: RoomID) throws
    /// Devices are gone, and with them their pushers.
    func sessionsEnded(_ c: Context, _ tx: WriteTx, user: UserID, devices: [DeviceID]) throws
    /// An e-mail address, in canonical form, is the user's no more: nothing is mailed to it.
    func addressGone(_ c: Context, _ tx: WriteTx, user: UserID, address: String) throws
}

/// Owned by Rooms: what a device is told of an event at the moment it is told (docs/decisions/0012).
package protocol Notices: Sendable {
    /// nil when there is nothing to tell any more: the user has read it, left, or ignores the sender; or the event is redacted.
    func notice(_ c: Context, _ tx: ReadTx, room: RoomID, event: EventID, for user: UserID) throws -> Notice?
    /// Unread notifications in all rooms.
    func unread(_ tx: ReadTx, user: UserID) throws -> Int64
}

package struct Notice: Sendable {
    package var type: String
    package var sender: UserID
    package var stateKey: String?
    /// JSON.
    package var content: [UInt8]
    /// The sender's name in the room.
    package var senderName: String?
    package var roomName: String?
    package var roomAlias: String?
    /// Messages of the room are encrypted, whether this one is or not.
    package var isEncrypted: Bool
    package init(type: String, sender: UserID, stateKey: String?, content: [UInt8], senderName: String?, roomName: String?, roomAlias: String?,
                 isEncrypted: Bool = false) {
        self.type = type; self.sender = sender; self.stateKey = stateKey; self.content = content
        self.senderName = senderName; self.roomName = roomName; self.roomAlias = roomAlias; self.isEncrypted = isEncrypted
    }
}
