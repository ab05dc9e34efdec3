import MatrixCore
import ServerKit
import Store

/// Inviting somebody of whom only an address is known. https://spec.matrix.org/latest/client-server-api/#third-party-invites
///
/// Invariants: an identity server is asked only for somebody who may invite; an invite in exchange for a promise needs a signature by a key that
/// the room's promise names and that is still valid; nobody who is in the room is invited anew.
struct ThirdPartyInvite: Sendable {
    let server: IdentityServer
    let medium: String
    let address: String

    /// nil when the body is no such invite.
    init?(_ body: JSONObject) throws(MatrixError) {
        guard body["user_id"] == nil, body["medium"] != nil || body["address"] != nil || body["id_server"] != nil else { return nil }
        medium = try body.required(string: "medium", max: 64)
        let address = try body.required(string: "address", max: 512)
        guard medium == "email" || medium == "msisdn" else { throw .invalidParam("'medium' must be email or msisdn.") }
        if medium == "email" {
            guard let canonical = EMail.canonical(address) else { throw .invalidParam("'address' is not an e-mail address.") }
            self.address = canonical
        } else {
            guard !address.isEmpty, address.utf8.allSatisfy({ (48...57).contains($0) }) else { throw .invalidParam("'address' is not a telephone number.") }
            self.address = address
        }
        server = try IdentityServer(body)
    }

    /// The user who has the address, as far as the identity server knows.
    func user(_ c: Context) async throws -> UserID? {
        do throws(IdentityServer.Failure) { return try await server.lookUp(c, medium: medium, address: address) } catch { throw error.wire }
    }
}

extension RoomService {
    var thirdPartyInviteRoutes: [Route] {
        // The specification says PUT; identity servers send POST.
        [Method.put, .post].map { Route($0, "/_matrix/federation/v1/3pid/onbind", auth: .none, limit: .registration, bound) }
    }

    func invite(_ c: Context, _ invite: ThirdPartyInvite, to room: RoomID, by user: UserID, content: JSONObject) async throws {
        try await c.db.read { tx in
            let head = try Access.joined(tx, room: room, user)
            try RoomBlocks.check(tx, room)
            guard let version = RoomVersion.named(head.version), try RoomAuth(tx, head, version).levels.canInvite(user) else {
                throw MatrixError.forbidden("You don't have permission to invite users")
            }
        }
        if let target = try await invite.user(c) {
            try await c.db.write { tx in
                _ = try self.setMembership(c, tx, room: room, target: target, membership: "invite", by: user, content: content, timestamp: nil)
            }
        } else {
            try await promise(c, invite, in: room, by: user)
        }
    }

    /// The identity server keeps the invite until somebody proves that the address is his; the room keeps the keys by which that is told.
    func promise(_ c: Context, _ invite: ThirdPartyInvite, in room: RoomID, by user: UserID) async throws {
        var body = try await c.db.read { tx in try Self.description(c, tx, room, sender: user) }
        body["medium"] = .string(invite.medium)
        body["address"] = .string(invite.address)
        body["room_id"] = JSON(room)
        body["sender"] = JSON(user)
        let answer: JSONObject
        do throws(IdentityServer.Failure) { answer = try await invite.server.call(c, .post, "/_matrix/identity/v2/store-invite", body) } catch { throw error.wire }
        guard let token = answer["token"]?.stringValue, !token.isEmpty, token.utf8.count <= 255, let name = answer["display_name"]?.stringValue else {
            throw MatrixError(502, "M_UNKNOWN", "The identity server's answer cannot be used.")
        }
        let validity = "https://\(invite.server.name)/_matrix/identity/v2/pubkey/isvalid"
        var keys: [JSON] = (answer["public_keys"]?.arrayValue ?? []).prefix(16).compactMap { key in
            guard let value = key["public_key"]?.stringValue else { return nil }
            var entry: JSONObject = ["public_key": .string(value)]
            entry["key_validity_url"] = key["key_validity_url"]?.stringValue.map { .string($0) }
            return .object(entry)
        }
        if keys.isEmpty, let old = answer["public_key"]?.stringValue { keys = [["public_key": .string(old), "key_validity_url": .string(validity)]] }
        guard let first = keys.first, let key = first["public_key"] else { throw MatrixError(502, "M_UNKNOWN", "The identity server's answer names no key.") }
        let content: JSONObject = ["display_name": .string(name), "public_keys": .array(keys), "public_key": key, "key_validity_url": first["key_validity_url"] ?? .string(validity)]
        try await c.db.write { tx in
            _ = try self.append(c, tx, NewEvent(room: room, sender: user, type: EventType.thirdPartyInvite, stateKey: token, content: .object(content)))
        }
    }

