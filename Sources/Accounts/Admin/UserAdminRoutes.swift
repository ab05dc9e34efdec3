import MatrixCore
import ServerKit
import Store

/// Accounts, for administrators: the interface is Synapse's, so that its tools work here.
/// https://element-hq.github.io/synapse/latest/admin_api/user_admin_api.html
extension Accounts {
    var userAdminRoutes: [Route] {
        let v1 = "/_synapse/admin/v1", v2 = "/_synapse/admin/v2"
        return [
            Route(.get, v2 + "/users", auth: .admin, listUsers),
            Route(.get, v2 + "/users/{userId}", auth: .admin, userDetails),
            Route(.put, v2 + "/users/{userId}", auth: .admin, putUser),
            Route(.post, v1 + "/deactivate/{userId}", auth: .admin, deactivateUser),
            Route(.post, v1 + "/reset_password/{userId}", auth: .admin, resetPassword),
            // A bridge asks this of itself and takes the refusal for an answer.
            Route(.get, v1 + "/users/{userId}/admin", auth: .admin) { request, c in .json(["admin": .bool(try await self.account(request, c).isAdmin)]) },
            Route(.put, v1 + "/users/{userId}/admin", auth: .admin, putAdmin),
            Route(.get, v1 + "/users/{userId}/joined_rooms", auth: .admin) { request, c in
                let user: UserID = try request.id("userId")
                let rooms = try await c.db.read { tx in try c.ports.timelines.joinedRooms(tx, user: user) }
                return .json(["joined_rooms": .array(rooms.map { JSON($0) }), "total": .int(Int64(rooms.count))])
            },
            Route(.get, v2 + "/users/{userId}/devices", auth: .admin, listDevices),
            Route(.get, v2 + "/users/{userId}/devices/{deviceId}", auth: .admin, deviceDetails),
            Route(.put, v2 + "/users/{userId}/devices/{deviceId}", auth: .admin, nameDevice),
            Route(.delete, v2 + "/users/{userId}/devices/{deviceId}", auth: .admin) { request, c in
                try await self.endDevices(request, c, [try request.id("deviceId")])
            },
            Route(.post, v2 + "/users/{userId}/delete_devices", auth: .admin) { request, c in
                guard let names = try request.json().strings("devices", max: 1000) else { throw MatrixError.missingParam("'devices' is required.") }
                return try await self.endDevices(request, c, names.map { DeviceID(trusted: $0) })
            },
            Route(.put, v1 + "/suspend/{userId}", auth: .admin) { request, c in
                let user: UserID = try request.id("userId")
                guard let value = try request.json().bool("suspend") else { throw MatrixError.missingParam("'suspend' is required.") }
                _ = try await self.account(request, c)
                try await c.db.write { tx in try Moderation.set(tx, self, user, .suspended, value) }
                return .json(["user_\(user)_suspended": .bool(value)])
            },
            Route(.get, v1 + "/username_available", auth: .admin) { request, c in
                guard let name = request.query["username"] else { throw MatrixError.missingParam("'username' is required.") }
                let id = try AccountStore.newUserID(c, localpart: name)
                guard try await c.db.read({ tx in try !AccountStore.exists(tx, id) }) else { throw MatrixError.userInUse() }
                return .json(["available": true])
            },
        ]
    }

    private func account(_ request: Request, _ c: Context) async throws -> AccountRow {
        let user: UserID = try request.id("userId")
        guard let account = try await c.db.read({ tx in try AccountStore.account(tx, user) }) else { throw MatrixError.notFound("User not found") }
        return account
    }

    // MARK: accounts

    private func listUsers(_ request: Request, _ c: Context) async throws -> Response {
        let query = request.query
        let part = try query.listPage(), from = part.from, limit = part.limit
        var list = UserList()
        if let text = query["user_id"] ?? query["name"] { list.term = TextFolding.fold(text) }
        list.guests = try query.bool("guests", default: true)
        list.deactivated = try query.bool("deactivated", default: false)
        if query["admins"] != nil { list.admins = try query.bool("admins") }
        if query["locked"] != nil { list.locked = try query.bool("locked") }
        guard let order = UserList.Order(rawValue: query["order_by"] ?? "name") else { throw MatrixError.invalidParam("'order_by' is not known.") }
        let wanted = list
        let (users, total) = try await c.db.read { tx in
            (try UserList.page(tx, wanted, order, isDescending: part.isReversed, from: from, limit: limit), try UserList.count(tx, wanted))
        }
        var body: JSONObject = ["users": .array(users.map { .object($0.listed) }), "total": .int(total)]
        if from + limit < total { body["next_token"] = .string(String(from + limit)) }
        return .json(.object(body))
    }

    private func details(_ c: Context, _ user: UserID) async throws -> JSONObject {
        guard let row = try await c.db.read({ tx in try UserList.one(tx, user) }) else { throw MatrixError.notFound("User not found") }
        var body = row.listed
        body["threepids"] = []
        body["external_ids"] = []
        body["appservice_id"] = .null
        body["consent_server_notice_sent"] = .null
        body["consent_version"] = .null
        body["consent_ts"] = .null
        body["creation_ts"] = .int(row.created / 1000)
        return body
    }

    private func userDetails(_ request: Request, _ c: Context) async throws -> Response { .json(.object(try await details(c, try request.id("userId")))) }

