import MatrixCore
import ServerKit

/// What a client asks of sliding sync, whichever of the two forms it came in. See ``SlidingCodec`` for the forms.
/// https://github.com/matrix-org/matrix-spec-proposals/blob/main/proposals/4186-simplified-sliding-sync.md
struct SlidingRequest: Sendable {
    /// The form of request and answer: as shipped clients use it, or as the proposal was accepted.
    enum Form: Sendable { case unstable, v4 }

    struct List: Sendable {
        /// nil: all rooms that pass the filters.
        var ranges: [ClosedRange<Int>]?
        var config: RoomConfig
        var filters = SlidingFilters()
    }
    /// Which rooms an extension speaks of. nil: all that the request names.
    struct Extension: Sendable {
        var lists: Set<String>?
        var rooms: Set<String>?
        /// No word on lists or rooms that would leave one out.
        var isForAll: Bool { (lists == nil || lists?.contains("*") == true) && (rooms == nil || rooms?.contains("*") == true) }
    }
    struct ToDevice: Sendable {
        /// Position of the last message that the device has got.
        var since: Int64?
        var limit: Int
    }

    var form: Form
    var connection = ""
    var pos: String?
    var timeout: Int64 = 0
    var presence = "online"
    var transaction: String?
    var lists: [(name: String, list: List)] = []
    var subscriptions: [(room: RoomID, config: RoomConfig)] = []
    var toDevice: ToDevice?
    var wantsKeys = false
    var accountData: Extension?
    var receipts: Extension?
    var typing: Extension?

    /// What the sources need not read.
    var wanted: SyncScope.Wanted {
        var wanted: SyncScope.Wanted = []
        if wantsKeys { wanted.insert(.keys) }
        if accountData != nil { wanted.insert(.accountData) }
        if receipts != nil || typing != nil { wanted.insert(.ephemeral) }
        return wanted
    }
}

/// How much of a room a client wants.
struct RoomConfig: Sendable, Hashable {
    var limit: Int
    var state: RequiredState

    /// What satisfies both.
    func union(_ other: RoomConfig) -> RoomConfig { RoomConfig(limit: max(limit, other.limit), state: state.union(other.state)) }
}

/// Which state a client wants of a room. Pure.
struct RequiredState: Sendable, Hashable {
    /// nil stands for anything.
    struct Pattern: Sendable, Hashable {
        var type: String?
        var key: String?
        func matches(_ type: String, _ key: String) -> Bool {
            (self.type.map { $0.sameBytes(as: type) } ?? true) && (self.key.map { $0.sameBytes(as: key) } ?? true)
        }
    }
    struct Clause: Sendable, Hashable {
        var include: Set<Pattern>
        var exclude: Set<Pattern> = []
        func matches(_ type: String, _ key: String, isLazy: Bool) -> Bool {
            include.contains { pattern in
                // With lazy loading "everything" does not mean the members.
                if isLazy, pattern.type == nil, pattern.key == nil, type == EventType.member { return false }
                return pattern.matches(type, key)
            } && !exclude.contains { $0.matches(type, key) }
        }
    }
    /// Any of them will do.
    var clauses: Set<Clause> = []
    /// Members only as far as the timeline speaks of them.
    var lazyMembers = false

    func matches(_ type: String, _ key: String) -> Bool { clauses.contains { $0.matches(type, key, isLazy: lazyMembers) } }
    func union(_ other: RequiredState) -> RequiredState {
        RequiredState(clauses: clauses.union(other.clauses), lazyMembers: lazyMembers || other.lazyMembers)
    }
    /// Nothing that `other` asks for is missing here.
    func covers(_ other: RequiredState) -> Bool {
        (!other.lazyMembers || lazyMembers) && (lazyMembers == other.lazyMembers || !other.wantsEveryMember) && other.clauses.allSatisfy { clause in
            clauses.contains { $0 == clause || $0.exclude.isEmpty && $0.include.isSuperset(of: clause.include) }
        }
    }
    /// Members other than named ones may match.
    var wantsEveryMember: Bool {
        clauses.contains { clause in
            clause.include.contains { $0.key == nil && ($0.type == nil ? !lazyMembers : $0.type == EventType.member) }
        }
    }
    /// The members that are asked for by name.
    var namedMembers: Set<String> {
        var names: Set<String> = []
        for clause in clauses {
            for pattern in clause.include where pattern.type == nil || pattern.type == EventType.member {
                if let key = pattern.key { names.insert(key) }
            }
        }
        return names
    }
}

/// Which rooms a list holds. Pure; absent fields do not restrict.
struct SlidingFilters: Sendable, Hashable {
    var isDirect: Bool?
    var isEncrypted: Bool?
    var isInvite: Bool?
    var spaces: Set<String>?
    /// nil in the set: rooms without a type.
    var types: Set<String?>?
    var notTypes: Set<String?> = []
    var tags: Set<String>?
    var notTags: Set<String> = []
    var nameLike: String?

    var needsTags: Bool { tags != nil || !notTags.isEmpty }

    /// What a room is, as far as filters look at it.
    struct Facts {
        var isDirect: Bool
        var isEncrypted: Bool
        var isInvite: Bool
        var type: String?
        var name: String?
        var tags: Set<String>
        var isInSpaces: Bool
    }
    func matches(_ facts: Facts) -> Bool {
        if let isDirect, isDirect != facts.isDirect { return false }
        if let isEncrypted, isEncrypted != facts.isEncrypted { return false }
        if let isInvite, isInvite != facts.isInvite { return false }
        if let types, !types.contains(facts.type) { return false }
        if notTypes.contains(facts.type) { return false }
        if let tags, tags.isDisjoint(with: facts.tags) { return false }
        if !notTags.isDisjoint(with: facts.tags) { return false }
        if spaces != nil, !facts.isInSpaces { return false }
        if let nameLike {
            guard let name = facts.name else { return false }
            let wanted = Array(nameLike.lowercased().utf8), have = Array(name.lowercased().utf8)
            guard Self.contains(have, wanted) else { return false }
        }
        return true
    }
    private static func contains(_ text: [UInt8], _ word: [UInt8]) -> Bool {
        guard !word.isEmpty else { return true }
        guard text.count >= word.count else { return false }
        return (0...(text.count - word.count)).contains { text[$0..<($0 + word.count)].elementsEqual(word) }
    }
}
