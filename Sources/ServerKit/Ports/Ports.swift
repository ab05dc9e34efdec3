package import MatrixCore
package import Store

/// What features need of each other. A protocol here has at most eight methods; its owner implements it, `App` joins them.
/// Methods that take a transaction do their work inside it: what two features do together is one durable step.
package struct Ports: Sendable {
    package var sessions: any SessionChecking
    package var users: any UserDirectory
    package var rooms: any RoomWriting
    package var timelines: any RoomReading
    package var media: any MediaStoring
    package var preferences: any Preferences
    package var push: any PushRules
    package var notices: any Notices
    package var bridges: any Bridging = NoBridges()
    package var lookup: any RoomLookup = NoRoomLookup()
    package init(sessions: any SessionChecking, users: any UserDirectory, rooms: any RoomWriting, timelines: any RoomReading, media: any MediaStoring,
                 preferences: any Preferences, push: any PushRules, notices: any Notices) {
        self.sessions = sessions; self.users = users; self.rooms = rooms; self.timelines = timelines; self.media = media
        self.preferences = preferences; self.push = push; self.notices = notices
    }
}

/// Owned by Accounts.
package protocol SessionChecking: Sendable {
    /// The session of an access token; throws M_UNKNOWN_TOKEN (with soft_logout when it has expired), M_USER_DEACTIVATED.
    /// Notes when and from where the device was last seen, at most once a minute.
    func session(_ c: Context, token: String, request: Request) async throws -> Session
    /// The same from memory; nil when only `session` can tell. Never blocks.
    func known(_ c: Context, token: String, request: Request) -> Session?
}

package struct Profile: Sendable, Hashable {
    package var displayName: String?
    package var avatarURL: String?
    package init(displayName: String? = nil, avatarURL: String? = nil) { self.displayName = displayName; self.avatarURL = avatarURL }
}

package struct NewAccount: Sendable {
    package var localpart: String
    package var kind: AccountKind
    package var displayName: String?
    /// nil: nobody can sign in by password.
    package var password: String?
    package var isAdmin: Bool
    package init(localpart: String, kind: AccountKind, displayName: String? = nil, password: String? = nil, isAdmin: Bool = false) {
        self.localpart = localpart; self.kind = kind; self.displayName = displayName; self.password = password; self.isAdmin = isAdmin
    }
}

/// Owned by Accounts.
package protocol UserDirectory: Sendable {
    /// Makes a local account. Throws M_USER_IN_USE, M_INVALID_USERNAME. Password hashing is slow: hash before the transaction with `hash`.
    func create(_ c: Context, _ tx: WriteTx, _ account: NewAccount, passwordHash: String?) throws -> UserID
    /// Argon2id, off the caller's thread, bounded.
    func hash(_ c: Context, password: String) async throws -> String
    /// A new session (device and access token) of a local user.
    func createSession(_ c: Context, _ tx: WriteTx, user: UserID, deviceName: String?) throws -> (token: String, device: DeviceID)
    /// Ends the sessions of one device: its tokens stop working at once. Unknown devices are no error.
    func endSession(_ c: Context, _ tx: WriteTx, user: UserID, device: DeviceID) throws
    /// What a local account is; nil when there is none.
    func standing(_ tx: ReadTx, _ user: UserID) throws -> Standing?
    func profile(_ tx: ReadTx, _ user: UserID) throws -> Profile
    func setProfile(_ c: Context, _ tx: WriteTx, user: UserID, _ profile: Profile) throws
    /// A filter that the user has stored (`POST /user/{userId}/filter`), for `/sync` and `/messages`.
    func filter(_ tx: ReadTx, user: UserID, id: String) throws -> JSONObject?
}
extension UserDirectory {
    package func exists(_ tx: ReadTx, _ user: UserID) throws -> Bool { try standing(tx, user) != nil }
}

package struct Standing: Sendable, Hashable {
    package var kind: AccountKind
    /// The person is gone and wants nothing shown of what he wrote to those who come after.
    package var isErased: Bool
    package init(kind: AccountKind, isErased: Bool = false) { self.kind = kind; self.isErased = isErased }
}

