@testable import AppService
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

/// What a bridge that encrypts is told of devices and keys.
struct DeviceNewsTests {
    private static let encrypting = Port.irc + "\norg.matrix.msc3202: true\n"

    /// A bridge that encrypts, with the ghost @irc_bob; all that led there has been told.
    private func port(_ backend: TestBackend = .preferred, _ registrations: [String] = [encrypting]) async throws -> Port {
        let port = try await Port(registrations, backend: backend)
        try await port.ghost("irc_bob")
        try await port.settle()
        return port
    }
    private func bridged(_ backend: TestBackend = .preferred) async throws -> (Port, String) {
        let port = try await port(backend), room = try await port.room()
        try await port.join(room, for: "irc_bob")
        try await port.settle()
        return (port, room)
    }

    private static func keys(_ user: String, _ device: String, _ identity: String = "1") -> JSON {
        ["user_id": .string("@\(user):test"), "device_id": .string(device), "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
         "keys": .object(["curve25519:" + device: .string("c" + identity), "ed25519:" + device: .string("e" + identity)]),
         "signatures": .object(["@\(user):test": .object(["ed25519:" + device: "s"])])]
    }
    /// Gives a device a new identity, which everybody must hear of who knows its user.
    private func change(_ user: TestUser, _ port: Port, _ identity: String = "1") async throws {
        try await port.call(.post, "/keys/upload", as: user, ["device_keys": Self.keys(user.id.localpart, user.device.rawValue, identity)]).expect(200)
    }
    /// What has been told so far, one entry a transaction that says something.
    private func told(_ port: Port, _ field: String) -> [JSON] {
        port.line.transactions.compactMap { call in
            #expect(call.body[field] == call.body["org.matrix.msc3202." + field])
            return call.body[field]
        }
    }
    private func lists(_ port: Port) async throws -> [JSON] {
        try await port.deliver()
        defer { port.line.forget() }
        return told(port, "device_lists")
    }
    private func counts(_ port: Port) async throws -> [JSON] {
        try await port.deliver()
        defer { port.line.forget() }
        let counts = told(port, "device_one_time_keys_count")
        #expect(told(port, "device_unused_fallback_key_types").count == counts.count)
        return counts
    }
    private static func changed(_ users: String...) -> JSON { ["changed": JSON(users.map { "@\($0):test" }), "left": []] }
    private static func left(_ users: String...) -> JSON { ["changed": [], "left": JSON(users.map { "@\($0):test" })] }

    // MARK: Keys

    /// mautrix uploads its first keys when it hears that there are none.
    @Test func aNewDeviceIsToldToHaveNoKeysAndSoItIsAtEachStartOfTheBridge() async throws {
        let port = try await port()
        let none: JSON = ["@irc_bob:test": ["D": ["signed_curve25519": 0]]]
        #expect(await port.call(.put, "/devices/D", for: "irc_bob", [:]).status == 201)
        #expect(try await counts(port) == [none])
        #expect(await port.call(.put, "/devices/D", for: "irc_bob", [:]).status == 200)
        #expect(try await counts(port) == [none])
        try await port.call(.post, "/login", ["type": "m.login.application_service", "identifier": ["type": "m.id.user", "user": "irc_bob"], "device_id": "E"]).expect(200)
        #expect(try await counts(port) == [["@irc_bob:test": ["E": ["signed_curve25519": 0]]]])
    }

