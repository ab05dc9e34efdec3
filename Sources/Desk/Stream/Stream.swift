import Logging
import MatrixCore
import ServerKit
import Store
import Synchronization

/// The live stream of the console: Server-Sent Events over the desk's change log.
///
/// Law, tested by cutting it 50 times: whoever applies the durable events in order and comes back with the last id he has seen has
/// every message, note and system entry exactly once, and the newest state of every conversation. Back-pressure comes from
/// pulling: a slow client makes nothing pile up but one list of volatile states.
enum DeskStream {
    /// The log is kept for so long; whoever comes later starts anew.
    static let kept: Int64 = 7 * 86_400_000
    static let batch = 100
    static let ping: Int64 = 15_000

    static let routes: [DeskRoute] = [
        DeskRoute(.get, "/stream", .deskUse, limit: .sync) { call in
            var since: Int64?
            if let text = call.request.headers["Last-Event-ID"] ?? call.request.query["since"], !text.isEmpty {
                guard let number = Int64(text), number >= 0 else { throw DeskError.invalid("since", en: "since is not a position.", fr: "since n’est pas une position.") }
                since = number
            }
            let follower = Follower(call, since: since)
            let stream = AsyncStream<[UInt8]>(unfolding: { await follower.next() }, onCancel: { follower.stop() })
            return Response(200, headers: ["Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no"], body: .stream(stream))
        },
    ]

    /// Forgets what is older than `kept`; remembers up to where, so that a stream that would have a gap is told so.
    static func forgetOld(_ unit: Unit) throws {
        let before = unit.c.clock.now - kept
        guard let last = try unit.tx.first("SELECT MAX(position) FROM desk_change WHERE at < ?", before, row: { $0.intOrNil(0) }) ?? nil else { return }
        try unit.tx.run("DELETE FROM desk_change WHERE at < ? AND position <= ?", before, last)
        try unit.tx.run("INSERT INTO desk_counter(name, value) VALUES ('change floor', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE desk_counter.value < excluded.value", last)
    }

    struct Change: Sendable { var position: Int64, kind: ChangeKind, conversation: String, inbox: String?, ref: String }

    /// Events after `since` as this agent may see them. `through` is how far the log was read.
    static func read(_ reader: Reader, _ moment: StreamCache.Moment, since: Int64) throws -> (events: [UInt8], through: Int64, isComplete: Bool) {
        let changes = try moment.changes(after: since) {
            try reader.tx.all("SELECT position, kind, conversation_id, inbox_id, ref FROM desk_change WHERE position > ? ORDER BY position LIMIT ?", since, batch) { row in
                ChangeKind(rawValue: row.text(1)).map { Change(position: row.int(0), kind: $0, conversation: row.text(2), inbox: row.textOrNil(3), ref: row.text(4)) }
            }.compactMap(\.self)
        }
        var out: [UInt8] = []
        for change in changes {
            if let inbox = change.inbox, !reader.viewer.sees(inbox: inbox) { continue }
            out += try frame(reader, moment, change, since: since)
        }
        return (out, changes.last?.position ?? since, changes.count < batch)
    }
    /// Nothing when there is nothing to be seen of it.
    private static func frame(_ reader: Reader, _ moment: StreamCache.Moment, _ change: Change, since: Int64) throws -> [UInt8] {
        var key = StreamCache.Moment.Frame(position: change.position), talk: StreamCache.Moment.Talk?
        switch change.kind {
        case .conversationUpdated:
            talk = try moment.talk(change.conversation) { try Conversations.load(reader.tx, change.conversation).map(reader.talk) }
            guard let talk else { return [] }
            let read = talk.readUpTo[reader.viewer.id] ?? 0
            key.created = talk.row.createdPosition > since
            key.mentioned = talk.mentioned.contains(reader.viewer.id)
            key.unread = try moment.unread(change.conversation, after: read) { try reader.unread(change.conversation, after: read) }
        case .contactUpdated:
            guard reader.viewer.role.may(.contactsRead), try Contacts.isVisible(reader.tx, change.ref, to: reader.viewer) else { return [] }
            if !reader.viewer.seesAll { key.scope = reader.viewer.id }   // how often he has written differs
        case .agentUpdated:
            guard let agent = try moment.agent(change.ref, reader.tx), reader.viewer.knows(agent) else { return [] }
            key.scope = agent.id == reader.viewer.id ? agent.id : reader.viewer.scope
        default: break
        }
        return try moment.frame(key) {
            try payload(reader, change, talk, key).map { frame(event: change.kind.rawValue, id: change.position, $0) } ?? []
        }
    }
    private static func payload(_ reader: Reader, _ change: Change, _ talk: StreamCache.Moment.Talk?, _ key: StreamCache.Moment.Frame) throws -> JSON? {
        switch change.kind {
        case .conversationUpdated: talk.map { ["conversation": Reader.conversation($0, unread: key.unread, mentioned: key.mentioned), "created": .bool(key.created)] }
        case .messageCreated, .messageUpdated, .noteCreated, .systemCreated:
            try Int64(change.ref).flatMap { try Items.load(reader.tx, $0) }.map { ["conversation_id": .string(change.conversation), "item": try reader.item($0)] }
        case .noteDeleted: ["conversation_id": .string(change.conversation), "note": .string(change.ref)]
        case .contactUpdated: try Contacts.load(reader.tx, change.ref).map { ["contact": try reader.contact($0)] }
        case .agentUpdated: try Agents.load(reader.tx, change.ref).map { ["agent": $0.json(for: reader.viewer)] }
        case .settingsUpdated: ["what": .string(change.ref)]
        }
    }
    static func frame(event: String, id: Int64? = nil, _ data: JSON) -> [UInt8] {
        var out = Array("event: \(event)\n".utf8)
        if let id { out += Array("id: \(id)\n".utf8) }
        out += Array("data: ".utf8)
        data.write(into: &out)   // encoded JSON has no line break
        out += [0x0A, 0x0A]
        return out
    }

