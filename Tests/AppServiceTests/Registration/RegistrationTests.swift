@testable import AppService
import Glibc
import MatrixCore
import ServerKit
import TestKit
import Testing

struct RegistrationTests {
    private func parse(_ text: String) throws -> Registration { try Registration.parse(Array(text.utf8), file: "irc.yaml") }
    private func reason(_ text: String) -> String {
        do { _ = try parse(text) } catch { return "\(error)" }
        return "no error"
    }

    @Test func readsAFileAsTheSpecificationShowsIt() throws {
        let found = try parse("""
            # a comment
            id: "IRC Bridge"
            url: "http://127.0.0.1:1234/"
            as_token: "30c05ae90a248a4188e620216fa72e349803310ec83e2a77b34fe90be6081f46"
            hs_token: "312df522183efd404ec1cd22d2ffa4bbc76a8c1ccf541dd692eef281356bb74e"
            sender_localpart: "_irc_bot"
            namespaces:
              users:
                - exclusive: true
                  regex: "@_irc_bridge_.*"
              aliases:
                - exclusive: false
                  regex: "#_irc_bridge_.*"
              rooms: []
            de.sorunome.msc2409.push_ephemeral: true
            org.matrix.msc3202: true
            io.element.msc4190: true
            unknown: [1, {a: b}]
            """)
        #expect(found.id == "IRC Bridge" && found.url == "http://127.0.0.1:1234" && found.sender == "_irc_bot")
        #expect(found.users.count == 1 && found.users[0].isExclusive && found.users[0].pattern.matches("@_irc_bridge_x:test"))
        #expect(found.aliases.count == 1 && !found.aliases[0].isExclusive && found.rooms.isEmpty)
        #expect(found.isRateLimited && found.receivesEphemeral && found.takesDeviceMessages && found.protocols.isEmpty)
    }

    @Test func jsonIsYAMLToo() throws {
        let found = try parse(#"{"id":"a","url":null,"as_token":"b","hs_token":"c","sender_localpart":"d","rate_limited":false,"protocols":["x"],"namespaces":{}}"#)
        #expect(found.url == nil && !found.isRateLimited && found.protocols == ["x"])
    }

    @Test(arguments: [
        ("", "line 1: the file is empty"),
        ("- a", "must be a mapping"),
        ("id: a\nid: b", "line 2: 'id' stands twice"),
        ("id: [", "line"),
        ("a: &x 1\nb: *x", "anchors and aliases are not supported"),
        ("a: !!binary x", "tags are not supported"),
        ("a: 1\n---\nb: 2", "a second document begins"),
        ("id: a\nurl: null\nas_token: b\nhs_token: c\nnamespaces: {}", "'sender_localpart' is missing"),
        ("id: a\nas_token: b\nhs_token: c\nsender_localpart: d\nnamespaces: {}", "'url' is missing"),
        ("id: a\nurl: null\nas_token: 12\nhs_token: c\nsender_localpart: d\nnamespaces: {}", "'as_token' must be a text; put it in quotes"),
        ("id: a\nurl: ftp://x\nas_token: b\nhs_token: c\nsender_localpart: d\nnamespaces: {}", "'url' must begin with http:// or https://"),
        ("id: a\nurl: null\nas_token: b\nhs_token: c\nsender_localpart: 'ä b'\nnamespaces: {}", "'sender_localpart' has characters"),
        ("id: a\nurl: null\nas_token: b\nhs_token: c\nsender_localpart: d\nnamespaces: {users: [{regex: x}]}", "'exclusive' of 'x'"),
        ("id: a\nurl: null\nas_token: b\nhs_token: c\nsender_localpart: d\nnamespaces: {users: [{regex: '(', exclusive: true}]}", "regular expression '('"),
    ])
    func aDamagedFileSaysWhatIsWrong(text: String, expected: String) {
        let reason = reason(text)
        #expect(reason.contains(expected), "\(reason)")
        #expect(reason.contains("irc.yaml"))
    }

    @Test func depthIsBounded() {
        #expect(reason(String(repeating: "[", count: 5000)).contains("nested too deep"))
    }

    @Test func idsTokensAndBotsAreGivenOnce() throws {
        let directory = try temporaryDirectory()
        defer { removeDirectory(directory) }
        func file(_ name: String, id: String, token: String, bot: String) throws -> String {
            let path = directory + "/" + name
            let text = "id: \(id)\nurl: null\nas_token: \(token)\nhs_token: x\nsender_localpart: \(bot)\nnamespaces: {}\n"
            guard let handle = fopen(path, "w") else { throw TestFailure("cannot write \(path)") }
            fputs(text, handle)
            fclose(handle)
            return path
        }
        let a = try file("a.yaml", id: "a", token: "ta", bot: "ba"), sameID = try file("b.yaml", id: "a", token: "tb", bot: "bb")
        let sameToken = try file("c.yaml", id: "c", token: "ta", bot: "bc"), sameBot = try file("d.yaml", id: "d", token: "td", bot: "ba")
        #expect(try Registration.load(files: [a]).map(\.id) == ["a"])
        for (other, what) in [(sameID, "id"), (sameToken, "as_token"), (sameBot, "sender_localpart")] {
            #expect { try Registration.load(files: [a, other]) } throws: { "\($0)".contains("its \(what) is that of \(a) as well") }
        }
        #expect { try Registration.load(files: [directory + "/none.yaml"]) } throws: { "\($0)".contains("No such file") }
        #expect { try Registration.load(files: [a, sameToken]) } throws: { !"\($0)".contains("ta as") }
    }
}
