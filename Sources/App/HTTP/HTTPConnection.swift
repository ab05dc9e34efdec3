import Logging
import MatrixCore
import NIOCore
import NIOHTTP1
import NIOPosix
import ServerKit
import Synchronization

/// One client connection. Requests come one at a time (the pipeline handler before this one sees to it).
///
/// Invariants: a body is never buffered beyond its route's limit; a connection that does not finish its request in time is
/// closed; the task of a request is cancelled when the client goes away.
final class HTTPConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// A request must be complete after so long (a streamed one must make progress).
    static let requestTimeout = TimeAmount.seconds(30)
    static let keepAliveTimeout = TimeAmount.seconds(120)

    private enum State {
        case idle
        case collecting(Request, Substring, Route?, params: [String: String], max: Int)
        case streaming(BodyPipe)
        /// The answer is on its way; further parts of the request are dropped.
        case answering
    }
    private let shared: HTTPServer.Shared
    private var state = State.idle
    private var keepAlive = true
    private var isHead = false
    private var isHTTP10 = false
    private var path = ""
    private var language = "en"
    private var task: Task<Void, Never>?
    /// The body of the request that is being answered, when it is streamed.
    private var pipe: BodyPipe?
    private var timer: Scheduled<Void>?

    init(shared: HTTPServer.Shared) { self.shared = shared }

    func channelActive(context: ChannelHandlerContext) {
        let open = shared.connections.add(1, ordering: .relaxed).newValue
        shared.context.metrics.add(.httpOpenConnections)
        if open > shared.maxConnections { context.close(promise: nil); return }
        arm(context, Self.requestTimeout)
    }

    func channelInactive(context: ChannelHandlerContext) {
        shared.connections.subtract(1, ordering: .relaxed)
        shared.context.metrics.add(.httpOpenConnections, -1)
        timer?.cancel()
        task?.cancel()
        if case .streaming(let pipe) = state { pipe.fail() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func arm(_ context: ChannelHandlerContext, _ time: TimeAmount) {
        timer?.cancel()
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): begin(context, head)
        case .body(let buffer):
            switch state {
            case .collecting(var request, let rawPath, let route, let params, let max):
                guard request.body.count + buffer.readableBytes <= max else {
                    refuse(context, MatrixError.tooLarge("The body is larger than \(max) bytes."))
                    return
                }
                state = .idle   // releases the only other reference, so that the body grows in place
                request.body.append(contentsOf: buffer.readableBytesView)
                state = .collecting(request, rawPath, route, params: params, max: max)
            case .streaming(let pipe):
                arm(context, Self.requestTimeout)
                pipe.push(Array(buffer.readableBytesView))
            case .idle, .answering: break
            }
        case .end:
            switch state {
            case .collecting(let request, let rawPath, let route, let params, _):
                state = .answering
                timer?.cancel()
                run(context, request, rawPath, route, params)
            case .streaming(let pipe):
                timer?.cancel()
                pipe.finish()
                state = .answering
            case .idle, .answering: break
            }
        }
    }

    private func begin(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
        keepAlive = head.isKeepAlive
        isHead = head.method == .HEAD
        isHTTP10 = head.version.major == 1 && head.version.minor == 0
        path = head.uri
        language = head.headers.first(name: "accept-language").map(Request.language) ?? "en"
        arm(context, Self.requestTimeout)
        let question = head.uri.utf8.firstIndex(of: UInt8(ascii: "?"))
        let rawPath = head.uri[..<(question ?? head.uri.endIndex)]
        let rawQuery = question.map { head.uri[head.uri.utf8.index(after: $0)...] } ?? ""
        guard let method = Method(rawValue: head.method.rawValue) else {
            refuse(context, MatrixError.badMethod()); return
        }
        guard rawPath.first == "/", rawPath.utf8.count <= 8192, let decoded = Percent.decode(rawPath),
              let query = Percent.query(rawQuery) else {
            refuse(context, MatrixError.invalidParam("The address is not well-formed.")); return
        }
        var request = Request(method, decoded, query: query, headers: Headers(head.headers.map { (name: $0.name, value: $0.value) }), remote: remote(context, head))
        let match = shared.router.match(method, rawPath: rawPath)
        guard case .route(let route, let params) = match else {
            state = .collecting(request, rawPath, nil, params: [:], max: 1 << 20)
            return
        }
        let length = head.headers.first(name: "content-length").flatMap { Int64($0) }
        switch route.body {
        case .collected(let max):
            if let length, length > Int64(max) { refuse(context, MatrixError.tooLarge("The body is larger than \(max) bytes.")); return }
            if head.headers.contains(name: "expect") { sendContinue(context) }
            if let length { request.body.reserveCapacity(Int(length)) }
            state = .collecting(request, rawPath, route, params: params, max: max)
        case .streamed:
            if head.headers.contains(name: "expect") { sendContinue(context) }
            let channel = context.channel
            let pipe = BodyPipe(pause: { pause in channel.setOption(.autoRead, value: !pause).whenFailure { _ in } })
            request.stream = pipe
            self.pipe = pipe
            state = .streaming(pipe)
            run(context, request, rawPath, route, params)
        }
    }

    private func sendContinue(_ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }

    private func remote(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) -> String {
        let peer = context.remoteAddress?.ipAddress ?? "unknown"
        guard shared.context.config.trustedProxies.contains(peer), let last = head.headers.first(name: "x-forwarded-for")?.split(separator: ",").last else { return peer }
        return String(last.filter { $0 != " " })
    }

    /// Answers at once without reading the rest, and closes.
    private func refuse(_ context: ChannelHandlerContext, _ error: MatrixError) {
        keepAlive = false
        state = .answering
        write(shared.router.refusal(error, path: path, language: language), context.channel, NIOLoopBound(self, eventLoop: context.eventLoop))
    }

    private func run(_ context: ChannelHandlerContext, _ request: Request, _ rawPath: Substring, _ route: Route?, _ params: [String: String]) {
        let shared = shared, channel = context.channel
        let me = NIOLoopBound(self, eventLoop: context.eventLoop)
        shared.inFlight.add(1, ordering: .relaxed)
        task = Task {
            let response: Response
            if let route { response = await shared.router.run(route, params: params, request, context: shared.context) }
            else { response = await shared.router.handle(request, rawPath: rawPath, context: shared.context) }
            shared.context.metrics.add(.httpRequests)
            if response.status >= 500 { shared.context.metrics.add(.httpErrors) }
            channel.eventLoop.execute { me.value.write(response, channel, me) }
        }
    }

    // MARK: answering (on the event loop)

    private func write(_ response: Response, _ channel: any Channel, _ me: NIOLoopBound<HTTPConnection>) {
        var headers = HTTPHeaders()
        headers.reserveCapacity(8)
        for field in response.headers.fields { headers.add(name: field.name, value: field.value) }
        if path.hasPrefix("/_matrix/") || path.hasPrefix("/.well-known/") {
            headers.add(name: "Access-Control-Allow-Origin", value: "*")
            if response.status == 204 || response.status == 405 {
                headers.add(name: "Access-Control-Allow-Methods", value: "GET, POST, PUT, DELETE, OPTIONS")
                headers.add(name: "Access-Control-Allow-Headers", value: "X-Requested-With, Content-Type, Authorization, Range")
            }
            headers.add(name: "Access-Control-Expose-Headers", value: "Retry-After, Content-Range, Accept-Ranges")
        }
        if !headers.contains(name: "X-Content-Type-Options") { headers.add(name: "X-Content-Type-Options", value: "nosniff") }
        var close = !keepAlive || shared.isDraining.load(ordering: .relaxed)
        // An answer given before the whole request was read leaves the rest unread: the connection cannot be used again.
        if case .streaming(let pipe) = state { close = true; pipe.fail() }
        let status = HTTPResponseStatus(statusCode: response.status)
        let isEmpty = isHead || response.status == 204 || response.status == 304
        switch response.body {
        case .bytes(let bytes):
            if response.status != 204 && response.status != 304 { headers.add(name: "Content-Length", value: String(bytes.count)) }
            head(channel, status, headers, close)
            if !isEmpty, !bytes.isEmpty { channel.write(HTTPServerResponsePart.body(.byteBuffer(channel.allocator.buffer(bytes: bytes))), promise: nil) }
            finish(channel, me, close)
        case .file(let file, let range):
            headers.add(name: "Content-Length", value: String(range.upperBound - range.lowerBound))
            if isEmpty { head(channel, status, headers, close); finish(channel, me, close); return }
            do {
                let handle = try NIOFileHandle(_deprecatedPath: file)
                head(channel, status, headers, close)
                let region = FileRegion(fileHandle: handle, readerIndex: Int(range.lowerBound), endIndex: Int(range.upperBound))
                channel.write(HTTPServerResponsePart.body(.fileRegion(region))).whenComplete { _ in
                    try? handle.close()   // only read from: closing loses nothing
                }
                finish(channel, me, close)
            } catch {
                shared.context.log.error("a stored file cannot be opened", metadata: ["error": "\(error)"])
                write(MatrixError.internalError().response(language: "en"), channel, me)
            }
        case .stream(let stream):
            head(channel, status, headers, true)
            channel.flush()
            let log = shared.context.log
            task = Task {
                for await chunk in stream {
                    do { try await channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(channel.allocator.buffer(bytes: chunk)))) } catch {
                        log.debug("a stream's client went away")
                        break
                    }
                }
                channel.eventLoop.execute { me.value.finish(channel, me, true) }
            }
        }
    }

    private func head(_ channel: any Channel, _ status: HTTPResponseStatus, _ headers: HTTPHeaders, _ close: Bool) {
        var headers = headers
        if close { headers.add(name: "Connection", value: "close") } else if isHTTP10 { headers.add(name: "Connection", value: "keep-alive") }
        channel.write(HTTPServerResponsePart.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers)), promise: nil)
    }

    private func finish(_ channel: any Channel, _ me: NIOLoopBound<HTTPConnection>, _ close: Bool) {
        state = .idle
        if task != nil { shared.inFlight.subtract(1, ordering: .relaxed); task = nil }
        // A route may answer without having read its body: reading goes on for the next request.
        pipe?.abandon()
        pipe = nil
        let done = channel.writeAndFlush(HTTPServerResponsePart.end(nil))
        if close { done.whenComplete { _ in channel.close(mode: .all, promise: nil) } }
        else {
            timer?.cancel()
            timer = channel.eventLoop.scheduleTask(in: Self.keepAliveTimeout) { channel.close(promise: nil) }
        }
    }
}

