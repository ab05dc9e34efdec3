@testable import AppService
import MatrixCore
import ServerKit
import Store
import Synchronization
import TestKit
import Testing

struct TransactionTests {
    /// A room of ann with the ghost @irc_bob in it; all that led there has been told.
    private func bridged(_ backend: TestBackend = .preferred) async throws -> (Port, String) {
        let port = try await Port(backend: backend)
        try await port.ghost("irc_bob")
        let room = try await port.room()
        try await port.call(.post, "/rooms/\(Percent.encode(room))/join", for: "irc_bob", [:]).expect(200)
        try await port.deliver()
        port.line.forget()
        return (port, room)
    }

    @Test func whatHappensInARoomWithAGhostIsTold() async throws {
        let (port, room) = try await bridged()
        let id = try await port.say("hello", room)
        try await port.deliver()
        let call = try #require(port.line.transactions.first)
        #expect(call.method == "PUT" && call.token == "Bearer hs-secret" && call.isTrusted)
        #expect(call.path.hasPrefix("/_matrix/app/v1/transactions/") && call.path.split(separator: "/").last.flatMap { Int64($0) } != nil)
        let event = try #require(call.body["events"]?[0])
        #expect(event["event_id"]?.stringValue == id && event["room_id"]?.stringValue == room && event["sender"] == "@ann:test" && event["type"] == "m.room.message")
        #expect(port.line.transactions.count == 1 && event["unsigned"]?["age"] != nil)
    }

    @Test func otherRoomsAreNoBusinessOfTheService() async throws {
        let port = try await Port()
        try await port.say("private", try await port.room())
        try await port.deliver()
        #expect(port.line.transactions.isEmpty)
    }

    @Test func aServiceHearsOfInvitesAndOfTheDepartureOfItsUsersAndThenNoMore() async throws {
        let port = try await Port()
        try await port.ghost("irc_bob")
        let room = try await port.room(), path = "/rooms/" + Percent.encode(room)
        try await port.say("before", room)
        try await port.call(.post, path + "/invite", as: port.ann, ["user_id": "@irc_bob:test"]).expect(200)
        try await port.say("invited", room)
        try await port.call(.post, path + "/join", for: "irc_bob", [:]).expect(200)
        try await port.say("inside", room)
        try await port.call(.post, path + "/leave", for: "irc_bob", [:]).expect(200)
        try await port.say("after", room)
        try await port.deliver()
        let memberships = port.line.transactions.flatMap { $0.body["events"]?.arrayValue ?? [] }.compactMap { $0["content"]?["membership"]?.stringValue }
        #expect(memberships == ["invite", "join", "leave"])
        #expect(port.line.told == ["inside"])
    }

    /// Interest is decided when something happens, not when it is told.
    @Test func aServiceThatWasAwayMissesNothingThatHappenedWhileItsUsersWereThere() async throws {
        let (port, room) = try await bridged()
        port.line.answer { _ in throw OutboundError.unreachable("away") }
        try await port.say("one", room)
        #expect(try await port.courier.step(port.app.context) == .failed(pause: 1_000))
        try await port.say("two", room)
        try await port.call(.post, "/rooms/\(Percent.encode(room))/leave", for: "irc_bob", [:]).expect(200)
        try await port.say("three", room)
        port.line.answer { _ in (200, [:]) }
        port.line.forget()
        try await port.deliver()
        #expect(port.line.told == ["one", "two"])
    }

