import Logging
import MatrixCore
import NIOCore
import NIOHTTP1
import NIOPosix
import ServerKit
import Synchronization

/// One client connection: takes the parts of requests from NIO's parser and writes answers as bytes. It is the only handler behind the parser.
///
/// Invariants: requests are answered one at a time, in order, each exactly once; a body is never buffered beyond its route's limit; what a
/// client sends ahead waits, and reading pauses meanwhile; a connection that does not finish its request in time is closed; the task of a
/// request is cancelled when the client goes away.
final class HTTPConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = IOData

    /// A request must be complete after so long (a streamed one must make progress).
    static let requestTimeout = TimeAmount.seconds(30)
    /// A streamed body may be slower than this for half a minute in all.
    static let leastBytesPerSecond: Int64 = 1024
    static let keepAliveTimeout = TimeAmount.seconds(120)
    /// An answer that its client does not fetch any more ends the connection after so long. The system counts: it knows what has arrived.
    static let deliveryTimeout = TimeAmount.seconds(120)
    /// How long the rest of a refused request is read and thrown away, so that the client gets to read why.
    static let lingerTimeout = TimeAmount.seconds(3)
    /// How long a connection that is not in use is kept when the server ends.
    static let goodbyeTimeout = TimeAmount.seconds(1)

    private enum State {
        case idle
        case collecting(Request, Substring, Route?, params: [String: String], max: Int)
        /// The route runs and reads the body while it comes.
        case streaming(BodyPipe)
        /// The request is here as a whole, its answer on its way.
        case answering
        /// The last answer is given; what still comes in is thrown away.
        case closing
    }
    private let shared: HTTPServer.Shared
    private var context: ChannelHandlerContext?
    private var state = State.idle
    private var keepAlive = true
    private var isHead = false
    private var isHTTP10 = false
    private var path = ""
    private var language = "en"
    private var task: Task<Void, Never>?
    /// The answer of the request comes without a task; `parked` is what it waits for, when that can be told of the end.
    private var isParked = false
    private var parked: (any Waiting)?
    private var reply: ConnectionReply?
    /// The body of the request that is being answered, when it is streamed.
    private var pipe: BodyPipe?
    /// What came ahead of its turn; reading pauses while there is any, so it is at most what was read at once.
    private var waiting: [HTTPServerRequestPart] = []
    private var isReading = true
    /// The parser has given up: what is whole is answered, then the client is told.
    private var isBroken = false
    /// One timer, armed again only when it must ring earlier than it would: a busy connection does not pay for one per request.
    private var deadline: NIODeadline?
    private var timer: Scheduled<Void>?
    private var rings = NIODeadline.distantFuture
    /// When the request began, if how long it takes is told.
    private var timed: NIODeadline?
    /// The address on the other side: asked of the system once, not for each request.
    private var peer = "unknown"
    /// Whose connections are counted, this one among them.
    private var network: String?
    /// When a streamed body began, and how much of it has come.
    private var streamed = (since: NIODeadline.now(), bytes: Int64(0))

    init(shared: HTTPServer.Shared) { self.shared = shared }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        let open = shared.connections.add(1, ordering: .relaxed).newValue
        shared.context.metrics.add(.httpOpenConnections)
        if open > shared.maxConnections { context.close(promise: nil); return }
        let address = context.remoteAddress?.ipAddress
        if let address { peer = address }
        if let network = shared.network(of: address) {
            guard shared.enter(network) else { context.close(promise: nil); return }
            self.network = network
        }
        arm(Self.requestTimeout)
    }

    func channelInactive(context: ChannelHandlerContext) {
        shared.connections.subtract(1, ordering: .relaxed)
        if let network { shared.leave(network) }
        network = nil
        shared.context.metrics.add(.httpOpenConnections, -1)
        timer?.cancel()
        timer = nil
        task?.cancel()
        if isParked {
            isParked = false
            shared.inFlight.subtract(1, ordering: .relaxed)
            parked?.cancel()
            parked = nil
        }
        reply = nil
        waiting = []
        if case .streaming(let pipe) = state { pipe.fail() }
    }

    /// The server ends: who asks for nothing is let go after a while, for a request may be on its way; the others after their answer.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is Drain else { return context.fireUserInboundEventTriggered(event) }
        if case .idle = state { arm(Self.goodbyeTimeout) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if isBroken, error is ByteToMessageDecoderError { return }   // what still comes behind it
        guard error is HTTPParserError else { context.close(promise: nil); return }
        isBroken = true
        switch state {
        case .idle, .collecting: refuseMalformed()
        case .streaming(let pipe): pipe.fail()   // its route ends, and the answer closes the connection
        case .answering, .closing: break
        }
    }

    private func refuseMalformed() {
        if case .idle = state { path = "" }
        refuse(MatrixError.badRequest("This is not a well-formed HTTP request."))
    }

    // MARK: time

    private func arm(_ time: TimeAmount) {
        guard let loop = context?.eventLoop else { return }
        let at = loop.now + time
        deadline = at
        guard timer == nil || at < rings else { return }
        timer?.cancel()
        ring(at, loop)
    }

    private func ring(_ at: NIODeadline, _ loop: any EventLoop) {
        rings = at
        timer = loop.assumeIsolated().scheduleTask(deadline: at) { [self] in
            timer = nil
            guard let context, let deadline else { return }
            guard deadline <= context.eventLoop.now else { return ring(deadline, context.eventLoop) }
            if let parked {
                self.deadline = nil
                if let response = parked.expire() { answerParked(response) }
            } else {
                context.close(promise: nil)
            }
        }
    }

    // MARK: reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if case .answering = state {
            waiting.append(part)
            read(context)
        } else {
            take(part, context)
        }
    }

    /// Reading pauses while requests wait for their turn and while a body comes faster than its route reads it.
    private func read(_ context: ChannelHandlerContext) {
        let wanted = waiting.isEmpty && !(pipe?.isFull ?? false)
        guard wanted != isReading else { return }
        isReading = wanted
        context.channel.setOption(.autoRead, value: wanted).whenFailure { _ in }   // closed already
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head):
            if case .idle = state { begin(context, head) }
        case .body(let buffer):
            switch state {
            case .collecting(var request, let rawPath, let route, let params, let max):
                guard request.body.count + buffer.readableBytes <= max else {
                    refuse(MatrixError.tooLarge("The body is larger than \(max) bytes."))
                    return
                }
                state = .idle   // releases the only other reference, so that the body grows in place
                request.body.append(contentsOf: buffer.readableBytesView)
                state = .collecting(request, rawPath, route, params: params, max: max)
            case .streaming(let pipe):
                streamed.bytes += Int64(buffer.readableBytes)
                // What comes by single bytes may not go on for ever.
                let latest = streamed.since + Self.requestTimeout + .seconds(streamed.bytes / Self.leastBytesPerSecond)
                arm(min(Self.requestTimeout, max(latest - .now(), .zero)))
                pipe.push(Array(buffer.readableBytesView))
            case .idle, .answering, .closing: break
            }
        case .end:
            switch state {
            case .collecting(let request, let rawPath, let route, let params, _):
                state = .answering
                deadline = nil
                run(context, request, rawPath, route, params)
            case .streaming(let pipe):
                state = .answering
                deadline = nil
                pipe.finish()
            case .idle, .answering, .closing: break
            }
        }
    }

    private func begin(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) {
        keepAlive = head.isKeepAlive && !head.headers.contains(name: "upgrade")   // the parser stops behind an upgrade
        isHead = head.method == .HEAD
        isHTTP10 = head.version.major == 1 && head.version.minor == 0
        path = head.uri
        language = head.headers.first(name: "accept-language").map(Request.language) ?? "en"
        arm(Self.requestTimeout)
        let question = head.uri.utf8.firstIndex(of: UInt8(ascii: "?"))
        let rawPath = head.uri[..<(question ?? head.uri.endIndex)]
        let rawQuery = question.map { head.uri[head.uri.utf8.index(after: $0)...] } ?? ""
        guard let method = Method(rawValue: head.method.rawValue) else {
            refuse(MatrixError.badMethod()); return
        }
        guard rawPath.first == "/", rawPath.utf8.count <= 8192, let decoded = Percent.decode(rawPath),
              let query = Percent.query(rawQuery) else {
            refuse(MatrixError.invalidParam("The address is not well-formed.")); return
        }
        var request = Request(method, decoded, query: query, headers: Headers(head.headers.map { (name: $0.name, value: $0.value) }), remote: remote(head))
        let match = shared.router.match(method, rawPath: rawPath)
        guard case .route(let route, let params) = match else {
            state = .collecting(request, rawPath, nil, params: [:], max: 1 << 20)
            return
        }
        let length = head.headers.first(name: "content-length").flatMap { Int64($0) }
        switch route.body {
        case .collected(let max):
            if let length, length > Int64(max) { refuse(MatrixError.tooLarge("The body is larger than \(max) bytes.")); return }
            if head.headers.contains(name: "expect") { sendContinue(context) }
            if let length { request.body.reserveCapacity(Int(length)) }
            state = .collecting(request, rawPath, route, params: params, max: max)
        case .streamed:
            if head.headers.contains(name: "expect") { sendContinue(context) }
            let loop = context.eventLoop, me = NIOLoopBound(self, eventLoop: loop)
            let pipe = BodyPipe(onFullness: { loop.execute { me.value.fullnessChanged() } })
            request.stream = pipe
            self.pipe = pipe
            state = .streaming(pipe)
            streamed = (.now(), 0)
            run(context, request, rawPath, route, params)
        }
    }

    private func fullnessChanged() {
        if let context { read(context) }
    }

    private func sendContinue(_ context: ChannelHandlerContext) {
        var out = context.channel.allocator.buffer(capacity: 32)
        out.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(out)), promise: nil)
    }

    /// The nearest address on the way that is no proxy of ours. What a client claims stands before what the proxies add, in the same line or in one of its own.
    private func remote(_ head: HTTPRequestHead) -> String {
        let trusted = shared.context.config.trustedProxies
        guard trusted.contains(peer) else { return peer }
        var nearest = peer
        for line in head.headers["x-forwarded-for"].reversed() {
            for part in line.split(separator: ",").reversed() {
                let address = String(part.filter { $0 != " " && $0 != "\t" })
                if address.isEmpty { continue }
                if !trusted.contains(address) { return address }
                nearest = address
            }
        }
        return nearest
    }

    /// Answers at once without reading the rest, and closes.
    private func refuse(_ error: MatrixError) {
        keepAlive = false
        state = .idle
        answer(shared.router.refusal(error, path: path, language: language), isWhole: false)
    }

    /// - Parameter admitted: Who asks, where that had to be read first.
    private func run(_ context: ChannelHandlerContext, _ request: Request, _ rawPath: Substring, _ route: Route?, _ params: [String: String],
                     admitted known: Session? = nil) {
        let shared = shared, loop = context.eventLoop
        let me = NIOLoopBound(self, eventLoop: loop)
        if known == nil { timed = route?.isTimed == true ? .now() : nil }
        var admitted = known
        // Where the log follows each request, all of them go the way of tasks.
        if let route, route.direct != nil, !shared.context.isFollowed {
            let reply = reply ?? ConnectionReply(self, loop)
            self.reply = reply
            let (outcome, session) = shared.router.direct(route, params: params, request, context: shared.context, admitted: known, reply: reply)
            switch outcome {
            case .no where session == nil && route.auth != .none && request.token != nil: return admit(context, request, rawPath, route, params)
            case .no: admitted = session
            case .answer(let response):
                count(response)
                return answer(response)
            case .waits(let waiting, let milliseconds):
                shared.inFlight.add(1, ordering: .relaxed)
                isParked = true
                parked = waiting
                arm(.milliseconds(milliseconds))
                return
            case .works:
                shared.inFlight.add(1, ordering: .relaxed)
                isParked = true
                return
            }
        }
        shared.inFlight.add(1, ordering: .relaxed)
        task = Task { [admitted] in
            let response: Response
            if let route { response = await shared.router.run(route, params: params, request, context: shared.context, admitted: admitted) }
            else { response = await shared.router.handle(request, rawPath: rawPath, context: shared.context) }
            loop.execute {
                me.value.count(response)
                me.value.answer(response)
            }
        }
    }

    /// Who asks was not here a moment ago: that alone takes a task. A request that then waits does so without one.
    private func admit(_ context: ChannelHandlerContext, _ request: Request, _ rawPath: Substring, _ route: Route, _ params: [String: String]) {
        let shared = shared, loop = context.eventLoop
        let me = NIOLoopBound(self, eventLoop: loop)
        shared.inFlight.add(1, ordering: .relaxed)
        task = Task {
            let admission = await shared.router.admission(route, request, context: shared.context)
            loop.execute {
                let me = me.value
                guard let context = me.context, context.channel.isActive else { return me.done() }
                switch admission {
                case .admitted(let session):
                    me.done()
                    me.run(context, request, rawPath, route, params, admitted: session)
                case .refused(let response):
                    me.count(response)
                    me.answer(response)
                }
            }
        }
    }

    private func count(_ response: Response) {
        shared.context.metrics.add(.httpRequests)
        if let timed { shared.context.metrics.requestTime.observe(microseconds: (NIODeadline.now() - timed).nanoseconds / 1000) }
        if response.status >= 500 { shared.context.metrics.add(.httpErrors) }
    }

    /// The answer to a request that was waiting.
    fileprivate func answerParked(_ response: Response) {
        guard isParked else { return }   // the client has gone
        isParked = false
        parked = nil
        shared.inFlight.subtract(1, ordering: .relaxed)
        count(response)
        answer(response)
    }

    // MARK: answering (on the event loop)

    private func answer(_ response: Response) {
        // An answer given before the whole request was read leaves the rest unread: the connection cannot be used again.
        if case .streaming(let pipe) = state {
            pipe.fail()
            answer(response, isWhole: false)
        } else {
            answer(response, isWhole: true)
        }
    }

    /// - Parameter isWhole: whether the request was read to its end.
    private func answer(_ response: Response, isWhole: Bool) {
        // A route may answer without having read its body.
        pipe?.abandon()
        pipe = nil
        guard let context, context.channel.isActive else { return done() }
        guard ResponseWriter.isSound(response.headers) else {
            shared.context.log.error("an answer with a control character in its headers was not sent", metadata: ["status": "\(response.status)"])
            return answer(MatrixError.internalError().response(language: language), isWhole: isWhole)
        }
        let close = !keepAlive || !isWhole || shared.isDraining.load(ordering: .relaxed)
        let isEmpty = isHead || response.status == 204 || response.status == 304
        switch response.body {
        case .bytes(let bytes):
            let hasLength = response.status != 204 && response.status != 304
            var out = head(context, response, hasLength ? .length(Int64(bytes.count)) : .none, close, room: bytes.count)
            if !isEmpty { out.writeBytes(bytes) }
            // A client that does not fetch its answers gets no further ones.
            if close || out.readableBytes > 64 << 10 || !context.channel.isWritable {
                finish(context, .byteBuffer(out), close: close, isWhole: isWhole)
            } else {
                context.writeAndFlush(wrapOutboundOut(.byteBuffer(out)), promise: nil)
                next(context)
            }
        case .file(let file, let range):
            if isEmpty {
                return finish(context, .byteBuffer(head(context, response, .length(range.upperBound - range.lowerBound), close)), close: close, isWhole: isWhole)
            }
            do {
                let handle = try NIOFileHandle(_deprecatedPath: file)
                context.write(wrapOutboundOut(.byteBuffer(head(context, response, .length(range.upperBound - range.lowerBound), close))), promise: nil)
                let region = FileRegion(fileHandle: handle, readerIndex: Int(range.lowerBound), endIndex: Int(range.upperBound))
                finish(context, .fileRegion(region), close: close, isWhole: isWhole) {
                    try? handle.close()   // only read from: closing loses nothing
                }
            } catch {
                shared.context.log.error("a stored file cannot be opened", metadata: ["error": "\(error)"])
                answer(MatrixError.internalError().response(language: "en"), isWhole: isWhole)
            }
        case .stream where isEmpty: finish(context, .byteBuffer(head(context, response, .none, close)), close: close, isWhole: isWhole)
        case .stream(let stream): follow(stream, response, context)
        }
    }

    private func writer(_ response: Response, _ framing: ResponseWriter.Framing, _ close: Bool) -> ResponseWriter {
        ResponseWriter(status: response.status, framing: framing, closes: close, isHTTP10: isHTTP10,
                       isShared: path.hasPrefix("/_matrix/") || path.hasPrefix("/.well-known/"))
    }

    private func head(_ context: ChannelHandlerContext, _ response: Response, _ framing: ResponseWriter.Framing, _ close: Bool, room: Int = 0) -> ByteBuffer {
        var out = context.channel.allocator.buffer(capacity: room + 320)
        writer(response, framing, close).head(response.headers, into: &out)
        return out
    }

    /// Writes the last part of an answer; when it has left, the connection is closed or waits for the next request.
    private func finish(_ context: ChannelHandlerContext, _ last: IOData, close: Bool, isWhole: Bool, then clean: @escaping () -> Void = {}) {
        if close { state = .closing }
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { [self] _ in
            clean()
            guard let context = self.context else { return done() }
            if !close { return next(context) }
            done()
            if isWhole { return context.close(promise: nil) }
            // Closing now would answer what still comes with a reset, and the client might never read this answer.
            waiting = []
            read(context)
            context.close(mode: .output, promise: nil)
            arm(Self.lingerTimeout)
        }
        context.writeAndFlush(wrapOutboundOut(last), promise: sent)
    }

    /// The connection is closed when the stream ends, and the stream is cancelled when the client goes away.
    private func follow(_ stream: AsyncStream<[UInt8]>, _ response: Response, _ context: ChannelHandlerContext) {
        let writer = writer(response, isHTTP10 ? .untilClose : .chunked, true)
        var out = context.channel.allocator.buffer(capacity: 320)
        writer.head(response.headers, into: &out)
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(out)), promise: nil)
        keepAlive = false
        let channel = context.channel, log = shared.context.log
        let me = NIOLoopBound(self, eventLoop: context.eventLoop)
        task = Task {
            for await chunk in stream {
                var out = channel.allocator.buffer(capacity: chunk.count + 16)
                writer.piece(chunk, into: &out)
                do { try await channel.writeAndFlush(IOData.byteBuffer(out)) } catch {
                    log.debug("a stream's client went away")
                    break
                }
            }
            channel.eventLoop.execute { me.value.end(writer) }
        }
    }

    private func end(_ writer: ResponseWriter) {
        guard let context, context.channel.isActive else { return done() }
        var out = context.channel.allocator.buffer(capacity: 8)
        writer.end(into: &out)
        finish(context, .byteBuffer(out), close: true, isWhole: true)
    }

    private func done() {
        if task != nil { shared.inFlight.subtract(1, ordering: .relaxed); task = nil }
        deadline = nil
    }

    /// The answer is out: the next request begins, or is waited for.
    private func next(_ context: ChannelHandlerContext) {
        done()
        state = .idle
        arm(Self.keepAliveTimeout)
        var taken = 0
        while taken < waiting.count {
            if case .answering = state { break }
            if case .closing = state { break }
            let part = waiting[taken]
            taken += 1
            take(part, context)
        }
        // A part that was answered on the spot may have emptied the queue.
        waiting.removeFirst(min(taken, waiting.count))
        if isBroken {
            switch state {
            case .idle, .collecting: return refuseMalformed()
            case .streaming(let pipe): pipe.fail()
            case .answering, .closing: break
            }
        }
        read(context)
    }
}

/// The way back to the client of one connection. Used by any thread.
private final class ConnectionReply: Reply, @unchecked Sendable {   // the connection is touched on its event loop only
    private let connection: HTTPConnection
    private let loop: any EventLoop

    init(_ connection: HTTPConnection, _ loop: any EventLoop) { self.connection = connection; self.loop = loop }

    var lane: ObjectIdentifier { ObjectIdentifier(loop) }

    func send(_ response: Response) { loop.execute { self.connection.answerParked(response) } }

    func send(_ batch: [(reply: any Reply, response: Response)]) {
        loop.execute {
            for (reply, response) in batch { (reply as? ConnectionReply)?.connection.answerParked(response) }
        }
    }
}