    @Test func whatIsLeftOfTheKeysIsToldWithEachChange() async throws {
        let port = try await port()
        #expect(await port.call(.put, "/devices/D", for: "irc_bob", [:]).status == 201)
        try await port.settle()
        let body: JSON = ["one_time_keys": ["signed_curve25519:A": ["key": "a"], "signed_curve25519:B": ["key": "b"]], "fallback_keys": ["signed_curve25519:F": ["key": "f"]]]
        try await port.call(.post, "/keys/upload?device_id=D", for: "irc_bob", body).expect(200)
        try await port.deliver()
        #expect(told(port, "device_unused_fallback_key_types") == [["@irc_bob:test": ["D": ["signed_curve25519"]]]])
        #expect(try await counts(port) == [["@irc_bob:test": ["D": ["signed_curve25519": 2]]]])
        let claim: JSON = ["one_time_keys": ["@irc_bob:test": ["D": "signed_curve25519"]]]
        try await port.call(.post, "/keys/claim", as: port.ann, claim).expect(200)
        #expect(try await counts(port) == [["@irc_bob:test": ["D": ["signed_curve25519": 1]]]])
        // Several changes in one transaction: the last one counts.
        for _ in 0..<2 { try await port.call(.post, "/keys/claim", as: port.ann, claim).expect(200) }
        try await port.deliver()
        #expect(told(port, "device_unused_fallback_key_types") == [["@irc_bob:test": ["D": []]]])
        #expect(try await counts(port) == [["@irc_bob:test": ["D": ["signed_curve25519": 0]]]])
        // The fallback key is used up: nothing changes any more.
        try await port.call(.post, "/keys/claim", as: port.ann, claim).expect(200)
        #expect(try await counts(port) == [])
    }

    @Test func theKeysOfPeopleAreNoBusinessOfTheBridge() async throws {
        let (port, _) = try await bridged()
        try await port.call(.post, "/keys/upload", as: port.ann, ["one_time_keys": ["signed_curve25519:A": ["key": "a"]]]).expect(200)
        #expect(try await counts(port) == [])
    }

    // MARK: Device lists

    @Test func aBridgeHearsOfTheDevicesOfThoseWhoShareARoomWithItsUsersAndOfItsOwn() async throws {
        let (port, room) = try await bridged()
        let stranger = try await port.app.register("stranger")
        try await change(port.ann, port)
        #expect(try await lists(port) == [Self.changed("ann")])
        try await change(stranger, port)
        #expect(try await lists(port) == [])
        #expect(await port.call(.put, "/devices/D", for: "irc_bob", [:]).status == 201)
        #expect(try await lists(port) == [Self.changed("irc_bob")])
        // A second device, its name, its end.
        let body: JSON = ["type": "m.login.password", "identifier": ["type": "m.id.user", "user": "ann"], "password": .string(port.ann.password), "device_id": "TABLET"]
        let tablet = try TestUser(try await port.app.call(.post, "/_matrix/client/v3/login", json: body).expect(200), password: "")
        #expect(try await lists(port) == [Self.changed("ann")])
        try await port.call(.put, "/devices/TABLET", as: tablet, ["display_name": "tablet"]).expect(200)
        #expect(try await lists(port) == [Self.changed("ann")])
        try await port.call(.post, "/logout", as: tablet, [:]).expect(200)
        #expect(try await lists(port) == [Self.changed("ann")])
        // Gone from the room, she is nobody's business any more.
        try await port.call(.post, "/rooms/\(Percent.encode(room))/leave", as: port.ann, [:]).expect(200)
        #expect(try await lists(port) == [Self.left("ann")])
        try await change(port.ann, port, "2")
        #expect(try await lists(port) == [])
    }

    /// Nobody told the bridge what they did while it did not see them.
    @Test func whoeverIsMetIsToldAsChanged() async throws {
        let (port, room) = try await bridged()
        let cleo = try await port.app.register("cleo"), path = "/rooms/" + Percent.encode(room)
        try await port.call(.post, path + "/join", as: cleo, [:]).expect(200)
        #expect(try await lists(port) == [Self.changed("cleo")])
        // A new name is no meeting.
        try await port.call(.put, "/profile/@cleo:test/displayname", as: cleo, ["displayname": "Cléo"]).expect(200)
        #expect(try await lists(port) == [])
        let second = try await port.room()
        try await port.call(.post, "/rooms/\(Percent.encode(second))/join", as: cleo, [:]).expect(200)
        #expect(try await lists(port) == [])
        try await port.join(second, for: "irc_bob")
        #expect(try await lists(port) == [Self.changed("ann", "cleo", "irc_bob")])
        // The second ghost meets nobody who is not known already.
        try await port.ghost("irc_eve")
        try await port.settle()
        try await port.join(second, for: "irc_eve")
        #expect(try await lists(port) == [])
    }

