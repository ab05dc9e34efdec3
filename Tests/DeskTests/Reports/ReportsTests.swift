import Foundation
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

/// Reports over a generated year against numbers that are computed without any of their code: `COMPTOIR_REPORT_CONVERSATIONS=200000` for the goal, each answer in 500 ms.
@Suite struct ReportsTests {
    private static let conversations = ProcessInfo.processInfo.environment["COMPTOIR_REPORT_CONVERSATIONS"].flatMap { Int($0) } ?? 300

    /// What the generator knows of a case. Nothing here comes from the server.
    struct Truth: Sendable {
        var conversation: Int, number: Int64, inbox: Int, team: String?, agent: String?, tags: Set<String>, opened: Int64
        var first: (agent: String, at: Int64, ms: Int64, open: Int64)?, replies: Int64 = 0, wait: Int64 = 0, waitOpen: Int64 = 0
        var resolved: (at: Int64, open: Int64)?, slaFirst: Bool?, nextKept: Int64 = 0, nextBroken: Int64 = 0, slaResolution: Bool?
        var surveyed: Int64?, score: Int64?, rated: Int64?
    }
    static let year = 1_735_689_600_000 as Int64, length = 365 * 86_400_000 as Int64   // 2025, UTC

    static func generate(_ index: Int, inboxes: [String], _ random: inout SplitMix64) -> (truths: [Truth], facts: [Fact]) {
        func chance(_ percent: UInt64) -> Bool { random.next() % 100 < percent }
        func upTo(_ most: Int64) -> Int64 { Int64(random.next() % UInt64(most)) + 1 }
        let inbox = index % inboxes.count, team = index % 4 == 0 ? nil : "tm_\(index % 4)", scale = inbox == 2 ? "nps" : "faces"
        let tags = Set((index % 7 == 0 ? ["vip"] : []) + (index % 5 == 0 ? ["retour"] : []))
        var truths: [Truth] = [], facts: [Fact] = [], at = year + upTo(length) - 1, agent: String?, isAnswered = false
        func add(_ kind: Fact.Kind, _ time: Int64, agent: String? = nil, since: Int64? = nil, open: Int64? = nil, due: Int64? = nil, value: Int64? = nil, ref: String? = nil, scale: String? = nil) {
            facts.append(Fact(id: 0, conversation: "cvg\(index)", kind: kind, at: time, inbox: inboxes[inbox], team: team, agent: agent, since: since, openMS: open, due: due, value: value, ref: ref, scale: scale))
        }
        for number in 1...(chance(12) ? 2 : 1) {
            var it = Truth(conversation: index, number: Int64(number), inbox: inbox, team: team, agent: agent, tags: tags, opened: at)
            add(number == 1 ? .opened : .reopened, at)
            if chance(92) {
                agent = "@agent\(random.next() % 30):test"
                it.agent = agent
                add(.assigned, at, agent: agent)
            }
            let isPromised = chance(70)
            for _ in 0..<Int(random.next() % 5) {
                let since = at, wait = upTo(chance(80) ? 1_500_000 : 40_000_000), author = chance(90) ? agent ?? "@helper:test" : "@helper:test"
                let due = isPromised ? since + 600_000 : nil
                at += wait
                if let due, at > due, chance(50) {   // it was told when it was due, not only seen at the answer
                    add(.breached, due, ref: isAnswered ? "next_response" : "first_response")
                }
                add(.replied, at, agent: author, since: since, open: wait / 3, due: due)
                if it.first == nil { it.first = (author, at, wait, wait / 3) }
                it.replies += 1
                it.wait += wait
                it.waitOpen += wait / 3
                if let due {
                    if !isAnswered { it.slaFirst = at <= due } else if at <= due { it.nextKept += 1 } else { it.nextBroken += 1 }
                }
                isAnswered = true
                at += upTo(600_000)
            }
            guard chance(93) else { truths.append(it); break }
            at += upTo(chance(70) ? 3_600_000 : 5 * 86_400_000)
            let open = (at - it.opened) / 4, due = isPromised ? it.opened + 86_400_000 : nil
            add(.resolved, at, agent: agent, since: it.opened, open: open, due: due)
            it.resolved = (at, open)
            it.agent = agent
            it.slaResolution = due.map { at <= $0 }
            if chance(50) {
                it.surveyed = at
                add(.surveyed, at, agent: agent, ref: "su\(index).\(number)", scale: scale)
                if chance(40) {
                    let time = at + upTo(2 * 86_400_000), first = Int64(random.next() % (scale == "nps" ? 11 : 5)) + (scale == "nps" ? 0 : 1)
                    add(.rated, time, agent: agent, value: first, ref: "su\(index).\(number)", scale: scale)
                    (it.score, it.rated) = (first, time)
                    if chance(15) {
                        it.score = scale == "nps" ? 10 - first : 6 - first
                        add(.rated, time + 1000, agent: agent, value: it.score, ref: "su\(index).\(number)", scale: scale)
                    }
                }
            }
            truths.append(it)
            at += upTo(6 * 86_400_000)
        }
        // In the order in which they would have happened; what was written at one moment stays in its order.
        let order = facts.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
        return (truths, order.map(\.element))
    }

