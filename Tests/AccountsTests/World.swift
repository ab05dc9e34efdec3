import Accounts
import MatrixCore
import ServerKit
import Store
import Synchronization
import TestKit

/// A server with the Accounts feature and rooms that are only lists of members.
struct World {
    let accounts = Accounts()
    let rooms = ListedRooms()
    let app: TestApp

    init(outbound: (any Outbound)? = nil, config change: (inout Config) -> Void = { _ in }) async throws {
        app = try await TestApp([accounts.feature], ports: .testing(sessions: accounts, users: accounts, rooms: rooms, timelines: rooms, lookup: rooms), outbound: outbound, config: change)
    }

    var c: Context { app.context }

    /// Appends a state event as Rooms would: the observers see it inside the transaction.
    func state(_ room: RoomID, _ type: String, key: String = "", by user: TestUser, _ content: JSON) async throws {
        let c = c, rooms = rooms, id = user.id
        let members = [UserID(trusted: key)] + rooms.members(room)
        try await c.db.write { tx in
            let position = tx.nextPosition()
            if type == "m.room.member" { rooms.set(room, UserID(trusted: key), isIn: content["membership"] == "join", at: position) }
            let event = AppendedEvent(position: position, room: room, id: EventID(trusted: "$\(position)"), type: type, stateKey: key, sender: id,
                                      timestamp: c.clock.now, content: content)
            for observer in c.observers { try observer.appended(c, tx, event) }
            for member in members { tx.touch(.user(member.rawValue)) }
        }
    }
    func join(_ user: TestUser, _ room: RoomID) async throws { try await state(room, "m.room.member", key: user.id.rawValue, by: user, ["membership": "join"]) }
    func leave(_ user: TestUser, _ room: RoomID) async throws { try await state(room, "m.room.member", key: user.id.rawValue, by: user, ["membership": "leave"]) }

    func user(_ path: String, _ user: TestUser) -> String { "/_matrix/client/v3/user/\(user.path)/\(path)" }
}

/// Rooms that are lists of members, and a note of what was asked of them.
final class ListedRooms: RoomWriting, RoomReading, RoomLookup {
    private struct State {
        var members: [RoomID: Set<UserID>] = [:]
        var profileChanges: [UserID] = []
        var log: [(position: Int64, room: RoomID, user: UserID, isIn: Bool)] = []
    }
    private let state = Mutex(State())

    var profileChanges: [UserID] { state.withLock { $0.profileChanges } }
    func members(_ room: RoomID) -> [UserID] { state.withLock { ($0.members[room] ?? []).sorted() } }
    func set(_ room: RoomID, _ user: UserID, isIn: Bool, at position: Int64) {
        state.withLock { state in
            state.log.append((position, room, user, isIn))
            if isIn { state.members[room, default: []].insert(user) } else { state.members[room]?.remove(user) }
        }
    }

    func mentions(_ tx: ReadTx, media id: String) throws -> Bool { false }
    func create(_ c: Context, _ tx: WriteTx, _ creation: RoomCreation) throws -> RoomID { throw MatrixError.forbidden() }
    func append(_ c: Context, _ tx: WriteTx, _ event: NewEvent) throws -> EventID { throw MatrixError.forbidden() }
    func setMembership(_ c: Context, _ tx: WriteTx, room: RoomID, target: UserID, membership: String, by sender: UserID, content: JSONObject,
                       timestamp: Int64?) throws -> EventID {
        let position = tx.nextPosition()
        set(room, target, isIn: membership == "join", at: position)
        let event = AppendedEvent(position: position, room: room, id: EventID(trusted: "$\(position)"), type: "m.room.member", stateKey: target.rawValue, sender: sender,
                                  timestamp: c.clock.now, content: ["membership": .string(membership)])
        for observer in c.observers { try observer.appended(c, tx, event) }
        for member in members(room) + [target] { tx.touch(.user(member.rawValue)) }
        return event.id
    }
    func redact(_ c: Context, _ tx: WriteTx, room: RoomID, event: EventID, by sender: UserID, reason: String?) throws -> EventID { throw MatrixError.forbidden() }
    func setReceipt(_ c: Context, _ tx: WriteTx, room: RoomID, user: UserID, event: EventID, isPrivate: Bool) throws -> Bool { false }
    func setTyping(_ c: Context, room: RoomID, user: UserID, isTyping: Bool, timeout: Int64) async {}
    func profileChanged(_ c: Context, _ tx: WriteTx, user: UserID) throws { state.withLock { $0.profileChanges.append(user) } }

