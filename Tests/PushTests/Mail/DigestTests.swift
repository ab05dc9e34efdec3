@testable import Accounts
import MatrixCore
@testable import Push
import ServerKit
import Store
import TestKit
import Testing

@Suite struct DigestTests {
    /// A flat with a mailbox: Bob is told by mail what he does not read.
    private struct Post {
        static let minute: Int64 = 60_000
        let flat: Flat, smtp: MailServer
        var app: TestApp { flat.app }

        init(backend: TestBackend = .preferred, language: String = "en", config: (inout Config) -> Void = { _ in }) async throws {
            let smtp = try MailServer()
            self.smtp = smtp
            flat = try await Flat(backend: backend) { c in
                c.smtpURL = smtp.url
                c.smtpTLS = false
                c.publicURL = "https://chat.example"
                config(&c)
            }
            try await own("bob@example.org", flat.bob)
            try await subscribe(language: language).expect(200)
        }
        func own(_ address: String, _ user: TestUser) async throws {
            let id = user.id
            try await app.context.db.write { tx in try ThirdPartyStore.add(tx, ThirdPartyID(medium: "email", address: address), to: id, validated: 1, now: 1) }
        }
        func subscribe(_ more: JSONObject = [:], language: String = "en") async -> TestResponse {
            let body: JSONObject = ["kind": "email", "app_id": "m.email", "pushkey": "Bob@Example.org", "app_display_name": "Mail", "device_display_name": "Bob", "lang": .string(language)]
            return await flat.call(.post, "/pushers/set", as: flat.bob, .object(body.merging(more)))
        }
        func pushers() async throws -> [JSON] { try await flat.call(.get, "/pushers", as: flat.bob).expect(200)["pushers"]?.arrayValue ?? [] }
        /// Lets time go by, and does what is due.
        func pass(_ milliseconds: Int64) async throws {
            app.clock.advance(milliseconds)
            try await look()
            try await app.run(job: "outbox.digest")
        }
        func look() async throws {
            for job in app.features.flatMap(\.jobs) where job.name == "push.mail" { try await job.run(app.context) }
        }
        func waiting() async throws -> Int64 {
            try await app.context.db.read { tx in try tx.first("SELECT COUNT(*) FROM push_notice") { $0.int(0) } ?? -1 }
        }
    }

    @Test(arguments: TestBackend.available) func whatStaysUnreadIsMailedOnce(_ backend: TestBackend) async throws {
        let post = try await Post(backend: backend), flat = post.flat
        let room = try await flat.room(flat.alice, flat.bob, body: ["preset": "public_chat", "name": "Atelier"])
        try await flat.say("Are the eggs fresh?", in: room, as: flat.alice)
        try await post.pass(10 * Post.minute - 1)
        #expect(post.smtp.mails.isEmpty)
        try await flat.say("<b>Hello?</b>", in: room, as: flat.alice)
        try await post.pass(1)
        let mail = try #require(post.smtp.mails.first)
        #expect(mail.to == "bob@example.org")
        #expect(mail.body.contains("Atelier\n  alice: Are the eggs fresh?\n  alice: <b>Hello?</b>\n"))
        #expect(mail.body.contains("<b>alice</b>: &lt;b&gt;Hello?&lt;/b&gt;"))
        #expect(mail.text.contains("Content-Type: multipart/alternative") && mail.text.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"))
        for _ in 0..<3 { try await post.pass(30 * Post.minute) }
        #expect(post.smtp.mails.count == 1)
        #expect(try await post.waiting() == 0)
    }

    @Test func whatIsReadInTimeIsNotMailed() async throws {
        let post = try await Post(), flat = post.flat
        let room = try await flat.room(flat.alice, flat.bob)
        let event = try await flat.say("soon read", in: room, as: flat.alice)
        try await post.pass(9 * Post.minute)
        try await flat.read(event, in: room, as: flat.bob)
        try await flat.say("unread", in: room, as: flat.alice)
        try await post.pass(Post.minute)
        #expect(post.smtp.mails.isEmpty)
        try await post.pass(9 * Post.minute)
        #expect(post.smtp.mails.count == 1)
        #expect(post.smtp.mails[0].body.contains("alice: unread") && !post.smtp.mails[0].body.contains("soon read"))
    }