    @Test func aFailedTransactionIsSentAgainAsItWasAndInOrder() async throws {
        let (port, room) = try await bridged()
        port.line.answer { _ in (500, [:]) }
        try await port.say("one", room)
        let courier = try port.courier
        #expect(try await courier.step(port.app.context) == .failed(pause: 1_000))
        try await port.say("two", room)
        #expect(try await courier.step(port.app.context) == .failed(pause: 2_000))
        #expect(try await courier.step(port.app.context) == .failed(pause: 4_000))
        port.line.answer { _ in (200, [:]) }
        try await port.deliver()
        let calls = port.line.transactions
        #expect(calls.count == 5 && Set(calls[..<4].map(\.path)).count == 1 && calls[4].path != calls[3].path)
        #expect(calls.map { $0.body["events"]?.arrayValue?.count } == [1, 1, 1, 1, 1])
        #expect(calls[3].body["events"]?[0]?["content"]?["body"] == "one" && calls[4].body["events"]?[0]?["content"]?["body"] == "two")
        // The pause begins anew after a success.
        port.line.answer { _ in (500, [:]) }
        try await port.say("three", room)
        #expect(try await courier.step(port.app.context) == .failed(pause: 1_000))
    }

    @Test func thePauseHasABound() async throws {
        let (port, room) = try await bridged()
        port.line.answer { _ in (500, [:]) }
        try await port.say("one", room)
        var last = Courier.Outcome.idle
        for _ in 0..<12 { last = try await port.courier.step(port.app.context) }
        #expect(last == .failed(pause: Courier.longestPause))
    }

    /// What a crash leaves behind: the transaction has an id and was perhaps received.
    @Test(arguments: TestBackend.available) func afterARestartTheOpenTransactionKeepsItsIdAndItsEvents(backend: TestBackend) async throws {
        let (port, room) = try await bridged(backend)
        port.line.answer { _ in (500, [:]) }
        try await port.say("one", room)
        _ = try await port.courier.step(port.app.context)
        try await port.say("two", room)
        let before = try #require(port.line.transactions.last)
        port.line.answer { _ in (200, [:]) }
        port.line.forget()
        let reborn = Courier(try port.courier.service)   // nothing of the old one's memory
        while try await reborn.step(port.app.context) == .sent {}
        let calls = port.line.transactions
        #expect(calls.first?.path == before.path)
        #expect(calls.first?.body["events"]?.arrayValue?.count == 1 && port.line.told == ["one", "two"])
        #expect(Set(calls.map(\.path)).count == calls.count)
    }

    @Test func manyEventsGoInTransactionsOfAHundred() async throws {
        let (port, room) = try await bridged()
        for n in 0..<130 { try await port.say("\(n)", room) }
        try await port.deliver()
        #expect(port.line.transactions.map { $0.body["events"]?.arrayValue?.count } == [100, 30])
        #expect(port.line.told == (0..<130).map(String.init))
        try await port.deliver()
        #expect(port.line.transactions.count == 2)
    }

    @Test func aServiceOfTheOldPathsIsFoundThere() async throws {
        let (port, room) = try await bridged()
        port.line.answer { call in call.path.hasPrefix("/transactions/") ? (200, [:]) : (404, ["errcode": "M_UNRECOGNIZED"]) }
        try await port.say("one", room)
        try await port.deliver()
        try await port.say("two", room)
        try await port.deliver()
        let paths = port.line.transactions.map(\.path)
        #expect(paths.count == 3 && paths[1].hasPrefix("/transactions/") && paths[1].hasSuffix("?access_token=hs-secret") && paths[2].hasPrefix("/transactions/"))
    }

