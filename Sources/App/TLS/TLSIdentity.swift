internal import CTLS
import Glibc
import Logging
import ServerKit
import Synchronization

/// A certificate chain with its key, from two PEM files.
final class TLSIdentity: @unchecked Sendable {   // OpenSSL's contexts may be shared once they are complete
    struct Failure: Error, CustomStringConvertible, Equatable { let description: String }

    let pointer: OpaquePointer
    /// Seconds since 1970.
    let begins: Int64, ends: Int64

    init(certificate: String, key: String) throws {
        func text(_ file: String, _ what: String) throws -> [UInt8] {
            do { return try Files.read(file, max: 1 << 20) } catch { throw Failure(description: "The \(what) \(file) cannot be read: \(error.reason).") }
        }
        let chain = try text(certificate, "certificate"), secret = try text(key, "key")
        var problem: Int32 = 0
        let made = chain.withUnsafeBytes { chain in
            secret.withUnsafeBytes { secret in
                comptoir_tls_identity_make(chain.baseAddress?.assumingMemoryBound(to: CChar.self), chain.count,
                                           secret.baseAddress?.assumingMemoryBound(to: CChar.self), secret.count, &problem)
            }
        }
        guard let made else {
            let reason = switch comptoir_tls_problem(UInt32(problem)) {
            case comptoir_tls_bad_certificate: "\(certificate) holds no certificate chain in PEM that can be used: the server's own certificate first, then those that signed it."
            case comptoir_tls_bad_key: "\(key) holds no private key in PEM that can be used. A key with a passphrase cannot be: nobody is there to type it."
            case comptoir_tls_other_key: "The key \(key) does not belong to the certificate \(certificate)."
            default: "There is no memory for a certificate."
            }
            throw Failure(description: reason)
        }
        pointer = made
        var begins: Int64 = 0, ends: Int64 = 0
        comptoir_tls_identity_validity(made, &begins, &ends)
        (self.begins, self.ends) = (begins, ends)
    }
    deinit { comptoir_tls_identity_free(pointer) }

    func fits(host: String) -> Bool { comptoir_tls_identity_fits(pointer, host) == 1 }
}

/// The certificate that new connections get. When its files change it is read again; connections that are there keep theirs.
///
/// Invariant: what cannot be used is never taken: the server goes on with what it has, and says so once for each change of the files.
final class TLSFiles: Sendable {
    private struct State {
        var identity: TLSIdentity
        /// What the files looked like when `identity` was read, and at the last try.
        var taken: Stamp
        var tried: Stamp
    }
    private struct Stamp: Equatable {
        struct File: Equatable { var inode: UInt64, size: Int64, seconds: Int64, nanoseconds: Int64 }
        var files: [File?]
        init(_ paths: [String]) {
            files = paths.map { path in
                var found = stat()
                guard stat(path, &found) == 0 else { return nil }
                return File(inode: UInt64(found.st_ino), size: Int64(found.st_size), seconds: Int64(found.st_mtim.tv_sec), nanoseconds: Int64(found.st_mtim.tv_nsec))
            }
        }
    }
    let certificate: String, key: String
    private let state: Mutex<State>
    /// Connections whose handshake is not complete.
    let handshakes = Atomic(0)

    init(certificate: String, key: String) throws {
        (self.certificate, self.key) = (certificate, key)
        let stamp = Stamp([certificate, key])
        state = Mutex(State(identity: try TLSIdentity(certificate: certificate, key: key), taken: stamp, tried: stamp))
    }

    var identity: TLSIdentity { state.withLock { $0.identity } }

    /// Reads the files again when they have changed, or when `always`.
    func refresh(always: Bool, now: Int64, _ log: Logger, metrics: Metrics? = nil) {
        let stamp = Stamp([certificate, key])
        guard always || state.withLock({ stamp != $0.taken }) else { return }
        do {
            let fresh = try TLSIdentity(certificate: certificate, key: key)
            state.withLock { $0 = State(identity: fresh, taken: stamp, tried: stamp) }
            metrics?.set(.certificateEnds, fresh.ends)
            log.notice("the certificate was read again", metadata: ["tls.days_left": "\((fresh.ends - now / 1000) / 86_400)"])
        } catch {
            let isNews = state.withLock { state in
                defer { state.tried = stamp }
                return always || stamp != state.tried
            }
            if isNews { log.error("the new certificate cannot be used, the old one stays", metadata: ["error": "\(error)"]) }
        }
    }
}
