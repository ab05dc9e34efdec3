import MatrixCore
import ServerKit
import Store

/// https://spec.matrix.org/latest/client-server-api/#server-side-key-backups
extension Accounts {
    var keyBackupRoutes: [Route] {
        let version = "/_matrix/client/v3/room_keys/version", keys = "/_matrix/client/v3/room_keys/keys"
        let room = keys + "/{roomId}", session = room + "/{sessionId}"
        return [
            Route(.post, version, makeBackup),
            Route(.get, version, newestBackup),
            Route(.get, version + "/{version}", backup),
            Route(.put, version + "/{version}", updateBackup),
            Route(.delete, version + "/{version}", deleteBackup),
        ] + [keys, room, session].flatMap { path in
            [
                Route(.put, path, limit: .message, body: .collected(max: 16 << 20), backUpKeys),
                Route(.get, path, backedUpKeys),
                Route(.delete, path, deleteBackedUpKeys),
            ]
        }
    }

    private func makeBackup(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, (algorithm, authData) = try Self.info(try req.json())
        let version = try await c.db.write { tx in try KeyBackupStore.insert(tx, user, algorithm: algorithm, authData: authData) }
        return .json(["version": .string(String(version))])
    }

    private func newestBackup(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID
        guard let backup = try await c.db.read({ tx in try KeyBackupStore.newest(tx, user) }) else { throw MatrixError.notFound("There is no backup.") }
        return .json(backup.json)
    }

    private func backup(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, version = try Self.version(try req.param("version"))
        guard let backup = try await c.db.read({ tx in try KeyBackupStore.version(tx, user, version) }) else { throw Self.noBackup }
        return .json(backup.json)
    }

    private func updateBackup(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, text = try req.param("version"), version = try Self.version(text)
        let body = try req.json(), (algorithm, authData) = try Self.info(body)
        if let named = try body.string("version", max: 255), named != text { throw MatrixError.invalidParam("The versions in the body and in the path differ.") }
        try await c.db.write { tx in
            guard let backup = try KeyBackupStore.version(tx, user, version) else { throw Self.noBackup }
            guard backup.algorithm == algorithm else { throw MatrixError.invalidParam("The algorithm of a backup cannot be changed.") }
            try KeyBackupStore.update(tx, user, version, authData: authData)
        }
        return .empty
    }

    private func deleteBackup(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, version = try Self.version(try req.param("version"))
        try await c.db.write { tx in
            guard try KeyBackupStore.delete(tx, user, version) else { throw Self.noBackup }
        }
        return .empty
    }

    private func backUpKeys(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, version = try Self.queryVersion(req), place = try Self.place(req), body = try req.json()
        var entries: [BackupEntry] = []
        func add(room: String, _ sessions: JSONObject) throws {
            for (session, key) in sessions {
                guard let key = key.objectValue else { throw MatrixError.badJSON("Each session must be an object.") }
                guard !session.isEmpty, session.utf8.count <= 255, !session.utf8.contains(0) else { throw MatrixError.invalidParam("A session id has 1 to 255 bytes.") }
                entries.append(BackupEntry(room: room, session: session, key: try BackedUpSession(key)))
            }
        }
        func sessions(_ object: JSONObject) throws -> JSONObject {
            guard let sessions = try object.object("sessions") else { throw MatrixError.missingParam("'sessions' is required.") }
            return sessions
        }
        switch (place.room, place.session) {
        case (let room?, let session?): entries = [BackupEntry(room: room, session: session, key: try BackedUpSession(body))]
        case (let room?, nil): try add(room: room, try sessions(body))
        default:
            guard let rooms = try body.object("rooms") else { throw MatrixError.missingParam("'rooms' is required.") }
            for (room, value) in rooms {
                guard RoomID(rawValue: room) != nil else { throw MatrixError.invalidParam("'rooms' has a key that is no room id.") }
                guard let value = value.objectValue else { throw MatrixError.badJSON("Each room must be an object.") }
                try add(room: room, try sessions(value))
            }
        }
        guard entries.count <= KeyBackup.mostSessions else { throw MatrixError.tooLarge("One request stores at most \(KeyBackup.mostSessions) sessions.") }
        let stored = entries
        return .json(try await c.db.write { tx in try KeyBackup.store(tx, user, version: version, stored) }.state)
    }

    private func backedUpKeys(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, version = try Self.queryVersion(req), place = try Self.place(req)
        return .json(try await c.db.read { tx in
            guard try KeyBackupStore.version(tx, user, version) != nil else { throw Self.noBackup }
            if let room = place.room, let session = place.session {
                guard let key = try KeyBackupStore.session(tx, user, version, room, session) else { throw MatrixError.notFound("There is no such key in the backup.") }
                return key.json
            }
            let rooms = try KeyBackupStore.sessions(tx, user, version, room: place.room)
            if place.room != nil { return ["sessions": .object(rooms.first?.sessions ?? [:])] }
            return ["rooms": .object(JSONObject(rooms.map { (key: $0.room, value: ["sessions": .object($0.sessions)]) }))]
        })
    }

    private func deleteBackedUpKeys(_ req: Request, _ c: Context) async throws -> Response {
        let user = req.user.userID, version = try Self.queryVersion(req), place = try Self.place(req)
        return .json(try await c.db.write { tx in try KeyBackup.delete(tx, user, version: version, room: place.room, session: place.session) }.state)
    }

    private static var noBackup: MatrixError { .notFound("There is no such backup.") }

    /// Versions are numbers that the server has given; any other text names none.
    private static func version(_ text: String) throws(MatrixError) -> Int64 {
        guard let version = Int64(text) else { throw noBackup }
        return version
    }
    private static func queryVersion(_ req: Request) throws(MatrixError) -> Int64 {
        guard let text = req.query["version"], !text.isEmpty else { throw .missingParam("'version' is required.") }
        return try version(text)
    }
    private static func place(_ req: Request) throws(MatrixError) -> (room: String?, session: String?) {
        guard req.params["roomId"] != nil else { return (nil, nil) }
        let room: RoomID = try req.id("roomId")
        guard req.params["sessionId"] != nil else { return (room.rawValue, nil) }
        let session = try req.param("sessionId")
        guard session.utf8.count <= 255, !session.utf8.contains(0) else { throw .invalidParam("A session id has 1 to 255 bytes.") }
        return (room.rawValue, session)
    }
    /// Any JSON is taken as `auth_data`: only clients know what an algorithm wants.
    private static func info(_ body: JSONObject) throws(MatrixError) -> (algorithm: String, authData: [UInt8]) {
        let algorithm = try body.required(string: "algorithm", max: 255)
        guard !algorithm.utf8.contains(0) else { throw .invalidParam("'algorithm' has a character that is not allowed.") }
        guard let authData = body["auth_data"], !authData.isNull else { throw .missingParam("'auth_data' is required.") }
        let bytes = authData.encoded()
        guard bytes.count <= KeyBackup.maxSessionBytes else { throw .tooLarge("'auth_data' is larger than \(KeyBackup.maxSessionBytes) bytes.") }
        return (algorithm, bytes)
    }
}