    /// What the mail of the identity server may say of the room and of who invites.
    private static func description(_ c: Context, _ tx: ReadTx, _ room: RoomID, sender: UserID) throws -> JSONObject {
        guard let head = try RoomStore.head(tx, room) else { throw Access.refusal(room) }
        let profile = try c.ports.users.profile(tx, sender)
        var body: JSONObject = [:]
        body["sender_display_name"] = profile.displayName.map { .string($0) }
        body["sender_avatar_url"] = profile.avatarURL.map { .string($0) }
        let fields = [("room_name", EventType.name, "name"), ("room_alias", EventType.canonicalAlias, "alias"), ("room_avatar_url", "m.room.avatar", "url"),
                      ("room_join_rules", EventType.joinRules, "join_rule"), ("room_type", EventType.create, "type")]
        for (field, type, key) in fields {
            if let text = try StateStore.event(tx, room: head.nid, type, "")?.contentObject[key]?.stringValue { body[field] = .string(text) }
        }
        return body
    }

    // MARK: the promise is kept

    /// An identity server says that an address has become a user's. Spec: https://spec.matrix.org/latest/server-server-api/#third-party-invites
    private func bound(_ req: Request, _ c: Context) async throws -> Response {
        var failure: MatrixError?
        for entry in try req.json().array("invites", max: 100) ?? [] {
            guard let room = RoomID(entry["room_id"]), let signed = entry["signed"]?.objectValue else { throw MatrixError.badJSON("An entry of 'invites' lacks 'room_id' or 'signed'.") }
            // One bad invite does not spoil the others.
            do { try await exchange(c, signed, in: room) } catch let error as MatrixError { failure = failure ?? error }
        }
        if let failure { throw failure }
        return .empty
    }

    /// Makes an invite of a promise: `signed` is the identity server's word that the token is a user's.
    func exchange(_ c: Context, _ signed: JSONObject, in room: RoomID) async throws {
        guard let user = UserID(signed["mxid"]), let token = signed["token"]?.stringValue, token.utf8.count <= 255 else {
            throw MatrixError.badJSON("The signed invite names no user or token.")
        }
        let promise = try await c.db.read { tx -> (sender: UserID, content: JSONObject)? in
            guard let head = try RoomStore.head(tx, room), let event = try StateStore.event(tx, room: head.nid, EventType.thirdPartyInvite, token) else { return nil }
            return (sender: event.sender, content: event.contentObject)
        }
        guard let promise, let key = Self.signer(of: signed, promise.content) else { throw MatrixError.forbidden("The third-party invite is not valid.") }
        if let url = key.validityURL { try await check(c, key.publicKey, url) }
        var invite: JSONObject = ["signed": .object(signed)]
        invite["display_name"] = promise.content["display_name"]
        let content: JSONObject = ["third_party_invite": .object(invite)]
        try await c.db.write { tx in
            guard let work = try RoomWork.open(self, c, tx, room, actor: promise.sender) else { throw Access.refusal(room) }
            if try work.member(user)?.membership == "join" { return }
            _ = try self.change(work, Change(target: user, membership: "invite", sender: promise.sender, content: content))
            try work.finish()
        }
    }

    struct PromisedKey: Sendable, Hashable {
        var publicKey: String
        var validityURL: String?
    }

    /// The key of the promise by which the invite is signed. Pure.
    static func signer(of signed: JSONObject, _ promise: JSONObject) -> PromisedKey? {
        var keys = (promise["public_keys"]?.arrayValue ?? []).compactMap { key in
            key["public_key"]?.stringValue.map { PromisedKey(publicKey: $0, validityURL: key["key_validity_url"]?.stringValue) }
        }
        if let key = promise["public_key"]?.stringValue { keys.append(PromisedKey(publicKey: key, validityURL: promise["key_validity_url"]?.stringValue)) }
        for key in keys {
            guard let bytes = Base64.decode(key.publicKey) ?? Base64.decodeURLSafe(key.publicKey) else { continue }
            for (entity, signatures) in signed["signatures"]?.objectValue ?? [:] {
                for (id, _) in signatures.objectValue ?? [:] where id.hasPrefix("ed25519:") && SignedJSON.verify(signed, entity: entity, keyID: id, publicKey: bytes) { return key }
            }
        }
        return nil
    }

    /// Throws when the key has been revoked, or when nobody can say.
    private func check(_ c: Context, _ key: String, _ url: String) async throws {
        let address = url + (url.contains("?") ? "&" : "?") + "public_key=" + Percent.encode(key)
        let verdict: JSON
        do {
            let answer = try await c.outbound.send(OutboundRequest("GET", address, timeout: 15_000, maxBytes: 65_536))
            verdict = try JSON.parse(answer.body)
        } catch { throw MatrixError.forbidden("The key of the third-party invite cannot be checked.") }
        guard verdict["valid"]?.boolValue == true else { throw MatrixError.forbidden("The key of the third-party invite has been revoked.") }
    }
}
