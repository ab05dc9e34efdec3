/// The authorization rules: may this event follow this state?
///
/// Pure, and the same for every room version: what differs is asked of the ``RoomVersion``.
/// https://spec.matrix.org/latest/rooms/v12/#authorisation-rules and the same section of each version
package enum EventAuth {
    /// - Throws: ``AuthFailure`` when the event may not be. The rule about the `auth_events` of events from elsewhere is ``checkAuthEvents``.
    package static func check(event: AuthCandidate, state: some AuthState, version: RoomVersion) throws(AuthFailure) {
        if event.type == EventType.create { return try checkCreate(event, version) }
        guard let create = state.createInfo(version) else { throw AuthFailure(rule: .create, message: "The room has no create event") }
        if version.roomIDIsCreateHash, event.roomID != EventFormat.roomID(ofCreate: create.eventID) {
            throw AuthFailure(rule: .room, message: "The room id is not that of the room's create event")
        }
        if !create.federates, event.sender.server != create.sender.server {
            throw AuthFailure(rule: .federation, message: "This room does not admit users of other servers")
        }
        if event.type == EventType.aliases, version.aliasesAreSpecial {
            guard let key = event.stateKey, key.sameBytes(as: event.sender.server) else {
                throw AuthFailure(rule: .aliases, message: "Aliases can only be set by users of their own server")
            }
            return
        }
        let levels = state.powerLevels(version)
        if event.type == EventType.member {
            return try MemberAuth(event: event, state: state, version: version, create: create, levels: levels).check()
        }

        guard state.membership(of: event.sender) == .join else {
            throw AuthFailure(rule: .notJoined, message: "User \(event.sender) is not in the room")
        }
        let power = levels.level(of: event.sender)
        if event.type == EventType.thirdPartyInvite {
            guard power >= levels.invite else { throw AuthFailure(rule: .power, message: "You don't have permission to invite users") }
            return
        }
        let required = levels.required(for: event.type, isState: event.stateKey != nil)
        guard power >= required else {
            throw AuthFailure(rule: .power, message: "You don't have permission to send \(event.type): power level \(power) is below \(required)")
        }
        if let key = event.stateKey, key.utf8.first == UInt8(ascii: "@"), !key.sameBytes(as: event.sender.rawValue) {
            throw AuthFailure(rule: .stateKeyOwner, message: "You are not allowed to set the state of another user")
        }
        if event.type == EventType.powerLevels {
            let current = state.event(EventType.powerLevels, "")?.content.objectValue
            try PowerLevelsAuth.check(new: event.content, current: current, sender: event.sender, power: power, create: create, version: version)
        }
        if event.type == EventType.redaction, version.guardsRedactions, !levels.canRedact(event.sender) {
            guard let own = event.eventID?.server, let other = event.redacts?.server, own.sameBytes(as: other) else {
                throw AuthFailure(rule: .redaction, message: "You don't have permission to redact events of other servers")
            }
        }
    }

    /// Of an event from elsewhere: are its `auth_events` those it should have?
    /// - Parameter entries: each named event, the room it belongs to, and whether it was itself rejected.
    package static func checkAuthEvents(
        of event: AuthCandidate, entries: [(event: AuthStateEvent, roomID: RoomID?, rejected: Bool)], version: RoomVersion
    ) throws(AuthFailure) {
        let allowed = AuthEvents.selection(
            type: event.type, stateKey: event.stateKey, sender: event.sender, content: event.content, version: version)
        var seen: Set<StateKey> = []
        for entry in entries {
            let key = StateKey(entry.event.type, entry.event.stateKey)
            guard seen.insert(key).inserted else { throw AuthFailure(rule: .authEvents, message: "auth_events names \(key) twice") }
            guard allowed.contains(key) else { throw AuthFailure(rule: .authEvents, message: "auth_events names \(key), which does not belong there") }
            guard !entry.rejected else { throw AuthFailure(rule: .authEvents, message: "auth_events names a rejected event") }
            guard entry.roomID == event.roomID else { throw AuthFailure(rule: .authEvents, message: "auth_events names an event of another room") }
        }
        if event.type != EventType.create, !version.roomIDIsCreateHash, !seen.contains(StateKey(EventType.create)) {
            throw AuthFailure(rule: .authEvents, message: "auth_events does not name the create event")
        }
    }

    private static func checkCreate(_ event: AuthCandidate, _ version: RoomVersion) throws(AuthFailure) {
        func refuse(_ message: String) -> AuthFailure { AuthFailure(rule: .create, message: message) }
        guard event.prevEvents.isEmpty else { throw refuse("A create event cannot follow another event") }
        if version.roomIDIsCreateHash {
            guard event.roomID == nil else { throw refuse("The create event must not have a room id") }
        } else {
            guard let room = event.roomID, room.server == event.sender.server else { throw refuse("The room id is not of the creator's server") }
        }
        if let named = event.content["room_version"] {
            guard let id = named.stringValue, RoomVersion.named(id) != nil else { throw refuse("The room version is not known") }
        }
        if !version.creatorIsSender, event.content["creator"] == nil { throw refuse("The create event names no creator") }
        if version.creatorsOutrank, let more = event.content["additional_creators"] {
            guard let users = more.arrayValue, users.allSatisfy({ UserID($0) != nil }) else {
                throw refuse("additional_creators must be a list of user ids")
            }
        }
    }
}

