#if canImport(Glibc)
import Glibc
#endif
import Synchronization

/// Wall-clock time in milliseconds since 1970. The only source of time in the server, so that a test can set it.
package protocol Clock: Sendable {
    var now: Int64 { get }
}

package struct SystemClock: Clock {
    package init() {}
    package var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

/// A clock that stands still until it is moved.
package final class ManualClock: Clock {
    private let time: Atomic<Int64>
    package init(_ start: Int64 = 1_700_000_000_000) { time = Atomic(start) }
    package var now: Int64 { time.load(ordering: .sequentiallyConsistent) }
    package func advance(_ milliseconds: Int64) { time.add(milliseconds, ordering: .sequentiallyConsistent) }
    package func set(_ milliseconds: Int64) { time.store(milliseconds, ordering: .sequentiallyConsistent) }
}

/// Random identifiers and secrets. The only source of chance in the server.
package protocol Entropy: Sendable {
    func bytes(_ count: Int) -> [UInt8]
}

extension Entropy {
    /// `count` characters of a-z A-Z 0-9, unbiased: 5.95 bits each. 32 of them are a secret.
    package func token(_ count: Int) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)
        var out: [UInt8] = []
        while out.count < count {
            for byte in bytes(count) where byte < 248 && out.count < count { out.append(alphabet[Int(byte) % 62]) }
        }
        return String(decoding: out, as: UTF8.self)
    }
    /// Lower-case letters and digits, for localparts and ids that people may read aloud.
    package func lowerToken(_ count: Int) -> String {
        let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789".utf8)
        return String(decoding: bytes(count).map { alphabet[Int($0) % 32] }, as: UTF8.self)
    }
}

package struct SystemEntropy: Entropy {
    package init() {}
    package func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
}

/// Repeatable ids for tests: the same seed gives the same ids.
package final class SeededEntropy: Entropy {
    private let state: Mutex<UInt64>
    package init(_ seed: UInt64 = 1) { state = Mutex(seed) }
    package func bytes(_ count: Int) -> [UInt8] {
        state.withLock { state in
            (0..<count).map { _ in
                // SplitMix64
                state &+= 0x9E37_79B9_7F4A_7C15
                var z = state
                z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
                z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
                return UInt8(truncatingIfNeeded: z ^ (z >> 31))
            }
        }
    }
}
