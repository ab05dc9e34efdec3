package import ServerKit

/// The desk: brands, inboxes, agents, contacts and conversations over Matrix rooms.
package struct Desk: Sendable {
    package let live: DeskLive
    package init() { live = DeskLive() }
}
