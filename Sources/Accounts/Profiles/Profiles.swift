import MatrixCore
import ServerKit
import Store

/// Profiles: a display name, a picture, and any further fields.
/// Spec: https://spec.matrix.org/latest/client-server-api/#profiles
///
/// Invariants: a profile is at most 64 KiB; a change of name or picture reaches the rooms in the same transaction; the text
/// that the user directory searches is made anew with every change.
enum ProfileRules {
    static let maxNameBytes = 1024
    static let maxAddressBytes = 1024
    static let maxKeyBytes = 255
    static let maxProfileBytes = 65_536

    /// `displayname`, `avatar_url`, or a namespaced identifier (`m.tz`, `org.example.job_title`).
    static func check(key: String) throws(MatrixError) {
        guard key.utf8.count <= maxKeyBytes else { throw MatrixError(400, "M_KEY_TOO_LARGE", "The name of the field is longer than \(maxKeyBytes) bytes.") }
        guard key == "displayname" || key == "avatar_url" || isNamespaced(key) else { throw .invalidParam("This is not the name of a profile field.") }
    }

    static func isNamespaced(_ key: String) -> Bool {
        guard let first = key.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first), key.utf8.contains(UInt8(ascii: ".")) else { return false }
        return key.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: "._-".utf8.contains(byte)
            }
        }
    }

    /// What a field becomes; nil removes it. A name or picture that is null or empty is none.
    static func value(_ key: String, _ value: JSON) throws(MatrixError) -> JSON? {
        switch key {
        case "displayname", "avatar_url":
            if value.isNull { return nil }
            guard let text = value.stringValue else { throw .badJSON("'\(key)' must be a string.") }
            let limit = key == "displayname" ? maxNameBytes : maxAddressBytes
            guard text.utf8.count <= limit else { throw .invalidParam("'\(key)' is longer than \(limit) bytes.") }
            return text.isEmpty ? nil : value
        case "m.tz":
            guard let text = value.stringValue, text.utf8.count <= 255 else { throw .badJSON("'m.tz' must be the name of a time zone.") }
            return value
        default: return value
        }
    }
}

/// All that a profile has.
struct FullProfile: Sendable, Hashable {
    var name: String?
    var picture: String?
    var fields: JSONObject

    var json: JSONObject {
        var body = fields
        if let name { body["displayname"] = .string(name) }
        if let picture { body["avatar_url"] = .string(picture) }
        return body
    }
    subscript(key: String) -> JSON? {
        get { json[key] }
        set {
            switch key {
            case "displayname": name = newValue?.stringValue
            case "avatar_url": picture = newValue?.stringValue
            default: fields[key] = newValue
            }
        }
    }
}

enum Profiles {
    /// Sets name and picture, and tells the rooms when they are others than before.
    static func set(_ c: Context, _ tx: WriteTx, user: UserID, _ profile: Profile) throws {
        guard var full = try ProfileStore.full(tx, user) else { throw MatrixError.notFound("There is no such user.") }
        full.name = profile.displayName
        full.picture = profile.avatarURL
        try write(c, tx, user: user, full)
    }

    static func set(_ c: Context, _ tx: WriteTx, user: UserID, key: String, _ value: JSON?) throws {
        guard var full = try ProfileStore.full(tx, user) else { throw MatrixError.notFound("There is no such user.") }
        full[key] = value
        guard JSON.object(full.json).encoded().count <= ProfileRules.maxProfileBytes else {
            throw MatrixError(400, "M_PROFILE_TOO_LARGE", "The profile would be larger than \(ProfileRules.maxProfileBytes) bytes.")
        }
        try write(c, tx, user: user, full)
    }

    private static func write(_ c: Context, _ tx: WriteTx, user: UserID, _ profile: FullProfile) throws {
        guard let old = try ProfileStore.full(tx, user), old != profile else { return }
        try ProfileStore.update(tx, user, profile)
        if old.name != profile.name || old.picture != profile.picture { try c.ports.rooms.profileChanged(c, tx, user: user) }
    }
}

enum ProfileStore {
    static func insert(_ tx: WriteTx, _ user: UserID, displayName: String?) throws {
        try tx.run(SQL.insert, user, displayName, JSON.object([:]).encoded(), searchText(user, displayName))
    }
    static func profile(_ tx: ReadTx, _ user: UserID) throws -> Profile? {
        try tx.first(SQL.profile, user) { Profile(displayName: $0.textOrNil(0), avatarURL: $0.textOrNil(1)) }
    }
    static func full(_ tx: ReadTx, _ user: UserID) throws -> FullProfile? {
        try tx.first(SQL.full, user) { row in
            FullProfile(name: row.textOrNil(0), picture: row.textOrNil(1), fields: try JSONObject.parse(row.bytes(2)))
        }
    }
    static func update(_ tx: WriteTx, _ user: UserID, _ profile: FullProfile) throws {
        try tx.run(SQL.update, profile.name, profile.picture, JSON.object(profile.fields).encoded(), searchText(user, profile.name), user)
    }
    /// Nothing of a profile is left, and nobody finds it.
    static func clear(_ tx: WriteTx, _ user: UserID) throws { try tx.run(SQL.update, String?.none, String?.none, JSON.object([:]).encoded(), "", user) }

    static func searchText(_ user: UserID, _ name: String?) -> String { TextFolding.fold(user.rawValue + " " + (name ?? "")) }

    private enum SQL {
        static let insert = "INSERT INTO profile (user_id, displayname, avatar_url, fields, search_text) VALUES (?, ?, NULL, ?, ?)"
        static let profile = "SELECT displayname, avatar_url FROM profile WHERE user_id = ?"
        static let full = "SELECT p.displayname, p.avatar_url, p.fields FROM profile p JOIN account a ON a.user_id = p.user_id WHERE p.user_id = ? AND a.deactivated IS NULL"
        static let update = "UPDATE profile SET displayname = ?, avatar_url = ?, fields = ?, search_text = ? WHERE user_id = ?"
    }
}
