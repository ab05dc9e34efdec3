import MatrixCore
import ServerKit
import Store

/// An event that someone wants to append.
struct Draft {
    var type: String
    var stateKey: String?
    var sender: UserID
    var content: JSONObject
    var redacts: EventID?
    var timestamp: Int64?
    var transaction: (device: DeviceID, id: String)?

    init(_ type: String, stateKey: String? = nil, sender: UserID, _ content: JSONObject, redacts: EventID? = nil, timestamp: Int64? = nil,
         transaction: (device: DeviceID, id: String)? = nil) {
        self.type = type; self.stateKey = stateKey; self.sender = sender; self.content = content
        self.redacts = redacts; self.timestamp = timestamp; self.transaction = transaction
    }
}

/// Appends events to one room inside one write transaction.
///
/// The room's row is read once, kept here while events are appended, and written by `finish`. Write closures are serial, so what was
/// read stays true until then. After a throw the object must not be used again.
final class RoomWork {
    let c: Context
    let tx: WriteTx
    let service: RoomService
    let version: RoomVersion
    private(set) var head: RoomHead
    private var loadedAuth: RoomAuth?
    private var members: [UserID: Member?] = [:]
    private var appended: Int64 = 0
    private var readsAuth = false
    private var readAudience: Audience?
    private var readWatched: Watched?
    /// What happened to the members since `member_pos` was this.
    private var memberChanges: (from: Int64, changes: [Audience.Change])

    private init(_ service: RoomService, _ c: Context, _ tx: WriteTx, _ head: RoomHead) throws {
        guard let version = RoomVersion.named(head.version) else { throw RoomDamage(room: head.id, what: "its version is \(head.version)") }
        self.service = service; self.c = c; self.tx = tx; self.head = head; self.version = version
        memberChanges = (head.memberPos, [])
    }

    /// nil when there is no such room. `actor`'s membership is read together with the room.
    static func open(_ service: RoomService, _ c: Context, _ tx: WriteTx, _ room: RoomID, actor: UserID) throws -> RoomWork? {
        let found = try tx.first(WorkSQL.headAndMember, actor, room) { row in
            (head: RoomHead(row), member: row.isNull(RoomHead.columnCount) ? nil : Member(row, from: RoomHead.columnCount))
        }
        guard let found else { return nil }
        let work = try RoomWork(service, c, tx, found.head)
        work.members[actor] = .some(found.member)
        return work
    }

    /// A new id for a room of the versions that do not make it of the create event.
    static func newID(_ c: Context) -> RoomID { RoomID(trusted: "!\(c.entropy.token(18)):\(c.serverName)") }

    /// Makes a room: its create event, and nothing else yet. `id`: one of ``newID(_:)`` that was told already.
    static func create(_ service: RoomService, _ c: Context, _ tx: WriteTx, version: RoomVersion, creator: UserID, content: JSONObject, timestamp: Int64?,
                       id given: RoomID? = nil) throws -> RoomWork {
        var content = content
        content["room_version"] = .string(version.id)
        content["creator"] = version.creatorIsSender ? nil : JSON(creator)
        let id = version.roomIDIsCreateHash ? nil : given ?? newID(c)
        let candidate = AuthCandidate(type: EventType.create, stateKey: "", sender: creator, content: content, roomID: id, prevEvents: [])
        do throws(AuthFailure) { try EventAuth.check(event: candidate, state: RoomStateMap(), version: version) } catch { throw refusal(error) }
        var builder = EventBuilder(version: version, roomID: id, type: EventType.create, stateKey: "", sender: creator, content: content,
                                   originServerTS: timestamp ?? c.clock.now, depth: 1, prevEvents: [], authEvents: [],
                                   opaque: version.eventIDs == .opaque ? .init(id: OpaqueIDs.newID(c), hashes: [:]) : nil)
        var event = try build(builder, c)
        // Two equal create events of the same millisecond would be one room: the later one is a millisecond later.
        while try RoomStore.head(tx, event.roomID) != nil {
            builder.originServerTS += 1
            event = try build(builder, c)
        }
        let pos = tx.nextPosition()
        let work = try RoomWork(service, c, tx, RoomHead(nid: pos, id: event.roomID, version: version.id, creator: creator, created: event.originServerTS))
        try tx.run(RoomSQL.insert, pos, event.roomID, version.id, creator, event.originServerTS)
        try tx.run(RoomSQL.insertSummary, pos)
        try work.insert(event, at: pos, thread: nil, relation: nil, attention: .silent, transaction: nil, previous: nil)
        return work
    }

