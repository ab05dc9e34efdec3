import MatrixCore
@testable import Push
import ServerKit
import Store
import TestKit
import Testing

@Suite struct PushRuleTests {
    private let root = "/pushrules"

    @Test func rulesAreWrittenReadAndRemoved() async throws {
        let flat = try await Flat(), alice = flat.alice
        try await flat.app.watch(alice)
        let own: [(String, String, JSONObject)] = [
            ("room", "!a:test", [:]), ("sender", "@bob:test", [:]), ("content", "тест", ["pattern": "тест"]), ("underride", "u", ["conditions": []]), ("override", "o 1", [:]),
        ]
        for (kind, id, body) in own {
            let path = "\(root)/global/\(kind)/\(Percent.encode(id))"
            try await flat.rule(kind, id, .object(body.merging(["actions": ["notify"]])), as: alice)
            let rule = try await flat.call(.get, path, as: alice).expect(200)
            #expect(rule["rule_id"] == .string(id) && rule["default"] == false && rule["enabled"] == true && rule["actions"] == ["notify"] && rule["pattern"] == body["pattern"])
            #expect(try await flat.call(.get, "\(root)/global/\(kind)/", as: alice).expect(200).arrayValue?.contains(rule) == true)
            #expect(try await flat.call(.get, "\(root)/global/", as: alice).expect(200)[kind]?.arrayValue?.contains(rule) == true)
            try await flat.call(.put, path + "/enabled", as: alice, ["enabled": false]).expect(200)
            #expect(try await flat.call(.get, path + "/enabled", as: alice).expect(200) == ["enabled": false])
            try await flat.call(.put, path + "/actions", as: alice, ["actions": ["dont_notify"]]).expect(200)
            #expect(try await flat.call(.get, path + "/actions", as: alice).expect(200) == ["actions": ["dont_notify"]])
        }
        let all = try await flat.call(.get, root + "/", as: alice).expect(200)
        #expect(try await flat.call(.get, "/user/\(alice.path)/account_data/m.push_rules", as: alice).expect(200) == all)
        try await flat.call(.get, "/user/\(alice.path)/account_data/m.push_rules", as: flat.bob).expect(403)
        for (kind, id, _) in own {
            let path = "\(root)/global/\(kind)/\(Percent.encode(id))"
            try await flat.call(.delete, path, as: alice).expect(200)
            try await flat.call(.delete, path, as: alice).expect(404, "M_NOT_FOUND")
            try await flat.call(.get, path, as: alice).expect(404, "M_NOT_FOUND")
            try await flat.call(.put, path + "/enabled", as: alice, ["enabled": true]).expect(404, "M_NOT_FOUND")
        }
        try await flat.app.expectAllConverge()
    }

    @Test func theOldPathsAreParticularAboutTheirSlash() async throws {
        let flat = try await Flat(), alice = flat.alice
        try await flat.call(.get, root, as: alice).expect(404, "M_UNRECOGNIZED")
        for path in ["/global", "/global/room", "/not_a_scope/", "/global/not_a_template/", "/global/override/.m.rule.master/not_an_attr", "/device/x/room/"] {
            #expect(await flat.call(.get, root + path, as: alice).status == 400, "\(path)")
        }
        for path in ["", "/", "/global", "/global/", "/global/room", "/global/room/", "/x/room/y", "/global/x/y", "/global/override/.m.rule.master/x"] {
            #expect(await flat.call(.put, root + path, as: alice, ["actions": ["notify"]]).status == 400, "\(path)")
        }
    }

