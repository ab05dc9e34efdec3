import Glibc
import Logging
import MatrixCore
import NIOCore
import NIOHTTP1
import NIOPosix
package import ServerKit
import Synchronization

/// The address cannot be listened on.
package struct ListenFailure: Error, CustomStringConvertible {
    let address: String
    let reason: String
    init(_ address: String, _ error: any Error) {
        self.address = address
        reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
    }
    package var description: String { "The server cannot listen on \(address): \(reason). Name another address with --listen, or end the program that uses it (`comptoir doctor` looks)." }
}

/// The socket side: HTTP/1.1 by swift-nio. Knows nothing of routes but their body rule; what a request means is the Router's business.
package final class HTTPServer: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel
    private let shared: Shared
    package let port: Int

    /// What all connections share.
    final class Shared: Sendable {
        let router: Router
        let context: Context
        let isDraining = Atomic(false)
        let inFlight = Atomic(0)
        let maxConnections = 50_000
        let connections = Atomic(0)
        /// Open connections of each network that is counted.
        private let byNetwork = Mutex<[String: Int]>([:])
        init(router: Router, context: Context) { self.router = router; self.context = context }

        /// The network of a peer of whom only so many connections are taken; nil for this machine, and for proxies, behind which there are many.
        func network(of peer: String?) -> String? {
            guard let peer, peer != "127.0.0.1", peer != "::1", !context.config.trustedProxies.contains(peer) else { return nil }
            return RateLimiter.network(peer)
        }
        /// False when the network has as many as it may have.
        func enter(_ network: String) -> Bool {
            byNetwork.withLock { open in
                guard open[network, default: 0] < context.config.connectionsPerAddress else { return false }
                open[network, default: 0] += 1
                return true
            }
        }
        func leave(_ network: String) {
            byNetwork.withLock { open in
                guard let count = open[network] else { return }
                open[network] = count > 1 ? count - 1 : nil
            }
        }
    }

    /// Listens on `host:port` (0 takes a free port). Throws when the address is taken.
    static func start(host: String, port: Int, router: Router, context: Context, tls: TLSFiles? = nil, threads: Int = 2) async throws -> HTTPServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        let shared = Shared(router: router, context: context)
        do {
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 1024)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.tcpOption(.tcpUserTimeout), value: Int(HTTPConnection.deliveryTimeout.nanoseconds / 1_000_000))
                .childChannelOption(.maxMessagesPerRead, value: 4)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        if let tls { try channel.pipeline.syncOperations.addHandler(TLSHandler(files: tls, metrics: shared.context.metrics)) }
                        let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)
                        try channel.pipeline.syncOperations.addHandlers(ByteToMessageHandler(decoder), HTTPConnection(shared: shared))
                    }
                }
                .bind(host: host, port: port).get()
            return HTTPServer(group: group, channel: channel, shared: shared)
        } catch {
            try? await group.shutdownGracefully()   // the bind's error is what counts
            throw ListenFailure("\(host):\(port)", error)
        }
    }

    private init(group: MultiThreadedEventLoopGroup, channel: any Channel, shared: Shared) {
        self.group = group; self.channel = channel; self.shared = shared
        port = channel.localAddress?.port ?? 0
    }

    /// Stops listening, lets running requests end (long-polls are told to), at most `seconds`.
    package func stop(within seconds: Int) async {
        shared.isDraining.store(true, ordering: .sequentiallyConsistent)
        try? await channel.close()   // closed already is as good
        shared.context.hub.close()
        for _ in 0..<(seconds * 50) where shared.inFlight.load(ordering: .sequentiallyConsistent) > 0 {
            try? await Task.sleep(for: .milliseconds(20))   // a cancelled drain just polls faster
        }
        do { try await group.shutdownGracefully() } catch { shared.context.log.error("event loops did not end cleanly", metadata: ["error": "\(error)"]) }
    }
}

extension NIOBSDSocket.Option {
    /// Milliseconds after which a connection ends whose peer takes nothing of what was sent, be it gone or not reading.
    /// https://man7.org/linux/man-pages/man7/tcp.7.html
    fileprivate static let tcpUserTimeout = NIOBSDSocket.Option(rawValue: TCP_USER_TIMEOUT)
}
