package import MatrixCore
package import ServerKit
package import Store

/// A change of somebody's membership.
struct Change {
    var target: UserID
    /// "join", "invite", "knock", "leave" or "ban".
    var membership: String
    var sender: UserID
    /// What the member event holds besides `membership`.
    var content: JSONObject = [:]
    /// The content is the whole event, as somebody set it by the state endpoint: nothing of the profile is added.
    var isWhole = false
    var timestamp: Int64?
}

/// Joining, inviting, leaving and so on. What the authorization rules do not say is here: profiles in member events, whose word lets a user
/// into a restricted room, and doing nothing where nothing changes.
/// https://spec.matrix.org/latest/client-server-api/#room-membership
extension RoomService {
    package func setMembership(_ c: Context, _ tx: WriteTx, room: RoomID, target: UserID, membership: String, by sender: UserID, content: JSONObject,
                               timestamp: Int64?) throws -> EventID {
        guard let work = try RoomWork.open(self, c, tx, room, actor: sender) else {
            throw target == sender && membership != "invite" ? MatrixError.notFound("There is no room \(room).") : Access.refusal(room)
        }
        let id = try change(work, Change(target: target, membership: membership, sender: sender, content: content, timestamp: timestamp))
        try work.finish()
        return id
    }

    func change(_ work: RoomWork, _ change: Change) throws -> EventID {
        let old = try work.member(change.target)
        var content = change.content
        content["membership"] = .string(change.membership)
        content["join_authorised_via_users_server"] = nil
        if old?.membership == change.membership, !change.isWhole, change.target == change.sender, let old, change.membership != "invite" {
            return EventID(trusted: old.event)   // joined, left or knocking already
        }
        switch change.membership {
        case "join":
            if old?.membership != "join" { try RoomBlocks.check(work.tx, work.head.id) }
            if !change.isWhole { try addProfile(of: change.target, work, to: &content) }
            if change.target == change.sender, let authoriser = try authoriser(work, for: change.target, old) {
                content["join_authorised_via_users_server"] = JSON(authoriser)
            }
        case "invite", "knock":
            try RoomBlocks.check(work.tx, work.head.id)
            guard change.membership == "invite" || work.version.knocking else { throw MatrixError.forbidden("This room does not accept knocks.") }
            guard change.target.server == work.c.serverName else {
                throw MatrixError.forbidden("This server does not exchange messages with other servers.")
            }
            if change.membership == "invite", change.target != change.sender { try checkWelcome(work, change.target) }
            if !change.isWhole { try addProfile(of: change.target, work, to: &content) }
        default: break
        }
        return try work.append(Draft(EventType.member, stateKey: change.target.rawValue, sender: change.sender, content, timestamp: change.timestamp))
    }

    /// Who wants no invites gets none. https://spec.matrix.org/latest/client-server-api/#invite-permission
    private func checkWelcome(_ work: RoomWork, _ user: UserID) throws {
        for type in ["m.invite_permission_config", "org.matrix.msc4380.invite_permission_config"] {
            guard let wish = try work.c.ports.preferences.preference(work.tx, user: user, room: nil, type: type) else { continue }
            if wish["default_action"]?.stringValue == "block" || wish["block_all"]?.boolValue == true {
                throw MatrixError(403, "M_INVITE_BLOCKED", "The user \(user) does not take invites.")
            }
            return
        }
    }

    private func addProfile(of user: UserID, _ work: RoomWork, to content: inout JSONObject) throws {
        let profile = try work.c.ports.users.profile(work.tx, user)
        if content["displayname"] == nil, let name = profile.displayName { content["displayname"] = .string(name) }
        if content["avatar_url"] == nil, let avatar = profile.avatarURL { content["avatar_url"] = .string(avatar) }
    }

    /// Who lets a user into a restricted room: any member who could invite him, provided the user is in one of the rooms that the join
    /// rules name. nil where no such word is needed, or none can be given (then the rules refuse the join).
    /// https://spec.matrix.org/latest/client-server-api/#restricted-rooms
    private func authoriser(_ work: RoomWork, for user: UserID, _ old: Member?) throws -> UserID? {
        guard work.version.restrictedJoins, old?.membership != "join", old?.membership != "invite", old?.membership != "ban" else { return nil }
        let auth = try work.auth()
        guard JoinRule(content: auth.joinRules?.content)?.isRestricted == true else { return nil }
        let isAllowed = try JoinRule.allowedRooms(content: auth.joinRules?.content).contains { room in
            guard let other = try RoomStore.head(work.tx, room) else { return false }
            return try MembershipStore.membership(work.tx, room: other.nid, user) == "join"
        }
        guard isAllowed else { return nil }
        for name in auth.info.creators + auth.levels.users.keys.sorted() {
            guard let candidate = UserID(rawValue: name), candidate.server == work.c.serverName, auth.levels.canInvite(candidate) else { continue }
            if try work.member(candidate)?.membership == "join" { return candidate }
        }
        guard auth.levels.usersDefault >= auth.levels.invite else { return nil }
        return try work.tx.all(MembershipSQL.joinedUsers, work.head.nid) { UserID(trusted: $0.text(0)) }.first { auth.levels.canInvite($0) }
    }

    /// Guests leave a room that no longer takes them.
    /// https://spec.matrix.org/latest/client-server-api/#guest-access
    func sendGuestsAway(_ work: RoomWork, _ guestAccess: JSONObject) throws {
        guard GuestAccess(content: .object(guestAccess)) == .forbidden else { return }
        for user in try work.tx.all(MembershipSQL.joinedUsers, work.head.nid, row: { UserID(trusted: $0.text(0)) })
        where try work.c.ports.users.standing(work.tx, user)?.kind == .guest {
            _ = try change(work, Change(target: user, membership: "leave", sender: user))
        }
    }

    /// Writes the user's new name and picture into the rooms where he is. A room whose rules refuse that keeps the old ones.
    package func profileChanged(_ c: Context, _ tx: WriteTx, user: UserID) throws {
        let profile = try c.ports.users.profile(tx, user)
        for room in try MembershipStore.joinedRooms(tx, of: user) {
            guard let member = try StateStore.event(tx, room: room.nid, EventType.member, user.rawValue) else { continue }
            var content = member.contentObject
            content["displayname"] = profile.displayName.map(JSON.string)
            content["avatar_url"] = profile.avatarURL.map(JSON.string)
            content["join_authorised_via_users_server"] = nil
            content["reason"] = nil
            do {
                try tx.attempt { tx in
                    guard let work = try RoomWork.open(self, c, tx, room.id, actor: user) else { return }
                    try work.append(Draft(EventType.member, stateKey: user.rawValue, sender: user, content))
                    try work.finish()
                }
            } catch is MatrixError {
                continue   // refused by the rules of that room
            }
        }
    }

    /// https://spec.matrix.org/latest/client-server-api/#post_matrixclientv3roomsroomidforget
    func forget(_ tx: WriteTx, room id: RoomID, _ user: UserID) throws {
        guard let room = try RoomStore.head(tx, id), let member = try MembershipStore.member(tx, room: room.nid, user) else {
            throw MatrixError.notFound("You have nothing to do with the room \(id).")
        }
        guard member.membership == "leave" || member.membership == "ban" else {
            throw MatrixError.badRequest("You are in the room \(id): leave it first.")
        }
        try tx.run(MembershipSQL.forget, user, room.nid)
        tx.touch(.user(user.rawValue))
    }
}
