package import ServerKit
import Synchronization

/// The other side of `https://`, without a socket: a closure answers, and everything that was asked is kept.
package final class StubOutbound: Outbound {
    private let asked = Mutex<[OutboundRequest]>([])
    private let answer: @Sendable (OutboundRequest) throws -> OutboundResponse
    package init(_ answer: @escaping @Sendable (OutboundRequest) throws -> OutboundResponse) { self.answer = answer }
    package var requests: [OutboundRequest] { asked.withLock { $0 } }
    package func send(_ request: OutboundRequest) async throws -> OutboundResponse {
        asked.withLock { $0.append(request) }
        return try answer(request)
    }
}
