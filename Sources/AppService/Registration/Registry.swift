import MatrixCore
import ServerKit
import Synchronization

/// A set of services, by their numbers in the registry.
struct ServiceSet: OptionSet, Sendable, Hashable {
    let rawValue: UInt64
    init(rawValue: UInt64) { self.rawValue = rawValue }
    init(number: Int) { rawValue = 1 << UInt64(number) }
    var numbers: [Int] { (0..<64).filter { rawValue & (1 << UInt64($0)) != 0 } }
}

/// The registrations, ready to be asked. Never changes after the start; what it remembers can be computed anew at any time.
final class Registry: Sendable {
    let services: [Registration]
    private let serverName: String
    private let byToken: [[UInt8]: Int]
    private let known = Mutex<[String: Claims]>([:])
    private static let maxKnown = 50_000

    /// Who has a name in his namespace, and who of them has it for himself.
    struct Claims: Sendable {
        var all: ServiceSet = []
        var exclusive: ServiceSet = []
    }

    init(_ services: [Registration], serverName: String) {
        self.services = services
        self.serverName = serverName
        byToken = Dictionary(services.enumerated().map { (SHA256.hash(Array($1.asToken.utf8)), $0) }, uniquingKeysWith: { first, _ in first })
    }

    var isEmpty: Bool { services.isEmpty }
    func sender(_ number: Int) -> UserID { UserID(trusted: "@\(services[number].sender):\(serverName)") }
    /// Compared as hashes, so that the time it takes tells nothing of a token.
    func number(token: String) -> Int? { isEmpty ? nil : byToken[SHA256.hash(Array(token.utf8))] }
    func number(id: String) -> Int? { services.firstIndex { $0.id == id } }

    /// A service's own user is its exclusive property. Users of other servers are nobody's.
    func claims(on user: UserID) -> Claims {
        guard !isEmpty, user.server == serverName else { return Claims() }
        return remembered(user.rawValue) {
            var claims = matching(user.rawValue, \.users)
            for (number, service) in services.enumerated() where service.sender == user.localpart {
                claims.all.insert(ServiceSet(number: number))
                claims.exclusive.insert(ServiceSet(number: number))
            }
            return claims
        }
    }
    func claims(on alias: RoomAlias) -> Claims {
        guard !isEmpty, alias.server == serverName else { return Claims() }
        return remembered(alias.rawValue) { matching(alias.rawValue, \.aliases) }
    }
    func claims(on room: RoomID) -> Claims {
        guard services.contains(where: { !$0.rooms.isEmpty }) else { return Claims() }
        return remembered(room.rawValue) { matching(room.rawValue, \.rooms) }
    }

    private func matching(_ text: String, _ list: KeyPath<Registration, [Registration.Namespace]>) -> Claims {
        var claims = Claims()
        for (number, service) in services.enumerated() {
            for namespace in service[keyPath: list] where namespace.pattern.matches(text) {
                claims.all.insert(ServiceSet(number: number))
                if namespace.isExclusive { claims.exclusive.insert(ServiceSet(number: number)) }
            }
        }
        return claims
    }

    private func remembered(_ name: String, _ compute: () -> Claims) -> Claims {
        if let claims = known.withLock({ $0[name] }) { return claims }
        let claims = compute()
        known.withLock { known in
            if known.count >= Self.maxKnown { known.removeAll() }
            known[name] = claims
        }
        return claims
    }
}