/// A streamed request body between the event loop and its route. Holds at most a few pieces: when they are not
/// fetched, reading from the socket pauses.
final class BodyPipe: BodyReader {
    private struct State {
        var pieces: [[UInt8]] = []
        var bytes = 0
        var isFinished = false
        var isBroken = false
        var isPaused = false
        var waiter: CheckedContinuation<[UInt8]?, any Error>?
    }
    private let state = Mutex(State())
    private let pause: @Sendable (Bool) -> Void
    private static let high = 256 << 10, low = 64 << 10

    init(pause: @escaping @Sendable (Bool) -> Void) { self.pause = pause }

    func push(_ piece: [UInt8]) {
        let (waiter, mustPause) = state.withLock { state -> (CheckedContinuation<[UInt8]?, any Error>?, Bool) in
            if let waiter = state.waiter { state.waiter = nil; return (waiter, false) }
            state.pieces.append(piece)
            state.bytes += piece.count
            if state.bytes > Self.high, !state.isPaused { state.isPaused = true; return (nil, true) }
            return (nil, false)
        }
        waiter?.resume(returning: piece)
        if mustPause { pause(true) }
    }
    /// Nobody will fetch the rest.
    func abandon() {
        let mustResume = state.withLock { state in
            state.pieces = []
            state.bytes = 0
            defer { state.isPaused = false }
            return state.isPaused
        }
        if mustResume { pause(false) }
    }
    func finish() { end { $0.isFinished = true } }
    func fail() { end { if !$0.isFinished { $0.isBroken = true } } }
    private func end(_ change: (inout State) -> Void) {
        let (waiter, broken) = state.withLock { state -> (CheckedContinuation<[UInt8]?, any Error>?, Bool) in
            change(&state)
            defer { state.waiter = nil }
            return (state.waiter, state.isBroken)
        }
        if broken { waiter?.resume(throwing: MatrixError.badRequest("The upload broke off.")) } else { waiter?.resume(returning: nil) }
    }

    func next() async throws -> [UInt8]? {
        try await withCheckedThrowingContinuation { continuation in
            enum Step { case give([UInt8], resume: Bool), end, broken, wait }
            let step = state.withLock { state -> Step in
                if !state.pieces.isEmpty {
                    let piece = state.pieces.removeFirst()
                    state.bytes -= piece.count
                    let resume = state.isPaused && state.bytes < Self.low
                    if resume { state.isPaused = false }
                    return .give(piece, resume: resume)
                }
                if state.isBroken { return .broken }
                if state.isFinished { return .end }
                state.waiter = continuation
                return .wait
            }
            switch step {
            case .give(let piece, let resume):
                if resume { pause(false) }
                continuation.resume(returning: piece)
            case .end: continuation.resume(returning: nil)
            case .broken: continuation.resume(throwing: MatrixError.badRequest("The upload broke off."))
            case .wait: break
            }
        }
    }
}