    /// One open stream. Pulled by the connection; ends when the client goes, the agent is switched off or his token is ended.
    final class Follower: Sendable {
        private struct State { var since: Int64?; var me: Agent; var hasBegun = false; var isBehind = true; var isOver = false; var lastCheck: Int64 }
        private let call: DeskCall
        private let id: Int
        private let state: Mutex<State>

        init(_ call: DeskCall, since: Int64?) {
            self.call = call
            id = call.live.open(agent: call.me.id)
            state = Mutex(State(since: since, me: call.me, lastCheck: call.now))
            call.c.metrics.add(.deskStreams)
        }
        deinit { stop() }

        func stop() {
            let wasOpen = state.withLock { state in
                defer { state.isOver = true }
                return !state.isOver
            }
            guard wasOpen else { return }
            call.c.metrics.add(.deskStreams, -1)
            call.live.beat(call.me.id, now: call.now)   // the heartbeat's time runs from now on
            call.live.close(stream: id)
        }

        func next() async -> [UInt8]? {
            do {
                if let first = try await begin() { return first }
                while !state.withLock({ $0.isOver }) {
                    if state.withLock({ $0.isBehind }) {
                        let bytes = try await catchUp()
                        if !bytes.isEmpty { return bytes }
                        continue
                    }
                    let wake = await call.live.wait(stream: id, milliseconds: DeskStream.ping)
                    if wake.isClosed || Task.isCancelled { break }
                    if wake.changed { state.withLock { $0.isBehind = true } }
                    if !wake.volatile.isEmpty {
                        let me = state.withLock(\.me), mine = wake.volatile.filter { $0.reaches(me) }
                        if !mine.isEmpty { return mine.flatMap { DeskStream.frame(event: $0.event, $0.data) } }
                    } else if !wake.changed {
                        guard try await isStillWelcome() else { break }
                        return Array(": ping\n\n".utf8)
                    }
                }
            } catch {
                // The client comes back with its last id and misses nothing.
                call.c.log.warning("desk stream ended early", metadata: ["error": "\(error)"])
            }
            stop()
            return nil
        }

        private func begin() async throws -> [UInt8]? {
            guard state.withLock({ state in defer { state.hasBegun = true }; return !state.hasBegun }) else { return nil }
            if call.me.availability != call.me.wanted, !call.me.isService { try await call.write { try Agents.revive($0, self.call.me.id) } }
            let given = state.withLock(\.since)
            let (position, floor, agents) = try await call.read { reader in
                (try reader.tx.position, try reader.tx.first("SELECT value FROM desk_counter WHERE name = 'change floor'") { $0.int(0) } ?? 0, try Agents.all(reader.tx).filter { reader.viewer.knows($0) }.map { $0.json(for: reader.viewer) })
            }
            var out = Array("retry: 1000\n\n".utf8)
            out += DeskStream.frame(event: "hello", ["position": .int(position), "agents": .array(agents), "viewing": call.live.allViewing(inboxes: call.me.visible)])
            if let given, given >= floor, given <= position { return out }
            if given != nil { out += DeskStream.frame(event: "reset", ["position": .int(position)]) }
            state.withLock { $0.since = position }
            return out
        }
        private func catchUp() async throws -> [UInt8] {
            let since = state.withLock { $0.since ?? 0 }
            // Who he is may have changed since the last batch: inboxes, role.
            let (me, (events, through, isComplete)) = try await call.c.db.quickRead { [call] tx in
                let moment = call.live.shared.moment(.init(position: try tx.position, presence: call.live.presences, language: call.language))
                guard let me = try moment.agent(call.me.id, tx), me.isActive else { throw DeskError.forbidden }
                return (me, try DeskStream.read(Reader(call.c, tx, call.live, viewer: me, language: call.language), moment, since: since))
            }
            state.withLock { $0.since = through; $0.me = me; $0.isBehind = !isComplete }
            return events
        }
        private func isStillWelcome() async throws -> Bool {
            let now = call.now
            guard state.withLock({ $0.lastCheck + 60_000 <= now }) else { return true }
            state.withLock { $0.lastCheck = now }
            if let token = call.request.token, token.hasPrefix(Tokens.prefix) {
                do { return try await Tokens.signedIn(call.c, call.live, token).isActive } catch is DeskError { return false }
            }
            do { _ = try await Problems.session(call.request, call.c) } catch is MatrixError { return false }
            return try await call.read { try Agents.load($0.tx, self.call.me.id)?.isActive == true }
        }
    }
}
