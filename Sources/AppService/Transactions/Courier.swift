import Logging
import MatrixCore
import ServerKit
import Store
import Synchronization

/// Brings one service what waits for it: one transaction at a time, in order, again and again until the service says 200.
/// Spec: https://spec.matrix.org/latest/application-service-api/#put_matrixappv1transactionstxnid
final class Courier: Sendable {
    let service: Registration
    /// Rung when something waits.
    private let work = Doorbell()
    /// Rung when the service shows that it is alive, to end a pause after failures.
    private let alive = Doorbell()

    private struct State {
        /// The last typing notice of each room: it means nothing after a restart, so it is kept in memory only.
        var typing: [RoomID: [UInt8]] = [:]
        /// The last presence of each user, for the same reason.
        var presence: [UserID: [UInt8]] = [:]
        /// The transaction under way, and the bytes that were sent for it.
        var batch: Outbox.Batch?
        var body: [UInt8]?
        var failures = 0
        var pauses = false
        /// The service knows the paths of old versions only.
        var usesOldPath = false
    }
    private let state = Mutex(State())
    static let firstPause: Int64 = 1_000, longestPause: Int64 = 60_000
    /// When it is our own database that cannot be read: nobody is spared by waiting longer.
    static let ownPause: Int64 = 1_000
    private static let maxTypingRooms = 100, maxPresentUsers = 1_000

    init(_ service: Registration) { self.service = service }

    func ring() { work.ring() }
    /// The service has called: it need not wait for the end of a pause.
    func isAlive() { if state.withLock({ $0.pauses }) { alive.ring() } }

    func tell(typing event: [UInt8], room: RoomID) {
        state.withLock { state in
            if state.typing.count >= Self.maxTypingRooms, state.typing[room] == nil { state.typing.removeAll() }
            state.typing[room] = event
        }
        work.ring()
    }

    func tell(presence event: [UInt8], of user: UserID) {
        state.withLock { state in
            if state.presence.count >= Self.maxPresentUsers, state.presence[user] == nil { state.presence.removeAll() }
            state.presence[user] = event
        }
        work.ring()
    }

    enum Outcome: Equatable, Sendable { case idle, sent, failed(pause: Int64) }

    /// Until the task is cancelled.
    func run(_ c: Context) async {
        while !Task.isCancelled {
            do {
                switch try await step(c) {
                case .idle: await work.wait()
                case .sent: continue
                case .failed(let pause): await sleep(pause)
                }
            } catch {
                guard !Task.isCancelled else { return }
                c.log.error("the outbox of an application service cannot be read", metadata: ["appservice.id": "\(service.id)", "error": "\(error)"])
                await sleep(Self.ownPause)
            }
        }
    }

    private func sleep(_ milliseconds: Int64) async {
        alive.silence()
        state.withLock { $0.pauses = true }
        await alive.wait(milliseconds: milliseconds)
        state.withLock { $0.pauses = false }
    }

    /// Sends one transaction, or tries once more the one that failed.
    func step(_ c: Context) async throws -> Outcome {
        guard let (batch, body) = try await prepared(c, done: nil) else { return .idle }
        guard try await send(c, batch, body) else { return .failed(pause: pauseAfterFailure()) }
        state.withLock { state in
            state.failures = 0
            state.body = nil
        }
        // Ending this transaction and beginning the next one is one commit.
        let next = try await prepared(c, done: batch)
        return next == nil ? .idle : .sent
    }

    private func pauseAfterFailure() -> Int64 {
        state.withLock { state in
            state.failures += 1
            return min(Self.longestPause, Self.firstPause << Int64(min(state.failures - 1, 10)))
        }
    }