    /// 10 minutes, an hour, six, a day.
    @Test func aRoomIsSilentForLongerEachTimeUntilItIsRead() async throws {
        let post = try await Post(), flat = post.flat, hour = 60 * Post.minute
        let room = try await flat.room(flat.alice, flat.bob), other = try await flat.room(flat.alice, flat.bob)
        try await flat.say("0", in: room, as: flat.alice)
        try await post.pass(10 * Post.minute)
        for (count, silence) in [10 * Post.minute, hour, 6 * hour, 24 * hour, 24 * hour].enumerated() {
            #expect(post.smtp.mails.count == count + 1)
            try await flat.say("\(count + 1)", in: room, as: flat.alice)
            try await post.pass(silence - 1)
            #expect(post.smtp.mails.count == count + 1, "too early after \(silence)")
            try await post.pass(1)
        }
        #expect(post.smtp.mails.count == 6)
        // Another room does not wait for this one.
        try await flat.say("elsewhere", in: other, as: flat.alice)
        try await post.pass(10 * Post.minute)
        #expect(post.smtp.mails.count == 7)
        // He reads: it is as at the beginning.
        let last = try await flat.say("last", in: room, as: flat.alice)
        try await flat.read(last, in: room, as: flat.bob)
        try await flat.say("after", in: room, as: flat.alice)
        try await post.pass(10 * Post.minute)
        #expect(post.smtp.mails.count == 8)
        #expect(post.smtp.mails.last?.body.contains("alice: after") == true)
    }

    @Test func oneMailTellsOfAllRooms() async throws {
        let post = try await Post(language: "fr-CA"), flat = post.flat
        let first = try await flat.room(flat.alice, flat.bob, body: ["preset": "public_chat", "name": "Boutique"]), second = try await flat.room(flat.alice, flat.bob)
        try await flat.say("bonjour", in: first, as: flat.alice)
        try await post.pass(5 * Post.minute)
        try await flat.say("ou bien ici ?", in: second, as: flat.alice)
        try await flat.send("m.room.message", ["msgtype": "m.image", "body": "photo.jpg", "url": "mxc://x/y"], in: second, as: flat.alice)
        try await flat.call(.post, "/createRoom", as: flat.alice, ["name": "Terrasse", "invite": [JSON(flat.bob.id)]]).expect(200)
        try await post.pass(5 * Post.minute)
        #expect(post.smtp.mails.count == 1)
        let mail = try #require(post.smtp.mails.first)
        #expect(mail.body.contains("Boutique\n  alice : bonjour\n") && mail.body.contains("Conversation avec alice\n  alice : ou bien ici ?\n  alice a envoyé une image.\n"))
        #expect(mail.body.contains("Terrasse\n  alice vous invite.\n") && mail.text.contains("Content-Language: fr"))
        try await post.pass(60 * Post.minute)
        #expect(post.smtp.mails.count == 1)
    }

