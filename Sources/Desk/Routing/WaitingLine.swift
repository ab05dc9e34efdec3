import MatrixCore
import ServerKit
import Store
import Synchronization

/// Where a customer stands in the queue and how long it may take, for his widget.
///
/// Invariants: the place counts those who will be served before him from the same inbox and team; nobody learns anything of anybody else; a look
/// costs one read for all who ask between two commits.
final class WaitingLine: Sendable {
    struct Picture: Sendable {
        /// Conversations that wait, each with its place and its line.
        var places: [String: (place: Int64, line: String)] = [:]
    }
    private struct State {
        /// When somebody of a line got an agent, the last times.
        var served: [String: [Int64]] = [:]
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var next = 0
        var rings: Int64 = 0
        var isRinging = false
    }
    private let state = Mutex(State())
    private let lookout = Lookout<Picture>()
    static let remembered = 20, lookBack: Int64 = 3_600_000, fewest = 3
    /// Many changes of a moment wake those who wait once.
    static let pause = 300

    static func line(inbox: String, team: String?) -> String { inbox + "/" + (team ?? "") }

    func picture(_ c: Context) async throws -> Picture {
        try await lookout.look(c) { tx in
            var picture = Picture(), count: [String: Int64] = [:]
            try tx.each("""
                SELECT id, inbox_id, team_id FROM desk_conversation WHERE status = 'open' AND assignee_id IS NULL AND waiting_since IS NOT NULL ORDER BY queue_key, number
                """) { row in
                let line = Self.line(inbox: row.text(1), team: row.textOrNil(2))
                count[line, default: 0] += 1
                picture.places[row.text(0)] = (count[line] ?? 1, line)
            }
            return picture
        }
    }
    /// Somebody who waited got an agent.
    func served(_ line: String, at now: Int64) {
        state.withLock { state in
            state.served[line, default: []].append(now)
            if let extra = state.served[line].map({ $0.count - Self.remembered }), extra > 0 { state.served[line]?.removeFirst(extra) }
        }
    }
    /// From how often somebody of this line was served lately, in whole minutes; nil when too little is known.
    func expected(_ place: Int64, _ line: String, now: Int64) -> Int64? {
        let times = state.withLock { $0.served[line] ?? [] }.filter { $0 > now - Self.lookBack }
        guard times.count >= Self.fewest, let first = times.first else { return nil }
        let each = (now - first) / Int64(times.count)
        return (place * each / 1000 + 59) / 60 * 60
    }

    // MARK: waiting for news

    /// Something of the desk has changed.
    func ring() {
        let isFirst = state.withLock { state in
            state.rings += 1
            guard !state.waiters.isEmpty, !state.isRinging else { return false }
            state.isRinging = true
            return true
        }
        guard isFirst else { return }
        Task {
            try? await Task.sleep(for: .milliseconds(Self.pause))
            let waiters = state.withLock { state in
                defer { state.waiters = [:]; state.isRinging = false }
                return state.waiters.values.map(\.self)
            }
            for waiter in waiters { waiter.resume() }
        }
    }
    /// Taken before a look: what changes after it ends the wait at once.
    var rings: Int64 { state.withLock(\.rings) }
    func wait(after rings: Int64, milliseconds: Int64) async {
        let id = state.withLock { state in state.next += 1; return state.next }
        let timer = Task { [weak self] in
            do { try await Task.sleep(for: .milliseconds(milliseconds)) } catch { return }   // rung earlier
            self?.release(id)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if Task.isCancelled || state.rings != rings { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: { release(id) }
        timer.cancel()
    }
    private func release(_ id: Int) { state.withLock { $0.waiters.removeValue(forKey: id) }?.resume() }
    /// The server is going down.
    func close() {
        let waiters = state.withLock { state in
            defer { state.waiters = [:] }
            return state.waiters.values.map(\.self)
        }
        for waiter in waiters { waiter.resume() }
    }
}

extension Widget {
    enum QueueState: String, Sendable, CaseIterable { case none, waiting, served }
    static let longestQueueWait: Int64 = 25_000

    /// Where this visitor's conversation stands. `seen` is an answer's `tag`: the answer comes when it would be another, or after 25 s.
    static let queue: @Sendable (Call) async throws -> Response = { call in
        let me = try call.me(), key = call.request.query["inbox"] ?? "default"
        guard key.utf8.count <= 60 else { throw DeskError.unknownInbox }
        let seen = call.request.query["seen"], until = call.c.clock.now + longestQueueWait
        var rounds = 0
        while true {
            let rings = call.live.line.rings, answer = try await standing(call, me, key)
            let tag = String(Hex.encode(SHA256.hash(JSON.object(answer).encoded())).prefix(12))
            if seen != tag || rounds >= 80 || call.c.clock.now >= until || Task.isCancelled {
                var whole = answer
                whole["tag"] = .string(tag)
                var response = Response.json(.object(whole))
                response.headers.set("Cache-Control", "no-store")
                return response
            }
            rounds += 1
            await call.live.line.wait(after: rings, milliseconds: min(longestQueueWait, max(1, until - call.c.clock.now)))
            if call.live.isOver { rounds = 80 }
        }
    }
    private static func standing(_ call: Call, _ me: Visitor, _ key: String) async throws -> JSONObject {
        let now = call.c.clock.now
        let (it, hours) = try await call.c.db.read { tx -> (Conversation?, Hours?) in
            guard let inbox = try Inboxes.find(tx, key: key) else { throw DeskError.unknownInbox }
            let it = try Conversations.current(tx, contact: me.contact, inbox: inbox.id)
            return (it, try BusinessHours.of(tx, inbox: inbox.id, team: it?.team ?? inbox.team))
        }
        var state = QueueState.none, place: Int64?, seconds: Int64?
        if let it, it.status == .open, it.state.waitingSince != nil {
            state = it.assignee == nil ? .waiting : .served
            if state == .waiting, let found = try await call.live.line.picture(call.c).places[it.id] {
                place = found.place
                seconds = call.live.line.expected(found.place, found.line, now: now)
            }
        }
        return ["state": .string(state.rawValue), "position": .of(place), "wait_seconds": .of(seconds), "hours": hours?.state(now: now) ?? .null]
    }
}