/// Owned by Accounts: what a user's clients have stored about him that the server itself goes by, and what the server changes of it for him;
/// and where else he is reached.
package protocol Preferences: Sendable {
    /// Account data of one type, of the whole account or of one room; nil when there is none.
    func preference(_ tx: ReadTx, user: UserID, room: RoomID?, type: String) throws -> JSONObject?
    /// Replaces account data of one type, and tells the user's clients.
    func setPreference(_ tx: WriteTx, user: UserID, room: RoomID?, type: String, _ content: JSONObject) throws
    /// Account data of one type in all rooms that have it.
    func preferences(_ tx: ReadTx, user: UserID, type: String) throws -> [RoomID: JSONObject]
    /// E-mail addresses that the user has proved to be his, in canonical form.
    func mailAddresses(_ tx: ReadTx, user: UserID) throws -> [String]
}

/// What /createRoom takes, and what the desk asks for.
package struct RoomCreation: Sendable {
    package var creator: UserID
    package var version: String?
    /// "private_chat", "trusted_private_chat", "public_chat".
    package var preset: String
    package var name: String?
    package var topic: String?
    package var invite: [UserID]
    package var isDirect: Bool
    /// Merged into m.room.create.
    package var creationContent: JSONObject
    /// State events after the preset's: type, state key, content.
    package var initialState: [(type: String, stateKey: String, content: JSON)]
    /// Merged over the default power levels.
    package var powerLevels: JSONObject?
    package var timestamp: Int64?
    package init(creator: UserID, version: String? = nil, preset: String = "private_chat", name: String? = nil, topic: String? = nil,
                 invite: [UserID] = [], isDirect: Bool = false, creationContent: JSONObject = [:],
                 initialState: [(type: String, stateKey: String, content: JSON)] = [], powerLevels: JSONObject? = nil, timestamp: Int64? = nil) {
        self.creator = creator; self.version = version; self.preset = preset; self.name = name; self.topic = topic
        self.invite = invite; self.isDirect = isDirect; self.creationContent = creationContent
        self.initialState = initialState; self.powerLevels = powerLevels; self.timestamp = timestamp
    }
}

package struct NewEvent: Sendable {
    package var room: RoomID
    package var sender: UserID
    package var type: String
    /// nil for a message event.
    package var stateKey: String?
    package var content: JSON
    /// Client's transaction: the same (device, id) again answers the first event and appends nothing.
    package var transaction: (device: DeviceID, id: String)?
    /// Milliseconds; nil for now.
    package var timestamp: Int64?
    package init(room: RoomID, sender: UserID, type: String, stateKey: String? = nil, content: JSON,
                 transaction: (device: DeviceID, id: String)? = nil, timestamp: Int64? = nil) {
        self.room = room; self.sender = sender; self.type = type; self.stateKey = stateKey; self.content = content
        self.transaction = transaction; self.timestamp = timestamp
    }
}

/// Owned by Rooms. Every method checks the room's authorization rules for the acting user.
package protocol RoomWriting: Sendable {
    func create(_ c: Context, _ tx: WriteTx, _ creation: RoomCreation) throws -> RoomID
    func append(_ c: Context, _ tx: WriteTx, _ event: NewEvent) throws -> EventID
    /// `membership` is "invite", "join", "leave" or "ban"; `content` is merged into the member event (displayname override, reason).
    func setMembership(_ c: Context, _ tx: WriteTx, room: RoomID, target: UserID, membership: String, by sender: UserID, content: JSONObject, timestamp: Int64?) throws -> EventID
    func redact(_ c: Context, _ tx: WriteTx, room: RoomID, event: EventID, by sender: UserID, reason: String?) throws -> EventID
    /// Moves `m.read` forward; false when it was there already.
    @discardableResult func setReceipt(_ c: Context, _ tx: WriteTx, room: RoomID, user: UserID, event: EventID, isPrivate: Bool) throws -> Bool
    /// In memory; ends by itself after `timeout` ms.
    func setTyping(_ c: Context, room: RoomID, user: UserID, isTyping: Bool, timeout: Int64) async
    /// A user's name or picture changed: writes member events into the rooms that he has joined.
    func profileChanged(_ c: Context, _ tx: WriteTx, user: UserID) throws
}

