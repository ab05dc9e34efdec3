import MatrixCore
import ServerKit
import Synchronization

/// What the desk knows in memory only: who is connected, who types, who looks at what; and who must be woken.
///
/// Invariants: never does I/O; losing all of it loses no message and no state (agents come back by their heartbeat, the
/// rest by itself); streams are woken after a commit only.
package final class DeskLive: Sendable {
    /// A change that is not kept: sent to the streams that are open, newest of a key only.
    struct Volatile: Sendable {
        var event: String
        /// A later one with the same key replaces it.
        var key: String
        /// Whoever sees the conversations of one of these may see it.
        var inboxes: Set<String>
        /// Not sent to this agent: it is his own doing.
        var except: String?
        /// Sent to this agent alone: to his other devices.
        var only: String?
        var data: JSON

        func reaches(_ agent: Agent) -> Bool { agent.visible.map { !$0.isDisjoint(with: inboxes) } ?? true }
    }
    struct Viewer: Sendable, Hashable { var agent: String; var composing: Bool; var until: Int64 }
    struct Place: Sendable, Hashable { var conversation: String; var inbox: String; var contact: String }
    /// What a stream finds when it wakes.
    struct Wake: Sendable { var changed: Bool; var volatile: [Volatile]; var isClosed: Bool }

    private struct Stream {
        var agent: String
        var changed = true
        var volatile: [Volatile] = []
        var waiter: CheckedContinuation<Void, Never>?
    }
    private struct State {
        var rooms: [String: Place] = [:]
        var byConversation: [String: String] = [:]
        /// Where a contact has written.
        var inboxesOfContact: [String: Set<String>] = [:]
        var streams: [Int: Stream] = [:]
        var nextStream = 0
        var beats: [String: Int64] = [:]
        var viewing: [String: [String: Viewer]] = [:]
        var typing: [String: [String: Int64]] = [:]
        var contactTyping: Set<String> = []
        /// Agents who type in a Matrix app of their own.
        var typingInRoom: [String: Set<String>] = [:]
        var contactsSeen: [String: Int64] = [:]
        /// When an agent last opened a conversation that is not his.
        var looks: [String: Int64] = [:]
        var blocked: Set<String> = []
        var agentNames: [String: (name: String, picture: String?)] = [:]
        var running = 0
        var seedTime: Int64?
        var isClosed = false
        var owesRouting = false
        var hasRouting = false
        var isSettling = false
    }
    private let state = Mutex(State())
    let shared = StreamCache()
    let webhooks = Webhooks()
    let automation = Automation()
    let notices = Notices()
    private let presence = Atomic<Int64>(0)
    /// Grows with each contact who comes or goes.
    var presences: Int64 { presence.load(ordering: .acquiring) }
    let line = WaitingLine()
    let cases = Cases()
    private let mailer = Mutex<OutboxWorker?>(nil)
    var reportMails: OutboxWorker {
        mailer.withLock { it in
            if let it { return it }
            let made = ReportMails.worker { [weak self] in self }
            it = made
            return made
        }
    }
    private let catalog = Mutex(SLACatalog())
    var promises: SLACatalog {
        get { catalog.withLock(\.self) }
        set { catalog.withLock { $0 = newValue } }
    }
    var isOver: Bool { state.withLock(\.isClosed) }
    let index = DeskIndex.Indexer()
    let timers = Lookout<Desk.Timers>()
    /// A routing failed after its cause was committed: the next look at the clock does it again.
    func oweRouting() { state.withLock { $0.owesRouting = true } }
    func takeOwedRouting() -> Bool { state.withLock { state in defer { state.owesRouting = false }; return state.owesRouting } }
    /// True when no routing has been claimed that has not begun yet.
    func claimRouting() -> Bool { state.withLock { state in defer { state.hasRouting = true }; return !state.hasRouting } }
    func releaseRouting() { state.withLock { $0.hasRouting = false } }
    /// The transaction that runs settles at its end. Set by the thread that writes, which runs one at a time.
    var isSettling: Bool {
        get { state.withLock { $0.isSettling } }
        set { state.withLock { $0.isSettling = newValue } }
    }
    static let viewingLasts: Int64 = 45_000, typingLasts: Int64 = 30_000, contactLasts: Int64 = 120_000
    static let heartbeatLasts: Int64 = 60_000
    static let mostVolatile = 500

    package init() {}

    // MARK: rooms

    func learn(room: String, _ place: Place) {
        state.withLock {
            $0.rooms[room] = place
            $0.byConversation[place.conversation] = room
            $0.inboxesOfContact[place.contact, default: []].insert(place.inbox)
        }
    }
    func place(ofRoom room: String) -> Place? { state.withLock { $0.rooms[room] } }
    private func inboxes(_ state: borrowing State, _ conversation: String) -> Set<String> { inbox(state, conversation).map { [$0] } ?? [] }
    private func inbox(_ state: borrowing State, _ conversation: String) -> String? { state.byConversation[conversation].flatMap { state.rooms[$0]?.inbox } }

    func learn(agent: String, name: String, picture: String?) { state.withLock { $0.agentNames[agent] = (name, picture) } }
    func agentRef(_ id: String) -> JSON { state.withLock { Self.ref($0, id) } }
    private static func ref(_ state: borrowing State, _ id: String) -> JSON {
        let known = state.agentNames[id]
        return ["id": .string(id), "name": .string(known?.name ?? id), "picture": .of(known?.picture)]
    }

    // MARK: streams

    func open(agent: String) -> Int {
        state.withLock { state in
            state.nextStream += 1
            state.streams[state.nextStream] = Stream(agent: agent)
            return state.nextStream
        }
    }
    func close(stream id: Int) {
        let (waiter, isLast) = state.withLock { state in (state.streams.removeValue(forKey: id)?.waiter, state.streams.isEmpty) }
        if isLast { shared.forget() }
        waiter?.resume()
    }
    var openStreams: Int { state.withLock { $0.streams.count } }
    func hasStream(_ agent: String) -> Bool { state.withLock { $0.streams.values.contains { $0.agent == agent } } }

    /// Something durable changed: every stream looks.
    func wakeAll() {
        webhooks.ring()
        automation.ring()
        notices.ring()
        line.ring()
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            var waiters: [CheckedContinuation<Void, Never>] = []
            for id in Array(state.streams.keys) {
                state.streams[id]?.changed = true
                if let waiter = state.streams[id]?.waiter { waiters.append(waiter); state.streams[id]?.waiter = nil }
            }
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }
    func send(_ volatile: Volatile) {
        let waiters = state.withLock { state in Self.put(&state, volatile) }
        for waiter in waiters { waiter.resume() }
    }
    private static func put(_ state: inout State, _ volatile: Volatile) -> [CheckedContinuation<Void, Never>] {
        var waiters: [CheckedContinuation<Void, Never>] = []
        for id in Array(state.streams.keys) {
            guard var stream = state.streams[id], stream.agent != volatile.except, volatile.only.map({ $0 == stream.agent }) ?? true else { continue }
            stream.volatile.removeAll { $0.key == volatile.key }
            stream.volatile.append(volatile)
            if stream.volatile.count > mostVolatile { stream.volatile.removeFirst() }   // a stuck client; all of these are whole states that come again
            if let waiter = stream.waiter { waiters.append(waiter); stream.waiter = nil }
            state.streams[id] = stream
        }
        return waiters
    }
    /// Waits for news, at most so long. What it gives is taken out.
    func wait(stream id: Int, milliseconds: Int64) async -> Wake {
        let timer = Task { [weak self] in
            do { try await Task.sleep(for: .milliseconds(milliseconds)) } catch { return }   // cancelled: the wait ended earlier
            self?.release(id)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waits = state.withLock { state -> Bool in
                    guard !state.isClosed, !Task.isCancelled, let stream = state.streams[id], !stream.changed, stream.volatile.isEmpty else { return false }
                    state.streams[id]?.waiter = continuation
                    return true
                }
                if !waits { continuation.resume() }
            }
        } onCancel: {
            release(id)
        }
        timer.cancel()
        return state.withLock { state in
            guard let stream = state.streams[id], !state.isClosed else { return Wake(changed: false, volatile: [], isClosed: true) }
            state.streams[id]?.changed = false
            state.streams[id]?.volatile = []
            return Wake(changed: stream.changed, volatile: stream.volatile, isClosed: false)
        }
    }
    private func release(_ id: Int) {
        let waiter = state.withLock { state in
            let waiter = state.streams[id]?.waiter
            state.streams[id]?.waiter = nil
            return waiter
        }
        waiter?.resume()
    }
    /// Ends all streams: the server is going down.
    package func closeAll() {
        let waiters = state.withLock { state in
            state.isClosed = true
            let waiters = state.streams.values.compactMap(\.waiter)
            state.streams.removeAll()
            return waiters
        }
        for waiter in waiters { waiter.resume() }
        line.close()
    }

    // MARK: heartbeats

    func beat(_ agent: String, now: Int64) { state.withLock { $0.beats[agent] = now } }
    func isAlive(_ agent: String, now: Int64) -> Bool {
        state.withLock { state in
            if state.streams.values.contains(where: { $0.agent == agent }) { return true }
            return (state.beats[agent] ?? 0) + Self.heartbeatLasts > now
        }
    }

    // MARK: viewing and typing

    /// Gives the others who look at it.
    func view(_ conversation: String, agent: String, viewing: Bool, composing: Bool, now: Int64) -> JSON {
        let (others, waiters) = state.withLock { state -> (JSON, [CheckedContinuation<Void, Never>]) in
            let before = state.viewing[conversation]?[agent]
            if viewing {
                state.viewing[conversation, default: [:]][agent] = Viewer(agent: agent, composing: composing, until: now + Self.viewingLasts)
            } else {
                state.viewing[conversation]?[agent] = nil
                if state.viewing[conversation]?.isEmpty == true { state.viewing[conversation] = nil }
            }
            let changed = (before == nil) == viewing || before.map { $0.composing != composing } ?? false
            let waiters = changed ? Self.put(&state, viewers(state, conversation)) : []
            return (Self.viewers(state, conversation, except: agent), waiters)
        }
        for waiter in waiters { waiter.resume() }
        return others
    }
    private func viewers(_ state: borrowing State, _ conversation: String) -> Volatile {
        Volatile(event: "viewing", key: "v" + conversation, inboxes: inboxes(state, conversation), data:
            ["conversation_id": .string(conversation), "viewers": Self.viewers(state, conversation, except: nil)])
    }
    private static func viewers(_ state: borrowing State, _ conversation: String, except: String?) -> JSON {
        var list: [JSON] = []
        for viewer in (state.viewing[conversation] ?? [:]).values.sorted(by: { $0.agent < $1.agent }) where viewer.agent != except {
            list.append(["agent": ref(state, viewer.agent), "composing": .bool(viewer.composing)])
        }
        return .array(list)
    }
    /// Everything that is being looked at, for a stream that begins.
    func allViewing(inboxes: Set<String>?) -> JSON {
        state.withLock { state in
            var list: [JSON] = []
            for conversation in state.viewing.keys.sorted() {
                if let inboxes, inboxes.isDisjoint(with: self.inboxes(state, conversation)) { continue }
                list.append(["conversation": .string(conversation), "viewers": Self.viewers(state, conversation, except: nil)])
            }
            return .array(list)
        }
    }
    func type(_ conversation: String, agent: String, typing: Bool, now: Int64) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            let was = state.typing[conversation]?[agent] != nil
            state.typing[conversation, default: [:]][agent] = typing ? now + Self.typingLasts : nil
            return was == typing ? [] : Self.put(&state, typists(state, conversation))
        }
        for waiter in waiters { waiter.resume() }
    }
    /// Who types in the room, by Matrix: the customer, and agents in apps of their own.
    func roomTypes(_ conversation: String, users: [String], bot: String, now: Int64) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            let agents = Set(users.filter { state.agentNames[$0] != nil })
            let contact = users.contains { state.agentNames[$0] == nil && $0 != bot }
            var changed = contact ? state.contactTyping.insert(conversation).inserted : state.contactTyping.remove(conversation) != nil
            for agent in agents where state.typing[conversation]?[agent] == nil {
                state.typing[conversation, default: [:]][agent] = now + Self.typingLasts
                changed = true
            }
            for agent in state.typingInRoom[conversation] ?? [] where !agents.contains(agent) {
                changed = state.typing[conversation]?.removeValue(forKey: agent) != nil || changed
            }
            state.typingInRoom[conversation] = agents.isEmpty ? nil : agents
            return changed ? Self.put(&state, typists(state, conversation)) : []
        }
        for waiter in waiters { waiter.resume() }
    }
    private func typists(_ state: borrowing State, _ conversation: String) -> Volatile {
        Volatile(event: "typing", key: "t" + conversation, inboxes: inboxes(state, conversation), data: [
            "conversation_id": .string(conversation), "contact": .bool(state.contactTyping.contains(conversation)),
            "agents": .of((state.typing[conversation] ?? [:]).keys.sorted()),
        ])
    }

    /// False when the same was noted less than `every` ago. Forgets all when there are many: the log then has an entry more.
    func firstLook(_ agent: String, _ conversation: String, now: Int64, every: Int64) -> Bool {
        state.withLock { state in
            let key = agent + " " + conversation
            if let last = state.looks[key], last + every > now, last <= now { return false }
            if state.looks.count >= 20_000 { state.looks = [:] }
            state.looks[key] = now
            return true
        }
    }

    // MARK: contacts

    /// From committed rows only.
    func setBlocked(_ contact: String, _ isBlocked: Bool) {
        state.withLock { _ = isBlocked ? $0.blocked.insert(contact).inserted : $0.blocked.remove(contact) != nil }
    }
    func isBlocked(_ contact: String) -> Bool { state.withLock { $0.blocked.contains(contact) } }

    /// The visitor's page is open. Tells the streams when he was away before.
    func contactSeen(_ contact: String, now: Int64) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            let was = (state.contactsSeen[contact] ?? 0) > now
            state.contactsSeen[contact] = now + Self.contactLasts
            if was { return [] }
            presence.add(1, ordering: .acquiringAndReleasing)
            return Self.put(&state, Self.presence(state, contact, true))
        }
        for waiter in waiters { waiter.resume() }
    }
    func contactGone(_ contact: String) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard state.contactsSeen.removeValue(forKey: contact) != nil else { return [] }
            presence.add(1, ordering: .acquiringAndReleasing)
            return Self.put(&state, Self.presence(state, contact, false))
        }
        for waiter in waiters { waiter.resume() }
    }
    func isContactOnline(_ contact: String, now: Int64) -> Bool { state.withLock { ($0.contactsSeen[contact] ?? 0) > now } }
    private static func presence(_ state: borrowing State, _ contact: String, _ online: Bool) -> Volatile {
        Volatile(event: "contact.presence", key: "p" + contact, inboxes: state.inboxesOfContact[contact] ?? [], data: ["contact_id": .string(contact), "online": .bool(online)])
    }

    /// Ends what nobody has renewed.
    func expire(now: Int64) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            var waiters: [CheckedContinuation<Void, Never>] = []
            for (conversation, viewers) in state.viewing where viewers.values.contains(where: { $0.until <= now }) {
                let left = viewers.filter { $0.value.until > now }
                state.viewing[conversation] = left.isEmpty ? nil : left
                waiters += Self.put(&state, self.viewers(state, conversation))
            }
            for (conversation, agents) in state.typing where agents.values.contains(where: { $0 <= now }) {
                let left = agents.filter { $0.value > now }
                state.typing[conversation] = left.isEmpty ? nil : left
                waiters += Self.put(&state, typists(state, conversation))
            }
            for (contact, until) in state.contactsSeen where until <= now {
                state.contactsSeen[contact] = nil
                presence.add(1, ordering: .acquiringAndReleasing)
                waiters += Self.put(&state, Self.presence(state, contact, false))
            }
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    // MARK: follow-ups

    func begin() { state.withLock { $0.running += 1 } }
    func end() { state.withLock { $0.running -= 1 } }
    /// Returns when every follow-up of a commit has been done. For tests and shutdown.
    package func settled() async {
        while state.withLock({ $0.running > 0 }) {
            do { try await Task.sleep(for: .milliseconds(1)) } catch { return }
        }
    }

    /// While the demo is being filled: the time at which things happen.
    var seedTime: Int64? {
        get { state.withLock { $0.seedTime } }
        set { state.withLock { $0.seedTime = newValue } }
    }
}