    @Test func whoIsMetNowhereElseIsToldAsLeft() async throws {
        let (port, first) = try await bridged()
        let cleo = try await port.app.register("cleo"), second = try await port.room()
        for room in [first, second] { try await port.call(.post, "/rooms/\(Percent.encode(room))/join", as: cleo, [:]).expect(200) }
        let dan = try await port.app.register("dan")
        try await port.call(.post, "/rooms/\(Percent.encode(second))/join", as: dan, [:]).expect(200)
        try await port.join(second, for: "irc_bob")
        try await port.settle()
        try await port.call(.post, "/rooms/\(Percent.encode(first))/leave", as: cleo, [:]).expect(200)
        #expect(try await lists(port) == [])
        try await port.call(.post, "/rooms/\(Percent.encode(second))/leave", for: "irc_bob", [:]).expect(200)
        #expect(try await lists(port) == [Self.left("cleo", "dan")])   // ann is in the first room, and he is the bridge's own
        // Who declines an invite was never there.
        try await port.call(.post, "/rooms/\(Percent.encode(second))/invite", as: port.ann, ["user_id": "@irc_bob:test"]).expect(200)
        try await port.call(.post, "/rooms/\(Percent.encode(second))/leave", for: "irc_bob", [:]).expect(200)
        #expect(try await lists(port) == [])
    }

    /// To find out who of them is met nowhere else would hold up all writes.
    @Test func ofALargeRoomNobodyIsToldAsLeft() async throws {
        let port = try await Port([Self.encrypting], largestFarewell: 2)
        try await port.ghost("irc_bob")
        let room = try await port.room(), path = "/rooms/\(Percent.encode(room))"
        var guests: [TestUser] = []
        for name in ["ben", "cleo"] {
            guests.append(try await port.app.register(name))
            try await port.call(.post, path + "/join", as: guests[guests.count - 1], [:]).expect(200)
        }
        try await port.join(room, for: "irc_bob")
        try await port.settle()
        try await port.call(.post, path + "/leave", for: "irc_bob", [:]).expect(200)
        #expect(try await lists(port) == [])
        // One fewer, and they are told.
        try await port.join(room, for: "irc_bob")
        try await port.call(.post, path + "/leave", as: guests[1], [:]).expect(200)
        try await port.settle()
        try await port.call(.post, path + "/leave", for: "irc_bob", [:]).expect(200)
        #expect(try await lists(port) == [Self.left("ann", "ben")])
    }

    @Test func whatOneUserAloneSeesIsToldToHisBridgeAlone() async throws {
        let (port, _) = try await bridged()
        let app = port.app, services = port.services
        let ann = port.ann.id, bob = UserID(trusted: "@irc_bob:test")
        try await app.context.db.write { tx in try services.changed(app.context, tx, .signatures(of: ann, seenBy: bob)) }
        #expect(try await lists(port) == [Self.changed("ann")])
        try await app.context.db.write { tx in try services.changed(app.context, tx, .signatures(of: bob, seenBy: ann)) }
        #expect(try await lists(port) == [])
    }

    @Test func theLastWordOnAUserCounts() throws {
        func item(_ position: Int64, _ lists: JSON) -> Outbox.Item { Outbox.Item(position: position, kind: .deviceLists, payload: lists.encoded()) }
        let fields = try DeviceNews.fields([
            item(1, ["changed": ["@a:test", "@b:test"], "left": []]), item(2, ["changed": [], "left": ["@a:test", "@c:test"]]), item(3, ["changed": ["@c:test"], "left": []]),
        ])
        #expect(fields.map(\.name) == ["device_lists"] && fields[0].value == ["changed": ["@b:test", "@c:test"], "left": ["@a:test"]])
        #expect(try DeviceNews.fields([]).isEmpty)
    }

