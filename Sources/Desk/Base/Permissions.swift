/// What an agent is allowed to do. The one table: every route names a permission, and `DeskRoute` asks here.
package enum Role: String, Sendable, Hashable, CaseIterable {
    case owner, admin, supervisor, agent

    /// Higher may do more.
    var rank: Int {
        switch self {
        case .owner: 4
        case .admin: 3
        case .supervisor: 2
        case .agent: 1
        }
    }
}

package enum Permission: String, Sendable, Hashable, CaseIterable {
    case deskUse = "desk.use"
    case conversationsRead = "conversations.read"
    /// Write to the customer, notes, status, tags, and take from the queue.
    case conversationsWrite = "conversations.write"
    /// See the conversations of inboxes that one is not a member of.
    case conversationsAll = "conversations.all"
    /// Take from a colleague and give to anyone.
    case conversationsAssign = "conversations.assign"
    case contactsRead = "contacts.read"
    case contactsWrite = "contacts.write"
    case agentsRead = "agents.read"
    case agentsAvailability = "agents.availability"
    case agentsManage = "agents.manage"
    case settingsRead = "settings.read"
    case settingsManage = "settings.manage"
    case cannedUse = "canned.use"
    case cannedTeam = "canned.team"
    case viewsTeam = "views.team"
    case tagsManage = "tags.manage"
    case notesModerate = "notes.moderate"
}

extension Role {
    package var permissions: Set<Permission> {
        switch self {
        case .agent: [.deskUse, .conversationsRead, .conversationsWrite, .contactsRead, .contactsWrite, .agentsRead, .settingsRead, .cannedUse]
        case .supervisor:
            Role.agent.permissions.union([.conversationsAll, .conversationsAssign, .agentsAvailability, .cannedTeam, .viewsTeam, .tagsManage, .notesModerate])
        case .admin, .owner: Set(Permission.allCases)
        }
    }
    package func may(_ permission: Permission) -> Bool { permissions.contains(permission) }
}
