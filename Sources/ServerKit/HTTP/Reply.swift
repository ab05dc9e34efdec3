/// The way back to a client whose request no task waits for. Whoever finds the answer sends it, once.
package protocol Reply: AnyObject, Sendable {
    /// Replies of one lane are sent together at the cost of one.
    var lane: ObjectIdentifier { get }
    func send(_ response: Response)
    /// Sends the answers of several requests, all of this reply's lane.
    func send(_ batch: [(reply: any Reply, response: Response)])
}

/// A request that waits for something to happen. It holds no task and no timer: its connection calls.
package protocol Waiting: AnyObject, Sendable {
    /// The time is up: it is to be answered now. Gives the answer where that is in memory; otherwise it comes by the reply.
    func expire() -> Response?
    /// The client has gone: nobody waits for the answer any more.
    func cancel()
}

/// What a route makes of a request before a task is started for it.
package enum Direct: Sendable {
    /// It needs more than what is in memory: the route's ordinary handler is called.
    case no
    case answer(Response)
    /// The answer comes by the reply; `expire` is called after so many milliseconds.
    case waits(any Waiting, Int64)
    /// The answer comes by the reply as soon as the database has done its work, which goes on when the client leaves.
    case works
}
