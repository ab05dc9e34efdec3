import Accounts
import MatrixCore
@testable import Rooms
import ServerKit
import Store
import Synchronization
import TestKit
import Testing

@Suite struct SlidingSyncTests {
    private func post(_ town: Town, _ user: TestUser, _ body: JSON, query: String = "") async -> TestResponse {
        await town.app.call(.post, SlidingClient.path + query, as: user, json: body)
    }
    private func one(_ limit: Int = 1, _ range: [JSON] = [0, 19], _ state: JSON = [], filters: JSON? = nil) -> JSON {
        var list: JSONObject = ["ranges": [.array(range)], "required_state": state, "timeline_limit": JSON(limit)]
        if let filters { list["filters"] = filters }
        return ["lists": ["all": .object(list)]]
    }
    private func names(_ answer: JSON) -> Set<String> { Set((answer["rooms"]?.objectValue ?? [:]).keys) }

    // MARK: rooms

    /// A database that fails in the middle leaves no room out of the list and none in it twice.
    @Test func aListThatCannotBeReadBeginsAnew() async throws {
        let town = try await Town(), c = town.app.context, user = town.ann.id
        let (_, path) = try await town.room(of: town.ann, with: town.ben)
        let empty = try await TestApp([])   // has a position and no rooms
        let one = RoomLists().of(user), refresh: @Sendable (ReadTx) throws -> Void = { tx in try one.list.withLock { try $0.refresh(c, tx, user) } }
        try c.db.readNow(refresh)
        #expect(one.list.withLock { $0.entries.count == 1 && $0.order.count == 1 })
        #expect(throws: StoreError.self) { try empty.context.db.readNow(refresh) }
        #expect(one.list.withLock { $0.entries.isEmpty && $0.order.isEmpty && $0.position == -1 })
        try await town.say("hello", path, as: town.ben)
        try c.db.readNow(refresh)
        #expect(one.list.withLock { $0.entries.count == 1 && $0.order.count == 1 })
    }

