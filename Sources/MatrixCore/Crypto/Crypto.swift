import CCrypto

// Thin wrappers over the system's OpenSSL and Argon2. A call that the library refuses for want of memory is a programmer's or machine's
// end, not an input's: it traps. Everything an input can cause is an optional or a Bool.

package enum SHA256 {
    package static func hash(_ bytes: [UInt8]) -> [UInt8] {
        Crypto.filled(32) { comptoir_sha256(bytes, bytes.count, $0) == 1 }
    }
}

/// SHA-256 of something that is never in memory as a whole.
package struct SHA256Stream: ~Copyable {
    private var state: UnsafeMutableRawPointer?

    package init() {
        state = comptoir_sha256_begin()
        precondition(state != nil, "libcrypto gives no digest context")
    }

    deinit { if let state { _ = comptoir_sha256_finish(state, nil) } }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        precondition(state != nil && comptoir_sha256_update(state, base, bytes.count) == 1, "a digest was used after its end")
    }

    /// The hash of all that came; nothing may follow.
    package mutating func finish() -> [UInt8] {
        let ending = state
        state = nil
        return Crypto.filled(32) { comptoir_sha256_finish(ending, $0) == 1 }
    }
}

package enum HMAC {
    /// 20 bytes.
    package static func sha1(key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
        Crypto.filled(20) { comptoir_hmac(1, key, key.count, bytes, bytes.count, $0) == 1 }
    }
    /// 32 bytes.
    package static func sha256(key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
        Crypto.filled(32) { comptoir_hmac(256, key, key.count, bytes, bytes.count, $0) == 1 }
    }
}

/// Ed25519 (RFC 8032).
package enum Ed25519 {
    /// A private key, made of its 32-byte seed.
    package struct SigningKey: Sendable {
        package let seed: [UInt8]
        package let publicKey: [UInt8]
        private let handle: KeyHandle

        /// Nil unless the seed has 32 bytes.
        package init?(seed: [UInt8]) {
            guard seed.count == 32 else { return nil }
            self.seed = seed
            var made: UnsafeMutableRawPointer?
            publicKey = Crypto.filled(32) {
                made = comptoir_ed25519_key(seed, $0)
                return made != nil
            }
            guard let made else { return nil }
            handle = KeyHandle(made)
        }

        /// 64 bytes; the same message always gives the same signature.
        package func sign(_ message: [UInt8]) -> [UInt8] {
            Crypto.filled(64) { comptoir_ed25519_sign(handle.key, message, message.count, $0) == 1 }
        }
    }

    /// False too for a key or signature of the wrong length.
    package static func verify(_ signature: [UInt8], of message: [UInt8], publicKey: [UInt8]) -> Bool {
        guard signature.count == 64, publicKey.count == 32 else { return false }
        return comptoir_ed25519_verify(publicKey, message, message.count, signature) == 1
    }
}

/// Owns the library's key, so that it is expanded once and not for each signature. OpenSSL only reads it: safe from any thread.
private final class KeyHandle: @unchecked Sendable {
    let key: UnsafeMutableRawPointer
    init(_ key: UnsafeMutableRawPointer) { self.key = key }
    deinit { comptoir_ed25519_key_free(key) }
}

/// Argon2id. Costly by design: call it off the event loops, a few at a time.
package enum Argon2id {
    package struct Cost: Sendable, Hashable {
        package let passes: UInt32, kibibytes: UInt32, lanes: UInt32
        package init(passes: UInt32, kibibytes: UInt32, lanes: UInt32 = 1) {
            self.passes = passes
            self.kibibytes = kibibytes
            self.lanes = lanes
        }
        /// OWASP's first choice for servers: 19 MiB, two passes.
        package static let standard = Cost(passes: 2, kibibytes: 19 << 10)
        /// For tests and benchmarks only.
        package static let cheap = Cost(passes: 1, kibibytes: 64)
    }

    /// The encoded form, `$argon2id$v=19$…`, which holds cost and salt. Nil when the cost or the salt (at least 8 bytes) is not acceptable.
    package static func hash(_ password: [UInt8], salt: [UInt8], cost: Cost = .standard) -> String? {
        var encoded = [CChar](repeating: 0, count: 256 + salt.count * 2)
        let status = comptoir_argon2id_hash(
            cost.passes, cost.kibibytes, cost.lanes, password, password.count, salt, salt.count, &encoded, encoded.count)
        guard status == 0 else { return nil }
        return String(decoding: encoded.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// False too for an encoded form that cannot be read.
    package static func verify(_ password: [UInt8], encoded: String) -> Bool {
        comptoir_argon2id_verify(encoded, password, password.count) == 0
    }
}

/// Takes as long wherever the first difference is. The lengths are not secret.
package func constantTimeEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && comptoir_equal(a, b, a.count) == 1
}

private enum Crypto {
    static func filled(_ count: Int, _ fill: (UnsafeMutablePointer<UInt8>) -> Bool) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            guard let base = buffer.baseAddress, fill(base) else { preconditionFailure("libcrypto refused an operation that has no bad input") }
            written = count
        }
    }
}

/// Signatures of JSON Web Tokens (RFC 7518).
package enum WebSignature {
    /// RSASSA-PKCS1-v1_5 with SHA-256; keys of 2048 to 8192 bits. False too for a key that cannot be read.
    package static func verifyRS256(_ signature: [UInt8], of message: [UInt8], modulus: [UInt8], exponent: [UInt8]) -> Bool {
        guard (256...1025).contains(modulus.count), (1...8).contains(exponent.count) else { return false }
        return comptoir_rs256_verify(modulus, modulus.count, exponent, exponent.count, message, message.count, signature, signature.count) == 1
    }

    /// ECDSA on P-256 with SHA-256; the signature is r and s, 32 bytes each. False too for a point that is not on the curve.
    package static func verifyES256(_ signature: [UInt8], of message: [UInt8], x: [UInt8], y: [UInt8]) -> Bool {
        guard signature.count == 64, x.count == 32, y.count == 32 else { return false }
        return comptoir_es256_verify(x, y, message, message.count, signature) == 1
    }
}
