import MatrixCore
import Testing

@Suite struct FilterTests {
    static func parse(_ text: String) throws -> Filter { try Filter(try JSON.parse(text)) }

    @Test func anEmptyFilterLetsAllThrough() throws {
        let filter = try Self.parse("{}")
        #expect(filter == Filter())
        #expect(filter.eventFormat == .client)
        #expect(filter.room.timeline.matches(type: "x", sender: "@a:x", roomID: "!r:x", containsURL: true))
        #expect(filter.room.timeline.events.matchesEveryEvent)
        #expect(!filter.room.timeline.matchesNothing)
        #expect(filter.room.matches(roomID: "!r:x"))
        #expect(!filter.room.includeLeave)
    }

    /// The example of https://spec.matrix.org/latest/client-server-api/#post_matrixclientv3useruseridfilter
    @Test func theExampleOfTheSpecification() throws {
        let filter = try Self.parse(#"""
            {"event_fields":["type","content","sender"],"event_format":"client","presence":{"not_senders":["@alice:example.com"],"types":["m.presence"]},
             "room":{"ephemeral":{"not_rooms":["!726s6s6q:example.com"],"not_senders":["@spam:example.com"],"types":["m.receipt","m.typing"]},
             "state":{"not_rooms":["!726s6s6q:example.com"],"types":["m.room.*"]},
             "timeline":{"limit":10,"not_rooms":["!726s6s6q:example.com"],"not_senders":["@spam:example.com"],"types":["m.room.message"]}}}
            """#)
        #expect(filter.eventFields == ["type", "content", "sender"])
        #expect(filter.presence.matches(type: "m.presence", sender: "@bob:example.com"))
        #expect(!filter.presence.matches(type: "m.presence", sender: "@alice:example.com"))
        #expect(filter.room.timeline.limit == 10)
        #expect(filter.room.timeline.matches(type: "m.room.message", sender: "@a:x", roomID: "!r:x", containsURL: false))
        #expect(!filter.room.timeline.matches(type: "m.room.name", sender: "@a:x", roomID: "!r:x", containsURL: false))
        #expect(!filter.room.timeline.matches(type: "m.room.message", sender: "@spam:example.com", roomID: "!r:x", containsURL: false))
        #expect(!filter.room.timeline.matches(type: "m.room.message", sender: "@a:x", roomID: "!726s6s6q:example.com", containsURL: false))
        #expect(filter.room.state.matches(type: "m.room.name", sender: "@a:x", roomID: "!r:x", containsURL: false))
        #expect(!filter.room.state.matches(type: "m.reaction", sender: "@a:x", roomID: "!r:x", containsURL: false))
    }

    @Test func exclusionWins() throws {
        let filter = try Self.parse(#"{"account_data":{"types":["a*"],"not_types":["ab"],"senders":["@a:x"],"not_senders":["@a:x"]}}"#).accountData
        #expect(filter.matches(type: "ac"))
        #expect(!filter.matches(type: "ab"))
        #expect(!filter.matches(sender: "@a:x"))
        #expect(!filter.matches(sender: "@b:x"))
    }

    @Test func emptyListsLetNothingThrough() throws {
        for text in [#"{"types":[]}"#, #"{"senders":[]}"#, #"{"rooms":[]}"#, #"{"limit":0}"#, #"{"not_types":["*"]}"#] {
            let filter = try RoomEventFilter(try JSON.parse(text))
            #expect(filter.matchesNothing, "\(text)")
        }
        #expect(try !RoomEventFilter(try JSON.parse(#"{"types":[]}"#)).matches(type: "x", sender: "@a:x", roomID: "!r:x", containsURL: false))
    }

    @Test func urls() throws {
        let with = try RoomEventFilter(["contains_url": true]), without = try RoomEventFilter(["contains_url": false])
        #expect(with.matches(type: "x", sender: "@a:x", roomID: "!r:x", containsURL: true))
        #expect(!with.matches(type: "x", sender: "@a:x", roomID: "!r:x", containsURL: false))
        #expect(!without.matches(type: "x", sender: "@a:x", roomID: "!r:x", containsURL: true))
        #expect(without.matches(type: "x", sender: "@a:x", roomID: "!r:x", containsURL: false))
    }

    @Test func roomsAndSwitches() throws {
        let filter = try Self.parse(#"""
            {"event_format":"federation","room":{"rooms":["!a:x","!b:x"],"not_rooms":["!b:x"],"include_leave":true,
             "state":{"lazy_load_members":true,"include_redundant_members":true},"timeline":{"unread_thread_notifications":true,
             "related_by_rel_types":["m.thread"],"related_by_senders":["@a:x"]},"account_data":{"types":["m.tag"]}}}
            """#)
        #expect(filter.eventFormat == .federation)
        #expect(filter.room.matches(roomID: "!a:x"))
        #expect(!filter.room.matches(roomID: "!b:x"))
        #expect(!filter.room.matches(roomID: "!c:x"))
        #expect(filter.room.includeLeave)
        #expect(filter.room.state.lazyLoadMembers)
        #expect(filter.room.state.includeRedundantMembers)
        #expect(filter.room.timeline.unreadThreadNotifications)
        #expect(filter.room.timeline.relatedByRelTypes == ["m.thread"])
        #expect(filter.room.timeline.relatedBySenders == ["@a:x"])
        #expect(filter.room.accountData.events.matches(type: "m.tag"))
    }

    @Test func unknownMembersAndNullAreIgnored() throws {
        #expect(try Self.parse(#"{"org.x":1,"room":null,"presence":{"types":null,"limit":null}}"#) == Filter())
    }

    @Test(arguments: [
        ("[]", "filter"), ("1", "filter"), (#"{"room":[]}"#, "filter.room"), (#"{"room":{"timeline":1}}"#, "filter.room.timeline"),
        (#"{"room":{"timeline":{"limit":"10"}}}"#, "filter.room.timeline.limit"), (#"{"room":{"timeline":{"limit":-1}}}"#, "filter.room.timeline.limit"),
        (#"{"room":{"timeline":{"limit":1.5}}}"#, "filter.room.timeline.limit"), (#"{"room":{"state":{"types":"m.x"}}}"#, "filter.room.state.types"),
        (#"{"room":{"state":{"types":[1]}}}"#, "filter.room.state.types"), (#"{"room":{"state":{"senders":["bob"]}}}"#, "filter.room.state.senders"),
        (#"{"room":{"rooms":["room"]}}"#, "filter.room.rooms"), (##"{"room":{"not_rooms":["#a:x"]}}"##, "filter.room.not_rooms"),
        (#"{"room":{"ephemeral":{"lazy_load_members":1}}}"#, "filter.room.ephemeral.lazy_load_members"), (#"{"event_format":"xml"}"#, "filter.event_format"),
        (#"{"event_fields":"type"}"#, "filter.event_fields"), (#"{"presence":{"not_senders":["x"]}}"#, "filter.presence.not_senders"),
    ])
    func errorsNameTheMember(text: String, path: String) {
        #expect { try Self.parse(text) } throws: { ($0 as? FilterError)?.path == path }
    }
}