    // MARK: the same numbers by hand

    private static func anchor(_ it: Truth, _ metric: String) -> Int64? {
        switch metric {
        case "first_response": it.first?.at
        case "resolution": it.resolved?.at
        case "csat": it.inbox == 2 ? nil : it.rated
        case "nps": it.inbox == 2 ? it.rated : nil
        default: it.opened
        }
    }
    private static func share(_ a: Int, _ b: Int, of whole: Double = 1000) -> Int64? { b == 0 ? nil : Int64((whole * Double(a) / Double(b)).rounded(.toNearestOrAwayFromZero)) }
    private static func mean(_ values: [Int64]) -> Int64? { values.isEmpty ? nil : Int64((Double(values.reduce(0, +)) / Double(values.count)).rounded(.toNearestOrAwayFromZero)) }
    private static func nth(_ values: [Int64], _ percent: Double) -> Int64? { values.isEmpty ? nil : values.sorted()[max(0, Int((Double(values.count) * percent).rounded(.up)) - 1)] }

    static func expected(_ metric: String, _ all: [Truth], _ from: Int64, _ to: Int64) -> [String: Int64?] {
        let some = all.filter { anchor($0, metric).map { $0 >= from && $0 < to } ?? false }
        func count(_ has: (Truth) -> Bool) -> Int64 { Int64(some.count(where: has)) }
        switch metric {
        case "volume": return ["opened": Int64(some.count), "new": count { $0.number == 1 }, "returning": count { $0.number > 1 }]
        case "backlog": return ["open": Int64(all.count { $0.opened < to && ($0.resolved?.at ?? .max) >= to })]
        case "first_response", "resolution":
            let plain = some.map { metric == "resolution" ? ($0.resolved?.at ?? 0) - $0.opened : $0.first?.ms ?? 0 }, open = some.map { metric == "resolution" ? $0.resolved?.open ?? 0 : $0.first?.open ?? 0 }
            return ["count": Int64(some.count), "mean": mean(plain), "mean_open": mean(open), "median": nth(plain, 0.5), "median_open": nth(open, 0.5), "p90": nth(plain, 0.9), "p90_open": nth(open, 0.9)]
        case "response":
            let n = some.reduce(0) { $0 + $1.replies }
            func mean(_ sum: Int64) -> Int64? { n == 0 ? nil : Int64((Double(sum) / Double(n)).rounded(.toNearestOrAwayFromZero)) }
            return ["replies": n, "mean": mean(some.reduce(0) { $0 + $1.wait }), "mean_open": mean(some.reduce(0) { $0 + $1.waitOpen })]
        case "sla":
            let nextKept = some.reduce(0) { $0 + $1.nextKept }, nextBroken = some.reduce(0) { $0 + $1.nextBroken }
            let kept = count { $0.slaFirst == true } + nextKept + count { $0.slaResolution == true }, broken = count { $0.slaFirst == false } + nextBroken + count { $0.slaResolution == false }
            return ["kept": share(Int(kept), Int(kept + broken)), "first_kept": count { $0.slaFirst == true }, "first_broken": count { $0.slaFirst == false }, "next_kept": nextKept, "next_broken": nextBroken,
                    "resolution_kept": count { $0.slaResolution == true }, "resolution_broken": count { $0.slaResolution == false }]
        default:
            let asked = all.count { ($0.inbox == 2) == (metric == "nps") && $0.surveyed.map { $0 >= from && $0 < to } ?? false }
            let scores = some.compactMap(\.score)
            func n(_ range: ClosedRange<Int64>) -> Int { scores.count { range.contains($0) } }
            if metric == "nps" {
                let net = n(9...10) - n(0...6)
                return ["nps": share(net, scores.count), "answers": Int64(scores.count), "promoters": Int64(n(9...10)), "passives": Int64(n(7...8)), "detractors": Int64(n(0...6)), "answered": share(scores.count, asked)]
            }
            var told: [String: Int64?] = ["satisfied": share(n(4...5), scores.count), "answers": Int64(scores.count), "answered": share(scores.count, asked),
                                          "mean": scores.isEmpty ? nil : share(Int(scores.reduce(0, +)), scores.count, of: 100)]
            for score in 1...5 as ClosedRange<Int64> { told["score_\(score)"] = Int64(n(score...score)) }
            return told
        }
    }
    private static func same(_ json: JSON?, _ right: [String: Int64?], _ what: String) {
        let values = json?.objectValue ?? [:]
        for (key, value) in right { #expect(values[key]?.intValue == value, "\(what): \(key)") }
    }
    private static func numbers(_ answer: JSON, _ key: String = "value") -> JSON {
        .object(JSONObject((answer["numbers"]?.arrayValue ?? []).map { (key: $0.string("key") ?? "", value: $0[key] ?? .null) }))
    }

    private func filled() async throws -> (Shop, [String], [Truth]) {
        let shop = try await Shop(), total = Self.conversations
        let brand = try await shop.call(.get, "/inboxes", as: shop.owner).expect(200)["items"]?[0]?.string("brand_id") ?? ""
        var inboxes = [shop.inbox]
        for name in ["b", "c"] { inboxes.append(try await shop.call(.post, "/inboxes", as: shop.owner, ["brand_id": .string(brand), "name": .string(name), "members": []]).expect(201).string("id") ?? "") }
        let (_, id, _) = try await shop.customer()
        let contact = try await shop.conversation(id).string("contact.id") ?? "", all = inboxes
        try await shop.app.context.db.write { tx in
            try tx.run("DELETE FROM desk_fact")
            for tag in ["vip", "retour"] { try tx.run("INSERT INTO desk_tag(name, colour, created_at) VALUES (?, '#000000', 0)", tag) }
        }
        var random = SplitMix64(seed: 11), truths: [Truth] = []
        for start in stride(from: 0, to: total, by: 1000) {
            let some = (start..<min(total, start + 1000)).map { Self.generate($0, inboxes: inboxes, &random) }
            truths += some.flatMap(\.truths)
            try await shop.app.context.db.write { tx in
                for (offset, one) in some.enumerated() {
                    let index = start + offset
                    try tx.run("""
                        INSERT INTO desk_conversation(id, number, version, room_id, brand_id, inbox_id, contact_id, is_current, status, priority, language, encrypted, message_count, queue_key,
                          activity_at, created_position, created_at, updated_at) VALUES (?, ?, 1, ?, ?, ?, ?, 0, 'resolved', 'none', 'fr', 0, 10, 0, 0, 1, 0, 0)
                        """, "cvg\(index)", 5000 + index, "!g\(index)", brand, all[index % 3], contact)
                    for tag in one.truths[0].tags { try tx.run("INSERT INTO desk_conversation_tag(conversation_id, tag) VALUES (?, ?)", "cvg\(index)", tag) }
                    for var fact in one.facts {
                        fact.id = tx.nextPosition()
                        try Facts.insert(tx, fact)
                    }
                }
            }
        }
        try await shop.app.context.db.write { tx in shop.desk.live.cases.ring(tx.nextPosition(), after: tx) }
        try await shop.desk.live.cases.catchUp(shop.app.context)
        if total > 10_000, ProcessInfo.processInfo.environment["COMPTOIR_TEST_ON"] == "postgres" { try await shop.app.context.db.write { tx in _ = try tx.run("ANALYZE") } }
        return (shop, inboxes, truths)
    }

    @Test func reportsEqualTheLogCountedByHand() async throws {
        let (shop, inboxes, truths) = try await filled()
        let year = "from=2025-01-01&to=2025-12-31", start = Self.year, end = Self.year + Self.length
        var slowest: [String: Duration] = [:]
        func ask(_ path: String) async throws -> JSON {
            let clock = ContinuousClock(), from = clock.now
            let answer = try await shop.app.call(.get, Shop.base + path, as: shop.owner).expect(200)
            let what = String(path.split(separator: "?")[0])
            slowest[what] = max(slowest[what] ?? .zero, from.duration(to: clock.now))
            Described.check(.get, path, await shop.app.call(.get, Shop.base + path, as: shop.owner))
            return answer
        }
        #expect(truths.count > Self.conversations)
        for metric in ReportRules.Metric.allCases.map(\.rawValue) {
            // A year, and the one before it; a month, and the one before it, with filters and parts.
            let whole = try await ask("/reports/\(metric)?\(year)")
            Self.same(Self.numbers(whole), Self.expected(metric, truths, start, end), metric)
            #expect(whole.string("formula")?.isEmpty == false && whole["series"]?.arrayValue?.count == 12)
            var month = truths.filter { $0.inbox == 1 }
            let june = (start + 151 * 86_400_000, start + 181 * 86_400_000)
            let part = try await ask("/reports/\(metric)?from=2025-06-01&to=2025-06-30&inbox=\(inboxes[1])")
            Self.same(Self.numbers(part), Self.expected(metric, month, june.0, june.1), metric + " of an inbox")
            var before = Self.expected(metric, month, june.0 - 30 * 86_400_000, june.0)
            before["p90"] = nil; before["p90_open"] = nil
            Self.same(Self.numbers(part, "previous"), before, metric + " before")
            for day in [0, 13, 29] {
                var right = Self.expected(metric, month, june.0 + Int64(day) * 86_400_000, june.0 + Int64(day + 1) * 86_400_000)
                for key in ["answered", "p90", "p90_open", "median_open"] { right[key] = nil }
                Self.same(part["series"]?[day]?["values"], right, "\(metric) on day \(day)")
            }
            let openTime = try await ask("/reports/\(metric)?from=2025-06-01&to=2025-06-30&inbox=\(inboxes[1])&clock=open")
            if let right = Self.expected(metric, month, june.0, june.0 + 86_400_000)["median_open"] { #expect(openTime["series"]?[0]?["values"]?["median"]?.intValue == right) }
            month = truths.filter { $0.tags.contains("vip") && $0.team == "tm_3" }
            Self.same(Self.numbers(try await ask("/reports/\(metric)?\(year)&tag=VIP&team=tm_3")), Self.expected(metric, month, start, end), metric + " of a tag and a team")
            // Groups.
            func agent(_ it: Truth) -> String { (metric == "first_response" ? it.first?.agent : it.agent) ?? "" }
            let groups: [(String, (Truth) -> [String])] = [("agent", { [agent($0)] }), ("team", { [$0.team ?? ""] }), ("inbox", { [inboxes[$0.inbox]] }), ("channel", { _ in ["web"] }), ("tag", { Array($0.tags) })]
            for (group, keys) in groups {
                let rows = try await ask("/reports/\(metric)/groups?\(year)&group=\(group)")["items"]?.arrayValue ?? []
                #expect(!rows.isEmpty)
                var some: [String: [Truth]] = [:]
                for it in truths { for key in keys(it) { some[key, default: []].append(it) } }
                for row in rows {
                    let id = row.string("id") ?? ""
                    var right = Self.expected(metric, some[id] ?? [], start, end)
                    for key in ["p90", "p90_open", "median_open"] { right[key] = nil }
                    Self.same(row["values"], right, "\(metric) by \(group) \(id)")
                }
            }
            let one = truths.first { agent($0) != "" }.map(agent) ?? ""
            Self.same(Self.numbers(try await ask("/reports/\(metric)?\(year)&agent=\(Percent.encode(one))")), Self.expected(metric, truths.filter { agent($0) == one }, start, end), metric + " of an agent")
        }
        // What stands behind a number are as many as it says, page after page, and in the file.
        for (metric, part, key) in [("volume", "returning", "returning"), ("sla", "first_broken", "first_broken"), ("csat", "score_2", "score_2"), ("nps", "detractors", "detractors"), ("backlog", "", "open"), ("first_response", "", "count")] {
            let query = "\(year)\(part.isEmpty ? "" : "&part=\(part)")", right = Self.expected(metric, truths, start, end)[key] ?? nil
            var found: [String] = [], cursor: String?, pages = 0
            repeat {
                let page = try await ask("/reports/\(metric)/conversations?\(query)&limit=100" + (cursor.map { "&cursor=" + $0 } ?? ""))
                found += (page["items"]?.arrayValue ?? []).map { ($0.string("conversation.id") ?? "") + "." + String($0.int("case") ?? 0) }
                cursor = page.string("next_cursor")
                pages += 1
            } while cursor != nil && pages < 20
            #expect(Set(found).count == found.count && (pages == 20 || Int64(found.count) == right), "\(metric) \(part)")
            let file = await shop.app.call(.get, Shop.base + "/reports/\(metric)/export?\(query)", as: shop.owner)
            #expect(Int64(String(decoding: file.bytes, as: UTF8.self).split(separator: "\r\n").count - 1) == min(right ?? 0, 100_000))
        }
        guard Self.conversations >= 10_000 else { return }
        for (what, time) in slowest.sorted(by: { $0.key < $1.key }) {
            FileHandle.standardError.write(Data("\(Self.conversations) conversations, \(what): \(time)\n".utf8))
            #expect(time <= .milliseconds(500), "\(what)")
        }
    }

    @Test func recomputingMendsWhatIsNotAsTheLogSays() async throws {
        let (shop, _, truths) = try await filled()
        func recount() async throws -> JSON {
            try await shop.call(.post, "/recount", as: shop.owner).expect(202)
            await shop.desk.live.settled()
            return try await shop.call(.get, "/recount", as: shop.owner).expect(200)
        }
        let clean = try await recount()
        #expect(clean.int("corrected") == 0 && clean["running"] == false && clean.int("cases") == Int64(truths.count) && clean.int("done") == Int64(Self.conversations))
        let before = try await shop.call(.get, "/reports/first_response?from=2025-01-01&to=2025-12-31", as: shop.owner).expect(200)
        try await shop.app.context.db.write { tx in
            try tx.run("UPDATE desk_case SET first_ms = first_ms + 1 WHERE conversation_id = 'cvg7'")
            try tx.run("DELETE FROM desk_case WHERE conversation_id = 'cvg8'")
            try tx.run("INSERT INTO desk_case(conversation_id, number, inbox_id, opened_at, replies, wait_ms, wait_open_ms, sla_next_kept, sla_next_broken) VALUES ('stray', 1, 'x', 5, 0, 0, 0, 0, 0)")
        }
        let changed = try await shop.app.context.db.read { try $0.exists("SELECT 1 FROM desk_case WHERE conversation_id = 'cvg7' AND first_ms IS NOT NULL") }
        #expect(try await recount().int("corrected") == (changed ? 3 : 2))
        #expect(try await shop.call(.get, "/reports/first_response?from=2025-01-01&to=2025-12-31", as: shop.owner).expect(200) == before)
    }

    @Test func questionsAreCheckedAndBrandsAreKeptApart() async throws {
        let shop = try await Shop(), anna = try await shop.agent("anna"), chief = try await shop.agent("chief", role: "supervisor")
        let (_, id, _) = try await shop.customer()
        try await shop.call(.get, "/reports/volume", as: anna).expect(403)
        for wrong in ["from=x", "from=2026-02-30", "from=2026-02-02&to=2026-02-01", "from=2020-01-01&to=2026-01-01", "time_zone=Mars/Base", "step=year", "clock=moon", "part=x", "group=colour"] {
            try await shop.call(.get, "/reports/volume/groups?" + wrong, as: chief).expect(wrong.hasPrefix("step") || wrong.hasPrefix("clock") || !wrong.isEmpty ? 400 : 200)
        }
        try await shop.call(.get, "/reports/happiness", as: chief).expect(404)
        let page = try await shop.call(.get, "/reports/volume/conversations", as: chief).expect(200)
        #expect(page["items"]?[0]?.string("conversation.id") == id)
        // Somebody of another brand counts nothing of this one.
        let brand = try await shop.call(.post, "/brands", as: shop.owner, ["name": "Zephyr"]).expect(201).string("id") ?? ""
        try await shop.call(.patch, "/agents/\(Percent.encode(chief.id.rawValue))", as: shop.owner, ["inboxes": [], "brands": [.string(brand)]]).expect(200)
        #expect(try await shop.call(.get, "/reports/volume", as: chief).expect(200)["numbers"]?[0]?.int("value") == 0)
        #expect(try await shop.call(.get, "/reports/volume/conversations", as: chief).expect(200)["items"]?.arrayValue?.isEmpty == true)
    }
}