    // MARK: what the rules look at

    func auth() throws -> RoomAuth {
        if let loadedAuth, loadedAuth.pos == head.authPos { return loadedAuth }
        if let cached = service.caches.auth(head) {
            loadedAuth = cached
            return cached
        }
        let auth = try RoomAuth(tx, head, version)
        loadedAuth = auth
        readsAuth = true
        return auth
    }

    func member(_ user: UserID) throws -> Member? {
        if let known = members[user] { return known }
        let member = try MembershipStore.member(tx, room: head.nid, user)
        members[user] = .some(member)
        return member
    }

    private func stateEvent(_ key: StateKey, _ auth: RoomAuth) throws -> AuthStateEvent? {
        switch key.type {
        case EventType.create: return auth.create
        case EventType.powerLevels: return auth.levelsEvent
        case EventType.joinRules: return auth.joinRules
        case EventType.member:
            // The rules look at nothing but the membership of an event that is already there.
            guard let user = UserID(rawValue: key.key), let member = try member(user) else { return nil }
            return AuthStateEvent(eventID: EventID(trusted: member.event), type: key.type, stateKey: key.key, sender: member.sender,
                                  content: ["membership": .string(member.membership)])
        default:
            guard let row = try StateStore.event(tx, room: head.nid, key.type, key.key) else { return nil }
            return AuthStateEvent(eventID: row.id, type: key.type, stateKey: key.key, sender: row.sender, content: .object(row.contentObject))
        }
    }

    // MARK: appending

    /// Checks the draft against the room's rules and makes it part of the room. A state event that changes nothing is not appended: its
    /// predecessor's id is given.
    @discardableResult
    func append(_ draft: Draft) throws -> EventID {
        let auth = try auth()
        var state = CheckedState(auth: auth)
        var authEvents: [EventID] = []
        for key in AuthEvents.selection(type: draft.type, stateKey: draft.stateKey, sender: draft.sender, content: draft.content, version: version) {
            guard let event = try stateEvent(key, auth) else { continue }
            authEvents.append(event.eventID)
            if key.type == EventType.member || key.type == EventType.thirdPartyInvite { state.others.append(event) }
        }
        let prevEvents = [EventID(trusted: head.lastEvent)]
        var opaque: EventBuilder.Opaque?
        if version.eventIDs == .opaque {
            opaque = .init(id: OpaqueIDs.newID(c), hashes: try OpaqueIDs.hashes(tx, room: head, version: version, of: Set(authEvents + prevEvents)))
        }
        let candidate = AuthCandidate(type: draft.type, stateKey: draft.stateKey, sender: draft.sender, content: draft.content, roomID: head.id,
                                      prevEvents: prevEvents, eventID: opaque?.id, redacts: draft.redacts)
        do throws(AuthFailure) { try EventAuth.check(event: candidate, state: state, version: version) } catch { throw Self.refusal(error) }

        let event = try Self.build(
            EventBuilder(version: version, roomID: head.id, type: draft.type, stateKey: draft.stateKey, sender: draft.sender, content: draft.content,
                         redacts: draft.redacts, originServerTS: draft.timestamp ?? c.clock.now, depth: head.depth + 1, prevEvents: prevEvents, authEvents: authEvents,
                         opaque: opaque), c)
        var previous: Previous?
        if let stateKey = draft.stateKey {
            previous = try tx.first(WorkSQL.previous, head.nid, draft.type, stateKey) { Previous(pos: $0.int(0), id: $0.text(1), sender: $0.text(2), content: $0.bytes(3)) }
            if let previous, previous.sender == draft.sender.rawValue, previous.content == event.contentBytes { return EventID(trusted: previous.id) }
        }
        var relation: Relation?
        var thread: String?
        if draft.stateKey == nil {
            relation = Relation(draft.content)
            if let relation { thread = try threadOf(relation, draft) }
        }
        let attention = Attention.judge(type: draft.type, stateKey: draft.stateKey, content: draft.content,
                                        mayNotifyRoom: auth.levels.level(of: draft.sender) >= auth.levels.requiredToNotify("room"))
        let pos = tx.nextPosition()
        try insert(event, at: pos, thread: thread, relation: relation, attention: attention, transaction: draft.transaction, previous: previous)
        if draft.stateKey == nil, let at = SelfDestruction.time(draft.content) { try tx.run(SelfDestruction.SQL.insert, pos, at) }
        return event.eventID
    }

