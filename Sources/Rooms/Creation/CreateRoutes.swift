import MatrixCore
import ServerKit
import Store

extension RoomService {
    var creationRoutes: [Route] {
        [
            Route(.post, "/_matrix/client/v3/createRoom", limit: .roomCreation) { request, c in
                try request.refuseVisitors()
                try request.refuseSuspended()
                let body = try request.json(), user = request.user.userID
                var draft = try Self.plan(body, user, c), promised: [ThirdPartyInvite] = []
                if let alias = draft.alias { try c.ports.bridges.check(alias, by: request.user.service) }
                for target in draft.creation.invite { _ = try await c.ports.bridges.find(c, .user(target)) }
                for invite in try Self.thirdPartyInvites(body) {
                    guard let target = try await invite.user(c) else { promised.append(invite); continue }
                    if !draft.creation.invite.contains(target) { draft.creation.invite.append(target) }
                }
                let plan = draft
                let room = try await c.db.write { try self.create(c, $0, plan) }
                // The identity server wants to know the room: these follow it.
                for invite in promised { try await self.promise(c, invite, in: room, by: user) }
                var answer: JSONObject = ["room_id": JSON(room)]
                answer["room_alias"] = plan.alias.map { JSON($0) }
                return .json(.object(answer))
            },
        ]
    }

    private static func thirdPartyInvites(_ body: JSONObject) throws -> [ThirdPartyInvite] {
        try (try body.array("invite_3pid", max: 20) ?? []).map { entry in
            guard let object = entry.objectValue, let invite = try ThirdPartyInvite(object) else { throw MatrixError.badJSON("An entry of 'invite_3pid' names no address.") }
            return invite
        }
    }

    private static func plan(_ body: JSONObject, _ creator: UserID, _ c: Context) throws -> RoomPlan {
        let visibility = try body.string("visibility") ?? "private"
        guard visibility == "public" || visibility == "private" else { throw MatrixError.invalidParam("'visibility' must be public or private.") }
        let version = try body.string("room_version")
        _ = try Self.version(c, version)

        var creation = RoomCreation(creator: creator, version: version)
        creation.preset = try body.string("preset") ?? (visibility == "public" ? Preset.publicChat : .privateChat).rawValue
        guard Preset(rawValue: creation.preset) != nil else { throw MatrixError.invalidParam("'preset' is not known.") }
        creation.name = try body.string("name")
        creation.topic = try body.string("topic")
        creation.isDirect = try body.bool("is_direct") ?? false
        creation.creationContent = try body.object("creation_content") ?? [:]
        creation.powerLevels = try body.object("power_level_content_override")
        for text in try body.strings("invite", max: 500) ?? [] {
            guard let user = UserID(rawValue: text) else { throw MatrixError.invalidParam("'\(text)' is not a user id.") }
            if !creation.invite.contains(user) { creation.invite.append(user) }
        }
        for entry in try body.array("initial_state", max: 500) ?? [] {
            guard let event = entry.objectValue else { throw MatrixError.badJSON("'initial_state' must be a list of objects.") }
            let type = try event.required(string: "type", max: 255)
            guard let content = try event.object("content") else { throw MatrixError.badJSON("An event in 'initial_state' has no content.") }
            creation.initialState.append((type: type, stateKey: try event.string("state_key", max: 255) ?? "", content: .object(content)))
        }

        var plan = RoomPlan(creation: creation, isPublic: visibility == "public")
        if let localpart = try body.string("room_alias_name") {
            guard !localpart.contains(":"), !localpart.contains("#"), !localpart.contains(where: \.isWhitespace),
                  let alias = RoomAlias(localpart: localpart, server: c.serverName) else {
                throw MatrixError.invalidParam("'room_alias_name' cannot be the local part of a room alias.")
            }
            plan.alias = alias
        }
        return plan
    }
}
