import MatrixCore

/// What the authorization rules need of a room besides memberships, parsed once.
struct RoomAuth: Sendable {
    /// The room's `auth_pos` when it was read.
    let pos: Int64
}
