import MatrixCore
import ServerKit
import Store

/// Finding people: those who share a room with the seeker, and those in rooms that anyone may join or read.
/// Spec: https://spec.matrix.org/latest/client-server-api/#user-directory
///
/// The directory keeps its own small picture of rooms (who has joined, is it public), written by `DirectoryObserver` inside
/// the transaction that appends the event: it is never behind.
enum UserDirectoryRules {
    static let defaultLimit: Int64 = 10
    static let maxLimit: Int64 = 50
    static let maxWords = 5
    static let maxTermBytes = 255
    /// Matches that are looked at for the best ones.
    static let looked = 500

    /// How well somebody fits: 0 is best.
    static func rank(_ terms: [String], user: UserID, name: String?) -> Int {
        let localpart = TextFolding.fold(user.localpart), name = TextFolding.fold(name ?? ""), term = terms.joined(separator: " ")
        if term == name || term == localpart || term == TextFolding.fold(user.rawValue) { return 0 }
        if name.hasPrefix(term) || localpart.hasPrefix(term) { return 1 }
        let words = TextFolding.words(name)
        return terms.allSatisfy { term in words.contains { $0.hasPrefix(term) } } ? 2 : 3
    }
}

extension Accounts {
    var userDirectoryRoutes: [Route] { [Route(.post, "/_matrix/client/v3/user_directory/search", limit: .search, searchUsers)] }

    private func searchUsers(_ req: Request, _ c: Context) async throws -> Response {
        guard req.user.kind != .visitor else { throw MatrixError.forbidden("Visitors cannot search for people.") }
        let body = try req.json()
        let term = try body.required(string: "search_term", max: UserDirectoryRules.maxTermBytes)
        let asked = try body.int("limit") ?? UserDirectoryRules.defaultLimit
        guard asked > 0 else { throw MatrixError.invalidParam("'limit' must be at least 1.") }
        let limit = Int(min(asked, UserDirectoryRules.maxLimit))
        let terms = Array(TextFolding.words(term).prefix(UserDirectoryRules.maxWords)), me = req.user.userID
        guard !terms.isEmpty else { return .json(["results": [], "limited": false]) }
        let found = try await c.db.read { tx in try DirectoryStore.search(tx, terms, for: me) }
        let best = found.map { (rank: UserDirectoryRules.rank(terms, user: $0.user, name: $0.name), hit: $0) }
            .sorted { ($0.rank, $0.hit.user.rawValue) < ($1.rank, $1.hit.user.rawValue) }
        let results: [JSON] = best.prefix(limit).map { entry in
            var body: JSONObject = ["user_id": JSON(entry.hit.user)]
            if let name = entry.hit.name { body["display_name"] = .string(name) }
            if let picture = entry.hit.picture { body["avatar_url"] = .string(picture) }
            return .object(body)
        }
        return .json(["results": .array(results), "limited": .bool(best.count > limit)])
    }
}

struct DirectoryHit: Sendable {
    var user: UserID
    var name: String?
    var picture: String?
}

enum DirectoryStore {
    static func search(_ tx: ReadTx, _ terms: [String], for user: UserID) throws -> [DirectoryHit] {
        let pattern = terms.map { _ in "p.search_text LIKE ? ESCAPE '\\'" }.joined(separator: " AND ")
        var binds: [any Bindable] = terms.map { "%" + escape($0) + "%" }
        binds += [user, user, UserDirectoryRules.looked]
        return try tx.all(SQL.search(pattern), array: binds) { DirectoryHit(user: UserID(trusted: $0.text(0)), name: $0.textOrNil(1), picture: $0.textOrNil(2)) }
    }

    private static func escape(_ term: String) -> String {
        var out = ""
        for character in term {
            if character == "\\" || character == "%" || character == "_" { out.append("\\") }
            out.append(character)
        }
        return out
    }

    static func join(_ tx: WriteTx, _ room: RoomID, _ user: String) throws { try tx.run(SQL.join, room, user) }
    static func leave(_ tx: WriteTx, _ room: RoomID, _ user: String) throws { try tx.run(SQL.leave, room, user) }
    static func setPublic(_ tx: WriteTx, _ room: RoomID, _ flag: Bool) throws { try tx.run(SQL.setPublic, room, flag) }
    static func setReadable(_ tx: WriteTx, _ room: RoomID, _ flag: Bool) throws { try tx.run(SQL.setReadable, room, flag) }

    private enum SQL {
        static func search(_ pattern: String) -> String {
            """
            SELECT p.user_id, p.displayname, p.avatar_url FROM profile p WHERE \(pattern) AND (
                EXISTS (SELECT 1 FROM directory_member m JOIN directory_room r ON r.room_id = m.room_id
                        WHERE m.user_id = p.user_id AND (r.is_public = 1 OR r.is_world_readable = 1))
                OR p.user_id <> ? AND EXISTS (SELECT 1 FROM directory_member a JOIN directory_member b ON b.room_id = a.room_id
                        WHERE a.user_id = p.user_id AND b.user_id = ?))
            ORDER BY p.user_id LIMIT ?
            """
        }
        static let join = "INSERT INTO directory_member (room_id, user_id) VALUES (?, ?) ON CONFLICT (room_id, user_id) DO NOTHING"
        static let leave = "DELETE FROM directory_member WHERE room_id = ? AND user_id = ?"
        static let setPublic = """
            INSERT INTO directory_room (room_id, is_public, is_world_readable) VALUES (?, ?, 0)
            ON CONFLICT (room_id) DO UPDATE SET is_public = excluded.is_public
            """
        static let setReadable = """
            INSERT INTO directory_room (room_id, is_public, is_world_readable) VALUES (?, 0, ?)
            ON CONFLICT (room_id) DO UPDATE SET is_world_readable = excluded.is_world_readable
            """
    }
}

struct DirectoryObserver: RoomObserver {
    func appended(_ c: Context, _ tx: WriteTx, _ event: AppendedEvent) throws {
        guard let key = event.stateKey else { return }
        switch event.type {
        case "m.room.member":
            if event.content["membership"]?.stringValue == "join" {
                try DirectoryStore.join(tx, event.room, key)
            } else {
                try DirectoryStore.leave(tx, event.room, key)
            }
        case "m.room.join_rules" where key.isEmpty:
            try DirectoryStore.setPublic(tx, event.room, event.content["join_rule"]?.stringValue == "public")
        case "m.room.history_visibility" where key.isEmpty:
            try DirectoryStore.setReadable(tx, event.room, event.content["history_visibility"]?.stringValue == "world_readable")
        default: break
        }
    }
}
