import MatrixCore
@testable import Rooms
import ServerKit
import Store
import TestKit
import Testing

/// Unread counts after random histories, against a plain reading of what was done: the whole history is gone through again for each check,
/// and every event is kept for everyone who was told of it.
@Suite struct CountPropertyTests {
    enum Rules: CaseIterable { case usual, muted, mentionsOnly, everything }

    struct Sent {
        let pos: Int64, sender: Int, thread: String?
        /// Told to all who have the usual rules; to all as a highlight; said to nobody by any rule.
        var notifiesAll = false, callsAll = false, isHushed = false
        /// Told to nobody but those whom it calls: their own rules do not reach it.
        var isEdit = false
        var calls: Set<Int> = []
    }

    enum Deed {
        case join(Int), leave(Int), rules(Int, Rules), sent(Sent), redact(Int64), purge(before: Int64)
        /// `thread`: as receipts name it.
        case receipt(Int, kind: String, thread: String, pos: Int64)
    }

    /// What the specification says, in as many steps as it takes.
    static func counts(after history: [Deed], of user: Int) -> [String: Unread.Counts] {
        struct Told { let pos: Int64, thread: String, highlight: Bool }
        var told: [Told] = [], rules = Rules.usual, isJoined = false, redacted: Set<Int64> = [], receipts: [String: Int64] = [:]
        for deed in history {
            switch deed {
            case .join(let who) where who == user: isJoined = true
            case .leave(let who) where who == user: (isJoined, told) = (false, [])
            case .rules(let who, let new) where who == user: rules = new
            case .redact(let pos): redacted.insert(pos)
            case .purge(let end): told.removeAll { $0.pos < end || redacted.contains($0.pos) }
            case .receipt(let who, let kind, let thread, let pos) where who == user && isJoined && pos > receipts[kind + thread] ?? 0:
                receipts[kind + thread] = pos
                told.removeAll { (thread.isEmpty || (thread == "main" ? "" : thread) == $0.thread) && ($0.pos <= pos || redacted.contains($0.pos)) }
            case .sent(let sent) where isJoined && sent.sender == user:
                if sent.notifiesAll { told.removeAll { $0.thread == sent.thread ?? "" } }
            case .sent(let sent) where isJoined:
                if sent.isHushed || rules == .muted { continue }
                let highlight = sent.callsAll || sent.calls.contains(user)
                let isTold = highlight || rules == .usual && sent.notifiesAll || rules == .everything && !sent.isEdit
                if isTold { told.append(Told(pos: sent.pos, thread: sent.thread ?? "", highlight: highlight)) }
            default: break
            }
        }
        var counts: [String: Unread.Counts] = [:]
        for each in told {
            counts[each.thread, default: .init()].notifications += 1
            if each.highlight { counts[each.thread, default: .init()].highlights += 1 }
        }
        return counts
    }

