import MatrixCore
@testable import Rooms
import ServerKit
import Store
import Synchronization
import TestKit
import Testing

/// With an identity server of the test's own: it keeps promises, and signs by a key that the test holds.
@Suite struct ThirdPartyInviteTests {
    private final class Directory: Sendable {
        struct State { var users: [String: String] = [:]; var isValid = true; var isDown = false; var stored: [JSON] = [] }
        let state = Mutex(State())
        let key: ServerKey
        init() throws {
            guard let key = Ed25519.SigningKey(seed: Array(repeating: 3, count: 32)) else { throw TestFailure("no key") }
            self.key = ServerKey(server: "id.example", keyID: "ed25519:0", key: key)
        }
        var publicKey: String { Base64.encode(key.key.publicKey) }
        func outbound() -> StubOutbound {
            StubOutbound { request in
                let answer: JSON = try self.state.withLock { state in
                    if state.isDown { throw OutboundError.unreachable("down") }
                    if request.url.contains("/pubkey/isvalid?public_key=" + Percent.encode(self.publicKey)) { return ["valid": .bool(state.isValid)] }
                    #expect(request.headers.contains { $0 == (name: "Authorization", value: "Bearer tok") })
                    switch request.url {
                    case "https://id.example/_matrix/identity/v2/hash_details": return ["lookup_pepper": "salt", "algorithms": ["sha256", "none"]]
                    case "https://id.example/_matrix/identity/v2/lookup":
                        let hash = try JSON.parse(request.body)["addresses"]?[0]?.stringValue ?? ""
                        var mappings: JSONObject = [:]
                        for (address, user) in state.users where Base64.encodeURLSafe(SHA256.hash(Array("\(address) email salt".utf8))) == hash { mappings[hash] = .string(user) }
                        return ["mappings": .object(mappings)]
                    case "https://id.example/_matrix/identity/v2/store-invite":
                        state.stored.append(try JSON.parse(request.body))
                        return ["token": "t0k", "display_name": "b...@e...", "public_keys": [["public_key": .string(self.publicKey), "key_validity_url": "https://id.example/_matrix/identity/v2/pubkey/isvalid"]]]
                    default: throw TestFailure("unexpected: \(request.url)")
                    }
                }
                return OutboundResponse(status: 200, body: answer.encoded())
            }
        }
        func signed(_ user: TestUser, token: String = "t0k") throws -> JSON {
            .object(try SignedJSON.sign(["mxid": JSON(user.id), "token": .string(token)], with: key))
        }
    }
    private static let invite: JSON = ["id_server": "id.example", "id_access_token": "tok", "medium": "email", "address": "Bob@Example.org"]

    private func promised(_ directory: Directory) async throws -> Room {
        let house = try await House(outbound: directory.outbound()), room = try await house.create(["name": "Shop"])
        try await room.call(.post, "/invite", Self.invite).expect(200)
        return room
    }
    private func membership(_ room: Room, _ user: TestUser) throws -> String? {
        let id = room.id
        return try room.house.read { tx in try room.house.service.membership(tx, room: id, user: user.id) }
    }
    private func onbind(_ room: Room, _ signed: JSON) async -> TestResponse {
        await room.house.app.call(.put, "/_matrix/federation/v1/3pid/onbind", json: ["medium": "email", "address": "bob@example.org", "mxid": signed["mxid"] ?? .null, "invites": [["room_id": JSON(room.id), "sender": "@alice:test", "signed": signed]]])
    }

    @Test func whoIsKnownIsInvitedAtOnce() async throws {
        let directory = try Directory()
        directory.state.withLock { $0.users["bob@example.org"] = "@bob:test" }
        let house = try await House(outbound: directory.outbound()), room = try await house.create()
        try await room.call(.post, "/invite", Self.invite).expect(200)
        #expect(try membership(room, house.bob) == "invite")
        let second = try await house.create(["invite_3pid": [Self.invite]])
        #expect(try membership(second, house.bob) == "invite")
    }

    @Test func aPromiseStandsInTheRoomAndIsKeptWhenTheAddressIsProved() async throws {
        let directory = try Directory(), room = try await promised(directory), bob = room.house.bob
        let stored = directory.state.withLock { $0.stored }
        #expect(stored.first?["room_name"] == "Shop" && stored.first?["address"] == "bob@example.org" && stored.first?["sender"] == "@alice:test")
        let promise = try await room.call(.get, "/state/m.room.third_party_invite/t0k").expect(200)
        #expect(promise["display_name"] == "b...@e..." && promise["public_key"] == .string(directory.publicKey))
        try await onbind(room, try directory.signed(bob)).expect(200)
        let member = try await room.call(.get, "/state/m.room.member/\(bob.path)").expect(200)
        #expect(member["membership"] == "invite" && member["third_party_invite"]?["display_name"] == "b...@e...")
        try await room.join(bob)
        try await onbind(room, try directory.signed(bob)).expect(200)   // told again: he stays
        #expect(try membership(room, bob) == "join")
    }

    @Test func aJoinMayBringTheSignedInvite() async throws {
        let directory = try Directory(), room = try await promised(directory), bob = room.house.bob
        try await room.call(.post, "/join", as: room.house.carol, ["third_party_signed": try directory.signed(bob)]).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/join", as: bob, ["third_party_signed": try directory.signed(bob)]).expect(200)
        #expect(try membership(room, bob) == "join")
    }

    @Test func forgedRevokedAndUncheckedInvitesLetNobodyIn() async throws {
        let directory = try Directory(), room = try await promised(directory), bob = room.house.bob
        guard let other = Ed25519.SigningKey(seed: Array(repeating: 4, count: 32)) else { throw TestFailure("no key") }
        let forged = try SignedJSON.sign(["mxid": JSON(bob.id), "token": "t0k"], with: ServerKey(server: "id.example", keyID: "ed25519:0", key: other))
        try await onbind(room, .object(forged)).expect(403, "M_FORBIDDEN")
        try await onbind(room, try directory.signed(bob, token: "other")).expect(403, "M_FORBIDDEN")
        directory.state.withLock { $0.isValid = false }
        try await onbind(room, try directory.signed(bob)).expect(403, "M_FORBIDDEN")
        directory.state.withLock { $0.isDown = true }
        try await onbind(room, try directory.signed(bob)).expect(403, "M_FORBIDDEN")
        #expect(try membership(room, bob) == nil)
        try await room.call(.post, "/invite", Self.invite).expect(502)
    }

    @Test func whoMayNotInviteAsksNobody() async throws {
        let directory = try Directory(), outbound = directory.outbound()
        let house = try await House(outbound: outbound), room = try await house.open()
        try await room.join(house.bob)
        try await room.call(.post, "/invite", as: house.bob, Self.invite).expect(403, "M_FORBIDDEN")
        try await room.call(.post, "/invite", as: house.carol, Self.invite).expect(403, "M_FORBIDDEN")
        #expect(outbound.requests.isEmpty)
        for key in ["id_server", "id_access_token", "medium", "address"] {
            var body = Self.invite.objectValue ?? [:]
            body[key] = nil
            try await room.call(.post, "/invite", .object(body)).expect(400, "M_MISSING_PARAM")
            body[key] = 7
            try await room.call(.post, "/invite", .object(body)).expect(400, "M_BAD_JSON")
        }
        #expect(outbound.requests.isEmpty)
    }
}