    /// The transaction that is to be sent, made now when none is under way.
    private func prepared(_ c: Context, done: Outbox.Batch?) async throws -> (Outbox.Batch, [UInt8])? {
        if done == nil, let known = state.withLock({ state in state.batch.flatMap { batch in state.body.map { (batch, $0) } } }) { return known }
        let hasPassing = state.withLock { !$0.typing.isEmpty || !$0.presence.isEmpty }
        guard let batch = try await Outbox.next(c, service: service.id, done: done, evenIfEmpty: hasPassing) else {
            state.withLock { $0.batch = nil }
            return nil
        }
        let passing: [[UInt8]] = batch.isRepetition ? [] : state.withLock { state in
            defer { (state.typing, state.presence) = ([:], [:]) }
            return state.typing.sorted { $0.key < $1.key }.map(\.value) + state.presence.sorted { $0.key < $1.key }.map(\.value)
        }
        let positions = batch.items.filter { $0.kind == .event }.map(\.position)
        let events = positions.isEmpty ? [] : try await c.db.read { tx in try c.ports.lookup.events(c, tx, at: positions) }
        let body = try Self.body(batch, events: events, passing: passing)
        state.withLock { $0.batch = batch; $0.body = body }
        return (batch, body)
    }

    /// Everything that does not live in a room's timeline stands under its stable and its older name.
    /// `passing`: typing notices and presence, which are kept nowhere.
    static func body(_ batch: Outbox.Batch, events: [[UInt8]], passing: [[UInt8]]) throws -> [UInt8] {
        let ephemeral = batch.items.filter { $0.kind == .ephemeral }.compactMap(\.payload) + passing
        let toDevice = batch.items.filter { $0.kind == .toDevice }.compactMap(\.payload)
        var body: JSONObject = ["events": .array(events.map { .raw($0) })]
        if !ephemeral.isEmpty {
            body["ephemeral"] = .array(ephemeral.map { .raw($0) })
            body["de.sorunome.msc2409.ephemeral"] = .array(ephemeral.map { .raw($0) })
        }
        if !toDevice.isEmpty {
            body["to_device"] = .array(toDevice.map { .raw($0) })
            body["de.sorunome.msc2409.to_device"] = .array(toDevice.map { .raw($0) })
        }
        for (name, value) in try DeviceNews.fields(batch.items) {
            body[name] = value
            body["org.matrix.msc3202." + name] = value
        }
        return body.encoded()
    }

    private func send(_ c: Context, _ batch: Outbox.Batch, _ body: [UInt8]) async throws -> Bool {
        let usesOldPath = state.withLock { $0.usesOldPath }
        do {
            var response = try await put(c, batch.txn, body, usesOldPath: usesOldPath)
            if response.status == 404 || response.status == 405 {
                let other = try await put(c, batch.txn, body, usesOldPath: !usesOldPath)
                if (200..<300).contains(other.status) {
                    state.withLock { $0.usesOldPath = !usesOldPath }
                    response = other
                }
            }
            if (200..<300).contains(response.status) {
                let positions = batch.items.filter { $0.kind == .event }.map { "\($0.position)" }.joined(separator: " ")
                c.follow("transaction delivered", ["appservice.id": service.id, "appservice.txn": "\(batch.txn)", "commit.positions": positions])
                return true
            }
            c.log.warning("an application service refused a transaction, it is sent again",
                          metadata: ["appservice.id": "\(service.id)", "appservice.txn": "\(batch.txn)", "http.status": "\(response.status)"])
        } catch let error as OutboundError {
            c.log.warning("an application service was not reached, the transaction is sent again",
                          metadata: ["appservice.id": "\(service.id)", "appservice.txn": "\(batch.txn)", "error": "\(error)"])
        }
        return false
    }

    private func put(_ c: Context, _ txn: Int64, _ body: [UInt8], usesOldPath: Bool) async throws -> OutboundResponse {
        var path = "/_matrix/app/v1/transactions/\(txn)"
        if usesOldPath { path = "/transactions/\(txn)?access_token=" + Percent.encode(service.hsToken) }
        return try await c.outbound.send(Calls.request(service, "PUT", path, body: body, timeout: 60_000))
    }
}
