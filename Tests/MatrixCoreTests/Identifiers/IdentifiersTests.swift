import MatrixCore
import Testing

@Suite struct IdentifiersTests {
    static let long = String(repeating: "a", count: 255)

    @Test(arguments: [
        "@alice:example.org", "@alice:example.org:8448", "@a:[::1]:80", "@:example.org", "@UPPER case é:example.org", "@a:1.2.3.4", "@a/b=c+d:x",
        "@" + String(repeating: "a", count: 252) + ":x",
    ])
    func userIDs(text: String) { #expect(UserID(rawValue: text)?.rawValue == text) }

    @Test(arguments: [
        "", "@", "alice:example.org", "@alice", "@alice:", "@alice:exa mple", "@a:b:c", "@a\0b:x", "@" + String(repeating: "a", count: 253) + ":x", "#a:x", "@a:[::1",
        "@a:x:123456", "@a:x:",
    ])
    func notUserIDs(text: String) { #expect(UserID(rawValue: text) == nil) }

    @Test func partsOfAUserID() throws {
        let id = try #require(UserID(rawValue: "@al.ice:example.org:8448"))
        #expect(id.localpart == "al.ice")
        #expect(id.server == "example.org:8448")
        #expect(UserID(localpart: "bob", server: "x.y")?.rawValue == "@bob:x.y")
        #expect(UserID(localpart: "b:ob", server: "x.y") == nil)
    }

    @Test(arguments: ["alice", "a.b_c=d-e/f+9", "0"])
    func localpartsForNewUsers(text: String) { #expect(UserID.isValidLocalpart(text)) }

    @Test(arguments: ["", "Alice", "a b", "é", "a:b", "a@b", "a\0", "a*"])
    func notLocalpartsForNewUsers(text: String) { #expect(!UserID.isValidLocalpart(text)) }

    @Test(arguments: [("!abc:example.org", "example.org"), ("!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM", nil), ("!a b:x:1", "x:1")] as [(String, String?)])
    func roomIDs(text: String, server: String?) throws {
        let id = try #require(RoomID(rawValue: text))
        #expect(id.server == server)
    }

    @Test(arguments: ["", "!", "abc:example.org", "!a:b:c:d", "!a:", "!a\0", "!" + long])
    func notRoomIDs(text: String) { #expect(RoomID(rawValue: text) == nil) }

    @Test(arguments: ["$abc", "$acR1l0raoZnm60CBwAVgqbZqoO/mYU81xysh1u7XcJk", "$opaque:example.org"])
    func eventIDs(text: String) { #expect(EventID(rawValue: text) != nil) }

    @Test(arguments: ["", "$", "abc", "$a:not a server", "$" + long])
    func notEventIDs(text: String) { #expect(EventID(rawValue: text) == nil) }

    @Test(arguments: ["#room:example.org", "#é *:x", "#a#b:x:80"])
    func aliases(text: String) { #expect(RoomAlias(rawValue: text) != nil) }

    @Test(arguments: ["#:x", "#room", "room:x", "#a\0:x", "#a:b:c", "#" + long + ":x"])
    func notAliases(text: String) { #expect(RoomAlias(rawValue: text) == nil) }

    @Test func mxc() throws {
        let id = try #require(MXC(rawValue: "mxc://example.org:8448/AbC_-9"))
        #expect(id.server == "example.org:8448")
        #expect(id.mediaID == "AbC_-9")
        #expect(MXC(server: "x", mediaID: "y")?.rawValue == "mxc://x/y")
        for text in ["mxc://", "mxc://x", "mxc://x/", "mxc:///y", "http://x/y", "mxc://x/y/z", "mxc://x/../y", "mxc://x y/z", "mxc://x/é"] {
            #expect(MXC(rawValue: text) == nil, "\(text)")
        }
    }

    @Test func devices() {
        #expect(DeviceID(rawValue: "ABC é") != nil)
        #expect(DeviceID(rawValue: "") == nil)
        #expect(DeviceID(rawValue: "a\0") == nil)
        #expect(DeviceID(rawValue: Self.long + "a") == nil)
    }

    @Test(arguments: ["matrix.org", "matrix.org:8888", "1.2.3.4", "1.2.3.4:1234", "[1234:5678::abcd]", "[1234:5678::abcd]:5678", "localhost", "A-b.c"])
    func serverNames(text: String) { #expect(ServerName.isValid(text)) }

    @Test(arguments: ["", ":80", "a:", "a:b", "a_b", "é", "[", "[]", "[::g]", "[::1]x", "a:123456", "a/b", "a b", long + "a"])
    func notServerNames(text: String) { #expect(!ServerName.isValid(text)) }

    @Test func equalityIsByBytes() {
        #expect(RoomAlias(trusted: "#e\u{301}:x") != RoomAlias(trusted: "#\u{E9}:x"))
        #expect(Set([UserID(trusted: "@a:x"), UserID(trusted: "@a:x")]).count == 1)
        #expect(UserID(trusted: "@a:x") < UserID(trusted: "@b:x"))
    }
}