    @Test(arguments: [
        ("room", "x", [:]), ("room", "x", ["actions": "notify"]), ("room", "x", ["actions": ["not_an_action"]]), ("room", "x", ["actions": [["value": 1]]]), ("room", "x", ["actions": [3]]),
        ("content", "x", ["actions": []]), ("content", "x", ["actions": [], "pattern": 3]), ("override", "x", ["actions": [], "conditions": [[:]]]), ("override", "x", ["actions": [], "conditions": [1]]),
        ("override", "x", ["actions": [], "conditions": [:]]), ("override", ".m.rule.mine", ["actions": []]), ("room", #"a\b"#, ["actions": []]), ("room", "a/b", ["actions": []]),
    ] as [(String, String, JSON)]) func badRulesAreRefused(_ kind: String, _ id: String, _ body: JSON) async throws {
        let flat = try await Flat()
        #expect(await flat.call(.put, "\(root)/global/\(kind)/\(Percent.encode(id))", as: flat.alice, body).status == 400)
    }

    @Test func beforeAndAfterNeedARuleOfOnesOwn() async throws {
        let flat = try await Flat(), alice = flat.alice
        for id in ["a", "b"] { try await flat.rule("override", id, ["actions": []], as: alice) }
        try await flat.call(.put, "\(root)/global/override/c?after=b", as: alice, ["actions": []]).expect(200)
        try await flat.call(.put, "\(root)/global/override/a?before=a", as: alice, ["actions": ["notify"]]).expect(200)
        let ids = try await flat.call(.get, "\(root)/global/override/", as: alice).expect(200).arrayValue?.compactMap { $0["rule_id"]?.stringValue }
        #expect(ids?.prefix(5) == [".m.rule.master", "b", "c", "a", ".m.rule.suppress_notices"])
        for other in ["x", ".m.rule.master"] { try await flat.call(.put, "\(root)/global/override/d?before=\(other)", as: alice, ["actions": []]).expect(400, "M_UNKNOWN") }
    }

    @Test func rulesAreBounded() async throws {
        let flat = try await Flat(), alice = flat.alice
        for n in 0..<16 { try await flat.rule("content", "\(n)", ["pattern": .string(String(repeating: "a", count: 512)), "actions": []], as: alice) }
        try await flat.call(.put, "\(root)/global/content/more", as: alice, ["pattern": "a", "actions": []]).expect(400)
        try await flat.call(.put, "\(root)/global/room/x", as: alice, ["actions": [["set_tweak": .string(String(repeating: "x", count: 140_000))]]]).expect(413)
    }

    /// Each client hears of a change; the same words again are none.
    @Test func changesComeWithSync() async throws {
        let flat = try await Flat(), alice = flat.alice
        let first = try await flat.call(.get, "/sync", as: alice).expect(200)
        func rules(_ sync: JSON) -> JSON? { sync["account_data"]?["events"]?.arrayValue?.first { $0["type"] == "m.push_rules" }?["content"] }
        #expect(rules(first)?["global"]?["override"]?[0]?["rule_id"] == ".m.rule.master")
        try await flat.call(.put, root + "/global/override/.m.rule.master/enabled", as: alice, ["enabled": true]).expect(200)
        let second = try await flat.call(.get, "/sync?since=\(first["next_batch"]?.stringValue ?? "")", as: alice).expect(200)
        #expect(rules(second)?["global"]?["override"]?[0]?["enabled"] == true)
        try await flat.call(.put, root + "/global/override/.m.rule.master/enabled", as: alice, ["enabled": true]).expect(200)
        let third = try await flat.call(.get, "/sync?since=\(second["next_batch"]?.stringValue ?? "")", as: alice).expect(200)
        #expect(rules(third) == nil)
        // The old way to begin has never had them.
        #expect(try await flat.call(.get, "/initialSync", as: alice).expect(200)["account_data"] == [])
    }

    @Test(arguments: TestBackend.available) func statementsAreValid(backend: TestBackend) async throws {
        let flat = try await Flat(backend: backend)
        try flat.app.context.db.prepareAll(PushRuleStore.SQL.all + Pushers.SQL.all + DigestStore.SQL.all + RoomTraces.SQL.all)
    }

    /// What is asked while the server runs is found by an index.
    @Test func noTableIsScanned() async throws {
        let flat = try await Flat(backend: .sqlite)
        for sql in PushRuleStore.SQL.all + Pushers.SQL.all + DigestStore.SQL.all where !(Pushers.SQL.atStart + DigestStore.SQL.atStart).contains(sql) && sql != PushRuleStore.SQL.users && !sql.hasPrefix("INSERT") {
            let plan = try flat.app.context.db.readNow { tx in
                try tx.all("EXPLAIN QUERY PLAN " + sql, array: Array(repeating: DatabaseValue.null, count: sql.contains("?1") ? 1 : sql.count { $0 == "?" })) { $0.text(3) }
            }
            #expect(!plan.contains { $0.hasPrefix("SCAN") }, "\(plan) in \(sql)")
        }
    }
}
