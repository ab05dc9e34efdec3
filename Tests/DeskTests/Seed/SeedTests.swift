import Accounts
import MatrixCore
import Rooms
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

@Suite struct SeedTests {
    @Test func theDemoIsABelievableShopInRealRooms() async throws {
        let accounts = Accounts(), rooms = RoomService(), desk = Desk()
        let app = try await TestApp([accounts.feature, rooms.feature, desk.feature], ports: .testing(sessions: accounts, users: accounts, rooms: rooms, timelines: rooms))
        let demo = try await desk.seedDemo(app.context)
        #expect(demo.isNew && demo.signIns.count == 5 && demo.inbox == "lumen-web")
        #expect(try await desk.seedDemo(app.context).isNew == false)
        let login = await app.call(.post, "/_matrix/client/v3/login", json: ["type": "m.login.password", "identifier": ["type": "m.id.user", "user": "claire"], "password": .string(DemoShop.password)])
        let claire = try TestUser(try login.expect(200), password: DemoShop.password)
        let me = try await app.call(.get, Shop.base + "/me", as: claire).expect(200)
        #expect(me.string("agent.role") == "owner" && me.string("agent.picture") != nil)
        for view in ["unassigned", "pending", "snoozed", "resolved"] { #expect((me.int("counts.\(view)") ?? 0) >= 2, "\(view)") }
        let all = try await app.call(.get, Shop.base + "/conversations?view=any&limit=100", as: claire).expect(200)["items"]?.arrayValue ?? []
        #expect(all.count == DemoShop.talks.count)
        #expect(Set(all.compactMap { $0.string("contact.id") }).count == DemoShop.customers.count)
        // In the past, in order, in the rooms as in the desk.
        for conversation in all {
            let id = conversation.string("id") ?? "", room = RoomID(trusted: conversation.string("room_id") ?? "")
            let items = try await app.call(.get, Shop.base + "/conversations/\(id)/timeline?limit=200", as: claire).expect(200)["items"]?.arrayValue ?? []
            let times = items.compactMap { $0.int("at") }
            #expect(times == times.sorted() && (times.last ?? .max) <= app.clock.now)
            let events = try await app.context.db.read { try app.context.ports.timelines.timeline(app.context, $0, room: room, before: nil, limit: 200, types: ["m.room.message"]) }
            let told = events.reversed().compactMap { try? JSON.parse($0.json) }
            #expect(told.compactMap { $0.string("event_id") } == items.compactMap { $0.string("message.event_id") })
            #expect(told.compactMap { $0.int("origin_server_ts") } == items.filter { $0.string("kind") == "message" }.compactMap { $0.int("at") })
        }
        // Nobody is there yet: the waiting stay in the queue.
        #expect(all.filter { $0.string("status") == "open" && $0.at("waiting_since")?.isNull == false }.allSatisfy { $0.at("assignee")?.isNull == true })
    }

    /// Structure, checksums, and that inflating gives the rows back (RFC 1951 by a second, plain reading).
    @Test(arguments: [[], [7], [UInt8](repeating: 0, count: 1000), (0..<2000).map { UInt8(truncatingIfNeeded: $0 * $0 / 7) }, [1, 1, 1, 1, 200, 200, 200, 200, 200, 3]] as [[UInt8]])
    func deflatedRunsInflate(bytes: [UInt8]) {
        #expect(Inflate.fixed(Deflate.runs(bytes)) == bytes)
    }
    @Test func aPNGIsWellFormed() {
        let png = DemoPictures.face(DemoShop.people[0].face, size: 16)
        #expect(png.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]))
        var index = 8, names: [String] = []
        while index < png.count {
            let length = png[index..<(index + 4)].reduce(0) { $0 << 8 | Int($1) }
            let body = Array(png[(index + 4)..<(index + 8 + length)]), crc = png[(index + 8 + length)..<(index + 12 + length)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            #expect(PNG.crc(body) == crc)
            names.append(String(decoding: body.prefix(4), as: UTF8.self))
            index += 12 + length
        }
        #expect(names == ["IHDR", "IDAT", "IEND"])
    }
}

/// One block with the fixed codes.
private enum Inflate {
    static func fixed(_ data: [UInt8]) -> [UInt8]? {
        var position = 0, out: [UInt8] = []
        func bit() -> Int? {
            guard position / 8 < data.count else { return nil }
            defer { position += 1 }
            return Int(data[position / 8] >> UInt8(position % 8) & 1)
        }
        func bits(_ count: Int) -> Int? {
            var value = 0
            for shift in 0..<count { guard let next = bit() else { return nil }; value |= next << shift }
            return value
        }
        guard bits(3) == 3 else { return nil }
        let bases = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258]
        let extras = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
        while true {
            var code = 0, symbol: Int?
            for length in 1...9 {
                guard let next = bit() else { return nil }
                code = code << 1 | next
                if length == 7, code <= 0x17 { symbol = 256 + code }
                if length == 8, (0x30...0xBF).contains(code) { symbol = code - 0x30 }
                if length == 8, (0xC0...0xC7).contains(code) { symbol = 280 + code - 0xC0 }
                if length == 9, (0x190...0x1FF).contains(code) { symbol = 144 + code - 0x190 }
                if symbol != nil { break }
            }
            guard let symbol else { return nil }
            if symbol == 256 { return out }
            if symbol < 256 { out.append(UInt8(symbol)); continue }
            guard let more = bits(extras[symbol - 257]), bits(5) == 0, let last = out.last else { return nil }
            out += [UInt8](repeating: last, count: bases[symbol - 257] + more)
        }
    }
}