    struct Previous {
        let pos: Int64
        let id: String
        let sender: String
        let content: [UInt8]
    }

    private func insert(_ event: BuiltEvent, at pos: Int64, thread: String?, relation: Relation?, attention: Attention,
                        transaction: (device: DeviceID, id: String)?, previous: Previous?) throws {
        try tx.run(EventSQL.insert, pos, head.nid, event.eventID, event.type, event.stateKey, event.sender, event.originServerTS, event.depth,
                   event.contentBytes, event.rest, relation?.event, relation?.type, thread, event.redacts, previous?.pos, attention.mark,
                   transaction?.device, transaction?.id)
        try MediaMentions.note(c, tx, at: pos, event.contentBytes)
        var formerMembership: String?
        head.depth = event.depth
        head.lastEvent = event.eventID.rawValue
        head.lastPos = pos
        if Self.bumps(event) { head.bumpPos = pos }
        if let stateKey = event.stateKey {
            head.statePos = pos
            try service.delayed.stateChanged(tx, room: head.id, type: event.type, stateKey: stateKey, by: event.sender)
            if previous != nil { try tx.run(StateSQL.close, pos, head.nid, event.type, stateKey) }
            try tx.run(StateSQL.open, head.nid, event.type, stateKey, pos, event.eventID)
            if event.type == EventType.member {
                formerMembership = try member(UserID(trusted: stateKey))?.membership
                try setMember(event, stateKey, at: pos)
            } else if stateKey.isEmpty {
                if Self.governs(event.type) { head.authPos = pos }
                try Summary.update(tx, head.nid, type: event.type, event.content)
            }
        }
        try count(event, at: pos, thread: thread, attention)
        appended += 1
        if c.isFollowed {
            let (c, request, room) = (c, Trace.id, head.id.rawValue)
            tx.afterCommit {
                c.follow("event committed", request: request, ["event.id": event.eventID.rawValue, "event.type": event.type, "room.id": room, "commit.position": "\(pos)"])
            }
        }
        if c.observers.isEmpty { return }
        var content = event.content
        if let redacts = event.redacts { content["redacts"] = JSON(redacts) }   // in every version at the same place
        let seen = AppendedEvent(position: pos, room: head.id, id: event.eventID, type: event.type, stateKey: event.stateKey, sender: event.sender,
                                 timestamp: event.originServerTS, content: .object(content), formerMembership: formerMembership)
        for observer in c.observers { try observer.appended(c, tx, seen) }
    }

