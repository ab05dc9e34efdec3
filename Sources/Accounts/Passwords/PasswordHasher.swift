import Dispatch
import MatrixCore
import ServerKit
import Synchronization

/// Argon2id on a few threads of its own. Hashing costs tens of milliseconds of processor time by design; here it never holds
/// up a thread that serves requests, and a flood of sign-ins is refused instead of queued without end.
final class PasswordHasher: Sendable {
    private let maxWaiting: Int
    private let queues: [DispatchQueue]
    private let state = Mutex((waiting: 0, next: 0))

    init(threads: Int, maxWaiting: Int = 256) {
        self.maxWaiting = maxWaiting
        queues = (0..<max(1, threads)).map { DispatchQueue(label: "comptoir.passwords.\($0)") }
    }

    func hash(_ c: Context, _ password: String) async throws -> String {
        let salt = c.entropy.bytes(16), cost: Argon2id.Cost = c.config.cheapPasswordHashing ? .cheap : .standard
        let hash = try await run { Argon2id.hash(Array(password.utf8), salt: salt, cost: cost) }
        guard let hash else { preconditionFailure("Argon2id refused its fixed cost and salt") }
        return hash
    }

    func verify(_ password: String, _ hash: String) async throws -> Bool {
        try await run { Argon2id.verify(Array(password.utf8), encoded: hash) }
    }

    /// Takes as long as `verify`: whether an account exists must not show in the time of the answer.
    func pretend(_ c: Context, _ password: String) async throws { _ = try await hash(c, password) }

    private func run<T: Sendable>(_ work: @escaping @Sendable () -> T) async throws -> T {
        let queue = state.withLock { state -> DispatchQueue? in
            guard state.waiting < maxWaiting else { return nil }
            state.waiting += 1
            state.next = (state.next + 1) % queues.count
            return queues[state.next]
        }
        guard let queue else { throw MatrixError.overloaded() }
        return await withCheckedContinuation { continuation in
            queue.async {
                let result = work()
                self.state.withLock { $0.waiting -= 1 }
                continuation.resume(returning: result)
            }
        }
    }
}

enum PasswordRules {
    static let maxBytes = 512
    static let minCharacters = 8

    /// Throws M_WEAK_PASSWORD or M_INVALID_PARAM. Where hashing is cheap (tests), short passwords are taken too.
    static func check(_ password: String, _ config: Config) throws(MatrixError) {
        guard password.utf8.count <= maxBytes else { throw .invalidParam("A password has at most \(maxBytes) bytes.") }
        guard !password.isEmpty else { throw .weakPassword("The password is empty.") }
        guard config.cheapPasswordHashing || password.count >= minCharacters else {
            throw .weakPassword("A password needs at least \(minCharacters) characters.")
        }
    }
}