    @Test func aServiceThatHasNotAskedForItIsToldNothing() async throws {
        let port = try await port(.preferred, [Port.irc]), room = try await port.room()
        try await port.join(room, for: "irc_bob")
        try await change(port.ann, port)
        #expect(await port.call(.put, "/devices/D", for: "irc_bob", [:]).status == 201)
        try await port.deliver()
        for call in port.line.transactions {
            for (name, _) in call.body.objectValue ?? [:] { #expect(!name.contains("device")) }
        }
        #expect(!port.line.transactions.isEmpty)
    }

    // MARK: Order and crashes

    /// The key comes before the message that is encrypted with it, and the change of devices before what follows it.
    @Test func newsStandInTheOrderInWhichTheyHappened() async throws {
        let (port, room) = try await bridged()
        #expect(await port.call(.put, "/devices/D", for: "irc_bob", [:]).status == 201)
        try await port.settle()
        for n in 0..<100 { try await port.say("\(n)", room) }
        try await change(port.ann, port)
        try await port.call(.put, "/sendToDevice/m.x/1", as: port.ann, ["messages": ["@irc_bob:test": ["D": ["n": 1]]]]).expect(200)
        try await port.say("last", room)
        try await port.deliver()
        let calls = port.line.transactions
        #expect(calls.map { $0.body["events"]?.arrayValue?.count } == [100, 1])
        #expect(calls[0].body["device_lists"] == nil && calls[0].body["to_device"] == nil)
        #expect(calls[1].body["device_lists"] == Self.changed("ann") && calls[1].body["to_device"]?.arrayValue?.count == 1)
    }

    @Test(arguments: TestBackend.available) func nothingIsLostByACrashNorSentUnderAnotherIdByARetry(backend: TestBackend) async throws {
        let (port, _) = try await bridged(backend)
        port.line.answer { _ in (500, [:]) }
        try await change(port.ann, port)
        let courier = try port.courier
        for _ in 0..<2 { _ = try await courier.step(port.app.context) }
        #expect(await port.call(.put, "/devices/D", for: "irc_bob", [:]).status == 201)
        let failed = port.line.transactions
        #expect(failed.count == 2 && failed[0].path == failed[1].path && failed[0].body == failed[1].body)
        port.line.answer { _ in (200, [:]) }
        port.line.forget()
        let reborn = Courier(courier.service)   // nothing of the old one's memory
        while try await reborn.step(port.app.context) == .sent {}
        let calls = port.line.transactions
        #expect(calls.count == 2 && calls[0].path == failed[0].path && calls[1].path != failed[0].path)
        #expect(calls[0].body["device_lists"] == Self.changed("ann") && calls[1].body["device_lists"] == Self.changed("irc_bob"))
        #expect(calls[0].body["device_one_time_keys_count"] == nil)
        #expect(calls[1].body["device_one_time_keys_count"] == ["@irc_bob:test": ["D": ["signed_curve25519": 0]]])
    }

    /// What is undone is not told.
    @Test func aChangeThatFailsIsNotTold() async throws {
        let (port, _) = try await bridged()
        let app = port.app, services = port.services, ann = port.ann.id
        await #expect(throws: MatrixError.self) {
            try await app.context.db.write { tx in
                try services.changed(app.context, tx, .devices(of: ann))
                throw MatrixError.forbidden()
            }
        }
        #expect(try await lists(port) == [])
    }

    // MARK: Messages to devices

    /// A namespace that is not exclusive has people in it, who sync.
    @Test func aMessageToADeviceOfAPersonInAnOpenNamespaceIsCopied() async throws {
        let port = try await Port([Self.encrypting.replacing("exclusive: true}\n  aliases", with: "exclusive: false}\n  - {regex: '@ann:.*', exclusive: false}\n  aliases")])
        try await port.call(.post, "/register", ["type": "m.login.application_service", "username": "irc_bob", "inhibit_login": true]).expect(200)
        #expect(await port.call(.put, "/devices/D", for: "irc_bob", [:]).status == 201)
        try await port.settle()
        let messages: JSON = ["messages": ["@irc_bob:test": ["*": ["n": 1]], "@ann:test": ["*": ["n": 2]]]]
        try await port.call(.put, "/sendToDevice/m.x/1", as: port.ann, messages).expect(200)
        try await port.deliver()
        let received = port.line.transactions.flatMap { $0.body["to_device"]?.arrayValue ?? [] }
        #expect(Set(received.compactMap { $0["to_user_id"]?.stringValue }) == ["@ann:test", "@irc_bob:test"])
        #expect(try await port.app.picture(port.ann).picture.toDevice.count == 1)
        // On D nobody has signed in: nothing waits there for ever.
        #expect(try await port.call(.get, "/sync?device_id=D", for: "irc_bob").expect(200)["to_device"]?["events"]?.arrayValue ?? [] == [])
    }
}