    @Test func nothingOfAnEncryptedRoomIsQuoted() async throws {
        let post = try await Post(), flat = post.flat
        let encryption: JSON = ["type": "m.room.encryption", "state_key": "", "content": ["algorithm": "m.megolm.v1.aes-sha2"]]
        let room = try await flat.room(flat.alice, flat.bob, body: ["preset": "public_chat", "name": "Vault", "initial_state": [encryption]])
        try await flat.send("m.room.encrypted", ["algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "CIPHER"], in: room, as: flat.alice)
        try await flat.say("in the clear by mistake", in: room, as: flat.alice)
        try await post.pass(10 * Post.minute)
        let body = try #require(post.smtp.mails.first).body
        #expect(body.contains("Vault\n  alice sent an encrypted message.\n  alice sent an encrypted message.\n"))
        #expect(!body.contains("CIPHER") && !body.contains("mistake"))
    }

    /// The outbox holds ids: what happens until the mail server takes the mail counts.
    @Test func whatIsRedactedOrReadWhileTheMailWaitsIsNotTold() async throws {
        let post = try await Post(), flat = post.flat
        let room = try await flat.room(flat.alice, flat.bob), other = try await flat.room(flat.alice, flat.bob)
        let regretted = try await flat.say("regretted", in: room, as: flat.alice)
        try await flat.say("kept", in: room, as: flat.alice)
        post.app.clock.advance(10 * Post.minute)
        try await post.look()
        let payload = try await post.app.context.db.read { tx in try tx.first("SELECT payload FROM outbox WHERE kind = 'digest'") { String(decoding: $0.bytes(0), as: UTF8.self) } }
        #expect(payload?.contains(regretted) == true && payload?.contains("kept") == false)
        try await flat.call(.put, "/rooms/\(Percent.encode(room))/redact/\(Percent.encode(regretted))/t", as: flat.alice, [:]).expect(200)
        try await post.pass(0)
        #expect(post.smtp.mails.count == 1)
        #expect(post.smtp.mails[0].body.contains("kept") && !post.smtp.mails[0].body.contains("regretted"))
        // All of it read: no mail at all.
        let read = try await flat.say("read", in: other, as: flat.alice)
        post.app.clock.advance(10 * Post.minute)
        try await post.look()
        try await flat.read(read, in: other, as: flat.bob)
        try await post.pass(0)
        #expect(post.smtp.mails.count == 1)
        #expect(try await post.app.context.db.read { tx in try DurableQueue.outbox.counts(tx, kind: "digest").done } == 2)
    }

    /// What memory knew is known again after a start, and what was mailed is not mailed again.
    @Test func aNewProcessGoesOnWhereTheLastOneStopped() async throws {
        let post = try await Post(), flat = post.flat, c = post.app.context
        let room = try await flat.room(flat.alice, flat.bob)
        try await flat.say("before the crash", in: room, as: flat.alice)
        post.app.clock.advance(3 * Post.minute)
        func next() async throws -> Digests {
            let digests = Digests()
            try await c.db.read { tx in try digests.load(c, tx) }
            try await digests.run(c)
            return digests
        }
        let second = try await next()
        #expect(!second.hasWork(c.clock.now + 7 * Post.minute - 1) && second.hasWork(c.clock.now + 7 * Post.minute))
        post.app.clock.advance(7 * Post.minute)
        for _ in 0..<3 { _ = try await next() }
        try await second.run(c)
        #expect(try await c.db.read { tx in try DurableQueue.outbox.counts(tx, kind: "digest").waiting } == 1)
        #expect(!second.hasWork(.max))
    }

    @Test func aDeviceIsToldAtOnceWhileTheMailWaits() async throws {
        let post = try await Post(), flat = post.flat, gateway = try LocalServer()
        let room = try await flat.room(flat.alice, flat.bob)
        try await flat.pusher(gateway.url, as: flat.bob)
        try await flat.say("hello", in: room, as: flat.alice)
        try await flat.deliver()
        #expect(gateway.told == ["hello"])
        #expect(try await post.waiting() == 1)
        try await post.pass(10 * Post.minute)
        #expect(post.smtp.mails.count == 1)
        #expect(try await post.waiting() == 0)
        #expect(try await post.pushers().map { $0["kind"] } == ["email", "http"])
    }

    @Test func theLinkEndsMailsOnlyByAPost() async throws {
        let post = try await Post(), flat = post.flat
        let room = try await flat.room(flat.alice, flat.bob)
        try await flat.say("hello", in: room, as: flat.alice)
        try await post.pass(10 * Post.minute)
        let mail = try #require(post.smtp.mails.first)
        let header = try #require(mail.text.split(separator: "\n").first { $0.hasPrefix("List-Unsubscribe:") })
        let link = String(header.dropFirst("List-Unsubscribe: <https://chat.example".count).dropLast())
        #expect(mail.body.contains("https://chat.example" + link) && !link.contains("example.org"))
        let page = await post.app.call(.get, link)
        #expect(page.status == 200 && String(decoding: page.bytes, as: UTF8.self).contains("<form method=\"post\""))
        #expect(try await post.pushers().count == 1)
        for forged in [link + "x", String(link.dropLast()), link.replacing("bob", with: "alice"), Unsubscribing.path] {
            #expect(await post.app.call(.post, forged).status == 404)
        }
        #expect(try await post.pushers().count == 1)
        #expect(await post.app.call(.post, link, body: Array("List-Unsubscribe=One-Click".utf8), headers: ["Content-Type": "application/x-www-form-urlencoded"]).status == 200)
        #expect(try await post.pushers().isEmpty)
        #expect(await post.app.call(.post, link).status == 404)
        try await flat.say("more", in: room, as: flat.alice)
        try await post.pass(1440 * Post.minute)
        #expect(post.smtp.mails.count == 1)
        #expect(try await post.waiting() == 0)
    }

    @Test func onlyConfirmedAddressesOfOnesOwnAreMailed() async throws {
        let post = try await Post(), flat = post.flat
        try await post.subscribe(["pushkey": "alice@example.org"]).expect(400, "M_THREEPID_NOT_FOUND")
        try await post.own("alice@example.org", flat.alice)
        try await post.subscribe(["pushkey": "alice@example.org"]).expect(400, "M_THREEPID_NOT_FOUND")
        try await post.subscribe(["pushkey": "no address"]).expect(400, "M_THREEPID_NOT_FOUND")
        try await post.subscribe(["app_id": "app"]).expect(400, "M_INVALID_PARAM")
        try await post.subscribe(["data": "x"]).expect(400, "M_BAD_JSON")
        let silent = try await Flat()
        let body: JSON = ["kind": "email", "app_id": "m.email", "pushkey": "bob@example.org", "app_display_name": "Mail", "device_display_name": "Bob", "lang": "en"]
        try await silent.call(.post, "/pushers/set", as: silent.bob, body).expect(400, "M_INVALID_PARAM")
        #expect(try await post.pushers() == [["kind": "email", "app_id": "m.email", "pushkey": "Bob@Example.org", "app_display_name": "Mail", "device_display_name": "Bob",
                                              "lang": "en", "profile_tag": "", "data": [:]]])
    }

    @Test func anAddressThatIsGivenUpGetsNoMoreMails() async throws {
        let post = try await Post(), flat = post.flat
        let room = try await flat.room(flat.alice, flat.bob)
        try await flat.say("hello", in: room, as: flat.alice)
        post.app.clock.advance(10 * Post.minute)
        try await post.look()
        try await flat.call(.post, "/account/3pid/delete", as: flat.bob, ["medium": "email", "address": "BOB@example.org"]).expect(200)
        #expect(try await post.pushers().isEmpty)
        try await post.pass(0)
        #expect(post.smtp.mails.isEmpty)
    }
}