    @Test func receiptsAndTypingAreToldUnderBothNames() async throws {
        let (port, room) = try await bridged()
        let path = "/rooms/" + Percent.encode(room), id = try await port.say("one", room)
        try await port.deliver()
        port.line.forget()
        try await port.call(.post, path + "/receipt/m.read/" + Percent.encode(id), as: port.ann, [:]).expect(200)
        try await port.call(.post, path + "/receipt/m.read.private/" + Percent.encode(id), as: port.ann, [:]).expect(200)
        try await port.deliver()
        let receipt = try #require(port.line.transactions.first?.body["ephemeral"]?[0])
        #expect(receipt["type"] == "m.receipt" && receipt["room_id"]?.stringValue == room && receipt["content"]?[id]?["m.read"]?["@ann:test"]?["ts"]?.intValue != nil)
        #expect(port.line.transactions[0].body["de.sorunome.msc2409.ephemeral"] == port.line.transactions[0].body["ephemeral"])
        #expect(port.line.transactions.count == 1 && port.line.transactions[0].body["ephemeral"]?.arrayValue?.count == 1)
        port.line.forget()
        try await port.call(.put, path + "/typing/@ann:test", as: port.ann, ["typing": true]).expect(200)
        // Typing is told by a task of its own.
        for _ in 0..<200 where port.line.transactions.isEmpty {
            try await Task.sleep(for: .milliseconds(5))
            try await port.deliver()
        }
        #expect(port.line.transactions.first?.body["ephemeral"]?[0]?["content"]?["user_ids"] == ["@ann:test"])
    }

    @Test func aServiceThatTakesThemGetsTheMessagesToItsDevices() async throws {
        let port = try await Port([Port.irc + "\norg.matrix.msc3202: true\n"])
        try await port.ghost("irc_bob")
        #expect(await port.call(.put, "/devices/D", for: "irc_bob", [:]).status == 201)
        let messages: JSON = ["messages": ["@irc_bob:test": ["D": ["secret": 1]], "@ann:test": ["*": ["secret": 2]]]]
        for _ in 0..<2 { try await port.call(.put, "/sendToDevice/m.x/1", as: port.ann, messages).expect(200) }
        try await port.deliver()
        let expected: JSON = [["type": "m.x", "sender": "@ann:test", "content": ["secret": 1], "to_user_id": "@irc_bob:test", "to_device_id": "D"]]
        #expect(port.line.transactions.map { $0.body["to_device"] } == [expected] && port.line.transactions[0].body["de.sorunome.msc2409.to_device"] == expected)
        #expect(try await port.app.picture(port.ann).picture.toDevice.count == 1)
    }

    @Test func aliasesMakeARoomInteresting() async throws {
        let port = try await Port()
        let room = try await port.room(), alias = "/directory/room/" + Percent.encode("#irc_x:test")
        try await port.say("before", room)
        try await port.call(.put, alias, ["room_id": .string(room)]).expect(200)
        try await port.say("named", room)
        try await port.call(.delete, alias).expect(200)
        try await port.say("unnamed", room)
        try await port.deliver()
        #expect(port.line.told == ["named"])
    }

    /// A courier that waits wakes up by itself; a service that calls ends a pause.
    @Test func theCourierRunsByItself() async throws {
        let (port, room) = try await bridged()
        let isAway = Mutex(true)
        port.line.answer { _ in isAway.withLock { $0 } ? (503, [:]) : (200, [:]) }
        let context = port.app.context, courier = try port.courier
        let runner = Task { await courier.run(context) }
        func told(_ count: Int) async throws -> Bool {
            for _ in 0..<400 where port.line.transactions.count < count { try await Task.sleep(for: .milliseconds(5)) }
            return port.line.transactions.count >= count
        }
        try await port.say("one", room)
        #expect(try await told(1))
        isAway.withLock { $0 = false }
        for _ in 0..<400 where port.line.transactions.count < 2 {
            try await port.call(.get, "/account/whoami").expect(200)   // long before the second is over
            try await Task.sleep(for: .milliseconds(2))
        }
        #expect(port.line.transactions.count >= 2)
        let before = port.line.transactions.count
        try await port.say("two", room)
        #expect(try await told(before + 1))
        runner.cancel()
        await runner.value
    }

    @Test func whatWaitsForAServiceThatIsGoneIsForgotten() async throws {
        let (port, room) = try await bridged()
        try await port.say("one", room)
        try await port.app.context.db.write { tx in try Outbox.forgetOthers(tx, than: ["another"]) }
        try await port.deliver()
        #expect(port.line.transactions.isEmpty)
    }
}