/// An event as it was appended, given to observers inside the transaction.
package struct AppendedEvent: Sendable {
    package let position: Int64
    package let room: RoomID
    package let id: EventID
    package let type: String
    package let stateKey: String?
    package let sender: UserID
    package let timestamp: Int64
    package let content: JSON
    /// Of a membership event: what the user was in the room before it; nil when he was nothing.
    package let formerMembership: String?
    package init(position: Int64, room: RoomID, id: EventID, type: String, stateKey: String?, sender: UserID, timestamp: Int64, content: JSON,
                 formerMembership: String? = nil) {
        self.position = position; self.room = room; self.id = id; self.type = type; self.stateKey = stateKey
        self.sender = sender; self.timestamp = timestamp; self.content = content; self.formerMembership = formerMembership
    }
}

package protocol RoomObserver: Sendable {
    /// Inside the transaction that appends the event: what is written here is durable together with it. A throw undoes both.
    func appended(_ c: Context, _ tx: WriteTx, _ event: AppendedEvent) throws
    /// Inside the transaction that moves a public read receipt forward.
    func receiptMoved(_ c: Context, _ tx: WriteTx, room: RoomID, user: UserID, event: EventID, timestamp: Int64) throws
    /// Who types in a room has changed (in memory). Must return at once.
    func typingChanged(_ c: Context, room: RoomID, typing: [UserID])
    /// An administrator wants to delete the room. A throw says why it must stay.
    func willDelete(_ c: Context, _ tx: ReadTx, room: RoomID) throws
    /// The room is gone, its events and members with it: what the feature keeps of it goes as well. Called again after a restart until it has returned.
    func deleted(_ c: Context, room: RoomID) async throws
}
extension RoomObserver {
    package func receiptMoved(_ c: Context, _ tx: WriteTx, room: RoomID, user: UserID, event: EventID, timestamp: Int64) throws {}
    package func typingChanged(_ c: Context, room: RoomID, typing: [UserID]) {}
    package func willDelete(_ c: Context, _ tx: ReadTx, room: RoomID) throws {}
    package func deleted(_ c: Context, room: RoomID) async throws {}
}

/// Owned by Rooms.
package protocol RoomReading: Sendable {
    /// Events of a room in client format (complete JSON objects with event_id, room_id and unsigned), newest first, before `before` (exclusive) or from the end.
    func timeline(_ c: Context, _ tx: ReadTx, room: RoomID, before: Int64?, limit: Int, types: [String]) throws -> [(position: Int64, json: [UInt8])]
    func event(_ c: Context, _ tx: ReadTx, room: RoomID, event: EventID) throws -> (position: Int64, json: [UInt8])?
    func membership(_ tx: ReadTx, room: RoomID, user: UserID) throws -> String?
    func joinedMembers(_ tx: ReadTx, room: RoomID) throws -> [UserID]
    func joinedRooms(_ tx: ReadTx, user: UserID) throws -> [RoomID]
    /// Local users who share a joined room with `user`, himself not counted.
    func neighbours(_ tx: ReadTx, of user: UserID) throws -> [UserID]
    /// Who has read up to where: user -> (event, timestamp ms), public receipts of the main timeline.
    func receipts(_ tx: ReadTx, room: RoomID) throws -> [(user: UserID, event: EventID, position: Int64, timestamp: Int64)]
    /// Who is typing now (memory).
    func typing(room: RoomID) -> [UserID]
}

package struct Encounters: Sendable, Hashable {
    /// Came into a room of the user, by joining, knocking or being invited; or were in one that the user has joined.
    package var met: Set<UserID>
    /// Shared a room with the user, and share none now.
    package var parted: Set<UserID>
    package init(met: Set<UserID> = [], parted: Set<UserID> = []) { self.met = met; self.parted = parted }
}

/// Owned by Media.
package protocol MediaStoring: Sendable {
    /// Stores bytes durably and gives their mxc:// address.
    func store(_ c: Context, bytes: [UInt8], contentType: String, fileName: String?, owner: UserID) async throws -> MXC
    /// Shows media, and other media of the same content, to nobody any more. Gives how many were shown before; protected ones stay.
    func quarantine(_ tx: WriteTx, media: [String], by administrator: UserID) throws -> Int
    /// An event of this sender that named these media is deleted: what he has uploaded himself, and nothing names any more, goes after a while.
    func released(_ c: Context, _ tx: WriteTx, media: Set<String>, by sender: UserID) throws
}