/// The rules for `m.room.member`.
private struct MemberAuth<State: AuthState> {
    let event: AuthCandidate
    let state: State
    let version: RoomVersion
    let create: CreateInfo
    let levels: PowerLevels

    func check() throws(AuthFailure) {
        guard let target = event.stateKey, let named = event.content["membership"] else {
            throw AuthFailure(rule: .malformedMember, message: "A membership event needs a state key and a membership")
        }
        if version.restrictedJoins, let authoriser = event.content["join_authorised_via_users_server"] {
            guard let user = UserID(authoriser), event.signers.contains(user.server) else {
                throw AuthFailure(rule: .unsignedAuthorisation, message: "The server that authorised the join has not signed it")
            }
        }
        switch named.stringValue.flatMap(Membership.init(rawValue:)) {
        case .join: try join(target)
        case .invite: try invite(target)
        case .leave: try leave(target)
        case .ban: try ban(target)
        case .knock where version.knocking: try knock(target)
        default: throw AuthFailure(rule: .unknownMembership, message: "The membership is not known in this room's version")
        }
    }

    private func join(_ target: String) throws(AuthFailure) {
        if event.prevEvents == [create.eventID], target.sameBytes(as: create.creator) { return }
        guard target.sameBytes(as: event.sender.rawValue) else {
            throw AuthFailure(rule: .join, message: "You cannot make another user join")
        }
        let current = state.membership(of: target)
        if current == .ban { throw AuthFailure(rule: .banned, message: "You are banned from this room") }
        let invited = current == .invite || current == .join
        switch state.joinRule() {
        case .public: return
        case .invite where invited: return
        case .knock where version.knocking && invited: return
        case .restricted where version.restrictedJoins: try restrictedJoin(invited)
        case .knockRestricted where version.knockRestrictedJoins: try restrictedJoin(invited)
        default: throw AuthFailure(rule: .notInvited, message: "You are not invited to this room")
        }
    }

    private func restrictedJoin(_ invited: Bool) throws(AuthFailure) {
        if invited { return }
        guard let authoriser = UserID(event.content["join_authorised_via_users_server"]), state.membership(of: authoriser) == .join,
            levels.canInvite(authoriser)
        else { throw AuthFailure(rule: .restrictedJoin, message: "You are not invited to this room and no member who may invite has let you in") }
    }

