package import MatrixCore
package import ServerKit
package import Store

extension Ports {
    /// Ports of a test: those that are not given do nothing, know nobody, and refuse to write. Without an Accounts feature any
    /// user id is a valid access token (`OpenSessions`).
    package static func testing(
        sessions: any SessionChecking = OpenSessions(), users: any UserDirectory = NoUsers(), rooms: any RoomWriting = NoRooms(),
        timelines: any RoomReading = NoTimelines(), media: any MediaStoring = NoMedia(),
        preferences: any Preferences = NoPreferences(), lookup: any RoomLookup = NoRoomLookup(),
        push: any PushRules = DefaultRulesOnly(), notices: any Notices = NoNotices()
    ) -> Ports {
        var ports = Ports(sessions: sessions, users: users, rooms: rooms, timelines: timelines, media: media, preferences: preferences,
                          push: push, notices: notices)
        ports.lookup = lookup
        return ports
    }
}

/// The access token is the user id; "admin" as localpart is an administrator, a localpart that starts with "guest" a guest.
package struct OpenSessions: SessionChecking {
    package init() {}
    package func session(_ c: Context, token: String, request: Request) async throws -> Session {
        guard let session = known(c, token: token, request: request) else { throw MatrixError.unknownToken() }
        return session
    }
    package func known(_ c: Context, token: String, request: Request) -> Session? {
        guard let user = UserID(rawValue: token) else { return nil }
        return Session(userID: user, deviceID: DeviceID(trusted: "DEVICE"), isGuest: user.localpart.hasPrefix("guest"), isAdmin: user.localpart == "admin")
    }
}

/// Every user exists and has no profile; accounts and sessions are made without being kept.
package struct NoUsers: UserDirectory {
    package init() {}
    package func create(_ c: Context, _ tx: WriteTx, _ account: NewAccount, passwordHash: String?) throws -> UserID { c.userID(localpart: account.localpart) }
    package func hash(_ c: Context, password: String) async throws -> String { "hash" }
    package func createSession(_ c: Context, _ tx: WriteTx, user: UserID, deviceName: String?) throws -> (token: String, device: DeviceID) {
        (user.rawValue, DeviceID(trusted: "DEVICE"))
    }
    package func endSession(_ c: Context, _ tx: WriteTx, user: UserID, device: DeviceID) throws {}
    package func standing(_ tx: ReadTx, _ user: UserID) throws -> Standing? { Standing(kind: user.localpart.hasPrefix("guest") ? .guest : .person) }
    package func profile(_ tx: ReadTx, _ user: UserID) throws -> Profile { Profile() }
    package func setProfile(_ c: Context, _ tx: WriteTx, user: UserID, _ profile: Profile) throws {}
    package func filter(_ tx: ReadTx, user: UserID, id: String) throws -> JSONObject? { nil }
}

/// Nobody has stored anything.
package struct NoPreferences: Preferences {
    package init() {}
    package func preference(_ tx: ReadTx, user: UserID, room: RoomID?, type: String) throws -> JSONObject? { nil }
    package func setPreference(_ tx: WriteTx, user: UserID, room: RoomID?, type: String, _ content: JSONObject) throws {}
    package func preferences(_ tx: ReadTx, user: UserID, type: String) throws -> [RoomID: JSONObject] { [:] }
    package func mailAddresses(_ tx: ReadTx, user: UserID) throws -> [String] { [] }
}

/// Everybody has the default push rules, and nobody a pusher.
package struct DefaultRulesOnly: PushRules {
    package init() {}
    package var generation: Int64 { 0 }
    package func watches(_ user: UserID) -> Bool { false }
    package func judge(_ c: Context, _ tx: ReadTx, _ event: PushEvent, for user: UserID, _ around: PushSurroundings) throws -> (verdict: PushVerdict, isOwn: Bool) {
        (CompiledPushRules(PushRuleSet(), for: user).verdict(event, around), false)
    }
    package func notify(_ c: Context, _ tx: WriteTx, room: RoomID, event: EventID, position: Int64, _ verdicts: [(user: UserID, verdict: PushVerdict)]) throws {}
    package func countChanged(_ c: Context, _ tx: WriteTx, user: UserID) throws {}
    package func copyRoomRules(_ c: Context, _ tx: WriteTx, user: UserID, from old: RoomID, to new: RoomID) throws {}
    package func sessionsEnded(_ c: Context, _ tx: WriteTx, user: UserID, devices: [DeviceID]) throws {}
    package func addressGone(_ c: Context, _ tx: WriteTx, user: UserID, address: String) throws {}
}

/// There is nothing to be told of.
package struct NoNotices: Notices {
    package init() {}
    package func notice(_ c: Context, _ tx: ReadTx, room: RoomID, event: EventID, for user: UserID) throws -> Notice? { nil }
    package func unread(_ tx: ReadTx, user: UserID) throws -> Int64 { 0 }
}

/// There are no rooms.
package struct NoRooms: RoomWriting {
    package init() {}
    package func create(_ c: Context, _ tx: WriteTx, _ creation: RoomCreation) throws -> RoomID { throw MatrixError.forbidden() }
    package func append(_ c: Context, _ tx: WriteTx, _ event: NewEvent) throws -> EventID { throw MatrixError.forbidden() }
    package func setMembership(_ c: Context, _ tx: WriteTx, room: RoomID, target: UserID, membership: String, by sender: UserID, content: JSONObject,
                               timestamp: Int64?) throws -> EventID { throw MatrixError.forbidden() }
    package func redact(_ c: Context, _ tx: WriteTx, room: RoomID, event: EventID, by sender: UserID, reason: String?) throws -> EventID {
        throw MatrixError.forbidden()
    }
    package func setReceipt(_ c: Context, _ tx: WriteTx, room: RoomID, user: UserID, event: EventID, isPrivate: Bool) throws -> Bool { false }
    package func setTyping(_ c: Context, room: RoomID, user: UserID, isTyping: Bool, timeout: Int64) async {}
    package func profileChanged(_ c: Context, _ tx: WriteTx, user: UserID) throws {}
}

package struct NoTimelines: RoomReading {
    package init() {}
    package func timeline(_ c: Context, _ tx: ReadTx, room: RoomID, before: Int64?, limit: Int, types: [String]) throws -> [(position: Int64, json: [UInt8])] { [] }
    package func event(_ c: Context, _ tx: ReadTx, room: RoomID, event: EventID) throws -> (position: Int64, json: [UInt8])? { nil }
    package func membership(_ tx: ReadTx, room: RoomID, user: UserID) throws -> String? { nil }
    package func joinedMembers(_ tx: ReadTx, room: RoomID) throws -> [UserID] { [] }
    package func joinedRooms(_ tx: ReadTx, user: UserID) throws -> [RoomID] { [] }
    package func neighbours(_ tx: ReadTx, of user: UserID) throws -> [UserID] { [] }
    package func receipts(_ tx: ReadTx, room: RoomID) throws -> [(user: UserID, event: EventID, position: Int64, timestamp: Int64)] { [] }
    package func typing(room: RoomID) -> [UserID] { [] }
}

/// Keeps nothing and gives a repeatable address.
package struct NoMedia: MediaStoring {
    package init() {}
    package func store(_ c: Context, bytes: [UInt8], contentType: String, fileName: String?, owner: UserID) async throws -> MXC {
        MXC(trusted: "mxc://\(c.serverName)/\(c.entropy.token(24))")
    }
    package func quarantine(_ tx: WriteTx, media: [String], by administrator: UserID) throws -> Int { 0 }
    package func released(_ c: Context, _ tx: WriteTx, media: Set<String>, by sender: UserID) throws {}
}
