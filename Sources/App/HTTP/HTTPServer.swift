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
    private let open: OpenConnections
    /// Whether the service manager owns the listening socket.
    private let isLent: Bool
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

    /// Listens on `host:port` (0 takes a free port), or on `socket`, which listens already. Throws when the address is taken.
    static func start(host: String, port: Int, router: Router, context: Context, tls: TLSFiles? = nil, socket: Int32? = nil, threads: Int = 2) async throws -> HTTPServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        let shared = Shared(router: router, context: context)
        let loop = group.next(), open = OpenConnections(loop: loop)
        do {
            let bootstrap = ServerBootstrap(group: loop, childGroup: group)
                .serverChannelOption(.backlog, value: 1024)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .serverChannelInitializer { channel in channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(open) } }
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
            let channel = try await (socket.map { bootstrap.withBoundSocket($0) } ?? bootstrap.bind(host: host, port: port)).get()
            return HTTPServer(group: group, channel: channel, shared: shared, open: open, isLent: socket != nil)
        } catch {
            try? await group.shutdownGracefully()   // the bind's error is what counts
            throw ListenFailure("\(host):\(port)", error)
        }
    }

    private init(group: MultiThreadedEventLoopGroup, channel: any Channel, shared: Shared, open: OpenConnections, isLent: Bool) {
        self.group = group; self.channel = channel; self.shared = shared; self.open = open; self.isLent = isLent
        port = channel.localAddress?.port ?? 0
    }

    /// From now on each connection ends behind its next answer; it is listened on.
    package func announceEnd() { shared.isDraining.store(true, ordering: .sequentiallyConsistent) }

    /// Stops listening without cutting anybody off, tells long polls to answer, lets running requests end, at most `seconds`.
    package func stop(within seconds: Int) async {
        announceEnd()
        if isLent {
            try? await channel.setOption(.autoRead, value: false).get()   // the others wait in the socket for the next server
        } else {
            await Newcomers.drop(channel)
        }
        await Self.pause(50)   // those who have got in are taken meanwhile
        try? await channel.close()   // closed already is as good
        shared.context.hub.close()
        do {
            // A proxy may send a request at this moment on a connection that it holds open, or that is new. It has a second for that.
            try await open.drain()
            for turn in 0..<(seconds * 50) {
                if try await open.count == 0 { break }
                // Whoever has not finished his request by now gets no more time than this.
                if turn > 125, shared.inFlight.load(ordering: .sequentiallyConsistent) == 0 { break }
                await Self.pause(20)
            }
            try await group.shutdownGracefully()
        } catch { shared.context.log.error("event loops did not end cleanly", metadata: ["error": "\(error)"]) }
    }

    private static func pause(_ milliseconds: Int) async {
        try? await Task.sleep(for: .milliseconds(milliseconds))   // who cancels the end gets a quicker one
    }
}

extension NIOBSDSocket.Option {
    /// Milliseconds after which a connection ends whose peer takes nothing of what was sent, be it gone or not reading.
    /// https://man7.org/linux/man-pages/man7/tcp.7.html
    fileprivate static let tcpUserTimeout = NIOBSDSocket.Option(rawValue: TCP_USER_TIMEOUT)
}
