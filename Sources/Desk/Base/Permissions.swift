package import Store

/// Who may do what at the desk, in one place. A route names a permission and `DeskRoute` asks here; what a person sees of brands, inboxes,
/// conversations, contacts and colleagues is `Agent`'s extension below, and nothing else decides it.
package struct Role: Sendable, Hashable {
    /// "owner", "admin", "supervisor", "agent", or the id of one that was made here.
    package let rawValue: String
    /// Of a role that was made here; the built-in ones have names in both languages.
    package let name: String?
    package let permissions: Set<Permission>

    /// `limit`: holds no more than that, whatever it is said to hold.
    package init(_ id: String, name: String? = nil, _ permissions: Set<Permission>, upTo limit: Set<Permission>? = nil) {
        rawValue = id; self.name = name
        let whole = Permission.whole(permissions)
        self.permissions = limit.map(whole.intersection) ?? whole
    }
    package func may(_ permission: Permission) -> Bool { permissions.contains(permission) }

    package static let agent = Role("agent", [.conversationsWrite, .contactsWrite, .cannedUse])
    package static let supervisor = Role("supervisor", Role.agent.permissions.union([.conversationsAll, .conversationsAssign, .contactsMerge, .agentsAvailability, .cannedTeam, .viewsTeam, .macrosTeam, .tagsManage, .notesModerate, .reportsRead]))
    package static let admin = Role("admin", Set(Permission.allCases))
    package static let owner = Role("owner", Set(Permission.allCases))
    package static let builtIn = [owner, admin, supervisor, agent]
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
    /// Say that two contacts are one person, and take that back.
    case contactsMerge = "contacts.merge"
    /// Take all that is known of a customer away in a file.
    case contactsExport = "contacts.export"
    case agentsRead = "agents.read"
    case agentsAvailability = "agents.availability"
    case agentsManage = "agents.manage"
    case settingsRead = "settings.read"
    case settingsManage = "settings.manage"
    case cannedUse = "canned.use"
    case cannedTeam = "canned.team"
    case viewsTeam = "views.team"
    case macrosTeam = "macros.team"
    case tagsManage = "tags.manage"
    case notesModerate = "notes.moderate"
    case rolesManage = "roles.manage"
    case tokensManage = "tokens.manage"
    case auditRead = "audit.read"
    case webhooksManage = "webhooks.manage"
    case rulesManage = "rules.manage"
    case reportsRead = "reports.read"

    /// What whoever has this one has too.
    private var implied: Set<Permission> {
        switch self {
        case .deskUse: [.agentsRead, .settingsRead]
        // Conversations show their customers.
        case .conversationsRead: [.contactsRead]
        case .conversationsWrite, .conversationsAll, .notesModerate: [.conversationsRead]
        case .conversationsAssign, .macrosTeam: [.conversationsWrite]
        case .contactsWrite: [.contactsRead]
        case .contactsMerge: [.contactsWrite]
        case .contactsExport: [.contactsRead]
        case .cannedTeam: [.cannedUse]
        case .viewsTeam, .rulesManage, .reportsRead: [.conversationsRead]
        case .agentsManage: [.agentsAvailability]
        default: []
        }
    }
    /// With all that follows; everyone may use the desk.
    package static func whole(_ some: Set<Permission>) -> Set<Permission> {
        var all: Set<Permission> = [], open = Array(some.union([.deskUse]))
        while let next = open.popLast() {
            if all.insert(next).inserted { open += next.implied }
        }
        return all
    }
}

extension Agent {
    /// Has more to do than to answer in the inboxes that he is a member of.
    private var isBroad: Bool { role.may(.conversationsAll) || role.may(.settingsManage) || role.may(.agentsManage) || role.may(.rolesManage) }
    /// The brands of which he knows that they exist; nil: every one. Somebody without limits who only answers knows the brands of his inboxes.
    var knownBrands: Set<String>? {
        if let brands { return Set(brands) }
        return isBroad ? nil : Set(brandOfInbox.values)
    }
    /// What two who see the same have in common.
    var scope: String { [knownBrands, visible].map { $0?.sorted().joined(separator: " ") ?? "*" }.joined(separator: "|") }

    /// Conversations: of every inbox.
    var seesAll: Bool { visible == nil }
    func sees(inbox: String) -> Bool { visible?.contains(inbox) ?? true }
    /// Settings, and what belongs to a brand.
    func knows(brand: String) -> Bool { knownBrands?.contains(brand) ?? true }
    func knows(_ inbox: Inbox) -> Bool { knows(brand: inbox.brandID) && (isBroad || inboxes.contains(inbox.id)) }
    /// Colleagues: those of a brand that both know, and those who know every brand.
    func knows(_ other: Agent) -> Bool {
        if other.isService, other.id != id { return false }   // programs are no colleagues
        guard let mine = knownBrands, other.id != id, let theirs = other.knownBrands else { return true }
        return !mine.isDisjoint(with: theirs)
    }
    /// What is the whole server's (roles, tags, new brands) is for those who are limited to no brand.
    var isUnlimited: Bool { brands == nil }
    func checkUnlimited() throws(DeskError) {
        guard isUnlimited else {
            throw DeskError(.forbidden, en: "This belongs to every brand of the server; you are limited to some.", fr: "Ceci concerne toutes les marques du serveur ; vous êtes limité à certaines.")
        }
    }
    /// Nobody gives what he has not, and only an owner makes owners.
    func mayGive(_ other: Role) -> Bool { (other != .owner || role == .owner) && other.permissions.isSubset(of: role.permissions) }
    /// Works for no brand that is not one's own.
    func works(with other: Agent) -> Bool { brands.map { mine in other.brands.map { Set($0).isSubset(of: mine) } ?? false } ?? true }
    /// Name, role, capacity, switching off: what holds in every brand of the other.
    func mayManage(_ other: Agent) -> Bool {
        mayGive(other.role) && works(with: other)
    }

    /// The rows of a query that are his, by the column that holds the inbox.
    func rows(inbox column: String) -> (sql: String, binds: [any Bindable & Sendable]) { Self.rows(column, visible) }
    /// The contacts that are his: of those brands whose conversations he all sees, and those who have written to one of his inboxes.
    func rows(contact: String) -> (sql: String, binds: [any Bindable & Sendable]) {
        if seesAll { return ("1 = 1", []) }
        if role.may(.conversationsAll) { return Self.rows(contact + ".brand_id", Set(brands ?? [])) }
        let some = Self.rows("vc.inbox_id", role.may(.conversationsRead) ? visible : Set(inboxes))
        return ("EXISTS (SELECT 1 FROM desk_conversation vc WHERE vc.contact_id = \(contact).id AND \(some.sql))", some.binds)
    }
    private static func rows(_ column: String, _ ids: Set<String>?) -> (sql: String, binds: [any Bindable & Sendable]) {
        guard let ids else { return ("1 = 1", []) }
        guard !ids.isEmpty else { return ("1 = 0", []) }
        return (column + " IN (" + Placeholders.list(ids.count) + ")", ids.sorted())
    }
}