    func timeline(_ c: Context, _ tx: ReadTx, room: RoomID, before: Int64?, limit: Int, types: [String]) throws -> [(position: Int64, json: [UInt8])] { [] }
    func event(_ c: Context, _ tx: ReadTx, room: RoomID, event: EventID) throws -> (position: Int64, json: [UInt8])? { nil }
    func membership(_ tx: ReadTx, room: RoomID, user: UserID) throws -> String? { members(room).contains(user) ? "join" : nil }
    func joinedMembers(_ tx: ReadTx, room: RoomID) throws -> [UserID] { members(room) }
    func joinedRooms(_ tx: ReadTx, user: UserID) throws -> [RoomID] { state.withLock { $0.members.filter { $1.contains(user) }.map(\.key).sorted() } }
    func neighbours(_ tx: ReadTx, of user: UserID) throws -> [UserID] {
        state.withLock { state in
            var near: Set<UserID> = []
            for members in state.members.values where members.contains(user) { near.formUnion(members) }
            near.remove(user)
            return near.sorted()
        }
    }
    func exists(_ tx: ReadTx, room: RoomID) throws -> Bool { false }
    func room(_ tx: ReadTx, alias: RoomAlias) throws -> RoomID? { nil }
    func aliases(_ tx: ReadTx, room: RoomID) throws -> [RoomAlias] { [] }
    func events(_ c: Context, _ tx: ReadTx, at positions: [Int64]) throws -> [[UInt8]] { [] }
    func companions(_ tx: ReadTx, of user: UserID, among others: Set<UserID>) throws -> Set<UserID> { others.intersection(try neighbours(tx, of: user)) }
    /// By replaying the list of what happened.
    func encounters(_ tx: ReadTx, of user: UserID, after position: Int64, rooms: Set<RoomID>?) throws -> Encounters {
        state.withLock { state in
            func near(through: Int64) -> [RoomID: Set<UserID>] {
                var members: [RoomID: Set<UserID>] = [:]
                for entry in state.log where entry.position <= through {
                    if entry.isIn { members[entry.room, default: []].insert(entry.user) } else { members[entry.room]?.remove(entry.user) }
                }
                return members.filter { $1.contains(user) }
            }
            let before = near(through: position), now = near(through: .max)
            let gone = Set(before.values.joined()).subtracting(now.values.joined())
            var met: Set<UserID> = []
            for (room, members) in now where rooms?.contains(room) != false {
                met.formUnion(before[room] == nil ? members : Set(state.log.filter { $0.position > position && $0.room == room && $0.isIn }.map(\.user)).intersection(members))
            }
            return Encounters(met: met.subtracting([user]), parted: gone.subtracting([user]))
        }
    }
    func receipts(_ tx: ReadTx, room: RoomID) throws -> [(user: UserID, event: EventID, position: Int64, timestamp: Int64)] { [] }
    func typing(room: RoomID) -> [UserID] { [] }
}

extension TestUser {
    /// The `auth` of a request that needs the password.
    func auth(session: String? = nil, password: String? = nil) -> JSON {
        var auth: JSONObject = ["type": "m.login.password", "identifier": ["type": "m.id.user", "user": JSON(id)], "password": .string(password ?? self.password)]
        if let session { auth["session"] = .string(session) }
        return .object(auth)
    }
}

let v3 = "/_matrix/client/v3"
let v1 = "/_matrix/client/v1"

/// A value that a test changes while a server answers by it.
final class Box: Sendable {
    private let stored: Mutex<String>
    init(_ value: String) { stored = Mutex(value) }
    var value: String {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }
}