    @Test(arguments: TestBackend.available, 1...8)
    func countsAreWhatWasDone(backend: TestBackend, seed: Int) async throws {
        let flat = try await Flat(backend: backend), c = flat.app.context
        var chance = Fuzz(seed: UInt64(seed))
        var users = [flat.alice, flat.bob]
        for name in ["carol", "dan", "erin"] { users.append(try await flat.app.register(name)) }
        let names = ["alice", "bob", "carol", "dan", "erin"]
        let room = try await flat.room(flat.alice), path = Percent.encode(room)
        let nid = try #require(try await c.db.read { try RoomStore.head($0, RoomID(trusted: room))?.nid })
        var history: [Deed] = [.join(0)], joined: Set<Int> = [0], rules = Array(repeating: Rules.usual, count: users.count)
        /// What can be read, redacted and answered.
        var events: [(id: String, pos: Int64, sender: Int, thread: String?, isPlain: Bool)] = []
        var checked = 0

        func position(_ id: String) async throws -> Int64 {
            try #require(try await c.db.read { try $0.first("SELECT pos FROM event WHERE event_id = ?", id) { $0.int(0) } })
        }
        func send(_ who: Int) async throws {
            var content: JSONObject = ["msgtype": "m.text", "body": "hello"], type = "m.room.message"
            var sent = Sent(pos: 0, sender: who, thread: nil, notifiesAll: true), thread: String?, isPlain = true
            let called = chance.below(users.count)
            switch chance.below(9) {
            case 0:
                content["body"] = .string("well, \(names[called]), hello")
                sent.calls = [called]
            case 1:
                content["m.mentions"] = ["user_ids": [JSON(users[called].id), JSON(users[0].id)]]
                sent.calls = [called, 0]
            case 2:
                content["m.mentions"] = ["room": true]
                sent.callsAll = who == 0
            case 3:
                content["msgtype"] = "m.notice"
                sent.isHushed = true
                sent.notifiesAll = false
            case 4:
                type = "org.example.x"
                sent.notifiesAll = false
            default: break
            }
            let roots = events.filter { $0.isPlain && $0.thread == nil }
            if chance.below(2) == 0, !roots.isEmpty {
                let root = roots[max(0, roots.count - 1 - chance.below(3))].id   // few threads, so that something happens in them
                content["m.relates_to"] = ["rel_type": "m.thread", "event_id": .string(root)]
                (thread, isPlain) = (root, false)
            } else if chance.below(6) == 0, let edited = events.last(where: { $0.sender == who }), type == "m.room.message", !sent.isHushed {
                content["m.relates_to"] = ["rel_type": "m.replace", "event_id": .string(edited.id)]
                content["m.mentions"] = content["m.mentions"] ?? ["user_ids": sent.calls.isEmpty ? [] : [JSON(users[called].id)]]
                (thread, isPlain) = (edited.thread, false)
                sent.isEdit = true
                sent.notifiesAll = sent.callsAll
            }
            let id = try await flat.send(type, content, in: room, as: users[who])
            let pos = try await position(id)
            history.append(.sent(Sent(pos: pos, sender: who, thread: thread, notifiesAll: sent.notifiesAll, callsAll: sent.callsAll, isHushed: sent.isHushed,
                                      isEdit: sent.isEdit, calls: sent.calls)))
            events.append((id, pos, who, thread, isPlain))
        }
        func set(_ new: Rules, for who: Int) async throws {
            let user = users[who]
            switch rules[who] {
            case .usual: break
            case .muted: try await flat.call(.delete, "/pushrules/global/override/\(path)", as: user).expect(200)
            case .mentionsOnly: try await flat.call(.delete, "/pushrules/global/room/\(path)", as: user).expect(200)
            case .everything: try await flat.call(.delete, "/pushrules/global/underride/all", as: user).expect(200)
            }
            switch new {
            case .usual: break
            case .muted: try await flat.mute(room, as: user)
            case .mentionsOnly: try await flat.rule("room", room, ["actions": []], as: user)
            case .everything: try await flat.rule("underride", "all", ["actions": ["notify"]], as: user)
            }
            rules[who] = new
            history.append(.rules(who, new))
        }
        func redact(_ at: Int, by who: Int) async throws {
            let answer = try await flat.call(.put, "/rooms/\(path)/redact/\(Percent.encode(events[at].id))/\(c.entropy.token(8))", as: users[who], [:]).expect(200)
            history.append(.redact(events[at].pos))
            // The redaction is an event as well.
            let id = try #require(answer["event_id"]?.stringValue)
            history.append(.sent(Sent(pos: try await position(id), sender: who, thread: nil)))
            events.remove(at: at)
        }
        func purge() async throws {
            let end = events[events.count / 2].pos
            try await c.db.write { tx in _ = try tx.run(Purge.SQL.order, c.entropy.token(12), nid, end, c.clock.now) }
            try await flat.app.run(job: "purge history")
            history.append(.purge(before: end))
            events.removeAll { $0.pos < end }
        }

        for step in 0..<170 {
            let who = chance.below(users.count)
            switch chance.below(20) {
            case 0...1 where !joined.contains(who):
                try await flat.join(room, users[who])
                joined.insert(who)
                history.append(.join(who))
            case 2 where who != 0 && joined.contains(who) && chance.below(2) == 0:
                try await flat.call(.post, "/rooms/\(path)/leave", as: users[who], [:]).expect(200)
                joined.remove(who)
                history.append(.leave(who))
            case 3: try await set(chance.pick(Rules.allCases), for: who)
            case 4:
                let own = events.indices.filter { who == 0 || events[$0].sender == who }
                if joined.contains(who), !own.isEmpty { try await redact(chance.pick(own), by: who) }
            case 5...9 where joined.contains(who) && !events.isEmpty:
                let event = events[max(0, events.count - 1 - chance.below(chance.below(2) == 0 ? 4 : 30))]
                let thread = [nil, event.thread ?? (chance.below(3) == 0 && event.isPlain ? event.id : "main")][chance.below(2)]
                let kind = chance.pick(["m.read", "m.read.private"])
                let body: JSON = thread.map { ["thread_id": .string($0)] } ?? [:]
                try await flat.call(.post, "/rooms/\(path)/receipt/\(kind)/\(Percent.encode(event.id))", as: users[who], body).expect(200)
                history.append(.receipt(who, kind: kind, thread: thread ?? "", pos: event.pos))
            case 10 where events.count > 20 && chance.below(3) == 0: try await purge()
            default: if joined.contains(who) { try await send(who) }
            }
            for each in users.indices {
                let user = users[each].id
                let expected = Self.counts(after: history, of: each)
                let found = try await c.db.read { tx in
                    (room: try Unread.counts(tx, room: nid, user), all: try Unread.counts(tx, of: user)[nid] ?? [:], total: try Unread.total(tx, of: user))
                }
                #expect(found.room == expected, "seed \(seed), step \(step), \(user)")
                #expect(found.all == expected, "seed \(seed), step \(step), \(user)")
                #expect(found.total == expected.values.reduce(0) { $0 + $1.notifications })
                if !expected.isEmpty { checked += 1 }
                if found.room != expected { return }
            }
        }
        #expect(checked > 100)
    }
}