    @Test func aNewRoomIsToldWholeAndThenOnlyWhatIsNew() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann, with: town.ben)
        try await town.call(.put, path + "/state/m.room.name", as: town.ann, ["name": "Shop"]).expect(200)
        for n in 1...3 { try await town.say("m\(n)", path, as: town.ben) }
        var ann = SlidingClient(user: town.ann)
        try await ann.sync(town.app, SlidingClient.everything(limit: 2, state: [["m.room.create", ""]]))
        let room = try #require(ann.last["rooms"]?[id])
        #expect(room["initial"] == true && room["name"] == "Shop" && room["joined_count"] == 2 && room["invited_count"] == 0 && room["membership"] == "join")
        #expect(Town.bodies(room["timeline"]) == ["m2", "m3"])
        #expect(room["limited"] == true && room["num_live"] == 0 && room["notification_count"] == 3 && room["heroes"] == nil)
        #expect(room["required_state"]?.arrayValue?.map { $0["type"] ?? .null } == ["m.room.create"])
        #expect(room["bump_stamp"]?.intValue ?? 0 > 0)
        // The token pages back.
        let batch = try #require(room["prev_batch"]?.stringValue)
        #expect(Town.bodies(try await town.call(.get, path + "/messages?dir=b&limit=1&from=\(batch)", as: town.ann).expect(200)["chunk"]) == ["m1"])
        let pos = try #require(ann.pos)
        try await town.call(.get, path + "/messages?dir=b&limit=1&from=\(pos)", as: town.ann).expect(200)

        try await ann.sync(town.app)
        #expect(ann.last["rooms"]?.objectValue?.isEmpty == false, "more state and more events are asked for")
        try await ann.sync(town.app)
        #expect(ann.last["rooms"] == [:])
        try await town.say("m4", path, as: town.ben)
        try await ann.sync(town.app)
        let news = try #require(ann.last["rooms"]?[id])
        #expect(news["initial"] == nil && news["name"] == nil && news["joined_count"] == nil && Town.bodies(news["timeline"]) == ["m4"])
        #expect(news["num_live"] == 1 && news["notification_count"] == 4 && news["limited"] == nil)
    }

    @Test func aRoomWithoutNameHasHeroes() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann, with: town.ben)
        var ann = SlidingClient(user: town.ann)
        try await ann.sync(town.app)
        #expect(ann.rooms[id]?.fields["heroes"] == [["user_id": JSON(town.ben.id), "displayname": "ben"]])
        try await town.call(.put, path + "/state/m.room.name", as: town.ann, ["name": "Shop"]).expect(200)
        try await ann.sync(town.app)
        #expect(ann.last["rooms"]?[id]?["name"] == "Shop" && ann.last["rooms"]?[id]?["heroes"] == nil)
        try await town.call(.put, path + "/state/m.room.name", as: town.ann, [:]).expect(200)
        try await ann.sync(town.app)
        #expect(ann.last["rooms"]?[id]?["name"] == .null && ann.last["rooms"]?[id]?["heroes"]?.arrayValue?.count == 1)
    }

    @Test func listsAreSortedByActivityAndCountAll() async throws {
        let town = try await Town()
        var ids: [String] = [], paths: [String] = []
        for _ in 0..<4 { let room = try await town.room(of: town.ann); ids.append(room.id); paths.append(room.path) }
        try await town.say("up", paths[0], as: town.ann)
        let answer = try await post(town, town.ann, one(1, [0, 1])).expect(200)
        #expect(answer["lists"]?["all"]?["count"] == 4)
        #expect(names(answer) == [ids[0], ids[3]])
    }

    @Test func aWiderRangeBringsOnlyTheRoomsThatAreNew() async throws {
        let town = try await Town()
        for _ in 0..<4 { _ = try await town.room(of: town.ann) }
        var ann = SlidingClient(user: town.ann)
        try await ann.sync(town.app, SlidingClient.everything(0...1))
        #expect(names(ann.last).count == 2)
        try await ann.sync(town.app, SlidingClient.everything(0...3))
        #expect(names(ann.last).count == 2 && ann.rooms.count == 4)
    }

    @Test func aRoomOutOfSightIsToldWhenItComesBack() async throws {
        let town = try await Town()
        let old = try await town.room(of: town.ann), young = try await town.room(of: town.ann)
        var ann = SlidingClient(user: town.ann)
        try await ann.sync(town.app)
        try await town.say("old", old.path, as: town.ann)
        try await town.say("young", young.path, as: town.ann)
        try await ann.sync(town.app, SlidingClient.everything(0...0))
        #expect(names(ann.last) == [young.id])
        try await ann.sync(town.app)
        #expect(names(ann.last) == [old.id])
        #expect(Town.bodies(ann.last["rooms"]?[old.id]?["timeline"]) == ["old"] && ann.last["rooms"]?[old.id]?["initial"] == nil)
    }

    @Test func moreEventsAreToldAtOnce() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann)
        for n in 1...3 { try await town.say("m\(n)", path, as: town.ann) }
        var ann = SlidingClient(user: town.ann)
        try await ann.sync(town.app, SlidingClient.everything(limit: 1))
        var body = SlidingClient.everything(limit: 1)
        body["room_subscriptions"] = [id: ["timeline_limit": 3, "required_state": [["*", "*"]]]]
        try await ann.sync(town.app, body)
        let room = try #require(ann.last["rooms"]?[id])
        #expect(room["unstable_expanded_timeline"] == true && Town.bodies(room["timeline"]) == ["m1", "m2", "m3"] && room["num_live"] == 0)
        try await ann.sync(town.app, body)
        #expect(ann.last["rooms"] == [:])
    }

    @Test func moreStateIsToldAtOnceAndNotTwice() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann)
        try await town.call(.put, path + "/state/m.room.topic", as: town.ann, ["topic": "t"]).expect(200)
        var ann = SlidingClient(user: town.ann)
        try await ann.sync(town.app, SlidingClient.everything(state: [["m.room.create", ""]]))
        try await ann.sync(town.app, SlidingClient.everything(state: [["m.room.create", ""], ["m.room.topic", ""]]))
        #expect(ann.last["rooms"]?[id]?["required_state"]?.arrayValue?.map { $0["type"] ?? .null } == ["m.room.topic"])
        #expect(ann.last["rooms"]?[id]?["timeline"] == nil)
        try await ann.sync(town.app, SlidingClient.everything(state: [["m.room.topic", ""]]))
        #expect(ann.last["rooms"] == [:])
    }

    /// What moves a room up in the list, by stable names and by those of before.
    @Test(arguments: ["m.room.message", "m.sticker", "m.call.invite", "m.poll.start", "org.matrix.msc3381.poll.start"]) func eventsBumpTheRoom(type: String) async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann)
        var ann = SlidingClient(user: town.ann)
        func stamp() async throws -> Int64 {
            try await ann.sync(town.app)
            return try #require(ann.last["rooms"]?[id]?["bump_stamp"]?.intValue)
        }
        let first = try await stamp()
        try await town.call(.put, path + "/send/m.room.encrypted.not/1", as: town.ann, [:]).expect(200)
        #expect(try await stamp() == first)
        try await town.call(.put, path + "/send/\(type)/2", as: town.ann, ["body": "x"]).expect(200)
        #expect(try await stamp() > first)
    }

    @Test(arguments: ["m.beacon_info", "org.matrix.msc3672.beacon_info"]) func aSharedLocationBumpsTheRoom(type: String) async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann)
        var ann = SlidingClient(user: town.ann)
        try await ann.sync(town.app)
        let first = try #require(ann.last["rooms"]?[id]?["bump_stamp"]?.intValue)
        try await town.call(.put, path + "/state/\(type)/\(town.ann.path)", as: town.ann, ["live": true]).expect(200)
        try await ann.sync(town.app)
        #expect(ann.last["rooms"]?[id]?["bump_stamp"]?.intValue ?? 0 > first)
    }

    @Test func lazyMembersAreTheSpeakersOnceForEachConnection() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann, with: town.ben, town.cleo)
        try await town.say("hi", path, as: town.ben)
        var ann = SlidingClient(user: town.ann)
        let body = SlidingClient.everything(limit: 1, state: [["m.room.member", "$LAZY"], ["m.room.member", "$ME"]])
        func members(_ answer: JSON) -> Set<String> { Set((answer["rooms"]?[id]?["required_state"]?.arrayValue ?? []).compactMap { $0["state_key"]?.stringValue }) }
        try await ann.sync(town.app, body)
        #expect(members(ann.last) == [town.ann.id.rawValue, town.ben.id.rawValue])
        try await town.say("again", path, as: town.ben)
        try await ann.sync(town.app, body)
        #expect(members(ann.last).isEmpty)
        try await town.say("me too", path, as: town.cleo)
        var lost = ann
        try await lost.sync(town.app, body)
        #expect(members(lost.last) == [town.cleo.id.rawValue])
        try await ann.sync(town.app, body)
        #expect(members(ann.last) == [town.cleo.id.rawValue], "the answer that was lost does not count")
    }

    @Test func invitesHaveStrippedStateOnly() async throws {
        let town = try await Town()
        let id = try await town.call(.post, "/createRoom", as: town.ann, ["name": "Secret", "invite": [JSON(town.ben.id)]]).expect(200)["room_id"]?.stringValue ?? ""
        var ben = SlidingClient(user: town.ben)
        try await ben.sync(town.app)
        let room = try #require(ben.last["rooms"]?[id])
        #expect(room["membership"] == "invite" && room["timeline"] == nil && room["required_state"] == nil)
        #expect(room["invite_state"]?.arrayValue?.contains { $0["type"] == "m.room.name" && $0["content"]?["name"] == "Secret" } == true)
        try await town.call(.post, "/rooms/\(Percent.encode(id))/join", as: town.ben, [:]).expect(200)
        try await ben.sync(town.app)
        #expect(ben.last["rooms"]?[id]?["initial"] == true && ben.last["rooms"]?[id]?["membership"] == "join" && ben.last["rooms"]?[id]?["name"] == "Secret")
    }

    @Test func anInviteOfAnIgnoredUserIsNotShown() async throws {
        let town = try await Town()
        try await town.call(.put, "/user/\(town.ben.path)/account_data/m.ignored_user_list", as: town.ben, ["ignored_users": .object([town.ann.id.rawValue: [:]])]).expect(200)
        try await town.call(.post, "/createRoom", as: town.ann, ["invite": [JSON(town.ben.id)]]).expect(200)
        var ben = SlidingClient(user: town.ben)
        try await ben.sync(town.app)
        #expect(ben.rooms.isEmpty && ben.counts["all"] == 0)
    }

    @Test func whoLeavesIsToldOnceAndWhoIsRemovedToo() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann, with: town.ben, town.cleo)
        var ben = SlidingClient(user: town.ben), cleo = SlidingClient(user: town.cleo)
        try await ben.sync(town.app)
        try await cleo.sync(town.app)
        try await town.call(.post, path + "/leave", as: town.ben, [:]).expect(200)
        try await town.call(.post, path + "/ban", as: town.ann, ["user_id": JSON(town.cleo.id)]).expect(200)
        try await town.say("unseen", path, as: town.ann)
        try await ben.sync(town.app)
        #expect(ben.last["rooms"]?[id]?["membership"] == "leave" && Town.bodies(ben.last["rooms"]?[id]?["timeline"]).isEmpty)
        #expect(ben.last["rooms"]?[id]?["required_state"]?.arrayValue?.contains { $0["state_key"] == JSON(town.ben.id) && $0["content"]?["membership"] == "leave" } == true)
        try await ben.sync(town.app)
        #expect(ben.last["rooms"] == [:] && ben.counts["all"] == 0)
        try await cleo.sync(town.app)
        #expect(cleo.last["rooms"]?[id]?["membership"] == "ban" && cleo.last["rooms"]?[id]?["initial"] == nil)
        // A fresh client hears of the ban, not of the room that was left.
        var fresh = SlidingClient(user: town.cleo, name: "fresh"), other = SlidingClient(user: town.ben, name: "fresh")
        try await fresh.sync(town.app)
        #expect(fresh.last["rooms"]?[id]?["membership"] == "ban" && Town.bodies(fresh.last["rooms"]?[id]?["timeline"]).isEmpty)
        try await other.sync(town.app)
        #expect(other.rooms.isEmpty)
        // Back again: told anew.
        try await town.call(.post, path + "/join", as: town.ben, [:]).expect(200)
        try await ben.sync(town.app)
        #expect(ben.last["rooms"]?[id]?["initial"] == true)
        // Forgotten: no longer listed.
        try await town.call(.post, path + "/forget", as: town.cleo, [:]).expect(200)
        try await cleo.sync(town.app)
        #expect(cleo.counts["all"] == 0)
    }

    /// What was deleted is a gap like any other: the client drops what it had and gets what is left, in sight or back in sight.
    @Test(arguments: TestBackend.available) func aPurgeIsAGap(backend: TestBackend) async throws {
        let town = try await Town(backend: backend)
        let (id, path) = try await town.room(of: town.ann, with: town.ben)
        for n in 1...4 { try await town.say("m\(n)", path, as: town.ben) }
        let newest = try await town.room(of: town.ann).path
        var inSight = SlidingClient(user: town.ann), outside = SlidingClient(user: town.ann, name: "narrow")
        try await inSight.sync(town.app)
        try await outside.sync(town.app)
        try await town.say("up", newest, as: town.ann)
        try await outside.sync(town.app, SlidingClient.everything(0...0))
        #expect(Town.bodies(inSight.last["rooms"]?[id]?["timeline"]) == ["m1", "m2", "m3", "m4"])
        try await inSight.sync(town.app)

        let room = RoomID(trusted: id)
        let nid = try await town.app.context.db.write { tx in
            let head = try #require(try RoomStore.head(tx, room))
            try tx.run(Purge.SQL.order, "purge", head.nid, head.lastPos, Int64(0))
            return head.nid
        }
        try await town.app.run(job: "purge history")
        try await outside.sync(town.app, SlidingClient.everything(0...0))
        #expect(outside.last["rooms"]?[id] == nil)
        try await inSight.sync(town.app)
        try await outside.sync(town.app)
        for client in [inSight, outside] {
            let told = client.last["rooms"]?[id]
            #expect(told?["initial"] == nil && told?["limited"] == true && told?["num_live"] == 0 && told?["notification_count"] == 1)
            #expect(Town.bodies(told?["timeline"]) == ["m4"] && told?["timeline"]?.arrayValue?.count == 1)
            #expect(client.rooms[id]?.events.count == 1)
        }
        // State that outlives its time is state, and in no timeline; the purge is told once.
        var fresh = SlidingClient(user: town.ann, name: "fresh")
        try await fresh.sync(town.app, SlidingClient.everything(limit: 50))
        #expect(Town.bodies(fresh.last["rooms"]?[id]?["timeline"]) == ["m4"] && fresh.last["rooms"]?[id]?["timeline"]?.arrayValue?.count == 1)
        #expect(fresh.rooms[id]?.state.keys.contains { $0.hasPrefix("m.room.create") } == true)
        #expect(inSight.differences(from: fresh) == [])
        try await inSight.sync(town.app)
        #expect(inSight.last["rooms"] == [:])
        #expect(try town.app.context.db.readNow { try EventStore.page($0, room: nid, newestFirst: true, limit: 50).count } == 1)
    }

    @Test func nobodySubscribesToARoomThatIsNotHis() async throws {
        let town = try await Town()
        let (id, _) = try await town.room(of: town.ann)
        let answer = try await post(town, town.ben, ["room_subscriptions": [id: ["timeline_limit": 10, "required_state": [["*", "*"]]], "!no:test": ["timeline_limit": 1]]]).expect(200)
        #expect(answer["rooms"] == [:])
    }

    @Test func whatWasBeforeTheJoinFollowsTheHistoryVisibility() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann)
        try await town.call(.put, path + "/state/m.room.history_visibility", as: town.ann, ["history_visibility": "joined"]).expect(200)
        try await town.say("before", path, as: town.ann)
        try await town.call(.post, path + "/join", as: town.ben, [:]).expect(200)
        try await town.say("after", path, as: town.ann)
        var ben = SlidingClient(user: town.ben)
        try await ben.sync(town.app, SlidingClient.everything(limit: 20))
        #expect(Town.bodies(ben.last["rooms"]?[id]?["timeline"]) == ["after"])
    }

    @Test func ownReceiptsChangeTheCounts() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann, with: town.ben)
        let event = try await town.say("hello", path, as: town.ben)
        var ann = SlidingClient(user: town.ann)
        try await ann.sync(town.app)
        #expect(ann.rooms[id]?.fields["notification_count"] == 1)
        try await town.call(.post, path + "/receipt/m.read/\(Percent.encode(event))", as: town.ann, [:]).expect(200)
        try await ann.sync(town.app)
        #expect(ann.rooms[id]?.fields["notification_count"] == 0 && ann.last["rooms"]?[id]?["timeline"] == nil)
    }

    // MARK: filters

    @Test func filtersChooseRooms() async throws {
        let town = try await Town()
        let direct = try await town.room(of: town.ann), plain = try await town.room(of: town.ann)
        let space = try await town.call(.post, "/createRoom", as: town.ann, ["name": "Space", "creation_content": ["type": "m.space"]]).expect(200)["room_id"]?.stringValue ?? ""
        let invite = try await town.call(.post, "/createRoom", as: town.ben, ["invite": [JSON(town.ann.id)]]).expect(200)["room_id"]?.stringValue ?? ""
        try await town.call(.put, "/user/\(town.ann.path)/account_data/m.direct", as: town.ann, .object([town.ben.id.rawValue: [.string(direct.id)]])).expect(200)
        try await town.call(.put, "/user/\(town.ann.path)/rooms/\(Percent.encode(plain.id))/tags/u.shop", as: town.ann, [:]).expect(200)
        try await town.call(.put, plain.path + "/state/m.room.encryption", as: town.ann, ["algorithm": "m.megolm.v1.aes-sha2"]).expect(200)
        try await town.call(.put, "/rooms/\(Percent.encode(space))/state/m.space.child/\(Percent.encode(direct.id))", as: town.ann, ["via": ["test"]]).expect(200)
        func ids(_ filters: JSON) async throws -> Set<String> { names(try await post(town, town.ann, one(1, [0, 9], filters: filters)).expect(200)) }
        #expect(try await ids([:]) == [direct.id, plain.id, space, invite])
        #expect(try await ids(["is_dm": true]) == [direct.id])
        #expect(try await ids(["is_dm": false]) == [plain.id, space, invite])
        #expect(try await ids(["is_encrypted": true]) == [plain.id])
        #expect(try await ids(["is_invite": true]) == [invite])
        #expect(try await ids(["is_invite": .null, "room_types": ["m.space"]]) == [space])
        #expect(try await ids(["not_room_types": ["m.space"]]) == [direct.id, plain.id, invite])
        #expect(try await ids(["room_types": [.null]]) == [direct.id, plain.id, invite])
        #expect(try await ids(["tags": ["u.shop"]]) == [plain.id])
        #expect(try await ids(["not_tags": ["u.shop"]]) == [direct.id, space, invite])
        #expect(try await ids(["spaces": [.string(space)]]) == [direct.id])
        #expect(try await ids(["room_name_like": "spa"]) == [space])
    }

    @Test func filtersAreThoseOfTheRequestAlone() async throws {
        let town = try await Town()
        _ = try await town.room(of: town.ann)
        var ann = SlidingClient(user: town.ann)
        var body = SlidingClient.everything()
        body["lists"] = ["all": ["ranges": [[0, 9]], "timeline_limit": 1, "filters": ["is_encrypted": true]]]
        try await ann.sync(town.app, body)
        #expect(ann.counts["all"] == 0)
        body["lists"] = ["all": ["ranges": [[0, 9]], "timeline_limit": 1]]
        try await ann.sync(town.app, body)
        #expect(ann.counts["all"] == 1)
    }

    @Test func directRoomsAreMarkedWhenThatChanges() async throws {
        let town = try await Town()
        let (id, _) = try await town.room(of: town.ann)
        var ann = SlidingClient(user: town.ann)
        try await ann.sync(town.app)
        for (value, expected) in [([JSON.string(id)], true), ([], false)] {
            try await town.call(.put, "/user/\(town.ann.path)/account_data/m.direct", as: town.ann, .object([town.ben.id.rawValue: .array(value)])).expect(200)
            try await ann.sync(town.app)
            #expect(ann.last["rooms"]?[id]?["is_dm"] == .bool(expected))
        }
    }

    // MARK: connections

    @Test func aPosMayComeTwice() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann)
        var ann = SlidingClient(user: town.ann)
        try await ann.sync(town.app)
        try await town.say("hi", path, as: town.ann)
        var lost = ann
        try await lost.sync(town.app)
        try await ann.sync(town.app)
        #expect(Town.bodies(ann.last["rooms"]?[id]?["timeline"]) == ["hi"])
        #expect(lost.last["rooms"] == ann.last["rooms"])
    }

    @Test func anUnknownPosSaysSo() async throws {
        let town = try await Town()
        for pos in ["nonsense", "s1_1", "s1_1.abc-0", "s999999_1.abc-0", "s1_1.%C3%A9-0", "s1_1.abc-x"] {
            try await post(town, town.ann, one(), query: "?pos=\(pos)").expect(400, "M_UNKNOWN_POS")
        }
        var ann = SlidingClient(user: town.ann)
        try await ann.sync(town.app)
        ann.name = "other"
        try await post(town, town.ann, ["conn_id": "other"], query: "?pos=\(ann.pos ?? "")").expect(400, "M_UNKNOWN_POS")
    }

    @Test func connectionsOutliveTheServer() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann)
        var ann = SlidingClient(user: town.ann)
        try await ann.sync(town.app)
        // Another process on the same database: nothing in memory.
        let again = SlidingSync()
        func sync(_ client: SlidingClient) async throws -> JSON {
            var request = Request(.post, SlidingClient.path, query: Query([("pos", client.pos ?? "")]), body: JSON.object((["conn_id": "main"] as JSONObject).merging(SlidingClient.everything())).encoded(),
                                  session: Session(userID: client.user.id, deviceID: client.user.device))
            request.params = [:]
            return try #require(try await again.routes[0].handler(request, town.app.context).jsonBody)
        }
        #expect(try await sync(ann)["rooms"] == [:])
        try await town.say("hi", path, as: town.ann)
        let news = try await sync(ann)
        #expect(Town.bodies(news["rooms"]?[id]?["timeline"]) == ["hi"] && news["rooms"]?[id]?["initial"] == nil)
    }

    @Test func aMessageInSightWritesNothing() async throws {
        let town = try await Town()
        let (_, path) = try await town.room(of: town.ann)
        var ann = SlidingClient(user: town.ann)
        try await ann.sync(town.app)
        try await town.say("hi", path, as: town.ann)
        let version = SlidingPos(ann.pos ?? "")?.version
        try await ann.sync(town.app)
        #expect(SlidingPos(ann.pos ?? "")?.version == version)
        let rows = try await town.app.context.db.read { tx in try tx.all("SELECT version FROM sliding_connection") { $0.text(0) } }
        #expect(rows == [version])
    }

    @Test func aDeviceHasAFewConnectionsOfTwoRows() async throws {
        let town = try await Town()
        _ = try await town.room(of: town.ann)
        for n in 0..<12 {
            town.app.clock.advance(1000)
            var client = SlidingClient(user: town.ann, name: "c\(n)")
            for range in [0...0, 0...1, 0...2] { try await client.sync(town.app, SlidingClient.everything(range, limit: range.count)) }
        }
        let rows = try await town.app.context.db.read { tx in try tx.all("SELECT conn_id, COUNT(*) FROM sliding_connection GROUP BY conn_id") { ($0.text(0), $0.int(1)) } }
        #expect(rows.count == 8 && rows.allSatisfy { $0.1 <= 2 } && !rows.contains { $0.0 == "c0" })
        town.app.clock.advance(Connections.lifetime + 1)
        try await town.app.run(job: "forget sliding sync connections")
        #expect(try await town.app.context.db.read { tx in try tx.first("SELECT COUNT(*) FROM sliding_connection") { $0.int(0) } } == 0)
    }

    @Test func aWaitEndsWithAMessageInSight() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann, with: town.ben)
        var ann = SlidingClient(user: town.ann)
        try await ann.sync(town.app)
        let waiting = ann
        let answer = Task { var client = waiting; return try await client.sync(town.app, timeout: 20_000) }
        try await Task.sleep(for: .milliseconds(50))
        try await town.say("hi", path, as: town.ben)
        #expect(Town.bodies(try await answer.value["rooms"]?[id]?["timeline"]) == ["hi"])
    }

    // MARK: extensions

    @Test func toDeviceMessagesComeUntilTheyAreAcknowledged() async throws {
        let town = try await Town()
        for n in 1...3 {
            try await town.call(.put, "/sendToDevice/x.y/\(n)", as: town.ben, ["messages": .object([town.ann.id.rawValue: ["*": ["n": .int(Int64(n))]]])]).expect(200)
        }
        // The list of rooms has its own connection and swallows nothing.
        var rooms = SlidingClient(user: town.ann, name: "room-list")
        try await rooms.sync(town.app)
        try await rooms.sync(town.app)
        var keys = SlidingClient(user: town.ann, name: "encryption")
        func body(_ since: String?) -> JSONObject {
            var letters: JSONObject = ["enabled": true, "limit": 2]
            letters["since"] = since.map(JSON.string)
            return ["extensions": ["to_device": .object(letters), "e2ee": ["enabled": true]]]
        }
        try await keys.sync(town.app, body(nil))
        #expect(keys.toDevice.map { $0["content"]?["n"] } == [1, 2])
        var lost = keys
        try await lost.sync(town.app, body(keys.toDeviceSince))
        try await keys.sync(town.app, body(keys.toDeviceSince))
        #expect(keys.toDevice.map { $0["content"]?["n"] } == [1, 2, 3])
        // The token outlives the connection.
        var fresh = SlidingClient(user: town.ann, name: "encryption")
        try await fresh.sync(town.app, body(keys.toDeviceSince))
        #expect(fresh.toDevice.isEmpty)
        #expect(keys.last["extensions"]?["e2ee"]?["device_one_time_keys_count"] != nil && keys.last["extensions"]?["e2ee"]?["device_unused_fallback_key_types"] == [])
    }

    @Test func accountDataReceiptsAndTypingFollowTheRooms() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann, with: town.ben)
        let event = try await town.say("hi", path, as: town.ann)
        try await town.call(.put, "/user/\(town.ann.path)/account_data/x.z", as: town.ann, ["n": 1]).expect(200)
        try await town.call(.put, "/user/\(town.ann.path)/rooms/\(Percent.encode(id))/account_data/x.y", as: town.ann, ["n": 2]).expect(200)
        try await town.call(.post, path + "/receipt/m.read/\(Percent.encode(event))", as: town.ben, [:]).expect(200)
        try await town.call(.put, path + "/typing/\(town.ben.path)", as: town.ben, ["typing": true, "timeout": 30_000]).expect(200)
        var ann = SlidingClient(user: town.ann)
        try await ann.sync(town.app)
        let all = try #require(ann.last["extensions"])
        #expect(ann.accountData["x.z"] == ["n": 1] && ann.rooms[id]?.accountData["x.y"] == ["n": 2])
        #expect(all["receipts"]?["rooms"]?[id]?["content"]?[event]?["m.read"]?[town.ben.id.rawValue] != nil)
        #expect(all["typing"]?["rooms"]?[id]?["content"]?["user_ids"] == [JSON(town.ben.id)])
        try await ann.sync(town.app)
        #expect(ann.last["extensions"] == ["account_data": ["global": [], "rooms": [:]], "receipts": ["rooms": [:]], "typing": ["rooms": [:]]])
        try await town.call(.put, path + "/typing/\(town.ben.path)", as: town.ben, ["typing": false]).expect(200)
        try await ann.sync(town.app)
        #expect(ann.last["extensions"]?["typing"]?["rooms"]?[id]?["content"]?["user_ids"] == [])
        // Only for rooms that the extension names.
        var narrow = SlidingClient.everything()
        narrow["extensions"] = ["account_data": ["enabled": true, "lists": [], "rooms": []], "receipts": ["enabled": true, "lists": ["all"], "rooms": []]]
        var other = SlidingClient(user: town.ann, name: "other")
        try await other.sync(town.app, narrow)
        #expect(other.last["extensions"]?["account_data"]?["rooms"] == [:] && other.last["extensions"]?["receipts"]?["rooms"]?[id] != nil && other.last["extensions"]?["typing"] == nil)
    }

    // MARK: the accepted form

    @Test func theAcceptedFormIsTheSameEngine() async throws {
        let town = try await Town()
        let (id, path) = try await town.room(of: town.ann, with: town.ben)
        let invite = try await town.call(.post, "/createRoom", as: town.ben, ["invite": [JSON(town.ann.id)]]).expect(200)["room_id"]?.stringValue ?? ""
        for n in 1...3 { try await town.say("m\(n)", path, as: town.ben) }
        func body(_ limit: JSON, pos: JSON? = nil) -> JSON {
            var body: JSONObject = ["conn_id": "main", "timeout": 0, "lists": ["all": ["range": [0, 19], "timeline_limit": limit,
                "required_state": ["include": [[:]], "exclude": [["type": "m.room.create"]], "lazy_members": true]], "invites": ["timeline_limit": 0, "required_state": [:], "filters": ["is_invited": true]]]]
            body["pos"] = pos
            return .object(body)
        }
        let first = try await town.app.call(.post, SlidingClient.v4, as: town.ann, json: body(1)).expect(200)
        #expect(first["rooms"]?[invite]?["stripped_state"] != nil && first["lists"]?["invites"]?["count"] == 1)
        let room = try #require(first["rooms"]?[id])
        let types = room["required_state"]?.arrayValue?.map { $0["type"]?.stringValue ?? "" } ?? []
        #expect(!types.contains("m.room.create") && types.contains("m.room.power_levels") && types.count { $0 == "m.room.member" } == 1)
        #expect(room["lists"] == ["all"] && first["rooms"]?[invite]?["lists"] == ["all", "invites"])
        let second = try await town.app.call(.post, SlidingClient.v4, as: town.ann, json: body(3, pos: first["pos"])).expect(200)
        #expect(second["rooms"]?[id]?["expanded_timeline"] == true && Town.bodies(second["rooms"]?[id]?["timeline"]) == ["m1", "m2", "m3"])
        try await town.app.call(.post, SlidingClient.v4, as: town.ann, json: ["pos": "x"]).expect(400, "M_UNKNOWN_POS")
    }

    @Test(arguments: [
        ["lists": []], ["lists": ["a": 1]], ["lists": ["a": ["ranges": [[0]], "timeline_limit": 1]]], ["lists": ["a": ["ranges": [[5, 1]], "timeline_limit": 1]]],
        ["lists": ["a": ["ranges": [[-1, 1]], "timeline_limit": 1]]], ["lists": ["a": ["ranges": [[0, 9]]]]], ["lists": ["a": ["timeline_limit": "x"]]],
        ["lists": ["a": ["timeline_limit": 1, "required_state": [["x"]]]]], ["lists": ["a": ["timeline_limit": 1, "filters": ["room_types": [1]]]]],
        ["room_subscriptions": ["nonsense": ["timeline_limit": 1]]], ["extensions": ["to_device": ["enabled": true, "since": "x"]]], ["conn_id": 1], ["conn_id": "a\u{0}b"],
    ] as [JSON]) func wrongRequestsAreRefused(body: JSON) async throws {
        let town = try await Town()
        #expect(await post(town, town.ann, body).status == 400)
    }

    // MARK: as recorded

    /// What Element X sends: its two connections, from the start to the full list.
    @Test func elementXStarts() async throws {
        let town = try await Town()
        for n in 0..<25 { let room = try await town.room(of: town.ann); try await town.say("m\(n)", room.path, as: town.ann) }
        let state: JSON = [["m.room.name", ""], ["m.room.encryption", ""], ["m.room.member", "$LAZY"], ["m.room.member", "$ME"], ["m.room.topic", ""], ["m.room.avatar", ""],
                           ["m.room.canonical_alias", ""], ["m.room.power_levels", ""], ["org.matrix.msc3401.call.member", "*"], ["m.room.join_rules", ""], ["m.room.tombstone", ""],
                           ["m.room.create", ""], ["m.room.history_visibility", ""], ["io.element.functional_members", ""], ["m.space.parent", "*"], ["m.space.child", "*"],
                           ["org.matrix.msc3672.beacon_info", "*"]]
        func body(_ last: Int) -> JSON {
            ["conn_id": "room-list", "lists": ["all_rooms": ["ranges": [[0, JSON(last)]], "required_state": state, "timeline_limit": 1, "filters": [:]]],
             "extensions": ["account_data": ["enabled": true], "receipts": ["enabled": true, "rooms": ["*"]], "typing": ["enabled": true]]]
        }
        let first = try await post(town, town.ann, body(19), query: "?timeout=0").expect(200)
        #expect(names(first).count == 20 && first["lists"]?["all_rooms"]?["count"] == 25)
        for room in (first["rooms"]?.objectValue ?? [:]).map(\.value) {
            #expect(room["timeline"]?.arrayValue?.count == 1 && room["limited"] == true && room["joined_count"] == 1)
            let keys = room["required_state"]?.arrayValue?.map { $0["type"]?.stringValue ?? "" }.sorted()
            #expect(keys == ["m.room.create", "m.room.history_visibility", "m.room.join_rules", "m.room.member", "m.room.power_levels"])
        }
        let second = try await post(town, town.ann, body(99), query: "?timeout=0&pos=\(first["pos"]?.stringValue ?? "")").expect(200)
        #expect(names(second).count == 5 && names(second).isDisjoint(with: names(first)))
        let third = try await post(town, town.ann, body(99), query: "?timeout=0&pos=\(second["pos"]?.stringValue ?? "")").expect(200)
        #expect(third["rooms"] == [:])
        let keys = try await post(town, town.ann, ["conn_id": "encryption", "extensions": ["to_device": ["enabled": true], "e2ee": ["enabled": true]]], query: "?timeout=0").expect(200)
        #expect(keys["extensions"]?["to_device"]?["next_batch"]?.stringValue != nil && keys["rooms"] == [:])
    }
}
