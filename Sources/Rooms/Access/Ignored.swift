import MatrixCore
import ServerKit
import Store

/// The users whom a user does not want to hear: their messages and invites are left out of what he reads; state events are not, because a
/// room makes no sense without them. https://spec.matrix.org/latest/client-server-api/#ignoring-users
struct Ignored: Sendable {
    private let users: Set<String>

    init() { users = [] }
    init(_ c: Context, _ tx: ReadTx, by user: UserID) throws {
        let list = try c.ports.preferences.preference(tx, user: user, room: nil, type: "m.ignored_user_list")
        users = Set(list?["ignored_users"]?.objectValue?.keys.filter { $0 != user.rawValue } ?? [])   // nobody can ignore himself
    }

    func hides(_ event: EventRow) -> Bool { !users.isEmpty && event.stateKey == nil && users.contains(event.sender.rawValue) }
    func hidesInvite(from sender: UserID) -> Bool { users.contains(sender.rawValue) }
}
