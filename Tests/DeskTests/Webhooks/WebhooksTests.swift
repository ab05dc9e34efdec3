import MatrixCore
import ServerKit
import Store
import Synchronization
import TestKit
import Testing
@testable import Desk

/// A receiver that takes what it gets, or answers as it is told.
final class Receiver: Outbound {
    struct Got: Sendable { let id: String, timestamp: String, signature: String, body: [UInt8], json: JSON }
    private let state = Mutex((got: [Got](), status: 200))
    var got: [Got] { state.withLock(\.got) }
    var status: Int {
        get { state.withLock(\.status) }
        set { state.withLock { $0.status = newValue } }
    }
    func send(_ request: OutboundRequest) async throws -> OutboundResponse {
        func header(_ name: String) -> String { request.headers.first { $0.name == name }?.value ?? "" }
        let status = status
        if status == 0 { throw OutboundError.unreachable("nobody there") }
        let json = (try? JSON.parse(request.body)) ?? .null
        state.withLock { $0.got.append(Got(id: header("webhook-id"), timestamp: header("webhook-timestamp"), signature: header("webhook-signature"), body: request.body, json: json)) }
        return OutboundResponse(status: status)
    }
}

@Suite struct WebhooksTests {
    private func hook(_ shop: Shop, _ events: [String], _ more: JSONObject = [:]) async throws -> (id: String, secret: String) {
        var body: JSONObject = ["name": "CRM", "url": "https://crm.example/hook", "events": JSON(events)]
        for (key, value) in more { body[key] = value }
        let made = try await shop.call(.post, "/webhooks", as: shop.owner, .object(body)).expect(201)
        return (made.string("id") ?? "", made.string("secret") ?? "")
    }
    /// Lets the courier do all that is due.
    private func run(_ shop: Shop) async throws {
        for _ in 0..<3 {
            try await shop.desk.live.webhooks.tick(shop.app.context, shop.desk.live)
            await shop.desk.live.settled()
        }
    }