    private func setMember(_ event: BuiltEvent, _ stateKey: String, at pos: Int64) throws {
        let user = UserID(trusted: stateKey)
        let old = try member(user)
        let membership = event.content["membership"]?.stringValue ?? "leave"
        let isSame = old?.membership == membership
        let isOutside = membership == "invite" || membership == "knock"
        let member = Member(user: user, room: head.nid, membership: membership, pos: pos, event: event.eventID.rawValue, sender: event.sender,
                            timestamp: event.originServerTS, sincePos: isSame ? old?.sincePos ?? pos : pos,
                            displayName: Self.text(event.content["displayname"]), avatarURL: Self.text(event.content["avatar_url"]), isForgotten: false,
                            joinedAt: membership != "join" ? nil : isSame ? old?.joinedAt : event.originServerTS)
        try tx.run(MembershipSQL.upsert, user, head.nid, membership, pos, event.eventID, event.sender, event.originServerTS, member.sincePos, member.joinedAt,
                   member.displayName, member.avatarURL, isOutside ? try stripped(event) : nil)
        if c.config.forgetUponLeave, membership == "leave" || membership == "ban" { try tx.run(MembershipSQL.forget, user, head.nid) }
        members[user] = .some(member)
        let joined = (membership == "join" ? 1 : 0) - (old?.membership == "join" ? 1 : 0)
        let change: Audience.Change = membership == "join" ? .present(user, displayName: member.displayName) : .absent(user)
        if c.ports.push.generation > 0 { readWatched = knownWatched()?.after(change, joined: Int64(joined), pos: pos) { [push = c.ports.push] in push.watches($0) } }
        memberChanges.changes.append(change)
        head.memberPos = pos
        let invited = (membership == "invite" ? 1 : 0) - (old?.membership == "invite" ? 1 : 0)
        if joined != 0 || invited != 0 { try tx.run(RoomSQL.counts, joined, invited, head.nid) }
        tx.touch(.user(stateKey))
        let (hub, room) = (c.hub, head.id.rawValue)
        if joined > 0 {
            try Unread.begin(tx, head, user, at: pos)
            tx.afterCommit { hub.joined(stateKey, room: room) }
        }
        if joined < 0 {
            try Unread.forget(tx, room: head.nid, user)
            if c.ports.push.watches(user) { try c.ports.push.countChanged(c, tx, user: user) }
            tx.afterCommit { hub.left(stateKey, room: room) }
        }
    }

    /// What the invited or knocking user may see of the room: made now, because later it may say something else.
    private func stripped(_ event: BuiltEvent) throws -> [UInt8] {
        var out: [UInt8] = [UInt8(ascii: "[")]
        func add(_ row: Row) {
            EventJSON.writeStripped(type: row.text(0), stateKey: row.text(1), sender: row.text(2), content: row.bytes(3), into: &out)
            out.append(UInt8(ascii: ","))
        }
        try tx.each(WorkSQL.stripped, head.nid) { add($0) }
        if event.sender.rawValue != event.stateKey { try tx.each(WorkSQL.strippedMember, head.nid, event.sender) { add($0) } }
        EventJSON.writeStripped(type: event.type, stateKey: event.stateKey ?? "", sender: event.sender.rawValue, content: event.contentBytes, into: &out)
        out.append(UInt8(ascii: "]"))
        return out
    }

    // MARK: attention

    private func count(_ event: BuiltEvent, at pos: Int64, thread: String?, _ attention: Attention) throws {
        var apart: [(user: UserID, verdict: PushVerdict)] = [], told: [(user: UserID, verdict: PushVerdict)] = []
        if c.ports.push.generation > 0, event.type != EventType.create {
            let watched = try watched()
            var seen: PushEvent?, levels: PowerLevels?
            func judge(_ user: UserID, _ displayName: String?) throws -> (verdict: PushVerdict, isOwn: Bool) {
                let event = seen ?? PushEvent(type: event.type, stateKey: event.stateKey, sender: event.sender, room: head.id, id: event.eventID, content: event.content)
                seen = event
                if levels == nil { levels = try auth().levels }
                return try c.ports.push.judge(c, tx, event, for: user, PushSurroundings(memberCount: watched.memberCount, displayName: displayName, levels: levels))
            }
            for (user, displayName) in watched.users where user != event.sender {
                let (verdict, isOwn) = try judge(user, displayName)
                if isOwn {
                    let usual = attention.verdict(for: user, NameWords(user: user, displayName: displayName))
                    if usual.notifies != verdict.notifies || usual.highlights != verdict.highlights { apart.append((user, verdict)) }
                }
                if verdict.notifies { told.append((user, verdict)) }
            }
            if let invited = invited(by: event), c.ports.push.watches(invited) {
                let verdict = try judge(invited, nil).verdict
                if verdict.notifies { told.append((invited, verdict)) }
            }
        }
        if attention != .silent || !apart.isEmpty {
            var counted = head
            try Unread.count(tx, &counted, pos: pos, sender: event.sender, thread: thread, attention, apart: apart) { try audience().named(in: $0, byLocalpart: $1) }
            head = counted
        }
        if !told.isEmpty { try c.ports.push.notify(c, tx, room: head.id, event: event.eventID, position: pos, told) }
        if attention.notifies, c.ports.push.watches(event.sender) { try c.ports.push.countChanged(c, tx, user: event.sender) }
    }