    private func invite(_ target: String) throws(AuthFailure) {
        let current = state.membership(of: target)
        if let invite = event.content["third_party_invite"] { return try thirdPartyInvite(invite, target, current) }
        try senderIsJoined()
        if current == .ban { throw AuthFailure(rule: .banned, message: "User \(target) is banned from this room") }
        if current == .join { throw AuthFailure(rule: .alreadyMember, message: "User \(target) is already in the room") }
        guard levels.canInvite(event.sender) else { throw AuthFailure(rule: .invite, message: "You don't have permission to invite users") }
    }

    private func thirdPartyInvite(_ invite: JSON, _ target: String, _ current: Membership?) throws(AuthFailure) {
        func refuse(_ message: String) -> AuthFailure { AuthFailure(rule: .thirdPartyInvite, message: message) }
        if current == .ban { throw AuthFailure(rule: .banned, message: "User \(target) is banned from this room") }
        guard let signed = invite["signed"]?.objectValue else { throw refuse("The invite is not signed") }
        guard let user = signed["mxid"]?.stringValue, let token = signed["token"]?.stringValue else { throw refuse("The signed invite names no user or token") }
        guard user.sameBytes(as: target) else { throw refuse("The invite was signed for another user") }
        guard let promise = state.event(EventType.thirdPartyInvite, token) else { throw refuse("The room knows no such third-party invite") }
        guard promise.sender == event.sender else { throw refuse("The third-party invite was made by another user") }
        let listed = (promise.content["public_keys"]?.arrayValue ?? []).map { $0["public_key"] }
        // Identity servers write keys in either alphabet.
        let keys = ([promise.content["public_key"]] + listed).compactMap { key in
            key?.stringValue.flatMap { Base64.decode($0) ?? Base64.decodeURLSafe($0) }
        }
        for (entity, signatures) in signed["signatures"]?.objectValue ?? [:] {
            for (keyID, _) in signatures.objectValue ?? [:] where keyID.hasPrefix("ed25519:") {
                for key in keys where SignedJSON.verify(signed, entity: entity, keyID: keyID, publicKey: key) { return }
            }
        }
        throw refuse("No signature of the invite is of a key that the room trusts")
    }

    private func leave(_ target: String) throws(AuthFailure) {
        let current = state.membership(of: target)
        if target.sameBytes(as: event.sender.rawValue) {
            guard current == .invite || current == .join || current == .knock && version.knocking else {
                throw AuthFailure(rule: .leave, message: current == .ban ? "You are banned from this room" : "You are not in the room")
            }
            return
        }
        try senderIsJoined()
        let power = levels.level(of: event.sender)
        if current == .ban, power < levels.ban { throw AuthFailure(rule: .unban, message: "You don't have permission to unban users") }
        guard power >= levels.kick, levels.level(of: target) < power else {
            throw AuthFailure(rule: .kick, message: "You don't have permission to remove \(target)")
        }
    }

    private func ban(_ target: String) throws(AuthFailure) {
        try senderIsJoined()
        let power = levels.level(of: event.sender)
        guard power >= levels.ban, levels.level(of: target) < power else {
            throw AuthFailure(rule: .ban, message: "You don't have permission to ban \(target)")
        }
    }

    private func knock(_ target: String) throws(AuthFailure) {
        guard let rule = state.joinRule(), rule == .knock || rule == .knockRestricted && version.knockRestrictedJoins else {
            throw AuthFailure(rule: .knock, message: "This room does not accept knocks")
        }
        guard target.sameBytes(as: event.sender.rawValue) else { throw AuthFailure(rule: .knock, message: "You cannot knock for another user") }
        switch state.membership(of: target) {
        case .ban: throw AuthFailure(rule: .banned, message: "You are banned from this room")
        case .invite, .join: throw AuthFailure(rule: .alreadyMember, message: "You are already invited to or in the room")
        case .knock, .leave, nil: return
        }
    }

    private func senderIsJoined() throws(AuthFailure) {
        guard state.membership(of: event.sender) == .join else {
            throw AuthFailure(rule: .notJoined, message: "User \(event.sender) is not in the room")
        }
    }
}