    @Test func whatHappensIsToldInOrderAndSigned() async throws {
        let receiver = Receiver(), shop = try await Shop(outbound: receiver)
        let (id, secret) = try await hook(shop, ["conversation.created", "message.created", "conversation.resolved"])
        let (visitor, conversation, room) = try await shop.customer("un")
        try await shop.send("deux", room: room, as: visitor.user)
        try await shop.call(.put, "/conversations/\(conversation)/status", as: shop.owner, ["status": "resolved"]).expect(200)
        try await run(shop)
        #expect(receiver.got.map { $0.json.string("type") } == ["conversation.created", "message.created", "message.created", "conversation.resolved"])
        #expect(receiver.got[1].json.string("data.item.message.body") == "un" && receiver.got[2].json.string("data.conversation.id") == conversation)
        #expect(Set(receiver.got.map(\.id)).count == 4 && receiver.got.allSatisfy { $0.json.string("id") == $0.id })
        let one = receiver.got[0]
        #expect(one.signature == Webhooks.signature(secret, one.id, one.timestamp, one.body) && one.timestamp == String(shop.app.clock.now / 1000))
        try await run(shop)
        #expect(receiver.got.count == 4)
        let log = try await shop.call(.get, "/webhooks/\(id)/deliveries", as: shop.owner).expect(200)["items"]?.arrayValue ?? []
        #expect(log.count == 4 && log.allSatisfy { $0.string("state") == "done" && $0.int("status") == 200 && $0.int("attempts") == 1 })
    }
    /// As the specification of Standard Webhooks has it, with its own example.
    @Test func theSignatureIsTheStandardsOne() {
        let body = Array("{\"test\": 2432232314}".utf8)
        #expect(Webhooks.signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }
    @Test func whatFailsIsTriedAgainWithTheSameIdAndNothingOvertakesIt() async throws {
        let receiver = Receiver(), shop = try await Shop(outbound: receiver)
        let (id, _) = try await hook(shop, ["message.created"])
        receiver.status = 503
        let (visitor, _, room) = try await shop.customer("un")
        try await run(shop)
        try await shop.send("deux", room: room, as: visitor.user)
        try await run(shop)
        #expect(receiver.got.count == 1)
        receiver.status = 200
        try await run(shop)
        #expect(receiver.got.count == 1)   // not yet
        shop.app.clock.advance(Webhooks.firstPause)
        try await run(shop)
        #expect(receiver.got.map { $0.json.string("data.item.message.body") } == ["un", "un", "deux"] && receiver.got[0].id == receiver.got[1].id && receiver.got[0].body == receiver.got[1].body)
        #expect(try await shop.call(.get, "/webhooks", as: shop.owner).expect(200)["items"]?[0]?["failing_since"]?.isNull == true)
        // once more, by hand
        try await shop.call(.post, "/webhooks/\(id)/deliveries/\(receiver.got[0].id)/replay", as: shop.owner).expect(204)
        try await run(shop)
        #expect(receiver.got.last?.id == receiver.got[0].id && receiver.got.count == 4)
    }
    @Test func whatFailsForDaysIsSwitchedOffWithNotice() async throws {
        let receiver = Receiver(), shop = try await Shop(outbound: receiver)
        let (id, _) = try await hook(shop, ["message.created"])
        receiver.status = 0
        let (visitor, _, room) = try await shop.customer("un")
        var tries = 0
        while try await shop.call(.get, "/webhooks", as: shop.owner).expect(200)["items"]?[0]?["active"] == true, tries < 200 {
            try await run(shop)
            shop.app.clock.advance(Webhooks.longestPause)
            tries += 1
        }
        #expect((60...90).contains(tries))
        let hook = try await shop.call(.get, "/webhooks", as: shop.owner).expect(200)["items"]?[0]
        #expect(hook?.string("notice")?.contains("nobody there") == true)
        #expect(try await shop.call(.get, "/audit?action=webhooks.active", as: shop.owner).expect(200)["items"]?[0]?.string("target") == id)
        receiver.status = 200
        try await shop.send("deux", room: room, as: visitor.user)
        try await shop.call(.patch, "/webhooks/" + id, as: shop.owner, ["active": true]).expect(200)
        try await shop.send("trois", room: room, as: visitor.user)
        try await run(shop)
        #expect(receiver.got.map { $0.json.string("data.item.message.body") } == ["trois"])
    }
    @Test func aWebhookIsToldOfItsBrandsAndInboxesOnly() async throws {
        let receiver = Receiver(), shop = try await Shop(outbound: receiver)
        let mine = try await shop.call(.get, "/brands", as: shop.owner).expect(200)["items"]?[0]?.string("id") ?? ""
        let other = try await shop.call(.post, "/brands", as: shop.owner, ["name": "Zephyr"]).expect(201).string("id") ?? ""
        let far = try await shop.call(.post, "/inboxes", as: shop.owner, ["name": "Quai", "key": "zephyr", "brand_id": .string(other)]).expect(201).string("id") ?? ""
        let (byBrand, _) = try await hook(shop, Webhooks.Event.allCases.map(\.rawValue), ["brands": [.string(other)]])
        let (byInbox, _) = try await hook(shop, ["message.created"], ["inboxes": [.string(far)]])
        try await shop.customer("ici")
        try await run(shop)
        #expect(receiver.got.isEmpty)
        let visitor = try await shop.visitor(["inbox": "zephyr"])
        try await shop.app.call(.post, Shop.widget + "/conversations", as: visitor.user, json: ["inbox": "zephyr", "txn_id": "t", "content": ["msgtype": "m.text", "body": "mistral"]]).expect(200)
        await shop.desk.live.settled()
        try await run(shop)
        #expect(Set(receiver.got.compactMap { $0.json.string("type") }).isSuperset(of: ["conversation.created", "message.created", "conversation.updated"]))
        #expect(receiver.got.count { $0.id.contains(byInbox.dropFirst(3)) } == 1 && receiver.got.count { $0.id.contains(byBrand.dropFirst(3)) } >= 3)
        // somebody of the first brand does not know either, and makes none for more than his brand
        let boss = try await shop.agent("boss", role: "admin", online: false)
        try await shop.call(.patch, "/agents/" + boss.path, as: shop.owner, ["brands": [.string(mine)]]).expect(200)
        #expect(try await shop.call(.get, "/webhooks", as: boss).expect(200)["items"]?.arrayValue?.isEmpty == true)
        try await shop.call(.delete, "/webhooks/" + byBrand, as: boss).expect(404)
        #expect(await shop.call(.post, "/webhooks", as: boss, ["name": "x", "url": "https://x.example", "events": ["message.created"], "inboxes": [.string(far)]])["errors"]?[0]?["field"] == "inboxes")
        #expect(try await shop.call(.post, "/webhooks", as: boss, ["name": "x", "url": "https://x.example", "events": ["message.created"]]).expect(201)["brands"] == [.string(mine)])
    }
    @Test func aNewSecretSignsBesideTheOldOneForADay() async throws {
        let receiver = Receiver(), shop = try await Shop(outbound: receiver), (id, old) = try await hook(shop, ["message.created"])
        let new = try await shop.call(.post, "/webhooks/\(id)/secret", as: shop.owner).expect(200).string("secret") ?? ""
        #expect(try await shop.call(.post, "/webhooks/\(id)/test", as: shop.owner).expect(200)["done"] == true)
        let one = receiver.got[0]
        #expect(new != old && one.signature == [new, old].map { Webhooks.signature($0, one.id, one.timestamp, one.body) }.joined(separator: " "))
        shop.app.clock.advance(Webhooks.overlap)
        receiver.status = 500
        #expect(try await shop.call(.post, "/webhooks/\(id)/test", as: shop.owner).expect(200).int("status") == 500)
        #expect(!receiver.got[1].signature.contains(" "))
        let audit = String(decoding: try await shop.call(.get, "/audit", as: shop.owner).expect(200).encoded(), as: UTF8.self)
        #expect(!audit.contains(new) && !audit.contains(old))
    }
}