    private func invited(by event: BuiltEvent) -> UserID? {
        guard event.type == EventType.member, event.content["membership"]?.stringValue == "invite", let user = event.stateKey, user != event.sender.rawValue else { return nil }
        return UserID(trusted: user)
    }

    private func knownWatched() -> Watched? {
        let generation = c.ports.push.generation
        if let readWatched, readWatched.pos == head.memberPos, readWatched.generation == generation { return readWatched }
        return service.caches.watched(head, generation: generation)
    }

    private func watched() throws -> Watched {
        if let known = knownWatched() { return known }
        let push = c.ports.push, generation = push.generation
        let audience = try audience()
        let watched = Watched(pos: head.memberPos, generation: generation, memberCount: Int64(audience.count), users: audience.users.filter { push.watches($0.user) })
        readWatched = watched
        return watched
    }

    private func audience() throws -> Audience {
        if let readAudience, readAudience.pos == head.memberPos { return readAudience }
        if let cached = service.caches.audience(head) { return cached }
        var audience = Audience(pos: head.memberPos)
        try tx.each(WorkSQL.audience, head.nid) { audience.apply(.present(UserID(trusted: $0.text(0)), displayName: $0.textOrNil(1))) }
        readAudience = audience
        return audience
    }

    // MARK: redaction

    /// Empties an event as the room's version says, and whatever was made of its content.
    func applyRedaction(of target: EventRow) throws {
        try SearchIndex.remove(tx, target)
        let content = Redaction.content(target.contentObject, type: target.type, version: version)
        let bytes = content.encoded()
        let redacts = version.modernRedaction ? target.redacts : nil
        try tx.run(EventSQL.redact, bytes, head.lastPos, redacts, target.pos)
        try MediaMentions.replaced(c, tx, at: target.pos, by: target.sender, target.content, with: bytes)
        try tx.run(WorkSQL.dropHighlights, head.nid, target.pos)
        guard let stateKey = target.stateKey, try StateStore.pointer(tx, room: head.nid, target.type, stateKey)?.pos == target.pos else { return }
        if target.type == EventType.member {
            try tx.run(WorkSQL.dropProfile, Self.text(content["displayname"]), Self.text(content["avatar_url"]), stateKey, head.nid)
            members[UserID(trusted: stateKey)] = nil
            head.memberPos = head.lastPos
            readAudience = nil
            readWatched = nil
            memberChanges = (head.memberPos, [])
        } else if stateKey.isEmpty {
            if Self.governs(target.type) { head.authPos = head.lastPos }
            try Summary.update(tx, head.nid, type: target.type, content)
        }
    }

    // MARK: the end