    /// Makes or changes an account.
    private func putUser(_ request: Request, _ c: Context) async throws -> Response {
        let user: UserID = try request.id("userId")
        guard user.server == c.serverName else { throw MatrixError.invalidParam("This endpoint can only be used with local users") }
        let body = try request.json()
        let password = try body.string("password", max: PasswordRules.maxBytes)
        let endsSessions = try body.bool("logout_devices") ?? true
        let isAdmin = try body.bool("admin"), isLocked = try body.bool("locked"), isDeactivated = try body.bool("deactivated")
        var fields: [(key: String, value: JSON?)] = []
        for key in ["displayname", "avatar_url"] { if let value = body[key] { fields.append((key, try ProfileRules.value(key, value))) } }
        if user == request.user.userID, isAdmin == false || isLocked == true || isDeactivated == true {
            throw MatrixError.forbidden("Administrators cannot take their own rights away.")
        }
        if let password { try PasswordRules.check(password, c.config) }
        let hash: String? = if let password { try await hasher.hash(c, password) } else { nil }
        let profile = fields
        let isNew = try await c.db.write { tx in
            let old = try AccountStore.account(tx, user)
            if old == nil {
                guard try AccountStore.newUserID(c, localpart: user.localpart) == user else { throw MatrixError.invalidUsername() }
                _ = try AccountStore.create(c, tx, NewAccount(localpart: user.localpart, kind: .person, displayName: user.localpart, isAdmin: isAdmin ?? false), passwordHash: hash)
            } else {
                if let old, old.isDeactivated {
                    guard isDeactivated == false else { throw MatrixError.badRequest("The account has been deactivated.") }
                    guard hash != nil else { throw MatrixError.badRequest("Must provide a password to re-activate an account.") }
                    try UserList.reactivate(tx, user)
                }
                if let hash {
                    try AccountStore.setPassword(tx, user, hash: hash)
                    if endsSessions { try Devices.deleteAll(c, tx, self, user: user) }
                }
                if let isAdmin { try AccountStore.setAdmin(tx, user, isAdmin) }
            }
            for (key, value) in profile { try Profiles.set(c, tx, user: user, key: key, value) }
            if let isLocked { try Moderation.set(tx, self, user, .locked, isLocked) }
            if isDeactivated == true, old?.isDeactivated != true { try Deactivation.deactivate(c, tx, self, user: user, erase: false) }
            tx.afterCommit { self.cache.forget(user) }
            return old == nil
        }
        return .json(.object(try await details(c, user)), status: isNew ? 201 : 200)
    }

    private func deactivateUser(_ request: Request, _ c: Context) async throws -> Response {
        let account = try await account(request, c), erase = try request.json().bool("erase") ?? false
        guard account.id != request.user.userID else { throw MatrixError.forbidden("Administrators cannot take their own rights away.") }
        if !account.isDeactivated || erase { _ = try await c.db.write { tx in try Deactivation.deactivate(c, tx, self, user: account.id, erase: erase) } }
        return .json(["id_server_unbind_result": "success"])
    }

    private func resetPassword(_ request: Request, _ c: Context) async throws -> Response {
        let account = try await account(request, c), body = try request.json()
        let password = try body.required(string: "new_password", max: PasswordRules.maxBytes), endsSessions = try body.bool("logout_devices") ?? true
        try PasswordRules.check(password, c.config)
        guard !account.isDeactivated else { throw MatrixError.userDeactivated() }
        let hash = try await hasher.hash(c, password)
        try await c.db.write { tx in
            try AccountStore.setPassword(tx, account.id, hash: hash)
            if endsSessions { try Devices.deleteAll(c, tx, self, user: account.id) }
        }
        return .empty
    }

    private func putAdmin(_ request: Request, _ c: Context) async throws -> Response {
        let account = try await account(request, c)
        guard let isAdmin = try request.json().bool("admin") else { throw MatrixError.missingParam("'admin' is required.") }
        guard account.id != request.user.userID || isAdmin else { throw MatrixError.badRequest("You may not demote yourself.") }
        try await c.db.write { tx in
            try AccountStore.setAdmin(tx, account.id, isAdmin)
            tx.afterCommit { self.cache.forget(account.id) }
        }
        return .empty
    }

    // MARK: devices

    private func json(_ row: DeviceRow, _ user: UserID) -> JSON {
        let seen = seen.sighting(user, row.id) ?? row.seen
        return ["device_id": JSON(row.id), "display_name": row.name.map { .string($0) } ?? .null, "user_id": JSON(user),
                "last_seen_ip": seen.map { .string($0.address) } ?? .null, "last_seen_user_agent": seen?.agent.map { .string($0) } ?? .null,
                "last_seen_ts": seen.map { .int($0.at) } ?? .null]
    }

    private func listDevices(_ request: Request, _ c: Context) async throws -> Response {
        let user = try await account(request, c).id
        let rows = try await c.db.read { tx in try DeviceStore.all(tx, user) }
        return .json(["devices": .array(rows.map { json($0, user) }), "total": .int(Int64(rows.count))])
    }

    private func deviceDetails(_ request: Request, _ c: Context) async throws -> Response {
        let user = try await account(request, c).id, id: DeviceID = try request.id("deviceId")
        guard let row = try await c.db.read({ tx in try DeviceStore.device(tx, user, id) }) else { throw MatrixError.notFound("No device found") }
        return .json(json(row, user))
    }

    private func nameDevice(_ request: Request, _ c: Context) async throws -> Response {
        let user = try await account(request, c).id, id: DeviceID = try request.id("deviceId"), board = deviceLists
        let name = try request.json().string("display_name", max: Devices.maxNameBytes)
        try await c.db.write { tx in
            guard try DeviceStore.exists(tx, user, id) else { throw MatrixError.notFound("No device found") }
            try DeviceStore.rename(tx, user, id, name)
            try DeviceLists.announce(c, tx, board, user)
        }
        return .empty
    }

    private func endDevices(_ request: Request, _ c: Context, _ devices: [DeviceID]) async throws -> Response {
        let user = try await account(request, c).id
        try await c.db.write { tx in try Devices.delete(c, tx, self, user: user, devices: devices) }
        return .empty
    }
}