    /// Writes the room's row and tells who waits. Nothing happens when nothing was appended.
    func finish() throws {
        guard appended > 0 else { return }
        try tx.run(RoomSQL.advance, head.depth, head.lastEvent, head.lastPos, head.bumpPos, head.authPos, head.memberPos, head.statePos,
                   head.notices, head.calls, head.threadPos, head.nid)
        tx.touch(.room(head.id.rawValue))
        let (caches, nid, count, metrics) = (service.caches, head.nid, appended, c.metrics)
        let auth = readsAuth ? loadedAuth : nil, audience = readAudience, watched = readWatched
        let memberChanges = memberChanges, memberPos = head.memberPos
        tx.afterCommit {
            metrics.add(.eventsAppended, count)
            if let auth { caches.keep(auth, for: nid) }
            if !memberChanges.changes.isEmpty { caches.change(nid, from: memberChanges.from, to: memberPos, memberChanges.changes) }
            if let audience { caches.keep(audience, for: nid) }
            if let watched { caches.keep(watched, for: nid) }
        }
    }

    // MARK: helpers

    static func build(_ builder: EventBuilder, _ c: Context) throws -> BuiltEvent {
        do throws(EventError) {
            return try builder.build(signedBy: c.signing)
        } catch {
            switch error {
            case .tooLarge(let what): throw MatrixError.tooLarge("\(what) is too large.")
            case .notCanonical(let why): throw MatrixError.badJSON("The content cannot be part of an event: \(why).")
            }
        }
    }

    static func refusal(_ failure: AuthFailure) -> MatrixError {
        switch failure.rule {
        case .powerLevelsFormat, .malformedMember, .unknownMembership: .badJSON(failure.message)
        default: .forbidden(failure.message)
        }
    }

    /// Text for a column; PostgreSQL knows no NUL.
    static func text(_ json: JSON?) -> String? {
        guard let text = json?.stringValue else { return nil }
        return text.utf8.contains(0) ? String(decoding: text.utf8.filter { $0 != 0 }, as: UTF8.self) : text
    }

    private static func governs(_ type: String) -> Bool {
        type == EventType.create || type == EventType.powerLevels || type == EventType.joinRules
    }
    private static func bumps(_ event: BuiltEvent) -> Bool {
        switch event.type {
        case EventType.create, EventType.message, EventType.encrypted, "m.sticker", "m.call.invite", "m.poll.start", "org.matrix.msc3381.poll.start", "m.beacon_info", "org.matrix.msc3672.beacon_info": true
        default: false
        }
    }
}

enum WorkSQL {
    static let headAndMember = """
        SELECT \(RoomSQL.headColumns), \(MembershipSQL.columns) FROM room r \
        LEFT JOIN membership m ON m.room_nid = r.room_nid AND m.user_id = ? WHERE r.room_id = ?
        """
    static let previous = """
        SELECT s.valid_from, s.event_id, e.sender, e.content FROM room_state s JOIN event e ON e.pos = s.valid_from \
        WHERE s.room_nid = ? AND s.type = ? AND s.state_key = ? AND s.valid_to IS NULL
        """
    static let stripped = """
        SELECT s.type, s.state_key, e.sender, e.content FROM room_state s JOIN event e ON e.pos = s.valid_from \
        WHERE s.room_nid = ? AND s.type IN ('m.room.create', 'm.room.join_rules', 'm.room.canonical_alias', 'm.room.avatar', 'm.room.name', \
        'm.room.topic', 'm.room.encryption') AND s.state_key = '' AND s.valid_to IS NULL
        """
    static let strippedMember = """
        SELECT s.type, s.state_key, e.sender, e.content FROM room_state s JOIN event e ON e.pos = s.valid_from \
        WHERE s.room_nid = ? AND s.type = 'm.room.member' AND s.state_key = ? AND s.valid_to IS NULL
        """
    static let audience = "SELECT user_id, display_name FROM membership WHERE room_nid = ? AND membership = 'join'"
    static let dropHighlights = "DELETE FROM unread_highlight WHERE room_nid = ? AND pos = ?"
    static let dropProfile = "UPDATE membership SET display_name = ?, avatar_url = ? WHERE user_id = ? AND room_nid = ?"
    static let all = [headAndMember, previous, stripped, strippedMember, audience, dropHighlights, dropProfile]
}
